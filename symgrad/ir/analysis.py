"""Facts about graphs, never changes: who uses a value, who defines it, when it dies."""

from __future__ import annotations

from typing import Any

from symgrad.ir.graph import Eqn, Graph, Value


def definitions(graph: Graph) -> dict[Value, Eqn]:
    """The equation that defines each computed value."""
    return {value: eqn for eqn in graph.eqns for value in eqn.outputs}


def uses(graph: Graph) -> dict[Value, list[Eqn]]:
    """The equations that read each value (graph results not counted)."""
    found: dict[Value, list[Eqn]] = {value: [] for value in graph.sources()}
    for eqn in graph.eqns:
        for value in dict.fromkeys(a for a in eqn.inputs if isinstance(a, Value)):
            found.setdefault(value, []).append(eqn)
        for value in eqn.outputs:
            found.setdefault(value, [])
    return found


def liveness(graph: Graph) -> dict[Value, tuple[int, int]]:
    """For each value the half-open range of equation numbers over which it must be kept.

    Sources start at -1; what leaves the graph lives to the end.
    """
    first = {value: -1 for value in graph.sources()}
    last = dict(first)
    for number, eqn in enumerate(graph.eqns):
        for atom in eqn.inputs:
            if isinstance(atom, Value):
                last[atom] = number
        for value in eqn.outputs:
            first[value] = last[value] = number
    for atom in graph.results():
        if isinstance(atom, Value):
            last[atom] = len(graph.eqns)
    return {value: (first[value], last[value] + 1) for value in first}


def to_networkx(graph: Graph) -> Any:
    """A `networkx.DiGraph`: nodes are equations (by number), edges carry the value they pass."""
    import networkx

    digraph = networkx.DiGraph(name=graph.name)
    maker: dict[Value, int] = {}
    for number, eqn in enumerate(graph.eqns):
        digraph.add_node(number, eqn=eqn, label=eqn.prim.name, phase=eqn.phase)
        for atom in eqn.inputs:
            if isinstance(atom, Value) and atom in maker:
                digraph.add_edge(maker[atom], number, value=atom, nbytes=atom.type.nbytes)
        for value in eqn.outputs:
            maker[value] = number
    return digraph
