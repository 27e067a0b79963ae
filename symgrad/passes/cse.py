"""Compute equal equations once.

Requires: a verified graph. Guarantees: no two equations have the same primitive, inputs and
parameters (operands of commutative primitives in any order). The first keeps its place and line.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Literal

COMMUTATIVE = frozenset({"add", "mul", "maximum", "minimum", "eq", "ne", "bitwise_and", "bitwise_or"})


def cse(graph: Graph) -> Graph:
    """The graph with repeated equations merged."""
    seen: dict[Any, tuple[Atom, ...]] = {}

    def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
        key = key_of(eqn)
        found = seen.get(key)
        if found is None:
            seen[key] = eqn.outputs
        return found

    return rewrite(graph, visit)


def key_of(eqn: Eqn) -> Any:
    """What makes two equations equal."""
    inputs = [("literal", *a.key) if isinstance(a, Literal) else ("value", id(a)) for a in eqn.inputs]
    if eqn.prim.name in COMMUTATIVE:
        inputs.sort(key=repr)
    return (eqn.prim, tuple(inputs), freeze(eqn.params))


def freeze(value: Any) -> Any:
    """A parameter as something hashable that keeps 1, 1.0 and True apart."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return tuple((k, freeze(v)) for k, v in sorted(value.items()))
    if isinstance(value, tuple):
        return tuple(freeze(v) for v in value)
    if isinstance(value, slice):
        return ("slice", value.start, value.stop, value.step)
    if isinstance(value, (bool, int, float)):
        return (type(value).__name__, getattr(value, "expr", None) or repr(value))
    return value
