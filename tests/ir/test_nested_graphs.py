"""Graphs as parameters: their text, their invariants, their meaning."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import assert_becomes, read, run

from symgrad.errors import ParseError, VerifyError
from symgrad.ir.graph import Value
from symgrad.passes.dce import dce
from symgrad.passes.subgraphs import subgraphs

COND = """
def f(p: bool[], x: f32[2], y: f32[2]):
    def yes(a: f32[2], b: f32[2]):
        c = mul(a, 2.0)
        d = sin(a)
        return c, d
    def no(a: f32[2], b: f32[2]):
        c = add(a, b)
        return c, a
    c, d = cond(p, x, y, false=no, true=yes)
    e = exp(c)
    return e
"""
SCAN = """
def f(x: f32[3,2], w: f32[2], h: f32[2], n: f32[]):
    def body(h: f32[2], n: f32[], r: f32[2], w: f32[2], unused: f32[2]):
        a = mul(h, w)
        k = add(a, r)
        m = add(n, 1.0)
        return k, m, a, h
    last, count, ys, states = scan(h, n, x, w, w, body=body, carries=2, length=3, reverse=True, scanned=1, states=0)
    return last, ys
"""


@pytest.mark.parametrize("text", [COND, SCAN], ids=["cond", "scan"])
def test_text_reads_back(text: str) -> None:
    graph = read(text)
    assert str(read(str(graph))) == str(graph)


def test_meaning() -> None:
    x, y = np.ones(2, "f"), np.full(2, 3, "f")
    assert run(read(COND), np.array(True), x, y)[0].tolist() == pytest.approx([np.exp(2)] * 2)
    assert run(read(COND), np.array(False), x, y)[0].tolist() == pytest.approx([np.exp(4)] * 2)
    rows = np.array([[1, 10], [2, 20], [3, 30]], "f")
    last, ys = run(read(SCAN), rows, np.array([1, 2], "f"), np.zeros(2, "f"), np.float32(0))
    assert last.tolist() == [6, 170] and ys.tolist() == [[5, 160], [3, 60], [0, 0]]


def test_what_nobody_wants_is_dropped() -> None:
    assert_becomes(dce(subgraphs(read(COND), (dce,))), """
def f(p: bool[], x: f32[2], y: f32[2]):
    def yes(a: f32[2], b: f32[2]):
        c = mul(a, 2.0)
        return c
    def no(a: f32[2], b: f32[2]):
        c = add(a, b)
        return c
    c = cond(p, x, y, false=no, true=yes)
    e = exp(c)
    return e""")
    assert_becomes(dce(subgraphs(read(SCAN), (dce,))), """
def f(x: f32[3,2], w: f32[2], h: f32[2], n: f32[]):
    def body(h: f32[2], r: f32[2], w: f32[2]):
        a = mul(h, w)
        k = add(a, r)
        return k, a
    last, ys = scan(h, x, w, body=body, carries=1, length=3, reverse=True, scanned=1, states=0)
    return last, ys""")


@pytest.mark.parametrize("old, new, match", [
    ("no(a: f32[2],", "no(z: f32[], a: f32[2],", "no takes"), ("return c, a", "return c", "gives 1 results, not 2"),
    ("def no", "def yes", "defined twice"), ("false=no", "false=maybe", "maybe"),
    ("c = add(a, b)\n        return c, a", "c = sum(a, axis=(0,))\n        return c, a", "output 0"),
])  # fmt: skip
def test_what_does_not_fit_is_refused(old: str, new: str, match: str) -> None:
    with pytest.raises((ParseError, VerifyError), match=match):
        read(COND.replace(old, new))


def test_the_guilty_line_is_marked_below_nested_graphs() -> None:
    graph = read(COND)
    (eqn,) = (e for e in graph.eqns if e.prim.name == "exp")
    graph = graph.replace(outputs=(Value(eqn.out.type, "lost"),))
    with pytest.raises(VerifyError, match=r"return lost +<-- here"):
        graph.verify()
