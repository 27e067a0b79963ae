"""Composite primitives become what they are made of, with the same bits."""

import numpy as np
from graphs import assert_same_bits, run

import symgrad as sg
from symgrad.ir import parse
from symgrad.ir.primitive import Composite
from symgrad.ops import PRIMITIVES
from symgrad.passes.decompose import decompose


def test_mean_becomes_sum_and_division(rng):
    graph = parse("def f(x: f32[3,4]):\n    y = mean(x, axis=(1,))  # f32[3] a.py:2\n    return y", PRIMITIVES)
    after = decompose(graph).verify()
    assert [e.prim.name for e in after.eqns] == ["sum", "div"]
    assert all(str(e.loc) == "a.py:2" for e in after.eqns)
    x = rng.standard_normal((3, 4)).astype(np.float32)
    assert_same_bits(run(after, x), run(graph, x))


def test_a_graph_without_composites_is_left_alone():
    graph = parse("def f(x: f32[3]):\n    y = exp(x)\n    return y", PRIMITIVES)
    assert decompose(graph) is graph


def test_composites_made_of_composites() -> None:
    graph = decompose(sg.trace(lambda x: x.std(), sg.ones(3, 4)))
    assert not any(isinstance(eqn.prim.lower, Composite) for eqn in graph.eqns)
