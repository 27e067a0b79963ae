"""Writing by index under PyTorch's names: `index_put` or `index_reduce` on a copy, with the checks of each.

The twins in place (`index_add_`, `scatter_`, …) write the result back; `x[index] = v` writes straight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DimError, DTypeError, ShapeError
from symgrad.ops.functional import convert, full_scalar, is_scalar, where
from symgrad.ops.gathering import broadcast_pair, positions, select
from symgrad.ops.index import index_reduce_p, put
from symgrad.ops.indexing import check_number, index_tensors, without_leading_ones
from symgrad.ops.public import op
from symgrad.ops.shapes import expand, normalize_dim, reshape, slice_read, slice_write
from symgrad.ops.subscripts import parse
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

WHOLE = slice(None)
HOW = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


def _line(x: Tensor) -> Tensor:
    """A 0-d tensor as a vector of one."""
    return reshape(x, (1,)) if x.ndim == 0 else x


def _number(value: Any, dtype: dtypes.DType) -> Tensor:
    """A number as a 0-d tensor of a dtype that can hold it."""
    check_number(value, dtype)
    return full_scalar(convert(value, dtype), dtype)


# -- scatter ------------------------------------------------------------------------------------


@op(inplace=True)
def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
            reduce: str | None = None) -> Tensor:  # fmt: skip
    """A copy of `input` with src[i, j, …] written where `gather` by `index` would read; `src` may be a number.

    Of several written to one place the last stays. `reduce`: "add" or "multiply" with what is there.
    Gradient: dinput = g with zeros at the indices, dsrc = g at the indices
    >>> sg.scatter(sg.zeros(2, 3), 1, sg.tensor([[2], [0]]), 5.0)
    tensor([[0., 0., 5.],
            [5., 0., 0.]])
    """
    if reduce not in (None, "add", "multiply"):
        raise DTypeError("reduce argument must be either add or multiply.")
    source = value if src is None else src
    if source is None:
        raise TypeError("scatter() missing 1 required argument: 'src' or 'value'")
    x, place, at, v = _scattered(input, dim, index, source, "scatter")
    if reduce == "multiply":
        return _combined(x, v, ((at,), (place,), True, False), "prod", True, input)
    return reshape(put(x, v, (at,), (place,), True, False, reduce == "add"), tuple(input.shape))


@op(inplace=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `input` with src[i, j, …] added where `gather` by `index` would read.

    Gradient: dinput = g, dsrc = g at the indices
    >>> sg.scatter_add(sg.zeros(3), 0, sg.tensor([0, 0, 2]), sg.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    x, place, at, v = _scattered(input, dim, index, src, "scatter_add")
    return reshape(put(x, v, (at,), (place,), True, False, True), tuple(input.shape))


@op(inplace=True)
def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *,
                   include_self: bool = True) -> Tensor:  # fmt: skip
    """A copy of `input` where all that `src` brings to one place is made one: "sum", "prod", "mean", "amax", "amin".

    What was there takes part unless `include_self` is False.
    >>> sg.scatter_reduce(sg.tensor([1.0, 1.0]), 0, sg.tensor([0, 0]), sg.tensor([5.0, 2.0]), "amax")
    tensor([5., 1.])
    """
    x, place, at, v = _scattered(input, dim, index, src, "scatter_reduce")
    return _combined(x, v, ((at,), (place,), True, False), reduce, include_self, input)


def _scattered(input: Tensor, dim: int, index: Tensor, src: Any, name: str) -> tuple[Tensor, int, Tensor, Tensor]:
    """The operands of a scatter, checked, none of them 0-d but a number."""
    place = normalize_dim(dim, input.ndim)
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError(f"{name}(): Expected dtype int32/int64 for index", hint="convert it with .long()")
    x, at = _line(input), _line(index)
    if at.ndim != x.ndim and index.numel():
        raise ShapeError("Index tensor must have the same number of dimensions as self tensor")
    large = any(m > n for d, (m, n) in enumerate(zip(at.shape, x.shape)) if d != place)
    shown = f"Expected index {list(map(int, index.shape))} to be no larger than self {list(map(int, input.shape))} " \
        f"apart from dimension {place}"  # fmt: skip
    if not isinstance(src, Tensor):
        if large:
            raise ShapeError(shown)
        return x, place, _fitted(at, x), _number(src, input.dtype)
    if src.dtype is not input.dtype:
        raise DTypeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    v = _line(src)
    if v.ndim != x.ndim and index.numel():
        raise ShapeError("Index tensor must have the same number of dimensions as src tensor")
    if large or any(m > n for m, n in zip(at.shape, v.shape)):
        raise ShapeError(f"{shown} and to be no larger size than src {list(map(int, src.shape))}")
    at = _fitted(at, x)
    if at.numel() == 0:
        return x, place, at, _number(0, input.dtype)
    if tuple(v.shape) != tuple(at.shape):
        v = slice_read(v, tuple(slice(0, int(e)) for e in at.shape))
    return x, place, at, v


def _fitted(at: Tensor, x: Tensor) -> Tensor:
    """An index without elements in as many dimensions as x has."""
    return at if at.ndim == x.ndim else reshape(at, (0,) + (1,) * (x.ndim - 1))


def _combined(x: Tensor, v: Tensor, places: Any, reduce: str, include_self: bool, like: Tensor) -> Tensor:
    """x with all of v that meets at one place made one, in the shape of `like`."""
    if reduce not in ("sum", "mean", *HOW):
        raise ShapeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    indices, dims, aligned, wrap = places
    if not include_self:
        x = put(x, _number(_neutral(reduce, x.dtype), x.dtype), *places)
    if reduce in HOW:
        params = {"dims": dims, "aligned": aligned, "wrap": wrap, "how": HOW[reduce]}
        return reshape(bind(index_reduce_p, (x, v, *indices), params), tuple(like.shape))
    out = put(x, v, indices, dims, aligned, wrap, True)
    if reduce == "mean":
        one = _number(1, x.dtype)
        counts = expand(one, tuple(x.shape))
        if not include_self:
            counts = put(counts, _number(0, x.dtype), *places)
        counts = put(counts, one, indices, dims, aligned, wrap, True)
        counts = where(counts == 0, 1, counts)
        out = out / counts if x.dtype.is_inexact else _floor(out, counts)
    return reshape(out, tuple(like.shape))


def _floor(a: Any, b: Any) -> Any:
    return a // b


def _neutral(reduce: str, dtype: dtypes.DType) -> Any:
    """The number that leaves every other as it is."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    low = reduce == "amax"
    if dtype.is_floating_point:
        return -float("inf") if low else float("inf")
    if dtype is dtypes.bool_:
        return not low
    info = np.iinfo(dtype.np)
    return int(info.min if low else info.max)


# -- whole slices along a dimension -------------------------------------------------------------


def _vector(index: Tensor, name: str) -> Tensor:
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError(f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.name}")
    if index.ndim > 1:
        raise DimError(f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim}")
    return _line(index)


def _slices(input: Tensor, dim: int, index: Tensor, source: Tensor, name: str) -> tuple[Tensor, int, Tensor, Tensor]:
    """The operands of a write of whole slices, checked; 0-d ones as vectors of one."""
    place = normalize_dim(dim, input.ndim)
    at = _vector(index, name)
    if source.dtype is not input.dtype:
        raise DTypeError(f"{name}(): self ({input.dtype.name}) and source ({source.dtype.name}) must have the same "
                         "scalar type", hint="convert one of them with .to()")  # fmt: skip
    x, v = _line(input), _line(source)
    count = v.shape[place] if place < v.ndim else 1
    if count != at.numel():
        kind = DimError if name == "index_copy_" else ShapeError
        raise kind(f"{name}(): Number of indices ({at.numel()}) should be equal to source.size(dim): ({count}), "
                   f"for dim: {place}")
    if (*x.shape[:place], count, *x.shape[place + 1 :]) != tuple(v.shape):
        raise ShapeError("source tensor shape must match self tensor shape, excluding the specified dimension. Got "
                         f"self.shape = {list(map(int, input.shape))} source.shape = {list(map(int, source.shape))}")
    return x, place, at, v


@op(inplace=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy of `input` with alpha times each slice of `source` added to the slice that `index` names.

    Gradient: dinput = g, dsource = alpha g at the indices
    >>> sg.index_add(sg.zeros(3), 0, sg.tensor([0, 2, 0]), sg.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    x, place, at, v = _slices(input, dim, index, source, "index_add_")
    if not (type(alpha) in (int, float) and alpha == 1):
        v = v * convert(alpha, input.dtype)
    return reshape(put(x, v, (at,), (place,), False, False, True), tuple(input.shape))


@op(inplace=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` with each slice of `source` in place of the slice that `index` names.

    Gradient: dinput = g with zeros at the indices, dsource = g at the indices
    >>> sg.index_copy(sg.zeros(3), 0, sg.tensor([2, 0]), sg.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    if index.dtype is not dtypes.int64:
        raise DTypeError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype.name}")
    x, place, at, v = _slices(input, dim, index, source, "index_copy_")
    return reshape(put(x, v, (at,), (place,), False, False), tuple(input.shape))


@op(inplace=True)
def index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
                 include_self: bool = True) -> Tensor:  # fmt: skip
    """A copy of `input` where the slices of `source` brought to one place are made one: "prod", "mean", "amax", "amin".

    >>> sg.index_reduce(sg.ones(2), 0, sg.tensor([1, 1]), sg.tensor([2.0, 5.0]), "prod")
    tensor([ 1., 10.])
    """
    if reduce not in ("mean", *HOW):
        raise ShapeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    x, place, at, v = _slices(input, dim, index, source, "index_reduce")
    return _combined(x, v, ((at,), (place,), False, False), reduce, include_self, input)


@op(inplace=True)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of `input` whose slices named by `index` are filled with one value.

    >>> sg.index_fill(sg.zeros(3), 0, sg.tensor([0, -1]), 7.0)
    tensor([7., 0., 7.])
    """
    place = normalize_dim(dim, input.ndim)
    if index.dtype is not dtypes.int64:
        raise DimError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise ShapeError("Index has to be a vector/scalar")
    filling = _filling(value, input.dtype, "index_fill_")
    return reshape(put(_line(input), filling, (_line(index),), (place,)), tuple(input.shape))


def _filling(value: Any, dtype: dtypes.DType, name: str) -> Tensor:
    """The one value of a fill as a 0-d tensor of its target's dtype."""
    if not isinstance(value, Tensor):
        return _number(value, dtype)
    if value.ndim:
        raise ShapeError(f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
                         "dimension(s).")
    return convert(value, dtype)  # type: ignore[no-any-return]


# -- by several indices, flat, or by a mask ------------------------------------------------------


@op(inplace=True)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `values` written to, or with `accumulate` added at, input[indices].

    >>> sg.index_put(sg.zeros(2, 2), (sg.tensor([0, 1]), sg.tensor([1, 0])), sg.tensor([1.0, 2.0]))
    tensor([[0., 1.],
            [2., 0.]])
    """
    for number, index in enumerate(indices):
        if not isinstance(index, Tensor):
            raise TypeError(f"expected Tensor as element {number} in argument 0, but got {type(index).__name__}")
    if sum(i.ndim if i.dtype in (dtypes.bool_, dtypes.uint8) else 1 for i in indices) > input.ndim:
        raise DimError(f"too many indices for tensor of dimension {input.ndim} (got {len(indices)})")
    vectors = tuple(_line(i) if i.dtype not in (dtypes.bool_, dtypes.uint8) else i for i in indices)
    dims, found = index_tensors(parse(vectors, input.shape), input, "index_put() by a mask")
    if all(i.ndim == 0 for i in indices) and values.ndim == input.ndim - len(indices):
        values = reshape(values, (1, *values.shape))
    return put(input, without_leading_ones(values, 0), found, dims, False, True, accumulate)  # type: ignore[no-any-return]


@op(name="put", inplace=True)
def put_flat(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `source` written to, or added at, places of its row-major order.

    >>> sg.put(sg.zeros(2, 2), sg.tensor([3, 0]), sg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 1.]])
    """
    if index.dtype is not dtypes.int64:
        raise DTypeError(f"put_(): Expected a long tensor for index, but got {index.dtype.name}")
    if source.dtype is not input.dtype:
        raise DTypeError("put_(): self and source expected to have the same dtype, but got self.dtype = "
                         f"{input.dtype.name} and source.dtype = {source.dtype.name}")
    if index.numel() != source.numel():
        raise DimError("put_(): Expected source and index to have the same number of elements, but got "
                       f"source.numel() = {source.numel()}, index.numel() = {index.numel()}")
    flat = put(reshape(input, (-1,)), reshape(source, (-1,)), (reshape(index, (-1,)),), (0,), False, True, accumulate)
    return reshape(flat, tuple(input.shape))


@op(inplace=True)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value`, a number or a 0-d tensor, where the bool `mask` holds.

    >>> sg.masked_fill(sg.tensor([1, 2, 3]), sg.tensor([True, False, True]), 0)
    tensor([0, 2, 0])
    """
    _check_bool(mask, "masked_fill_")
    return where(mask, _filling(value, input.dtype, "masked_fill_"), input)


@op(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """`input` with the elements of `source`, in their order, where the bool `mask` holds.

    >>> sg.masked_scatter(sg.zeros(3), sg.tensor([True, False, True]), sg.tensor([7.0, 8.0]))
    tensor([7., 0., 8.])
    """
    _check_bool(mask, "masked_scatter_")
    if source.dtype is not input.dtype:
        raise DTypeError("masked_scatter: expected self and source to have same dtypes but got "
                         f"{input.dtype.name} and {source.dtype.name}")
    x, mask = broadcast_pair(input, mask)
    (found,) = positions(reshape(mask, (-1,)), "the part that masked_scatter() writes")
    if source.numel() < found.numel():
        raise ShapeError("Number of elements of source < number of ones in mask")
    values = slice_read(reshape(source, (-1,)), (slice(0, found.numel()),))
    return reshape(put(reshape(x, (-1,)), values, (found,), (0,)), tuple(x.shape))


def _check_bool(mask: Tensor, name: str) -> None:
    if mask.dtype is not dtypes.bool_:
        raise DTypeError(f"{name} only supports boolean masks, but got mask with dtype {mask.dtype.name}",
                         hint="convert it with .bool()")  # fmt: skip


# -- the writes that mirror a view ---------------------------------------------------------------


@op(out=False)
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` whose part `select(dim, index)` is `src`.

    >>> sg.select_scatter(sg.zeros(2, 2), sg.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    _same_size(src, select(input, dim, index))
    place = normalize_dim(dim, input.ndim)
    at = (WHOLE,) * place + (int(index),) + (WHOLE,) * (input.ndim - place - 1)
    return slice_write(input, convert(src, input.dtype), at)


@op(out=False)
def slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, end: int | None = None,
                  step: int = 1) -> Tensor:  # fmt: skip
    """A copy of `input` whose places start … end of a dimension are `src`.

    >>> sg.slice_scatter(sg.zeros(3), sg.ones(2), 0, 1)
    tensor([0., 1., 1.])
    """
    if step <= 0:
        raise ShapeError("slice step must be positive")
    place = normalize_dim(dim, input.ndim)
    at = (WHOLE,) * place + (slice(start, end, step),) + (WHOLE,) * (input.ndim - place - 1)
    _same_size(src, slice_read(input, at))
    return slice_write(input, convert(src, input.dtype), at)


def _same_size(src: Tensor, part: Tensor) -> None:
    if tuple(src.shape) != tuple(part.shape):
        raise ShapeError("expected src to have a size equal to the slice of self. src size = "
                         f"{list(map(int, src.shape))}, slice size = {list(map(int, part.shape))}")
