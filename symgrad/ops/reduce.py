"""Reductions, and the one helper that sums as accurately as PyTorch does.

NumPy adds pairwise only along the fastest axis; over others its float32 sum loses digits. There the
helper accumulates in float64, as it does for float16 in float32.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.primitive import Composite, Reduce
from symgrad.ir.types import TensorType
from symgrad.ops.registry import primitive


def _infer_reduce(x: TensorType, axis: tuple[int, ...]) -> TensorType:
    return x.with_shape(tuple(e for i, e in enumerate(x.shape) if i not in axis))


def _row_major(np: Any, out: Any) -> Any:
    """A result as PyTorch lays it out, where NumPy kept the operand's order of memory."""
    return np.ascontiguousarray(out) if out.ndim > 1 and not out.flags.c_contiguous else out


def _sum(np: Any, x: Any, axis: Any) -> Any:
    kind = x.dtype.char
    if kind == "e" or (kind == "f" and len(axis) < x.ndim and (x.ndim - 1) not in axis):
        return _row_major(np, np.add.reduce(x, axis=axis, dtype="d").astype(x.dtype))
    return _row_major(np, np.add.reduce(x, axis=axis, dtype=x.dtype))


def _mean(np: Any, x: Any, axis: Any) -> Any:
    return _sum(np, x, axis) / x.dtype.type(_product(x.shape, axis))


def _product(shape: Any, axis: Any) -> Any:
    """The number of elements that a reduction over `axis` takes into one."""
    count = 1
    for i in axis:
        count = count * shape[i]
    return count


def _spread(g: Any, x_shape: Any, axis: Any) -> Any:
    """g with the reduced extents put back as 1, then repeated."""
    kept = tuple(1 if i in axis else e for i, e in enumerate(x_shape))
    return g.reshape(kept).expand(x_shape)


def _extreme_grad(g: Any, x: Any, out: Any, axis: Any) -> Any:
    hits = (x == _spread(out, x.shape, axis)).to(g.dtype)
    return hits * _spread(g / _count(hits, axis), x.shape, axis)


def _count(hits: Any, axis: Any) -> Any:
    return hits.sum(axis) if axis else hits


sum_ = primitive(
    "sum", "x", params=("axis",), infer=_infer_reduce, array="_sum(np, x, axis)",
    helpers={"_sum": _sum, "_row_major": _row_major}, lower=Reduce("add"),
    grad=dict(x=lambda g, x_shape, axis: _spread(g, x_shape, axis)),
    doc="Sum over the extents in axis (which go away).", gradient="dx = g repeated",
    source="pairwise summation: Higham, Accuracy and Stability, 4.2",
)
mean_ = primitive(
    "mean", "x", params=("axis",), infer=_infer_reduce, array="_mean(np, x, axis)", helpers={"_mean": _mean},
    lower=Composite(lambda x, axis: x.sum(axis) / _product(x.shape, axis) if axis else x / 1),
    grad=dict(x=lambda g, x_shape, axis: _spread(g / _product(x_shape, axis), x_shape, axis)),
    doc="Arithmetic mean over the extents in axis (which go away).",
    gradient="dx = g / count repeated",
)
amax = primitive(
    "amax", "x", params=("axis",), infer=_infer_reduce, array="_row_major(np, np.max(x, axis=axis))",
    helpers={"_row_major": _row_major}, lower=Reduce("max"), grad=dict(x=_extreme_grad),
    doc="Largest over the extents in axis; nan if any is.", gradient="shared equally among the largest",
)
amin = primitive(
    "amin", "x", params=("axis",), infer=_infer_reduce, array="_row_major(np, np.min(x, axis=axis))",
    helpers={"_row_major": _row_major}, lower=Reduce("min"), grad=dict(x=_extreme_grad),
    doc="Smallest over the extents in axis; nan if any is.", gradient="shared equally among the smallest",
)
