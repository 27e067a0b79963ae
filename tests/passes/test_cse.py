"""Equal equations are computed once; what only looks equal is not merged."""

from __future__ import annotations

import pytest
from graphs import assert_becomes, read

from symgrad.passes.cse import cse


def test_repeated_equations_merge_through_each_other() -> None:
    after = cse(read("""
def f(x: f32[2], y: f32[2]):
    a = mul(x, y)
    b = mul(y, x)
    c = exp(a)
    d = exp(b)
    e = sub(c, d)
    return e"""))
    assert_becomes(after, """
def f(x: f32[2], y: f32[2]):
    a = mul(x, y)
    c = exp(a)
    e = sub(c, c)
    return e""")


@pytest.mark.parametrize("first, second", [
    ("sub(x, y)", "sub(y, x)"), ("mul(x, 0.0)", "mul(x, -0.0)"), ("pow(x, exponent=2)", "pow(x, exponent=3)"),
    ("mul(x, host('lr', f32(0.1)))", "mul(x, 0.1)"), ("mul(x, host('a', f32(0.1)))", "mul(x, host('b', f32(0.1)))"),
    ("slice(x, index=(0,))", "slice(x, index=(False,))"), ("clamp(x, max=None, min=1)", "clamp(x, max=None, min=1.0)"),
    ("cast(x, dtype=float64)", "cast(x, dtype=float16)"),
])  # fmt: skip
def test_unequal_equations_stay(first: str, second: str) -> None:
    graph = read(f"def f(x: f32[2], y: f32[2]):\n    a = {first}\n    b = {second}\n    return a, b")
    assert cse(graph) is graph


@pytest.mark.parametrize("expr", [
    "mul(x, nan)", "mul(x, host('lr', f32(0.1)))", "slice(x, index=(slice(0, 1, None),))", "sum(x, axis=(0,))",
])  # fmt: skip
def test_literals_and_parameters_compare_by_value(expr: str) -> None:
    after = cse(read(f"def f(x: f32[2]):\n    a = {expr}\n    b = {expr}\n    return a, b"))
    assert len(after.eqns) == 1 and after.outputs[0] is after.outputs[1]


def test_effects_and_outputs_follow() -> None:
    after = cse(read("""
def f(x: f32[2], *, w: f32[2]):
    a = neg(x)
    b = neg(x)
    w[...] = b
    return b"""))
    assert_becomes(after, """
def f(x: f32[2], *, w: f32[2]):
    a = neg(x)
    w[...] = a
    return a""")
