"""What is known is computed, views compose, and what the host computes is never looked at."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import assert_becomes, assert_same_bits, read, run

from symgrad import dtypes
from symgrad.ir import Builder, Graph, Literal
from symgrad.ir.primitive import Scalar
from symgrad.ops import PRIMITIVES
from symgrad.passes.fold import fold

CASES = {
    "constants": ("""
def f(x: f32[2]):
    a = full(device='cpu', dtype=float32, shape=(), value=3.0)
    b = mul(a, 2.0)
    c = add(x, b)
    return c""", """
def f(x: f32[2]):
    a = full(device='cpu', dtype=float32, shape=(), value=3.0)
    c = add(x, 6.0)
    return c"""),
    "full operands become literals": ("""
def f(x: f32[2,3]):
    a = full(device='cpu', dtype=float32, shape=(2, 3), value=1.0)
    b = mul(x, a)
    return b""", """
def f(x: f32[2,3]):
    a = full(device='cpu', dtype=float32, shape=(2, 3), value=1.0)
    b = mul(x, 1.0)
    return b"""),
    "but the shape is kept": ("""
def f(x: f32[3]):
    a = full(device='cpu', dtype=float32, shape=(2, 3), value=1.0)
    b = mul(x, a)
    return b""", None),
    "and the strides": ("""
def f(x: f32[3,2]):
    a = full(device='cpu', dtype=float32, shape=(2, 3), value=1.0)
    y = permute(x, dims=(1, 0))
    b = mul(a, y)
    return b""", None),
    "host numbers are not looked at": ("""
def f(x: f32[2], *, lr: host):
    a = mul(x, host('lr', f32(1.0)))
    b = add(host('lr', f32(1.0)), f32(2.0))
    c = mul(a, b)
    return c""", None),
    "repeated operands broadcast by themselves": ("""
def f(x: f32[2,3], g: f32[]):
    a = view(g, shape=(1, 1))
    b = expand(a, shape=(2, 3))
    c = mul(b, x)
    return c""", """
def f(x: f32[2,3], g: f32[]):
    a = view(g, shape=(1, 1))
    b = expand(a, shape=(2, 3))
    c = mul(g, x)
    return c"""),
    "unless the result's shape comes from them": ("""
def f(x: f32[1,3], y: f32[3]):
    b = expand(x, shape=(2, 3))
    c = mul(b, y)
    return c""", None),
    "views of constants are constants": ("""
def f():
    a = full(device='cpu', dtype=int64, shape=(2, 3), value=7)
    b = permute(a, dims=(1, 0))
    c = slice(b, index=(0, 1))
    return b, c""", """
def f():
    a = full(device='cpu', dtype=int64, shape=(2, 3), value=7)
    b = full(device='cpu', dtype=int64, shape=(3, 2), value=7)
    return b, i64(7)"""),
    "views compose": ("""
def f(x: f32[2,3,4]):
    a = permute(x, dims=(1, 2, 0))
    b = permute(a, dims=(2, 0, 1))
    c = view(b, shape=(6, 4))
    d = view(c, shape=(24,))
    e = view(d, shape=(24,))
    return e""", """
def f(x: f32[2,3,4]):
    a = permute(x, dims=(1, 2, 0))
    c = view(x, shape=(6, 4))
    d = view(x, shape=(24,))
    return d"""),
    "views of a copy are no further copies": ("""
def f(x: f32[2,3,4]):
    a = permute(x, dims=(1, 0, 2))
    b = view(a, shape=(6, 4))
    c = view(b, shape=(24,))
    d = view(b, shape=(3, 8))
    return b, c, d""", None),
    "but for one that needs no copy": ("""
def f(x: f32[2,3,4]):
    a = permute(x, dims=(1, 0, 2))
    b = view(a, shape=(6, 4))
    c = view(b, shape=(3, 2, 2, 2))
    return c""", """
def f(x: f32[2,3,4]):
    a = permute(x, dims=(1, 0, 2))
    b = view(a, shape=(6, 4))
    c = view(a, shape=(3, 2, 2, 2))
    return c"""),
    "views that change nothing go": ("""
def f(x: f32[2,3]):
    a = expand(x, shape=(2, 3))
    b = permute(a, dims=(0, 1))
    c = slice(b, index=(slice(None, None, None),))
    d = cast(c, dtype=float32)
    return d""", """
def f(x: f32[2,3]):
    return x"""),
    "a sum over nothing goes": ("""
def f(x: f32[2], i: i32[2]):
    a = sum(x, axis=())
    b = sum(i, axis=())
    return a, b""", """
def f(x: f32[2], i: i32[2]):
    return x, i"""),
}  # fmt: skip


@pytest.mark.parametrize("before, after", CASES.values(), ids=CASES)
def test_fold(before: str, after: str | None, rng: np.random.Generator) -> None:
    graph = read(before)
    folded = fold(graph)
    given = [np.asarray(rng.integers(-9, 9, v.type.shape), v.type.dtype.np) for v in graph.inputs]
    assert_same_bits(run(folded, *given), run(graph, *given))
    if after is None:
        assert folded is graph
    else:
        assert_becomes(folded, after)


NUMBERS = (0.0, -0.0, 1.5, -2.0, float("inf"), float("nan"))
SCALARS = [p for p in PRIMITIVES.values() if isinstance(p.lower, Scalar) and p.names]
PARAMS = {
    "clamp": dict(min=-1.0, max=None), "pow": dict(exponent=-3), "polygamma": dict(n=2),
    "cast": dict(dtype=dtypes.float16),
}  # fmt: skip


@pytest.mark.parametrize("prim", SCALARS, ids=str)
@pytest.mark.parametrize("number", NUMBERS)
def test_folding_gives_the_bits_of_running(prim, number: float) -> None:
    usual = dtypes.float32
    if prim.name.startswith("bitwise") or prim.name == "trunc_divide":
        usual = dtypes.int64 if prim.name.endswith(("shift", "divide")) else dtypes.bool_
    kinds = [dtypes.bool_ if n == "cond" else usual for n in prim.names]
    with np.errstate(all="ignore"):
        atoms = tuple(Literal(np.asarray(number).astype(k.np).item(), k) for k in kinds)
        builder = Builder()
        outs = builder.emit(prim, atoms, PARAMS.get(prim.name, {}))
        graph = Graph("f", (), tuple(builder.eqns), outs)
        folded = fold(graph)
    assert not folded.eqns
    assert_same_bits(run(folded), run(graph))


def test_an_index_that_names_few_dimensions_takes_the_rest_whole() -> None:
    graph = read("def f(x: f32[4,3]):\n    a = slice(x, index=(slice(0, 3, 2),))\n    return a")
    assert graph.outputs[0].type.shape == run(graph, np.ones((4, 3), np.float32))[0].shape == (2, 3)
