"""Drop equations nothing needs.

Requires: a verified graph. Guarantees: every equation leads to an output or an effect. All
primitives are pure (random draws take their place in the stream as an operand), so none is kept for
its own sake.
"""

from __future__ import annotations

from symgrad.ir.graph import Graph


def dce(graph: Graph) -> Graph:
    """The graph without dead equations."""
    live = set(graph.results())
    kept = []
    for eqn in reversed(graph.eqns):
        if live.intersection(eqn.outputs):
            live.update(eqn.inputs)
            kept.append(eqn)
    if len(kept) == len(graph.eqns):
        return graph
    return graph.replace(eqns=tuple(reversed(kept)))
