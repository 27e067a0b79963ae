"""Remove what only meant something to differentiation: stop_gradient, custom Functions, hooks.

Requires: no `gradients` equation. Guarantees: no equation lowers to `Alias`.
"""

from __future__ import annotations

from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Alias


def erase(graph: Graph) -> Graph:
    """The graph with each alias replaced by what it aliases."""

    sources = set(graph.sources())

    def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
        if not isinstance(eqn.prim.lower, Alias):
            return None
        for old, new in zip(eqn.outputs, eqn.inputs):
            if isinstance(new, Value) and new not in sources and old.hint not in ("", eqn.prim.name):
                new.hint = old.hint
        return eqn.inputs[: len(eqn.outputs)]

    return rewrite(graph, visit)
