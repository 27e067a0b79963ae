"""Split a joint graph into forward and backward, saving few bytes: a minimum cut.

Requires: a joint graph whose last inputs are cotangents and whose last outputs are gradients.
Guarantees: the backward graph reads only saved values and cotangents; what it recomputes is
elementwise or a view. Products, reductions and random draws are never done twice. Saving an argument
or a cell costs nothing: it is there anyway.

Source: Jain et al., the recomputation cut of PyTorch's AOTAutograd (`passes.cut`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from symgrad.ir.analysis import definitions
from symgrad.ir.dims import Dim
from symgrad.ir.graph import Eqn, Graph, Value
from symgrad.ir.primitive import Scalar, View
from symgrad.passes.cut import HEADER, cheapest


@dataclass(frozen=True)
class Split:
    """Forward (outputs, then saved values that it computes), backward, and all that is saved.

    `shapes` are arguments and cells that backward takes only because their extents are needed.
    """

    forward: Graph
    backward: Graph
    saved: tuple[Value, ...]
    kept: int
    shapes: tuple[Value, ...] = ()


def partition(joint: Graph, cotangents: tuple[Value, ...], outputs: int) -> Split:
    """Cut `joint`: its first `outputs` outputs are the user's, the rest gradients."""
    late = set(cotangents)
    for eqn in joint.eqns:
        if late.intersection(eqn.inputs):
            late.update(eqn.outputs)
    grads = [a for a in joint.outputs[outputs:]]
    wanted: set[Any] = set(grads)
    consumed: dict[Value, None] = {}
    for eqn in reversed(joint.eqns):
        if wanted.intersection(eqn.outputs):
            wanted.update(eqn.inputs)
            if late.intersection(eqn.outputs):
                consumed.update((a, None) for a in eqn.inputs if isinstance(a, Value) and a not in late)
    consumed.update((g, None) for g in grads if isinstance(g, Value) and g not in late)
    written = {cell for cell, _ in joint.effects}
    sources = set(joint.sources()) - set(cotangents)
    saved = tuple(_cut(joint, list(consumed), sources - written))
    backward_eqns = _between(joint, grads, set(saved) | set(cotangents))
    forward_results = list(joint.outputs[:outputs]) + [v for _, v in joint.effects]
    computed = [v for v in saved if v not in sources or v in written]
    forward_eqns = _between(joint, forward_results + computed, set(joint.sources()))
    inputs = tuple(v for v in joint.inputs if v not in cotangents)
    forward = joint.replace(
        name=f"{joint.name}_forward", inputs=inputs, eqns=tuple(forward_eqns),
        outputs=(*joint.outputs[:outputs], *computed))  # fmt: skip
    shapes = _carriers(backward_eqns, (*saved, *cotangents), inputs + joint.cells)
    backward = Graph(
        f"{joint.name}_backward", (*saved, *shapes, *cotangents), tuple(backward_eqns), tuple(grads), (), joint.hosts)
    return Split(forward, backward, saved, len(computed), shapes)


def _carriers(eqns: list[Eqn], given: tuple[Value, ...], sources: tuple[Value, ...]) -> tuple[Value, ...]:
    """The sources to read those named extents from that `eqns` compute with and nothing `given` has."""
    used: set[str] = set()
    for eqn in eqns:
        shapes = [v.type.shape for v in (*eqn.inputs, *eqn.outputs)]
        used.update(name for d in _dims((shapes, list(eqn.params.values()))) for name in _NAME.findall(d.expr))
    used -= {d.expr for value in given for d in _dims(value.type.shape)}
    found = []
    for value in sources:
        if used.intersection(here := {d.expr for d in _dims(value.type.shape)}):
            found.append(value)
            used -= here
    return tuple(found)


_NAME = re.compile(r"[A-Za-z_]\w*")


def _dims(item: Any) -> Iterator[Dim]:
    """The named extents among numbers in nested tuples and lists."""
    if isinstance(item, Dim):
        yield item
    elif isinstance(item, (tuple, list)):
        for part in item:
            yield from _dims(part)


def _between(graph: Graph, results: list[Any], given: set[Value]) -> list[Eqn]:
    """The equations that compute `results` from `given`, in order."""
    wanted = set(results) - given
    kept = []
    for eqn in reversed(graph.eqns):
        if wanted.intersection(eqn.outputs):
            kept.append(eqn)
            wanted.update(a for a in eqn.inputs if a not in given)
    return kept[::-1]


def _cut(joint: Graph, consumed: list[Value], free: set[Value]) -> list[Value]:
    """The values to save so that everything in `consumed` can be recomputed cheaply."""
    makers = definitions(joint)

    def feeds(value: Value) -> list[Value] | None:
        eqn = makers.get(value)
        again = eqn is not None and isinstance(eqn.prim.lower, (Scalar, View))
        return [a for a in eqn.inputs if isinstance(a, Value)] if again else None  # type: ignore[union-attr]

    saved = cheapest(consumed, feeds, lambda value: 0 if value in free else int(value.type.nbytes) + HEADER)
    placed = {v: i for i, v in enumerate([*joint.sources(), *makers])}
    return sorted(saved, key=placed.__getitem__)
