"""Constants and views made simple: what can be known or skipped without arithmetic on data.

Requires: no aliases. Guarantees: no elementwise equation reads a `full` it could read as a literal,
no equation has only literals as inputs, chains of views are one view (but for views of what a reshape
had to copy), views that change nothing are gone, unless a result's strides would be others. Literals
computed by the host are never looked at.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value
from symgrad.ir.primitive import Reduce, Scalar, View
from symgrad.ir.types import Shape, broadcast_shapes, contiguous_strides
from symgrad.ops import elementwise as ew
from symgrad.ops import shape as sh
from symgrad.ops.creation import full_p
from symgrad.ops.functional import contiguous_p


def fold(graph: Graph) -> Graph:
    """The graph with constants folded and views composed."""
    makers: dict[Value, Eqn] = {}

    def splat(atom: Atom) -> Literal | None:
        """The literal that every element of `atom` is, if known."""
        if isinstance(atom, Literal):
            return atom
        eqn = makers.get(atom)
        if eqn is not None and eqn.prim is full_p:
            return Literal(eqn.params["value"], atom.type.dtype)
        return None

    def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
        made = len(rewriter.eqns)
        result = _visit(eqn, rewriter, splat, makers)
        for fresh in rewriter.eqns[made:] if result is not None else (eqn,):
            for out in fresh.outputs:
                makers[out] = fresh
        return result

    return rewrite(graph, visit)


def _visit(eqn: Eqn, rewriter: Rewriter, splat: Any, makers: dict[Value, Eqn]) -> tuple[Atom, ...] | None:
    lower = eqn.prim.lower
    if isinstance(lower, View):
        return _view(eqn, rewriter, splat, makers)
    if isinstance(lower, Reduce) and eqn.params["axis"] == () and eqn.inputs[0].type == eqn.out.type:
        return eqn.inputs
    if eqn.prim is contiguous_p and eqn.inputs[0].type.strides is None:
        return eqn.inputs
    if eqn.prim is ew.cast and eqn.inputs[0].type == eqn.out.type:
        return eqn.inputs
    if not isinstance(lower, Scalar) or eqn.prim is full_p or "index" in lower.expr:
        return None
    known = [splat(a) for a in eqn.inputs]
    if all(k is not None and k.expr is None for k in known) and eqn.out.type.strides is None:
        value = eqn.prim.evaluate(*(k.type.dtype.np.type(k.value) for k in known), **eqn.params)
        return _constant(eqn, rewriter, eqn.out.type.dtype.np.type(value).item())
    inputs = list(eqn.inputs)
    for i, literal in enumerate(known):
        if literal is None:
            plain = _unexpanded(inputs[i], makers)
        else:
            plain = literal
        if plain is not inputs[i]:
            trial = [*inputs[:i], plain, *inputs[i + 1 :]]
            shape = broadcast_shapes(*(a.type.shape for a in trial))
            if shape == eqn.out.type.shape and eqn.prim.infer(*(a.type for a in trial), **eqn.params) == eqn.out.type:
                inputs = trial
    if all(a is b for a, b in zip(inputs, eqn.inputs)):
        return None
    return rewriter.emit_like(eqn, eqn.prim, tuple(inputs), **eqn.params)


def _unexpanded(atom: Atom, makers: dict[Value, Eqn]) -> Atom:
    """What `atom` repeats: elementwise equations broadcast by themselves."""
    while isinstance(atom, Value) and atom in makers:
        eqn = makers[atom]
        added = eqn.prim is sh.reshape and eqn.inputs[0].type.shape == ()
        if eqn.prim is not sh.expand and not added:
            break
        atom = eqn.inputs[0]
    return atom


def _constant(eqn: Eqn, rewriter: Rewriter, value: Any) -> tuple[Atom, ...]:
    if eqn.out.type.shape == ():
        return (Literal(value, eqn.out.type.dtype),)
    return rewriter.emit_like(eqn, full_p, (), shape=eqn.out.type.shape, dtype=eqn.out.type.dtype,
                              value=value, device=eqn.out.type.device)  # fmt: skip


def copies(reshape: Eqn, shape: Shape) -> bool:
    """Whether what is reshaped can have this shape only in other memory."""
    assert isinstance(reshape.prim.lower, View)
    type = reshape.inputs[0].type
    strides = type.strides or contiguous_strides(type.shape)
    return reshape.prim.lower.layout(type.shape, strides, 0, shape=shape) is None


def _view(eqn: Eqn, rewriter: Rewriter, splat: Any, makers: dict[Value, Eqn]) -> tuple[Atom, ...] | None:
    (source,) = eqn.inputs
    known = splat(source)
    if known is not None and known.expr is None:
        return _constant(eqn, rewriter, known.value)
    if isinstance(source, Literal):
        return None
    below = makers.get(source)
    if eqn.prim in (sh.reshape, sh.expand) and eqn.params["shape"] == source.type.shape:
        return eqn.inputs
    if eqn.prim is sh.permute and eqn.params["dims"] == tuple(range(len(eqn.params["dims"]))):
        return eqn.inputs
    if eqn.prim is sh.slice_ and all(i == slice(None) for i in eqn.params["index"]):
        return eqn.inputs
    if below is None or below.prim is not eqn.prim:
        return None
    if eqn.prim in (sh.reshape, sh.expand):
        if eqn.params["shape"] == below.inputs[0].type.shape:
            return below.inputs
        if eqn.prim is sh.reshape and copies(below, below.params["shape"]) and copies(below, eqn.params["shape"]):
            return None  # a view of the one copy, rather than another copy
        return rewriter.emit_like(eqn, eqn.prim, below.inputs, shape=eqn.params["shape"])
    if eqn.prim is sh.permute:
        dims = tuple(below.params["dims"][d] for d in eqn.params["dims"])
        if dims == tuple(range(len(dims))):
            return below.inputs
        return rewriter.emit_like(eqn, eqn.prim, below.inputs, dims=dims)
    return None
