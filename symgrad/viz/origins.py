"""Which forward equation a backward equation is the gradient of: found from a name."""

from __future__ import annotations

from symgrad.ir.graph import BACKWARD, FORWARD, Eqn, Graph, Value


def origins(graph: Graph) -> dict[Eqn, Eqn]:
    """For each backward equation the forward equation whose gradient it is, as far as can be told.

    `eqn.origin` names only the primitive. Among the equations of that primitive (on the same line,
    where lines are known) the one sharing most operands is taken; else the one the equations it
    reads come from; else the last that has no gradient yet.
    """
    maker = {value: eqn for eqn in graph.eqns for value in eqn.outputs}
    candidates: dict[str, list[Eqn]] = {}
    for eqn in reversed(graph.eqns):
        if eqn.phase == FORWARD:
            candidates.setdefault(eqn.prim.name, []).append(eqn)
    found: dict[Eqn, Eqn] = {}
    claimed: set[Eqn] = set()
    for eqn in graph.eqns:
        options = candidates.get(eqn.origin, []) if eqn.phase == BACKWARD else []
        options = [f for f in options if f.loc is None or eqn.loc is None or f.loc == eqn.loc]
        if options:
            read = {atom for atom in eqn.inputs if isinstance(atom, Value)}
            earlier = {found.get(maker[value]) for value in read if value in maker}
            shared = [len(read.intersection(f.inputs + f.outputs)) for f in options]
            ranks = [(n, f in earlier, f not in claimed) for n, f in zip(shared, options)]
            best = options[ranks.index(max(ranks))]
            found[eqn] = best
            claimed.add(best)
    return found
