"""Every rewrite rule fires, and its two sides agree: to the last bit where it says so."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from graphs import assert_same_bits, run

from symgrad.dtypes import bool_
from symgrad.ir import Graph
from symgrad.passes.rules import RULES, Rule
from symgrad.passes.simplify import patterns, simplify

SPECIAL = (0.0, -0.0, 1.0, -1.5, 3e-39, 1e30, -7e20, np.inf, -np.inf, np.nan)


def whole(rule: Rule) -> Graph:
    """The rule's pattern as a graph of its own."""
    ((pattern,),) = patterns((rule,)).values()
    eqns = tuple(dict.fromkeys(pattern.makers.values()))
    return Graph(rule.name, pattern.operands, eqns, pattern.root.outputs).verify()


def samples(graph: Graph, rng: np.random.Generator) -> list[np.ndarray]:
    """All combinations of special numbers, then ordinary ones; matrices are ordinary."""
    if graph.inputs[0].type.ndim == 2:
        return [rng.standard_normal(v.type.shape).astype(np.float32) for v in graph.inputs]
    columns = list(zip(*itertools.product(SPECIAL, repeat=len(graph.inputs))))
    made = [np.concatenate([c, rng.standard_normal(100)]).astype(np.float32) for c in columns]
    if any(v.type.ndim == 2 for v in graph.inputs):
        return [rng.standard_normal((2, 2)).astype(np.float32) for _ in graph.inputs]
    return [m > 0 if v.type.dtype is bool_ else m for v, m in zip(graph.inputs, made)]


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_rule(rule: Rule, rng: np.random.Generator) -> None:
    graph, fired = whole(rule), []
    after = simplify(graph, exact=rule.exact, fired=fired).verify()
    assert rule.name in fired
    given = samples(graph, rng)
    if rule.exact:
        assert_same_bits(run(after, *given), run(graph, *given))
    else:
        for x, y in zip(run(after, *given), run(graph, *given)):
            np.testing.assert_allclose(x, y, rtol=1e-6)


@pytest.mark.parametrize("rule", [r for r in RULES if not r.exact], ids=lambda r: r.name)
def test_inexact_rule_does_not_fire_under_exact(rule: Rule) -> None:
    graph, fired = whole(rule), []
    simplify(graph, exact=True, fired=fired)
    assert rule.name not in fired


def test_names_are_distinct() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
