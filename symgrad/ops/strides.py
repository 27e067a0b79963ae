"""Views that only strides can say (diagonals, any strides), and flips, which copy.

Each is an index map to the compiler. A write through a diagonal is a select along it; a write through
chosen strides is done by its array form. What is read more than once adds up in the gradient.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import ArrayCall, Composite, View
from symgrad.ir.types import TensorType, contiguous_strides
from symgrad.ops.registry import elementwise_strides, primitive
from symgrad.ops.shape import Layout, _infer_view
from symgrad.tensor.views import writes_through


def diagonal_length(rows: int, columns: int, offset: int) -> int:
    """How many elements the diagonal `offset` places above the main one has."""
    return max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)


def _diagonal_layout(shape: Any, strides: Any, start: int, *, offset: int, dim1: int, dim2: int) -> Layout:
    kept = [i for i in range(len(shape)) if i not in (dim1, dim2)]
    length = diagonal_length(shape[dim1], shape[dim2], offset)
    step = strides[dim1] + strides[dim2]
    first = start + (offset * strides[dim2] if offset >= 0 else -offset * strides[dim1]) if length else start
    return (*[shape[i] for i in kept], length), (*[strides[i] for i in kept], step), first


def _restride_layout(shape: Any, strides: Any, start: int, *, size: Any, stride: Any, offset: int) -> Layout:
    (step,) = strides
    return tuple(size), tuple(s * step for s in stride), start + offset * step


def _flip_layout(shape: Any, strides: Any, start: int, *, dims: Any) -> Layout:
    for d in dims:
        start = start + max(int(shape[d]) - 1, 0) * strides[d]
    return shape, tuple(-s if d in dims else s for d, s in enumerate(strides)), start


def _diagonal(np: Any, x: Any, offset: Any, dim1: Any, dim2: Any) -> Any:
    out = np.diagonal(x, offset, dim1, dim2)
    if hasattr(out, "setflags") and x.flags.writeable:
        out.setflags(write=True)
    return out


def _restride(np: Any, x: Any, size: Any, stride: Any, offset: Any) -> Any:
    return np.lib.stride_tricks.as_strided(x[offset:], size, tuple(s * x.strides[0] for s in stride))


def _restride_write(np: Any, x: Any, v: Any, stride: Any, offset: Any) -> Any:
    out = x.copy()
    np.lib.stride_tricks.as_strided(out[offset:], v.shape, tuple(s * out.itemsize for s in stride))[...] = v
    return out


def _restride_add(np: Any, g: Any, length: Any, stride: Any, offset: Any) -> Any:
    out = np.zeros(length, g.dtype)
    places = np.full(g.shape, offset)
    for axis, step in enumerate(stride):
        places += (np.arange(g.shape[axis]) * step).reshape([-1] + [1] * (g.ndim - axis - 1))
    np.add.at(out, places.reshape(-1), g.reshape(-1))
    return out


def _diagonal_write(np: Any, x: Any, v: Any, offset: Any, dim1: Any, dim2: Any) -> Any:
    out = x.copy()
    rows, columns = out.shape[dim1], out.shape[dim2]
    length = v.shape[-1]
    i = np.arange(length) + max(-offset, 0)
    j = np.arange(length) + max(offset, 0)
    if length and rows and columns:
        np.moveaxis(out, (dim1, dim2), (0, 1))[i, j] = np.moveaxis(v, -1, 0)
    return out


def _infer_diagonal_write(x: TensorType, v: TensorType, offset: int, dim1: int, dim2: int) -> TensorType:
    part = _diagonal_layout(x.shape, contiguous_strides(x.shape), 0, offset=offset, dim1=dim1, dim2=dim2)[0]
    if tuple(part) != tuple(v.shape):
        raise ShapeError(f"expected a diagonal of shape {part}, got {v.shape}")
    return x.with_shape(x.shape)


def _diagonal_write_formula(x: Any, v: Any, offset: int, dim1: int, dim2: int) -> Any:
    """v spread over rows, kept where column - row == offset."""
    from symgrad.ops.creation import zeros
    from symgrad.ops.functional import where
    from symgrad.ops.ranges import arange

    rows, columns = x.shape[dim1], x.shape[dim2]
    length = v.shape[-1]
    if not length:
        return x.clone()
    first = max(-offset, 0)
    if length != rows:
        wide = zeros((*v.shape[:-1], rows), dtype=v.dtype, device=v.device)
        part = (*(slice(None),) * (v.ndim - 1), slice(first, first + length))
        v = wide.slice_write(v, part)
    v = v.unsqueeze(-1).movedim((-2, -1), (dim1, dim2))
    i = arange(rows).reshape([rows if d == dim1 else 1 for d in range(x.ndim)])
    j = arange(columns).reshape([columns if d == dim2 else 1 for d in range(x.ndim)])
    return where(j - i == offset, v, x)


diagonal = primitive(
    "diagonal", "x", params=("offset", "dim1", "dim2"), infer=_infer_view("diagonal", _diagonal_layout),
    array="_diagonal(np, x, offset, dim1, dim2)", helpers={"_diagonal": _diagonal}, lower=View(_diagonal_layout),
    grad=dict(x=lambda g, x_shape, offset, dim1, dim2: write_diagonal(zeros_of(x_shape, g), g, offset, dim1, dim2)),
    doc="The elements x[i, i + offset] of two extents, as the last extent.", gradient="dx = g on the diagonal",
)
diagonal_write = primitive(
    "diagonal_write", "x v", params=("offset", "dim1", "dim2"), infer=_infer_diagonal_write,
    array="_diagonal_write(np, x, v, offset, dim1, dim2)", helpers={"_diagonal_write": _diagonal_write},
    lower=Composite(_diagonal_write_formula),
    grad=dict(
        x=lambda g, v_shape, offset, dim1, dim2: write_diagonal(g, zeros_of(v_shape, g), offset, dim1, dim2),
        v=lambda g, offset, dim1, dim2: g.diagonal(offset, dim1, dim2)),
    doc="A copy of x with v on a diagonal.", gradient="dx = g with zeros on the diagonal, dv = g's diagonal",
)
restride = primitive(
    "as_strided", "x", params=("size", "stride", "offset"), infer=_infer_view("as_strided", _restride_layout),
    array="_restride(np, x, size, stride, offset)", helpers={"_restride": _restride},
    lower=View(_restride_layout),
    grad=dict(x=lambda g, x_shape, stride, offset: add_restrided(g, x_shape[0], stride, offset)),
    doc="A flat tensor seen with any size, strides and offset.",
    gradient="dx = g added up where its elements lie",
)
restride_write = primitive(
    "as_strided_write", "x v", params=("stride", "offset"), infer=lambda x, v, stride, offset: x.with_shape(x.shape),
    array="_restride_write(np, x, v, stride, offset)", helpers={"_restride_write": _restride_write},
    lower=ArrayCall(),
    grad=dict(x=lambda g, v_shape, stride, offset: write_restrided(g, zeros_of(v_shape, g), stride, offset),
              v=lambda g, v_shape, stride, offset: see_restrided(g, v_shape, stride, offset)),
    doc="A copy of a flat tensor with v written at strided places.",
    gradient="dx = g with zeros at those places, dv = g there",
)
restride_add = primitive(
    "as_strided_add", "g", params=("length", "stride", "offset"),
    infer=lambda g, length, stride, offset: g.with_shape((length,)),
    array="_restride_add(np, g, length, stride, offset)", helpers={"_restride_add": _restride_add},
    lower=ArrayCall(),
    grad=dict(g=lambda g, g_shape, stride, offset: see_restrided(g, g_shape, stride, offset)),
    doc="Zeros, with g added at strided places: the gradient of as_strided.", gradient="dg = g at those places",
)
flip = primitive(
    "flip", "x", params=("dims",),
    infer=lambda x, dims: x.with_shape(x.shape, elementwise_strides(x.shape, (x,))),
    array="np.array(np.flip(x, dims), order='K')", lower=View(_flip_layout),
    grad=dict(x=lambda g, dims: g.flip(dims)),
    doc="The order of elements reversed along some extents, as a copy.", gradient="dx = g flipped back",
)  # fmt: skip


def _bits(np: Any, x: Any, kind: Any) -> Any:
    kind = np.dtype(kind)
    return x.view(kind) if x.ndim or kind.itemsize == x.itemsize else x.reshape(1).view(kind)


def _infer_bits(x: TensorType, dtype: Any) -> TensorType:
    old, new = x.dtype.itemsize, dtype.itemsize
    if old == new:
        return TensorType(x.shape, dtype, x.strides, x.device)
    strides = x.strides or contiguous_strides(x.shape)
    if not x.shape:
        raise DTypeError(f"self.dim() cannot be 0 to view {x.dtype.name} as {dtype.name} (different element sizes)")
    if int(strides[-1]) != 1:
        raise DTypeError(f"self.stride(-1) must be 1 to view {x.dtype.name} as {dtype.name} (different element "
                         f"sizes), but got {strides[-1]}")
    if new > old:
        ratio = new // old
        if x.shape[-1] % ratio or any(s % ratio for s in strides[:-1]):
            raise DTypeError(f"self.size(-1) must be divisible by {ratio} to view {x.dtype.name} as {dtype.name} "
                             f"(different element sizes), but got {x.shape[-1]}")
        shape, strides = (*x.shape[:-1], x.shape[-1] // ratio), (*[s // ratio for s in strides[:-1]], 1)
    else:
        ratio = old // new
        shape, strides = (*x.shape[:-1], x.shape[-1] * ratio), (*[s * ratio for s in strides[:-1]], 1)
    return TensorType(shape, dtype, strides, x.device)


bits = primitive(
    "bits", "x", params=("dtype",), infer=_infer_bits, array="_bits(np, x, dtype.np)", helpers={"_bits": _bits},
    lower=ArrayCall(), grad=dict(x=None), doc="The same memory read as another dtype.",
)  # fmt: skip


def zeros_of(shape: Any, like: Any) -> Any:
    """Zeros of `shape` in `like`'s dtype and device."""
    from symgrad.ops.creation import zeros

    return zeros(shape, dtype=like.dtype, device=like.device)


def write_diagonal(x: Any, v: Any, offset: int, dim1: int, dim2: int) -> Any:
    """A copy of x with v on a diagonal."""
    from symgrad.tensor.dispatch import bind

    return bind(diagonal_write, (x, v), {"offset": offset, "dim1": dim1, "dim2": dim2})


def write_restrided(x: Any, v: Any, stride: Any, offset: int) -> Any:
    """A copy of flat x with v at strided places."""
    from symgrad.tensor.dispatch import bind

    return bind(restride_write, (x, v), {"stride": stride, "offset": offset})


def add_restrided(g: Any, length: int, stride: Any, offset: int) -> Any:
    """Zeros of `length` with g added at strided places."""
    from symgrad.tensor.dispatch import bind

    return bind(restride_add, (g,), {"length": length, "stride": stride, "offset": offset})


def see_restrided(x: Any, size: Any, stride: Any, offset: int) -> Any:
    """A flat tensor seen with size, strides and offset."""
    from symgrad.tensor.views import bind_view

    return bind_view(restride, x.contiguous(), {"size": size, "stride": stride, "offset": offset})


writes_through(diagonal, lambda base, value, params: write_diagonal(base, value, **params))
writes_through(restride, lambda base, value, params: write_restrided(base, value, params["stride"], params["offset"]))
writes_through(bits, lambda base, value, params: value.view(base.dtype))
