"""Simplify the graphs inside control flow, and drop what nobody outside wants of them.

Requires: no `gradients` equation. Guarantees: the other passes have run on every nested graph; a branch
or loop computes, carries and takes only what a live result needs. A scan no longer says which of its
results are the states of its carries: only differentiation asks for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from symgrad.ir.graph import Atom, Eqn, Graph
from symgrad.ops.nested import cond_p, scan_p, while_backward_p, while_p
from symgrad.passes.dce import dce

Pass = Callable[[Graph], Graph]


def subgraphs(graph: Graph, passes: Sequence[Pass]) -> Graph:
    """The graph with its nested graphs pruned and put through `passes`, innermost last."""
    if not any(eqn.graphs for eqn in graph.eqns):
        return graph
    live: set[Atom] = set(graph.results())
    eqns: list[Eqn] = []
    for eqn in reversed(graph.eqns):
        if eqn.graphs and live.intersection(eqn.outputs):
            eqn = _inner(_PRUNE[eqn.prim](eqn, live), passes)
            eqn = _without_unused(eqn)
        if live.intersection(eqn.outputs):
            live.update(eqn.inputs)
        eqns.append(eqn)
    return graph.replace(eqns=tuple(reversed(eqns)))


def _inner(eqn: Eqn, passes: Sequence[Pass]) -> Eqn:
    params = dict(eqn.params)
    for name, graph in eqn.graphs.items():
        graph = subgraphs(graph, passes)
        for step in passes:
            graph = step(graph)
        params[name] = graph
    return replace(eqn, params=params)


# -- results nobody wants -----------------------------------------------------------------------


def _some(items: Sequence[Any], places: Iterable[int]) -> tuple[Any, ...]:
    return tuple(items[i] for i in places)


def _needed(graph: Graph, outputs: Iterable[int]) -> set[int]:
    """The places of the inputs that these outputs depend on."""
    kept = dce(graph.replace(outputs=_some(graph.outputs, outputs)))
    used: set[Atom] = {a for e in kept.eqns for a in e.inputs} | set(kept.outputs)
    return {i for i, value in enumerate(graph.inputs) if value in used}


def _carried(body: Graph, carries: int, live: set[int], others: Sequence[Graph] = ()) -> list[int]:
    """The carries that live outputs of the body need, from step to step; `others` need theirs anyway."""
    for graph in others:
        live = live | {i for i in _needed(graph, range(len(graph.outputs))) if i < carries}
    while True:
        grown = live | {i for i in _needed(body, sorted(live)) if i < carries}
        if grown == live:
            return sorted(i for i in live if i < carries)
        live = grown


def _prune_cond(eqn: Eqn, live: set[Atom]) -> Eqn:
    keep = [i for i, out in enumerate(eqn.outputs) if out in live]
    params = {name: g.replace(outputs=_some(g.outputs, keep)) for name, g in eqn.graphs.items()}
    return replace(eqn, params=params, outputs=_some(eqn.outputs, keep))


def _prune_while(eqn: Eqn, live: set[Atom]) -> Eqn:
    cond, body, count = eqn.params["cond"], eqn.params["body"], eqn.params["carries"]
    keep = _carried(body, count, {i for i, out in enumerate(eqn.outputs) if out in live}, (cond,))
    inputs = [*keep, *range(count, len(eqn.inputs))]
    body = body.replace(inputs=_some(body.inputs, inputs), outputs=_some(body.outputs, keep))
    cond = cond.replace(inputs=_some(cond.inputs, inputs))
    return replace(eqn, inputs=_some(eqn.inputs, inputs), outputs=_some(eqn.outputs, keep),
                   params=dict(cond=cond, body=body, carries=len(keep)))  # fmt: skip


def _prune_while_backward(eqn: Eqn, live: set[Atom]) -> Eqn:
    pull, count = eqn.params["pull"], eqn.params["grads"]
    keep = _carried(pull, count, {i for i, out in enumerate(eqn.outputs) if out in live})
    inputs = [*keep, *range(count, len(eqn.inputs))]
    pull = pull.replace(inputs=_some(pull.inputs, inputs), outputs=_some(pull.outputs, keep))
    return replace(eqn, inputs=_some(eqn.inputs, inputs), outputs=_some(eqn.outputs, keep),
                   params={**eqn.params, "pull": pull, "grads": len(keep)})  # fmt: skip


def _prune_scan(eqn: Eqn, live: set[Atom]) -> Eqn:
    body, count = eqn.params["body"], eqn.params["carries"]
    wanted = {i for i, out in enumerate(eqn.outputs) if out in live}
    carries = _carried(body, count, wanted)
    outputs = [*carries, *(i for i in sorted(wanted) if i >= count)]
    inputs = [*carries, *range(count, len(eqn.inputs))]
    body = body.replace(inputs=_some(body.inputs, inputs), outputs=_some(body.outputs, outputs))
    return replace(eqn, inputs=_some(eqn.inputs, inputs), outputs=_some(eqn.outputs, outputs),
                   params={**eqn.params, "body": body, "carries": len(carries), "states": 0})  # fmt: skip


_PRUNE: dict[Any, Callable[[Eqn, set[Atom]], Eqn]] = {
    cond_p: _prune_cond, while_p: _prune_while, while_backward_p: _prune_while_backward, scan_p: _prune_scan,
}  # fmt: skip


# -- operands nobody reads ----------------------------------------------------------------------


def _without_unused(eqn: Eqn) -> Eqn:
    """`eqn` without the operands, past carries, that none of its graphs reads."""
    first = _fixed(eqn)
    used = set(range(first))
    for graph in eqn.graphs.values():
        shift = len(eqn.inputs) - len(graph.inputs)
        used |= {i + shift for i in _needed(graph, range(len(graph.outputs)))}
    if len(used) == len(eqn.inputs):
        return eqn
    params = dict(eqn.params)
    for name, graph in eqn.graphs.items():
        shift = len(eqn.inputs) - len(graph.inputs)
        params[name] = graph.replace(
            inputs=tuple(v for i, v in enumerate(graph.inputs) if i + shift in used))  # fmt: skip
    if eqn.prim is scan_p:
        rows = range(first, first + eqn.params["scanned"])
        params["scanned"] = sum(i in used for i in rows)
    return replace(eqn, params=params, inputs=_some(eqn.inputs, sorted(used)))


def _fixed(eqn: Eqn) -> int:
    """How many first operands stay whatever is read."""
    if eqn.prim is cond_p:
        return 1
    return int(eqn.params["carries"]) + int(eqn.params.get("grads", 0))
