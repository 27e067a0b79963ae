"""Windows that slide along a dimension, and their inverse, which adds windows up where they lie.

Each is the other's gradient. Windows over several dimensions are taken one dimension after the other:
then each addition runs over whole rows, and there are k + k of them for a window of k × k, not k × k.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.ir.primitive import Choice, View
from symgrad.ir.types import TensorType, contiguous_strides, same_layout
from symgrad.ops.registry import primitive
from symgrad.ops.shape import Layout, _infer_view
from symgrad.ops.strides import write_restrided, zeros_of
from symgrad.tensor.dispatch import bind
from symgrad.tensor.views import bind_view, writes_through


def span(size: int, dilation: int) -> int:
    """How far a window reaches: from its first element through its last."""
    return (size - 1) * dilation + 1


def window_count(length: int, size: int, step: int, dilation: int) -> int:
    """How many windows fit into `length` elements."""
    return (length - span(size, dilation)) // step + 1


def tiling(count: int, size: int, length: int, step: int, dilation: int) -> bool:
    """Whether the windows lie side by side and cover all elements."""
    return size == step and (dilation == 1 or size == 1) and count * size == length


def _unfold_layout(shape: Any, strides: Any, start: int, *, dim: int, size: int, step: int, dilation: int) -> Layout:
    if not shape:
        return (size,), (1,), start
    count = window_count(shape[dim], size, step, dilation)
    new = (*shape[:dim], count, *shape[dim + 1 :], size)
    return new, (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim] * dilation), start


def _windows(np: Any, x: Any, dim: Any, size: Any, step: Any, dilation: Any) -> Any:
    if not x.ndim:
        return np.lib.stride_tricks.as_strided(x, (size,), (x.itemsize,))
    count = (x.shape[dim] - (size - 1) * dilation - 1) // step + 1
    shape = (*x.shape[:dim], count, *x.shape[dim + 1 :], size)
    strides = (*x.strides[:dim], x.strides[dim] * step, *x.strides[dim + 1 :], x.strides[dim] * dilation)
    return np.lib.stride_tricks.as_strided(x, shape, strides)


def _memory_order(shape: Any, strides: Any) -> Any:
    """Dimensions from the slowest to the fastest; those of one element stay where they are."""
    several = iter(sorted([d for d, e in enumerate(shape) if e != 1], key=lambda d: -strides[d]))
    return [d if e == 1 else next(several) for d, e in enumerate(shape)]


def _infer_overlap_add(x: TensorType, dim: int, length: int, step: int, dilation: int) -> TensorType:
    count, size = x.shape[dim], x.shape[-1]
    if count and size and (count - 1) * step + span(size, dilation) > length:
        raise ShapeError(f"overlap_add: {count} windows of {size} elements, {step} apart, do not fit into {length}")
    shape = (*x.shape[:dim], length, *x.shape[dim + 1 : -1])
    given, strides, block = x.strides or contiguous_strides(x.shape), [1] * len(shape), 1
    for d in reversed(_memory_order(x.shape[:-1], given)):
        strides[d] = block
        block = block * shape[d]
    return x.with_shape(shape, None if same_layout(shape, tuple(strides)) else tuple(strides))


def _overlap_add(np: Any, x: Any, dim: Any, length: Any, step: Any, dilation: Any) -> Any:
    """One strided addition (assignment, where windows have nothing in common) for each place in the window."""
    count, size = x.shape[dim], x.shape[-1]
    shape = (*x.shape[:dim], length, *x.shape[dim + 1 : -1])
    order = _memory_order(x.shape[:-1], x.strides)
    out = np.zeros([shape[d] for d in order], x.dtype).transpose([order.index(d) for d in range(len(shape))])
    lead = (slice(None),) * dim
    for k in range(size if count else 0):
        start = k * dilation
        part = out[(*lead, slice(start, start + (count - 1) * step + 1, step))]
        if k and step <= (size - 1) * dilation:
            part += x[..., k]
        else:
            part[...] = x[..., k]
    return out


def _overlap_formula(x: Any, dim: int, length: int, step: int, dilation: int) -> Any:
    """Zeros with each place of the windows written to them, and their sum: a loop over the result that gathers.

    The result lies in memory in the order of the windows, as NumPy's would: its loop reads and writes runs.
    """
    count, size = x.shape[dim], x.shape[-1]
    if tiling(count, size, length, step, dilation):  # nothing to add: another order of the same elements
        return x.movedim(-1, dim + 1).reshape((*x.shape[:dim], length, *x.shape[dim + 1 : -1]))
    if not count or not 1 <= size <= FEW or not x.dtype.is_native:
        return None
    order = list(_memory_order(x.shape[:-1], x.stride()))
    if order != list(range(x.ndim - 1)):
        moved = _overlap_formula(x.permute(*order, x.ndim - 1), order.index(dim), length, step, dilation)
        return moved.permute(*(order.index(axis) for axis in range(x.ndim - 1)))
    out = empty = zeros_of((*x.shape[:dim], length, *x.shape[dim + 1 : -1]), x)
    whole, apart = (slice(None),) * dim, step > (size - 1) * dilation
    for k in range(size):
        index = (*whole, slice(k * dilation, k * dilation + (count - 1) * step + 1, step))
        part = x.slice_read((*(slice(None),) * (x.ndim - 1), k))
        if k == 0 or apart:
            out = out.slice_write(part, index)
        else:
            out = out + empty.slice_write(part, index)
    return out


FEW = 8
"""Sizes up to which windows are gathered by the loop that reads their sum."""

unfold = primitive(
    "unfold", "x", params=("dim", "size", "step", "dilation"), infer=_infer_view("unfold", _unfold_layout),
    array="_windows(np, x, dim, size, step, dilation)", helpers={"_windows": _windows}, lower=View(_unfold_layout),
    grad=dict(x=lambda g, x_shape, dim, step, dilation: _unfold_grad(g, x_shape, dim, step, dilation)),
    doc="Windows of `size` elements, `dilation` apart, along an extent, `step` apart, as a new last extent.",
    gradient="dx = the windows' cotangents added up where they lie",
)
overlap_add = primitive(
    "overlap_add", "x", params=("dim", "length", "step", "dilation"), infer=_infer_overlap_add,
    array="_overlap_add(np, x, dim, length, step, dilation)",
    helpers={"_overlap_add": _overlap_add, "_memory_order": _memory_order},
    lower=Choice(_overlap_formula),
    grad=dict(x=lambda g, x_shape, dim, step, dilation: _overlap_add_grad(g, x_shape, dim, step, dilation)),
    doc="Windows (the last extent) laid out along an extent of `length`, and added up where they overlap.",
    gradient="dx = the windows of g",
)  # fmt: skip


def windows(x: Any, dim: int, size: int, step: int = 1, dilation: int = 1) -> Any:
    """Windows of `size` elements along a dimension, as the last dimension of a view."""
    return bind_view(unfold, x, {"dim": dim, "size": size, "step": step, "dilation": dilation})


def add_windows(x: Any, dim: int, length: int, step: int = 1, dilation: int = 1) -> Any:
    """Windows laid out along a dimension of `length` elements and added up."""
    return bind(overlap_add, (x,), {"dim": dim, "length": length, "step": step, "dilation": dilation})


def _unfold_grad(g: Any, x_shape: Any, dim: int, step: int, dilation: int) -> Any:
    return add_windows(g, dim, x_shape[dim], step, dilation) if x_shape else g.sum()


def _overlap_add_grad(g: Any, x_shape: Any, dim: int, step: int, dilation: int) -> Any:
    count, size = x_shape[dim], x_shape[-1]
    if not count or not size:
        return zeros_of(x_shape, g)
    inside = g.slice_read((*(slice(None),) * dim, slice(0, (count - 1) * step + span(size, dilation))))
    return windows(inside, dim, size, step, dilation)


def _write_windows(base: Any, value: Any, params: Any) -> Any:
    stride = _unfold_layout(base.shape, contiguous_strides(base.shape), 0, **params)[1]
    return write_restrided(base.reshape(-1), value, stride, 0).reshape(base.shape)


writes_through(unfold, _write_windows)
