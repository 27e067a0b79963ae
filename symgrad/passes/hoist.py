"""Put checks first: a call between two loops keeps them from being one.

Requires: nothing of its own. Guarantees: an equation that lowers to `Check`, and depends on arguments by
elementwise work only, stands with that work before all else. Nothing else changes places.
"""

from __future__ import annotations

from symgrad.ir.graph import Eqn, Graph, Value
from symgrad.ir.primitive import Alias, Check, Scalar, View


def hoist(graph: Graph) -> Graph:
    """The graph with its checks in front."""
    makers = {value: eqn for eqn in graph.eqns for value in eqn.outputs}
    first: dict[Eqn, None] = {}
    for eqn in graph.eqns:
        if isinstance(eqn.prim.lower, Check):
            ancestors = _ancestors(eqn, makers)
            if all(isinstance(e.prim.lower, (Alias, Check, Scalar, View)) for e in ancestors):
                first |= dict.fromkeys(ancestors)
    eqns = (*(e for e in graph.eqns if e in first), *(e for e in graph.eqns if e not in first))
    return graph if eqns == graph.eqns else graph.replace(eqns=eqns)


def _ancestors(eqn: Eqn, makers: dict[Value, Eqn]) -> set[Eqn]:
    """The equation and all it is computed from."""
    found, waiting = {eqn}, [eqn]
    while waiting:
        for atom in waiting.pop().inputs:
            if isinstance(atom, Value) and (maker := makers.get(atom)) is not None and maker not in found:
                found.add(maker)
                waiting.append(maker)
    return found
