"""View primitives: other indexings of the same memory, and the write that inverts each.

Every declaration gives a *layout rule*, which maps element strides and offset; lowering absorbs a
view into the index of its reader. Views that change is undone by `slice_write` or by the inverse
view; this is what makes in-place changes functional inside a trace.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.errors import DimError, ShapeError
from symgrad.ir.primitive import View, Write
from symgrad.ir.types import TensorType, contiguous_strides
from symgrad.ops.registry import primitive
from symgrad.tensor.views import writes_through

Layout = tuple[tuple[int, ...], tuple[int, ...], int]


def _infer_view(name: str, layout: Any) -> Any:
    def infer(x: TensorType, **params: Any) -> TensorType:
        strides = x.strides or contiguous_strides(x.shape)
        found = layout(x.shape, strides, 0, **params)
        if found is None:
            return x.with_shape(params["shape"])
        return x.with_shape(found[0], found[1])

    infer.__name__ = f"infer_{name}"
    return infer


def _reshape_layout(shape: Any, strides: Any, offset: int, /, **params: Any) -> Layout | None:
    """Strides of a reshape without copy, or None (NumPy's `_attempt_nocopy_reshape`)."""
    new = params["shape"]
    if math.prod(new) != math.prod(shape):
        raise ShapeError(f"shape '{list(map(int, new))}' is invalid for input of size {math.prod(shape)}")
    if math.prod(shape) == 0:
        return new, contiguous_strides(new), offset
    old = [(e, s) for e, s in zip(shape, strides) if e != 1]
    out: list[int] = [1] * len(new)
    i, j = 0, 0
    while i < len(old) and j < len(new):
        oi, nj = i + 1, j + 1
        old_size, new_size = old[i][0], new[j]
        while old_size != new_size:
            if new_size < old_size:
                new_size = new_size * new[nj]
                nj += 1
            else:
                old_size = old_size * old[oi][0]
                oi += 1
        for k in range(i, oi - 1):
            if old[k][1] != old[k + 1][0] * old[k + 1][1]:
                return None
        step = old[oi - 1][1]
        for k in range(nj - 1, j - 1, -1):
            out[k] = step
            step = step * new[k]
        i, j = oi, nj
    for k in range(j, len(new)):
        out[k] = 1
    return new, tuple(out), offset


def _permute_layout(shape: Any, strides: Any, offset: int, *, dims: Any) -> Layout:
    return tuple(shape[d] for d in dims), tuple(strides[d] for d in dims), offset


def _expand_layout(old: Any, strides: Any, offset: int, /, **params: Any) -> Layout:
    shape = params["shape"]
    pad = len(shape) - len(old)
    out = [0] * pad
    for axis, (extent, stride) in enumerate(zip(old, strides)):
        wanted = shape[pad + axis]
        if extent != wanted and extent != 1:
            raise ShapeError(
                f"The expanded size of the tensor ({wanted}) must match the existing size ({extent}) "
                f"at non-singleton dimension {pad + axis}.  Target sizes: {list(map(int, shape))}.  "
                f"Tensor sizes: {list(map(int, old))}")
        out.append(stride if extent == wanted else 0)
    return shape, tuple(out), offset


def _slice_layout(shape: Any, strides: Any, offset: int, *, index: Any) -> Layout:
    """Basic indexing by ints, slices and Nones; dimensions not named are whole."""
    new_shape: list[int] = []
    new_strides: list[int] = []
    axis = 0
    for item in index:
        if item is None:
            new_shape.append(1)
            new_strides.append(0)
            continue
        extent, stride = shape[axis], strides[axis]
        if isinstance(item, slice):
            start, _, step = item.indices(extent)
            whole = item == slice(None)
            new_shape.append(extent if whole else len(range(*item.indices(extent))))
            new_strides.append(stride * step)
            offset = offset + start * stride
        else:
            if not -extent <= item < extent:
                raise DimError(f"index {item} is out of bounds for dimension {axis} with size {extent}")
            offset = offset + (item + extent if item < 0 else item) * stride
        axis += 1
    return (*new_shape, *shape[axis:]), (*new_strides, *strides[axis:]), offset


def _infer_write(x: TensorType, v: TensorType, index: Any) -> TensorType:
    part = _slice_layout(x.shape, x.strides or contiguous_strides(x.shape), 0, index=index)[0]
    if tuple(part) != tuple(v.shape):
        raise ShapeError(f"shape mismatch: value of shape {v.shape} cannot be written to a part of shape {part}")
    return x.with_shape(x.shape)


def _write(np: Any, x: Any, v: Any, index: Any) -> Any:
    out = x.copy()
    out[index] = v
    return out


reshape = primitive(
    "view", "x", params=("shape",), infer=_infer_view("reshape", _reshape_layout),
    array="x.reshape(shape)", lower=View(_reshape_layout),
    grad=dict(x=lambda g, x_shape: g.reshape(x_shape)),
    doc="The same elements, row-major, in another shape.", gradient="dx = g in x's shape",
)
permute = primitive(
    "permute", "x", params=("dims",), infer=_infer_view("permute", _permute_layout),
    array="np.transpose(x, dims)", lower=View(_permute_layout),
    grad=dict(x=lambda g, dims: g.permute(inverse_permutation(dims))),
    doc="Dimensions in another order.", gradient="dx = g in the inverse order",
)
expand = primitive(
    "expand", "x", params=("shape",), infer=_infer_view("expand", _expand_layout),
    array="np.broadcast_to(x, shape)", lower=View(_expand_layout),
    grad=dict(x=lambda g: g),  # accumulation sums g back to x's shape
    doc="Extents of 1 repeated without copying.", gradient="dx = g summed over repeated extents",
)
slice_ = primitive(
    "slice", "x", params=("index",), infer=_infer_view("slice", _slice_layout),
    array="x[(*index, ...)]", lower=View(_slice_layout),
    grad=dict(x=lambda g, x_shape, index: _spread(g, x_shape, index)),
    doc="Basic indexing by ints, slices and None.", gradient="dx = zeros with g at the index",
)
slice_write = primitive(
    "slice_write", "x v", params=("index",), infer=_infer_write,
    array="_write(np, x, v, index)", helpers={"_write": _write}, lower=Write(_slice_layout),
    grad=dict(x=lambda g, v_shape, index: g.slice_write(_zeros(v_shape, g), index),
              v=lambda g, index: g.slice_read(index)),
    doc="A copy of x with x[index] = v.", gradient="dx = g with zeros at the index, dv = g[index]",
)  # fmt: skip


def inverse_permutation(dims: tuple[int, ...]) -> tuple[int, ...]:
    """The order that undoes `dims`.

    >>> inverse_permutation((2, 0, 1))
    (1, 2, 0)
    """
    out = [0] * len(dims)
    for place, dim in enumerate(dims):
        out[dim] = place
    return tuple(out)


def _spread(g: Any, shape: Any, index: Any) -> Any:
    """Zeros of `shape` with g at the index; g itself where that is all there is (an extent of 1 taken away)."""
    if g.numel() == math.prod(shape) and not any(isinstance(i, slice) and (i.step or 1) < 0 for i in index):
        return g.reshape(shape)
    return _zeros(shape, g).slice_write(g, index)


def _zeros(shape: Any, like: Any) -> Any:
    from symgrad.ops.creation import zeros

    return zeros(shape, dtype=like.dtype, device=like.device)


def _reject_expand(base: Any, value: Any, params: Any) -> Any:
    from symgrad.errors import InplaceError

    raise InplaceError(
        "unsupported operation: more than one element of the written-to tensor refers to a single "
        "memory location", hint="clone() the tensor before writing to it")


writes_through(reshape, lambda base, value, params: value.reshape(base.shape))
writes_through(permute, lambda base, value, params: value.permute(inverse_permutation(params["dims"])))
writes_through(slice_, lambda base, value, params: base.slice_write(value, params["index"]))
writes_through(expand, _reject_expand)
