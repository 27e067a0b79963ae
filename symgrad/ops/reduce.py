"""Folds over axes, and the one helper that sums as accurately as PyTorch does.

NumPy adds pairwise only along the fastest axis; over others its float32 sum loses digits. There the
helper accumulates more than a few numbers in float64, as it does for float16 in float32.
"""

from __future__ import annotations

from typing import Any

from numpy import add, divide, empty

from symgrad.dtypes import BOOL
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Composite, Reduce
from symgrad.ir.types import TensorType
from symgrad.ops.elementwise import conj, where_
from symgrad.ops.registry import primitive
from symgrad.tensor.numbers import beside


def _infer_reduce(x: TensorType, axis: tuple[int, ...]) -> TensorType:
    return x.with_shape(tuple(e for i, e in enumerate(x.shape) if i not in axis))


def _infer_extreme(name: str) -> Any:
    def infer(x: TensorType, axis: tuple[int, ...]) -> TensorType:
        refuse_empty(name, x.shape, axis)
        if x.dtype.is_complex:
            raise DTypeError(f"{name}(): does not support complex input")
        return _infer_reduce(x, axis)

    return infer


def refuse_empty(name: str, shape: tuple[int, ...], axis: tuple[int, ...]) -> None:
    """PyTorch's error where there is nothing of which to take the largest."""
    if any(shape[i] == 0 for i in axis):
        raise ShapeError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                         "Specify the reduction dim with the 'dim' argument.")


def _infer_bool(x: TensorType, axis: tuple[int, ...]) -> TensorType:
    if x.dtype.category != BOOL:
        raise DTypeError(f"folds bools, not {x.dtype.name}", hint="convert with .bool()")
    return _infer_reduce(x, axis)


def _row_major(np: Any, out: Any) -> Any:
    """A result as PyTorch lays it out, where NumPy kept the operand's order of memory."""
    return np.ascontiguousarray(out) if out.ndim > 1 and not out.flags.c_contiguous else out


def _few(x: Any, axis: Any) -> bool:
    """Whether so few elements along one axis fold into each of many that NumPy's loop over them would be too short.

    Along the first axis it adds up whole rows by itself.
    """
    return len(axis) == 1 and 2 <= x.shape[axis[0]] < 8 and x.size > 1000 and axis[0] > 0


def _fold_few(fold: Any, rows: Any) -> Any:
    """Rows folded one after the other."""
    out = fold(rows[0], rows[1])
    for row in rows[2:]:
        fold(out, row, out=out)
    return out


def _extreme(np: Any, x: Any, axis: Any, largest: Any) -> Any:
    if _few(x, axis):
        return _row_major(np, _fold_few(np.maximum if largest else np.minimum, np.moveaxis(x, axis[0], 0)))
    return _row_major(np, x.max(axis=axis) if largest else x.min(axis=axis))


def _sum(np: Any, x: Any, axis: Any) -> Any:
    kind = x.dtype.char
    if _few(x, axis) and kind != "e":
        return _row_major(np, _fold_few(np.add, np.moveaxis(x, axis[0], 0)))
    across = len(axis) < x.ndim and (x.ndim - 1) not in axis
    if kind == "e" or (across and kind in "fF" and _product(x.shape, axis) > 8):
        return _row_major(np, np.add.reduce(x, axis=axis, dtype="D" if kind == "F" else "d").astype(x.dtype))
    if len(axis) == x.ndim:
        return np.asarray(np.add.reduce(x, axis, x.dtype))
    return _row_major(np, np.add.reduce(x, axis=axis, dtype=x.dtype))


def _quick_sum(slow: Any) -> Any:
    """Floats added up whole need no decisions."""

    def quick(x: Any, axis: Any) -> Any:
        if x.dtype.char in "fd" and len(axis) == x.ndim:
            return total(x)
        return slow(x, axis=axis)

    return quick


def _quick_mean(slow: Any) -> Any:
    """Divided where the sum lies, by a number that is an array already."""

    def quick(x: Any, axis: Any) -> Any:
        if x.dtype.char not in "fd" or not axis:
            return slow(x, axis=axis)
        out = sum_.evaluate(x, axis=axis)
        return divide(out, beside(_product(x.shape, axis), x.dtype), out)

    return quick


def total(x: Any) -> Any:
    """All elements added up, in an array of one; NumPy makes a number of it otherwise."""
    return add.reduce(x, axis=None, out=empty((), x.dtype))


def _prod(np: Any, x: Any, axis: Any) -> Any:
    wide = {"f": "d", "F": "D"}.get(x.dtype.char, x.dtype)
    return _row_major(np, np.multiply.reduce(x, axis=axis, dtype=wide).astype(x.dtype))


def _mean(np: Any, x: Any, axis: Any) -> Any:
    return _sum(np, x, axis) / x.dtype.type(_product(x.shape, axis))


def _product(shape: Any, axis: Any) -> Any:
    """The number of elements that a reduction over `axis` takes into one."""
    count = 1
    for i in axis:
        count = count * shape[i]
    return count


def spread(g: Any, x_shape: Any, axis: Any) -> Any:
    """g with the reduced extents put back as 1, then repeated."""
    if len(axis) == len(x_shape):
        return g.expand(x_shape)
    kept = tuple([1 if i in axis else e for i, e in enumerate(x_shape)])
    return g.reshape(kept).expand(x_shape)


def _extreme_grad(g: Any, x: Any, out: Any, axis: Any) -> Any:
    hits = (x == spread(out, x.shape, axis)).to(g.dtype)
    return hits * spread(g / _count(hits, axis), x.shape, axis)


def even_grad(g: Any, x: Any, out: Any, axis: Any) -> Any:
    """g shared equally by the elements equal to the result; by those that are nan, if it is nan."""
    found = spread(out, x.shape, axis)
    hits = (x == found) | ((found != found) & (x != x))
    return where_(hits, spread(g / _count(hits.to(g.dtype), axis), x.shape, axis), 0)


def _count(hits: Any, axis: Any) -> Any:
    return hits.sum(axis) if axis else hits


def _prod_grad(g: Any, x: Any, axis: Any) -> Any:
    """g times the product of all other elements, which is right beside zeros too."""
    if not axis:
        return g
    kept = tuple(i for i in range(x.ndim) if i not in axis)
    order = (*kept, *axis)
    rows = x.permute(order).reshape((*[x.shape[i] for i in kept], _product(x.shape, axis)))
    before, after = (others_scan(rows, reverse) for reverse in (False, True))
    inverse = tuple(order.index(i) for i in range(x.ndim))
    others = (before * after).reshape(tuple(x.shape[i] for i in order)).permute(inverse)
    return spread(g, x.shape, axis) * conj(others)


def others_scan(rows: Any, reverse: bool) -> Any:
    """Products along the last axis of all elements before (after) each."""
    from symgrad.ops.scans import cumprod, shifted
    from symgrad.tensor.dispatch import bind

    axis = rows.ndim - 1
    return shifted(bind(cumprod, (rows,), {"axis": axis, "reverse": reverse}), axis, not reverse, 1)


SUMS = {"_sum": _sum, "_row_major": _row_major, "_product": _product, "_few": _few, "_fold_few": _fold_few}
"""What `_sum` calls, for array forms that call it."""

_EXTREMES = {"_extreme": _extreme, "_row_major": _row_major, "_few": _few, "_fold_few": _fold_few}

sum_ = primitive(
    "sum", "x", params=("axis",), infer=_infer_reduce, array="_sum(np, x, axis)", quick=_quick_sum,
    helpers=SUMS, lower=Reduce("add"),
    grad=dict(x=lambda g, x_shape, axis: spread(g, x_shape, axis)),
    doc="Sum over the extents in axis (which go away).", gradient="dx = g repeated",
    source="pairwise summation: Higham, Accuracy and Stability, 4.2",
)
prod_ = primitive(
    "prod", "x", params=("axis",), infer=_infer_reduce, array="_prod(np, x, axis)",
    helpers={"_prod": _prod, "_row_major": _row_major}, lower=Reduce("mul"), grad=dict(x=_prod_grad),
    doc="Product over the extents in axis (which go away).", gradient="dx = g times the product of the others",
)
mean_ = primitive(
    "mean", "x", params=("axis",), infer=_infer_reduce, array="_mean(np, x, axis)",
    helpers={"_mean": _mean, **SUMS}, quick=_quick_mean,
    lower=Composite(lambda x, axis: x.sum(axis) / _product(x.shape, axis) if axis else x / 1),
    grad=dict(x=lambda g, x_shape, axis: spread(g / _product(x_shape, axis), x_shape, axis)),
    doc="Arithmetic mean over the extents in axis (which go away).",
    gradient="dx = g / count repeated",
)
amax = primitive(
    "amax", "x", params=("axis",), infer=_infer_extreme("amax"), array="_extreme(np, x, axis, True)",
    helpers=_EXTREMES, lower=Reduce("max"), grad=dict(x=_extreme_grad),
    doc="Largest over the extents in axis; nan if any is.", gradient="shared equally among the largest",
)
amin = primitive(
    "amin", "x", params=("axis",), infer=_infer_extreme("amin"), array="_extreme(np, x, axis, False)",
    helpers=_EXTREMES, lower=Reduce("min"), grad=dict(x=_extreme_grad),
    doc="Smallest over the extents in axis; nan if any is.", gradient="shared equally among the smallest",
)
max_ = primitive(
    "max", "x", params=("axis",), infer=_infer_extreme("max"), array="_extreme(np, x, axis, True)",
    helpers=_EXTREMES, lower=Reduce("max"), grad=dict(x=even_grad),
    doc="Largest over the extents in axis; nan if any is.",
    gradient="shared equally among the largest (among the nans, if the result is nan)",
)
min_ = primitive(
    "min", "x", params=("axis",), infer=_infer_extreme("min"), array="_extreme(np, x, axis, False)",
    helpers=_EXTREMES, lower=Reduce("min"), grad=dict(x=even_grad),
    doc="Smallest over the extents in axis; nan if any is.",
    gradient="shared equally among the smallest (among the nans, if the result is nan)",
)
any_ = primitive(
    "any", "x", params=("axis",), infer=_infer_bool, array="_row_major(np, x.any(axis=axis))",
    helpers={"_row_major": _row_major}, lower=Reduce("max"), grad=dict(x=None),
    doc="Whether some of the bools over the extents in axis hold.",
)
all_ = primitive(
    "all", "x", params=("axis",), infer=_infer_bool, array="_row_major(np, x.all(axis=axis))",
    helpers={"_row_major": _row_major}, lower=Reduce("min"), grad=dict(x=None),
    doc="Whether all of the bools over the extents in axis hold.",
)
