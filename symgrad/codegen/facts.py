"""What lowering asks of an equation: the space it loops over, what it folds, where it stores."""

from __future__ import annotations

from symgrad.ir.access import squeezed, strides_of
from symgrad.ir.graph import Eqn
from symgrad.ir.primitive import Reduce, View
from symgrad.ir.types import Shape, contiguous_strides


def eqn_space(eqn: Eqn) -> Shape:
    """The shape an equation loops over."""
    return eqn.inputs[0].type.shape if isinstance(eqn.prim.lower, (Reduce, View)) else eqn.out.type.shape


def folded_axes(eqn: Eqn) -> set[int]:
    """Numbers, among the axes that are not plainly 1, of those a reduction folds."""
    kept = squeezed(eqn.inputs[0].type.shape)
    return {n for n, axis in enumerate(kept) if axis in eqn.params["axis"]}


def folded(eqn: Eqn) -> bool:
    """Whether the equation folds more than one element into one."""
    return isinstance(eqn.prim.lower, Reduce) and bool(folded_axes(eqn))


def store_strides(eqn: Eqn) -> Shape:
    """Strides, along the extents the equation loops over, of where its result is stored."""
    if isinstance(eqn.prim.lower, View):  # a reshape by copy: row-major in the operand's extents
        return contiguous_strides(eqn.inputs[0].type.shape)
    full = strides_of(eqn.out.type)
    if not isinstance(eqn.prim.lower, Reduce):
        return full
    kept = iter(full)
    return tuple(0 if i in eqn.params["axis"] else next(kept) for i in range(eqn.inputs[0].type.ndim))


def note(eqn: Eqn) -> str:
    """The user's line an equation comes from: `file:line`, where the full path can be looked up."""
    return f"{eqn.loc.file}:{eqn.loc.line}" if eqn.loc is not None else ""
