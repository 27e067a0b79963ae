"""What nothing needs goes; what an output or an effect needs stays."""

from __future__ import annotations

from graphs import assert_becomes, read

from symgrad.passes.dce import dce


def test_dead_equations_go() -> None:
    after = dce(read("""
def f(x: f32[2]):
    a = exp(x)
    b = sin(a)
    c = cos(b)
    d = neg(a)
    return d"""))
    assert_becomes(after, """
def f(x: f32[2]):
    a = exp(x)
    d = neg(a)
    return d""")


def test_effects_keep_their_equations() -> None:
    graph = read("""
def f(x: f32[2], *, w: f32[2]):
    a = mul(x, w)
    w[...] = a
    return""")
    assert dce(graph) is graph


def test_one_live_output_of_several_keeps_the_equation() -> None:
    graph = read("""
def f(x: f32[], y: f32[]):
    s = mul(x, y)
    gx, gy = gradients(s, 1.0, x, y, roots=1, stops=(True, True))
    return gy""")
    assert dce(graph) is graph


def test_an_unused_draw_goes_and_moves_no_other() -> None:
    text = """
def f(*, seed: host, offset: host):
    {}r = normal(host('seed', i64(3)), host('(offset + 2)', i64(7)), dtype=float32, shape=(4,))
    return r"""
    drawn = "q = normal(host('seed', i64(3)), host('offset', i64(5)), dtype=float32, shape=(8,))\n    "
    assert_becomes(dce(read(text.format(drawn))), text.format(""))
