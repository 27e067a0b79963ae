"""Graphs in tests: read from text, compared as text whatever their values are called, and run."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir import Graph, parse, print_graph
from symgrad.ir.interpret import interpret
from symgrad.ops import PRIMITIVES


def read(text: str) -> Graph:
    """The verified graph that `text` says."""
    return parse(text, PRIMITIVES).verify()


def anonymous(graph: Graph) -> str:
    """The graph's text with every value called v: what remains is structure."""
    graph.verify()
    for value in (*graph.sources(), *(out for eqn in graph.eqns for out in eqn.outputs)):
        value.hint = "v"
    return print_graph(graph, comments=False)


def assert_becomes(after: Graph, expected: str) -> None:
    """`after` is the graph `expected` says, up to names."""
    assert anonymous(after) == anonymous(read(expected))


def run(graph: Graph, *given: Any, cells: Any = (), hosts: Any = None) -> list[Any]:
    """Outputs, then effects."""
    with np.errstate(all="ignore"):
        outputs, effects = interpret(graph, given, cells, hosts)
    return [np.asarray(x) for x in (*outputs, *effects)]


def assert_same_bits(a: list[Any], b: list[Any]) -> None:
    """Equal to the last bit, the sign of zero included; one nan is as good as another."""
    assert len(a) == len(b)
    for x, y in zip(a, b):
        assert x.dtype == y.dtype and x.shape == y.shape
        np.testing.assert_array_equal(x, y)
        if x.dtype.kind == "f":
            real = ~np.isnan(x)
            np.testing.assert_array_equal(np.signbit(x[real]), np.signbit(y[real]))
