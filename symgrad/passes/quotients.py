"""Probabilities as quotients: exp(s - log(sum(exp(s)))) is exp(s) * (1 / sum(exp(s))), all but there already.

That is what the gradient of a log-softmax (cross entropy) asks for; an exponential costs many times
a product, which rounds less besides. Requires: no aliases. Guarantees: rewritten only where
s = x - amax(x) over the extents that are summed, so that no exponential overflows and the sum is at
least 1, or else nan on both sides.
"""

from __future__ import annotations

from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value
from symgrad.ops import PRIMITIVES


def quotients(graph: Graph) -> Graph:
    """The graph without exponentials of log-softmaxes."""
    makers: dict[Value, Eqn] = {}

    def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
        makers.update((out, eqn) for out in eqn.outputs)
        found = _total(eqn, makers) if eqn.prim.name == "exp" else None
        if found is None:
            return None
        power, total, views = found
        (share,) = rewriter.emit_like(eqn, PRIMITIVES["div"], (Literal(1.0, total.type.dtype), total))
        for view in views:  # along the same extents as the logarithm was
            (share,) = rewriter.emit_like(eqn, view.prim, (share,), **view.params)
        return rewriter.emit_like(eqn, PRIMITIVES["mul"], (power, share))

    return rewrite(graph, visit)


def _total(eqn: Eqn, makers: dict[Value, Eqn]) -> tuple[Value, Atom, list[Eqn]] | None:
    """For exp of a log-softmax: exp(s), the sum of it, and how that is seen, innermost view first."""
    outer = makers.get(eqn.inputs[0])  # type: ignore[arg-type]
    if outer is None or outer.prim.name != "sub":
        return None
    shifted, (log, views) = outer.inputs[0], _seen(outer.inputs[1], makers)
    if log is None or log.prim.name != "log":
        return None
    total = makers.get(log.inputs[0])  # type: ignore[arg-type]
    if total is None or total.prim.name != "sum":
        return None
    power = makers.get(total.inputs[0])  # type: ignore[arg-type]
    if power is None or power.prim.name != "exp" or power.inputs[0] is not shifted:
        return None
    inner = makers.get(shifted)  # type: ignore[arg-type]
    if inner is None or inner.prim.name != "sub" or eqn.out.type.shape != power.out.type.shape:
        return None
    top, shown = _seen(inner.inputs[1], makers)
    if top is None or top.prim.name != "amax" or top.inputs[0] is not inner.inputs[0]:
        return None
    axis = top.params["axis"]
    row = tuple(1 if i in axis else e for i, e in enumerate(top.inputs[0].type.shape))
    beside = not shown or shown[0].out.type.shape == row  # each maximum stands beside what it is the maximum of
    return (power.out, total.out, views) if beside and axis == total.params["axis"] else None


def _seen(atom: Atom, makers: dict[Value, Eqn]) -> tuple[Eqn | None, list[Eqn]]:
    """What makes the value that a chain of views shows, and the chain."""
    views: list[Eqn] = []
    found = makers.get(atom)  # type: ignore[arg-type]
    while found is not None and found.prim.name in ("view", "expand"):
        views.insert(0, found)
        found = makers.get(found.inputs[0])  # type: ignore[arg-type]
    return found, views
