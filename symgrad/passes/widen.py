"""16-bit floats computed in float32: what an array form does eagerly, as equations.

Requires: no `gradients` equation. Guarantees: an equation that computes on float16 or bfloat16 in more
than one rounding is a conversion, the same equation in float32, and a conversion back; so every
backend rounds where eager rounds, and the casts can be read.
"""

from __future__ import annotations

from symgrad.dtypes import float32
from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Literal
from symgrad.ops.elementwise import cast


def widen(graph: Graph) -> Graph:
    """The graph with every such equation in float32."""

    def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
        half = next((a.type.dtype for a in eqn.inputs if a.type.dtype.is_half), None)
        if half is None or not eqn.prim.widens:
            return None

        def wide(atom: Atom) -> Atom:
            if not atom.type.dtype.is_half:
                return atom
            if isinstance(atom, Literal):
                return Literal(atom.value, float32, atom.expr)
            return rewriter.emit_like(eqn, cast, (atom,), dtype=float32)[0]

        outs = rewriter.emit_like(eqn, eqn.prim, tuple(wide(a) for a in eqn.inputs), **eqn.params)
        return tuple(
            rewriter.emit_like(eqn, cast, (out,), dtype=half)[0] if out.type.dtype is float32 else out for out in outs)

    return rewrite(graph, visit)
