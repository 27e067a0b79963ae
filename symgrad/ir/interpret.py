"""The reference meaning of a graph: each equation's array form, one after the other.

This is the oracle every backend is compared with, and what `exact=True` must equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value


def interpret(
    graph: Graph,
    inputs: Sequence[Any],
    cells: Sequence[Any] = (),
    hosts: Mapping[str, Any] | None = None,
) -> tuple[list[Any], list[Any]]:
    """Outputs, and the new values of the cells named in `graph.effects`; arguments stay unchanged."""
    env: dict[Value, Any] = dict(zip(graph.sources(), (*inputs, *cells)))

    def read(atom: Atom) -> Any:
        if isinstance(atom, Value):
            return env[atom]
        return literal_value(atom, hosts or {})

    for eqn in graph.eqns:
        evaluate(eqn, read, env)
    return [read(a) for a in graph.outputs], [read(new) for _, new in graph.effects]


def evaluate(eqn: Eqn, read: Callable[[Atom], Any], env: dict[Value, Any]) -> None:
    """Put what one equation computes into `env`."""
    import numpy as np

    results = eqn.prim.evaluate(*(read(a) for a in eqn.inputs), **eqn.params)
    results = results if eqn.prim.multiple else (results,)
    for value, result in zip(eqn.outputs, results):
        array = np.asarray(result)
        env[value] = array if array.dtype == value.type.dtype.np else array.astype(value.type.dtype.np)


def literal_value(literal: Literal, hosts: Mapping[str, Any]) -> Any:
    """A literal's NumPy scalar; `hosts` gives host expressions (by their text) other values."""
    value = hosts.get(literal.expr, literal.value) if literal.expr is not None else literal.value
    return literal.type.dtype.np.type(value)


def host_expressions(graph: Graph) -> list[Literal]:
    """The distinct literals the host computes at each call, in order of first use."""
    atoms = [a for eqn in graph.eqns for a in eqn.inputs] + list(graph.results())
    found = {a.key: a for a in atoms if isinstance(a, Literal) and a.expr is not None}
    return list(found.values())
