"""Indexing by tensors as primitives: reading, and writing to a copy, each the other's gradient.

`dims` says which dimensions of x the index tensors choose from; they broadcast together and stand in
the result where the dimensions stood, or in front if those are not neighbours (NumPy's rule). With
`aligned`, every other dimension runs along with the one index tensor instead (gather, scatter).
`wrap` lets negative indices count from the end. NumPy checks bounds, before it writes; memory on a
device does not, so there the least and the greatest index are looked at first, which waits for them.
"""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import bool_, int32, int64
from symgrad.errors import DimError, DTypeError, GradError, ShapeError
from symgrad.ir.dims import Dim
from symgrad.ir.primitive import ArrayCall, Check, Choice, Gather
from symgrad.ir.types import TensorType, broadcast_shapes
from symgrad.ops.fills import coordinate
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.core import wrap
from symgrad.tensor.dispatch import bind, ndarray

PARAMS = ("dims", "aligned", "wrap")
NARROW = 2**31 - 1
"""Places along an extent that is no longer fit into an int32."""


def _chosen(x: TensorType, indices: Any, dims: Any, aligned: bool) -> tuple[int, ...]:
    """The shape of what the indices choose from x."""
    for index in indices:
        if index.dtype not in (int32, int64):
            raise DimError(f"tensors used as indices must be long, int, byte or bool tensors (got {index})")
    try:
        shape = broadcast_shapes(*(i.shape for i in indices))
    except ValueError:
        raise DimError("shape mismatch: indexing tensors could not be broadcast together with shapes "
                       + ", ".join(str(list(map(int, i.shape))) for i in indices)) from None
    if aligned:
        return shape
    rest = [e for d, e in enumerate(x.shape) if d not in dims]
    first = dims[0] if dims[-1] - dims[0] + 1 == len(dims) else 0
    return (*rest[:first], *shape, *rest[first:])


def _infer_index(x: TensorType, *indices: TensorType, dims: Any, aligned: bool, wrap: bool) -> TensorType:
    return x.with_shape(_chosen(x, indices, dims, aligned))


def _infer_put(x: TensorType, v: TensorType, *indices: TensorType, dims: Any, aligned: bool, wrap: bool,
               **how: Any) -> TensorType:  # fmt: skip
    shape = _chosen(x, indices, dims, aligned)
    if v.dtype is not x.dtype:
        raise DTypeError(f"Index put requires the source and destination dtypes match, got {x.dtype.name} for "
                         f"the destination and {v.dtype.name} for the source.")
    try:
        fits = broadcast_shapes(v.shape, shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"shape mismatch: value tensor of shape {list(map(int, v.shape))} cannot be broadcast "
                         f"to indexing result of shape {list(map(int, shape))}")
    return x.with_shape(x.shape)


def _places(np: Any, shape: Any, indices: Any, dims: Any, aligned: bool, wrap: bool, check: bool) -> Any:
    """What to index an array with: arrays, and whole dimensions or counts; bounds checked if they must be."""
    at = [slice(None)] * len(shape)
    for dim, index in zip(dims, indices):
        at[dim] = index
        check = check or getattr(index, "device", "cpu") != "cpu"
        if index.size and (check or not wrap):
            size, low = shape[dim], index.min()
            high = index.max() if check else 0
            if low < (-size if wrap else 0) or high >= size:
                found = int(high if high >= size else low)
                raise IndexError(f"index {found} is out of bounds for dimension {dim} with size {size}")
    if aligned:
        for dim, extent in enumerate(indices[0].shape):
            if dim not in dims:
                at[dim] = np.arange(extent).reshape((extent,) + (1,) * (len(shape) - dim - 1))
    return tuple(at)


def _flat_places(np: Any, shape: Any, at: Any) -> Any:
    """The places `at` as positions in row-major memory, in the shape of what they choose."""
    dims = [d for d in range(len(shape)) if not isinstance(at[d], slice)]
    rank = max(at[d].ndim for d in dims)
    whole = [d for d in range(len(shape)) if d not in dims]
    first = dims[0] if dims[-1] - dims[0] + 1 == len(dims) else 0
    total, step = 0, 1
    for dim in reversed(range(len(shape))):
        if dim in dims:
            index = np.asarray(at[dim], np.int64)
            index = np.where(index < 0, index + shape[dim], index) if index.size and index.min() < 0 else index
            index = index.reshape(index.shape + (1,) * (len(whole) - first))
        else:
            place = whole.index(dim) + (rank if whole.index(dim) >= first else 0)
            index = np.arange(shape[dim]).reshape((shape[dim],) + (1,) * (rank + len(whole) - place - 1))
        total = total + index * step
        step = step * shape[dim]
    return total


def _index(np: Any, x: Any, indices: Any, dims: Any, aligned: bool, wrap: bool) -> Any:
    at = _places(np, x.shape, indices, dims, aligned, wrap, False)
    if len(dims) == 1 and not aligned and x.ndim > 1 and x.size and x.flags.c_contiguous:
        return x.take(indices[0], dims[0])
    return np.asarray(x[at], order="C")


def _put(np: Any, out: Any, v: Any, indices: Any, dims: Any, aligned: bool, wrap: bool, how: str) -> Any:
    """Write v into `out`: the last of several wins, or all are combined by the ufunc named `how`."""
    if not how:
        out[_places(np, out.shape, indices, dims, aligned, wrap, False)] = v
    elif out.flags.c_contiguous:
        flat = _flat_places(np, out.shape, _places(np, out.shape, indices, dims, aligned, wrap, True))
        getattr(np, how).at(out.reshape(-1), flat.reshape(-1), np.broadcast_to(v, flat.shape).reshape(-1))
    else:
        getattr(np, how).at(out, _places(np, out.shape, indices, dims, aligned, wrap, True), v)
    return out


def _fresh(np: Any, x: Any) -> Any:
    """A row-major copy of x; of one zero repeated, memory that comes zeroed."""
    if x.ndim and not any(x.strides) and x.size and not x[(0,) * x.ndim]:
        return np.zeros(x.shape, x.dtype)
    return x.copy()


def _in_range(np: Any, index: Any, dim: int, size: Any, wrap: bool) -> Any:
    """The index with negatives counted from the end; an error where it is out of range."""
    if index.size:
        low, high = int(index.min()), int(index.max())
        if low < (-size if wrap else 0) or high >= size:
            found = high if high >= size else low
            raise IndexError(f"index {found} is out of bounds for dimension {dim} with size {size}")
        if low < 0:
            return np.where(index < 0, index + index.dtype.type(size), index)
    return index


_IN_RANGE = '''\
def _in_range(index, out, dim, size, wrap):
    """The index itself, negatives counted from the end; an error where it is out of range."""
    low = -size if wrap else 0
    for i in range(index.shape[0]):
        k = index[i]
        if k < low or k >= size:
            raise IndexError("index", k, "is out of bounds for dimension", dim, "with size", size)
        out[i] = k + size if k < 0 else k
'''
in_range = primitive(
    "in_range", "index", params=("dim", "size", "wrap"),
    infer=lambda index, dim, size, wrap: index.with_shape(index.shape), array="_in_range(np, index, dim, size, wrap)",
    helpers={"_in_range": _in_range}, lower=Check(_IN_RANGE),
    grad=dict(index=None), doc="The index itself, checked; negatives counted from the end.",
)


def _hits(x: Any, index: Any, dims: Any, aligned: bool, wrap: bool) -> Any:
    """Where the elements are that an index of one place along a dimension chooses; None for other indices."""
    (dim,) = dims if len(dims) == 1 else (None,)
    if dim is None or not aligned or int(index.shape[dim]) != 1 or isinstance(index.shape[dim], Dim):
        return None
    if x.dtype.is_complex or x.dtype.is_half or x.dtype is bool_ or tuple(index.shape) == tuple(x.shape):
        return None
    shape = tuple(x.shape) if x.ndim == index.ndim else None
    if shape is None or any(d != dim and int(a) != int(b) for d, (a, b) in enumerate(zip(shape, index.shape))):
        return None
    place = bind(in_range, (index,), {"dim": dim, "size": x.shape[dim], "wrap": wrap})
    dtype = int32 if int(shape[dim]) <= NARROW else int64  # half as wide: as many at once as there are float32 numbers
    counted = bind(coordinate, (), {"shape": shape, "axis": dim, "dtype": dtype, "device": x._data.type.device})
    return counted == (place if place.dtype is dtype else place.to(dtype))


def _read_formula(x: Any, *indices: Any, dims: Any, aligned: bool, wrap: bool) -> Any:
    """One element of each row: the sum of the row with all others zero, in the loop that makes the row."""
    from symgrad.ops.functional import where

    hits = _hits(x, indices[0], dims, aligned, wrap)
    return None if hits is None else where(hits, x, 0).sum(dims, keepdim=True)


def _put_formula(x: Any, v: Any, *indices: Any, dims: Any, aligned: bool, wrap: bool, accumulate: bool) -> Any:
    """One element of each row written: a choice at every element, in the loop that reads the row."""
    from symgrad.ops.functional import where

    hits = _hits(x, indices[0], dims, aligned, wrap)
    return None if hits is None else where(hits, v + x if accumulate else v, x)


def _apart(indices: Any, dims: Any, aligned: bool) -> bool:
    """Whether an index surely chooses no element twice: it has one place along the one dimension it is for."""
    return aligned and len(dims) == 1 and int(indices[0].shape[dims[0]]) == 1


HELPERS = {"_fresh": _fresh, "_places": _places, "_flat_places": _flat_places, "_put": _put}

index_p = primitive(
    "index", "x *indices", params=PARAMS, infer=_infer_index,
    array="_index(np, x, indices, dims, aligned, wrap)", helpers={"_places": _places, "_index": _index},
    lower=Gather(_read_formula, beside=True),
    grad=dict(x=lambda g, x_shape, indices, dims, aligned, wrap:
              put(_zeros(x_shape, g), g, indices, dims, aligned, wrap, not _apart(indices, dims, aligned)),
              indices=None),
    doc="Elements of x chosen by index tensors.", gradient="dx = zeros with g added at the indices",
)
index_put_p = primitive(
    "index_put", "x v *indices", params=(*PARAMS, "accumulate"), infer=_infer_put,
    array="_put(np, _fresh(np, x), v, indices, dims, aligned, wrap, 'add' if accumulate else '')",
    helpers=HELPERS, lower=Choice(_put_formula, beside=True),
    grad=dict(
        x=lambda g, indices, dims, aligned, wrap, accumulate:
            g if accumulate else put(g, _zero(g), indices, dims, aligned, wrap),
        v=lambda g, indices, dims, aligned, wrap: read(g, indices, dims, aligned, wrap),
        indices=None),
    doc="A copy of x with v written to, or added at, the places that index tensors choose.",
    gradient="dx = g, with zeros at the indices unless accumulated; dv = g at the indices",
)  # fmt: skip
index_reduce_p = primitive(
    "index_reduce", "x v *indices", params=(*PARAMS, "how"), infer=_infer_put,
    array="_put(np, _fresh(np, x), v, indices, dims, aligned, wrap, how)", helpers=HELPERS, lower=ArrayCall(),
    grad={("x", "v"): lambda g, x, v, out, indices, dims, aligned, wrap, how:
          (_product_gradients if how == "multiply" else _extremum_gradients)(
              g, x, v, out, (indices, dims, aligned, wrap), how),
          "indices": None},
    doc="A copy of x whose elements at the indices are multiplied, or compared, with those of v that meet there.",
    gradient="multiply: g times the product of the others; maximum, minimum: shared by those that equal the result",
    source="PyTorch, scatter_reduce",
)  # fmt: skip


def read(x: Any, indices: Any, dims: Any, aligned: bool = False, wrap: bool = True) -> Any:
    """Elements of x chosen by index tensors."""
    return bind(index_p, (x, *indices), {"dims": dims, "aligned": aligned, "wrap": wrap})


def put(x: Any, v: Any, indices: Any, dims: Any, aligned: bool = False, wrap: bool = True,
        accumulate: bool = False) -> Any:  # fmt: skip
    """A copy of x with v written to, or added at, the chosen places."""
    params = {"dims": dims, "aligned": aligned, "wrap": wrap, "accumulate": accumulate}
    return bind(index_put_p, (x, v, *indices), params)


def _added(x: Any, v: Any, places: Any) -> Any:
    indices, dims, aligned, wrap = places
    return put(x, v, indices, dims, aligned, wrap, accumulate=True)


def _zeros(shape: Any, like: Any) -> Any:
    """Zeros to write to a copy of: eagerly one of them, repeated."""
    data = like._data
    if type(data) is ndarray:
        return wrap(ndarray(shape, data.dtype, bytes(data.itemsize), 0, (0,) * len(shape)))
    return _zero(like).expand(shape)


def _zero(like: Any) -> Any:
    from symgrad.ops.creation import zeros

    return zeros((), dtype=like.dtype, device=like.device)


def _product_gradients(g: Any, x: Any, v: Any, out: Any, places: Any, how: str) -> Any:
    """Each factor's cotangent is g times the product of the others, also where one of them is zero."""
    from symgrad.ops.functional import where

    def multiplied(x: Any, v: Any) -> Any:
        indices, dims, aligned, wrap = places
        params = {"dims": dims, "aligned": aligned, "wrap": wrap, "how": how}
        return bind(index_reduce_p, (x, v, *indices), params)

    whole = where(x == 0, 1, x)
    dx = g * multiplied(whole, v) / whole
    zero = v == 0
    zeros_here = read(_added(_zeros(x.shape, v), zero.to(v.dtype), places), *places)
    if state.is_grad_enabled() and state.capture() is None and (zeros_here.array("a gradient") > 1).any():
        raise GradError("the second derivative of a product at an index where more than one factor is zero is not "
                        "supported")
    single = zero & (zeros_here == 1)
    others = multiplied(x, where(single, 1, v))
    dv = where(single, read(g * others, *places), read(g * out, *places) / where(zero, 1, v))
    return dx, dv


def _extremum_gradients(g: Any, x: Any, v: Any, out: Any, places: Any, how: str) -> Any:
    """Those that equal the result share its cotangent."""
    x_wins = (x == out).to(g.dtype)
    v_wins = (v == read(out, *places)).to(g.dtype)
    share = g / _added(x_wins, v_wins, places)
    return x_wins * share, v_wins * read(share, *places)
