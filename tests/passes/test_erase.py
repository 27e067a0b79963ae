"""After differentiation an alias is nothing but another name."""

from __future__ import annotations

from graphs import assert_becomes, read

from symgrad.passes.erase import erase


def test_aliases_go() -> None:
    after = erase(read("""
def f(x: f32[2], *, w: f32[2]):
    a = stop_gradient(x)
    b = stop_gradient(a)
    c = mul(b, w)
    w_new = stop_gradient(c)
    w[...] = w_new
    return b"""))
    assert_becomes(after, """
def f(x: f32[2], *, w: f32[2]):
    c = mul(x, w)
    w[...] = c
    return x""")


def test_the_user_s_name_moves_to_what_is_aliased_but_never_to_an_argument() -> None:
    after = erase(read("""
def f(x: f32[2]):
    seen = stop_gradient(x)
    t = exp(seen)
    result = stop_gradient(t)
    return result"""))
    assert str(after).startswith("def f(x: f32[2]):\n    result = exp(x)")


def test_nothing_to_erase_is_the_same_graph() -> None:
    graph = read("def f(x: f32[2]):\n    y = exp(x)\n    return y")
    assert erase(graph) is graph
