"""Tensors put together: one primitive, `cat`, and the functions that bring shapes into line for it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import concatenate

from symgrad.errors import InplaceError, ShapeError
from symgrad.ir.dims import Dim
from symgrad.ir.primitive import Choice
from symgrad.ir.types import TensorType
from symgrad.ops.promotion import convert, result_type
from symgrad.ops.public import op, with_out
from symgrad.ops.registry import primitive
from symgrad.ops.repeating import atleast_1d, atleast_2d, atleast_3d
from symgrad.ops.shapes import normalize_dim, reshape, slice_read, slice_write, unsqueeze
from symgrad.ops.strides import zeros_of
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind, made, ndarray


def _infer_cat(*types: TensorType, dim: int, sizes: Any) -> TensorType:
    check_extents(types, range(len(types)), dim)
    total = sizes[0]
    for extent in sizes[1:]:
        total = total + extent
    shape = types[0].shape
    return types[0].with_shape((*shape[:dim], total, *shape[dim + 1 :]))


def check_extents(shapes: Any, numbers: Any, dim: int) -> None:
    """Raise where tensors (or types) differ in another extent than `dim`; `numbers` are their places."""
    first = shapes[0].shape
    for number, x in zip(numbers, shapes):
        if len(x.shape) != len(first):
            raise ShapeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(x.shape)}")
        for d, (wanted, extent) in enumerate(zip(first, x.shape)):
            if d != dim and wanted != extent:
                raise ShapeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {int(wanted)} but got size "
                    f"{int(extent)} for tensor number {number} in the list.")


def _cat(np: Any, xs: Any, dim: Any) -> Any:
    """Row-major whatever the operands' order of memory is."""
    if xs[0].ndim == 1:
        return np.concatenate(xs)
    shape = list(xs[0].shape)
    shape[dim] = sum([x.shape[dim] for x in xs])
    return np.concatenate(xs, dim, out=np.empty(shape, xs[0].dtype))


FEW = 4
"""Tensors up to which joining them is loops: one for each."""


def _cat_formula(*xs: Any, dim: int, sizes: Any) -> Any:
    """Each part written to its place: the loops that compute the parts write them there."""
    if not 1 < len(xs) <= FEW or not xs[0].dtype.is_native or any(isinstance(size, Dim) for size in sizes):
        return None
    shape = xs[0].shape
    out = zeros_of((*shape[:dim], sum(sizes), *shape[dim + 1 :]), xs[0])
    for x, place in zip(xs, places_of(sizes, dim, len(shape))):
        out = slice_write(out, x, place)
    return out


cat_p = primitive(
    "cat", "*xs", params=("dim", "sizes"), infer=_infer_cat, array="_cat(np, xs, dim)", helpers={"_cat": _cat},
    lower=Choice(_cat_formula), grad=dict(xs=lambda g, dim, sizes: parts_of(g, sizes, dim)),
    doc="Tensors one after the other along an extent; `sizes` are theirs.", gradient="dxs = g cut into parts",
)  # fmt: skip


def parts_of(x: Tensor, sizes: Any, dim: int) -> tuple[Tensor, ...]:
    """`x` cut along `dim` into parts of the given sizes, as views."""
    return tuple([slice_read(x, place) for place in places_of(sizes, dim, x.ndim)])


def places_of(sizes: Any, dim: int, ndim: int) -> list[tuple[slice, ...]]:
    """The indices of parts of the given sizes, one after the other along `dim`."""
    before, after = (slice(None),) * dim, (slice(None),) * (ndim - dim - 1)
    starts = itertools.accumulate(map(int, sizes), initial=0)
    return [(*before, slice(start, start + int(size)), *after) for start, size in zip(starts, sizes)]


def as_list(tensors: Any, what: str) -> list[Tensor]:
    """The operands of a function over a sequence; TypeError for what is none."""
    if isinstance(tensors, Tensor) or not isinstance(tensors, Iterable):
        raise TypeError(f"{what}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
                        f"{type(tensors).__name__}")
    found = list(tensors)
    for i, x in enumerate(found):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
    return found


def _plain_cat(tensors: Any, dim: int) -> Tensor | None:
    """`cat` of arrays of one dtype; None for all else, errors included."""
    if not tensors or state.captures or type(dim) is not int:
        return None
    arrays: list[Any] = []
    dtype, recorded = None, False
    try:
        for x in tensors:
            data = x._data
            if type(data) is not ndarray or dtype is not None and data.dtype is not dtype:
                return None
            dtype = data.dtype
            if x._rg:
                recorded = True
            arrays.append(data)
        seen = concatenate(arrays, dim) if data.ndim == 1 else _cat(np, arrays, dim)
    except (AttributeError, ValueError, IndexError):  # told by the general way
        return None
    if not recorded:
        return wrap(seen)
    sizes = tuple([data.shape[dim] for data in arrays])
    return made(cat_p, tuple(tensors), {"dim": dim % seen.ndim, "sizes": sizes}, seen)  # type: ignore[no-any-return]


@op(aliases=("concat", "concatenate"), method=False, out=False)
def cat(tensors: Any, dim: int = 0, *, out: Any = None, axis: int | None = None) -> Tensor:
    """Tensors one after the other along a dimension; all other extents must be equal.

    Dtype: the promoted one
    Gradient: cut into parts
    Raises: RuntimeError where other extents differ
    >>> sg.cat([sg.tensor([1, 2]), sg.tensor([3.5])])
    tensor([1.0000, 2.0000, 3.5000])
    """
    if axis is not None:
        dim = axis
    if out is None and type(tensors) in (list, tuple) and (plain := _plain_cat(tensors, dim)) is not None:
        return plain
    given = as_list(tensors, "cat")
    if out is not None:
        if any(isinstance(out._data, np.ndarray) and np.may_share_memory(out._data, x._data) for x in given):
            raise InplaceError("unsupported operation: some elements of the input tensor and the written-to tensor "
                               "refer to a single memory location. Please clone() the tensor before performing the "
                               "operation.", hint="clone() it first")
        return with_out(cat)(given, dim, out=out)  # type: ignore[no-any-return]
    if not given:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    first = given[0]
    dtype = first.dtype
    kept = [(i, x) for i, x in enumerate(given) if tuple(x.shape) != (0,)]
    for i, x in enumerate(given):
        if not x.ndim:
            raise ShapeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    dtype = dtype if all(x.dtype is dtype for x in given) else result_type(*given)
    if not kept:
        normalize_dim(dim, 1)
        return convert(first, dtype).clone()  # type: ignore[no-any-return]
    place = normalize_dim(dim, kept[0][1].ndim)
    check_extents([x for _, x in kept], [i for i, _ in kept], place)
    parts = tuple(convert(x, dtype) for _, x in kept)
    return bind(cat_p, parts, {"dim": place, "sizes": tuple(x.shape[place] for x in parts)})


@op(method=False)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape along a new dimension.

    >>> sg.stack([sg.tensor([1, 2]), sg.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    given = as_list(tensors, "stack")
    if not given:
        raise ShapeError("stack expects a non-empty TensorList")
    place = normalize_dim(dim, given[0].ndim + 1)
    for i, x in enumerate(given):
        if tuple(x.shape) != tuple(given[0].shape):
            raise ShapeError(f"stack expects each tensor to be equal size, but got {list(given[0].shape)} at entry 0 "
                             f"and {list(x.shape)} at entry {i}")
    if not state.captures and not any([x._rg or x.dtype is not given[0].dtype for x in given]):
        return wrap(np.ascontiguousarray(np.stack([x._data for x in given], place)))
    return cat([unsqueeze(x, place) for x in given], place)


@op(method=False)
def hstack(tensors: Any) -> Tensor:
    """Tensors side by side: along the first dimension if they are 1-d, else the second.

    >>> sg.hstack((sg.tensor([1, 2]), sg.tensor([3])))
    tensor([1, 2, 3])
    """
    given = [atleast_1d(x) for x in nonempty(tensors, "hstack")]
    return cat(given, 0 if given[0].ndim == 1 else 1)


@op(method=False, aliases=("row_stack",))
def vstack(tensors: Any) -> Tensor:
    """Tensors below each other, 1-d ones as rows.

    >>> sg.vstack((sg.tensor([1, 2]), sg.tensor([3, 4]))).shape
    torch.Size([2, 2])
    """
    return cat([atleast_2d(x) for x in nonempty(tensors, "vstack")], 0)


@op(method=False)
def dstack(tensors: Any) -> Tensor:
    """Tensors behind each other, along the third dimension.

    >>> sg.dstack((sg.tensor([1, 2]), sg.tensor([3, 4]))).shape
    torch.Size([1, 2, 2])
    """
    return cat([atleast_3d(x) for x in nonempty(tensors, "dstack")], 2)


@op(method=False)
def column_stack(tensors: Any) -> Tensor:
    """Tensors side by side, 0-d and 1-d ones as columns.

    >>> sg.column_stack((sg.tensor([1, 2]), sg.tensor([3, 4])))
    tensor([[1, 3],
            [2, 4]])
    """
    given = nonempty(tensors, "column_stack")
    return hstack([x if x.ndim > 1 else reshape(x, (x.numel(), 1)) for x in given])


def nonempty(tensors: Any, what: str) -> list[Tensor]:
    """A sequence of at least one tensor."""
    given = as_list(tensors, what)
    if not given:
        raise ShapeError(f"{what} expects a non-empty TensorList")
    return given


@op(method=False, out=False)
def block_diag(*tensors: Any) -> Tensor:
    """A matrix with the given ones along its diagonal and zeros elsewhere.

    >>> sg.block_diag(sg.tensor([[1, 2]]), sg.tensor(3))
    tensor([[1, 2, 0],
            [0, 0, 3]])
    """
    from symgrad.ops.creation import zeros

    for i, x in enumerate(tensors):
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}")
        if x.ndim > 2:
            raise ShapeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
                             f"{x.ndim} dimensions")
    dtype = result_type(*[x if x.ndim else x.reshape(1) for x in tensors])
    blocks = [convert(atleast_2d(x), dtype) for x in tensors]
    out = zeros(sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks), dtype=dtype)
    row = column = 0
    for block in blocks:
        down, across = row + int(block.shape[0]), column + int(block.shape[1])
        out = slice_write(out, block, (slice(row, down), slice(column, across)))
        row, column = down, across
    return out
