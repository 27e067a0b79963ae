"""Writing whole slices, flat places, or where a mask holds, under PyTorch's names, on a copy.

The twins in place (`index_add_`, `masked_fill_`, …) write the result back; `x[index] = v` writes straight.
"""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DimError, DTypeError, ShapeError
from symgrad.ops.creation import full
from symgrad.ops.functional import convert, where
from symgrad.ops.gathering import broadcast_pair, positions, select
from symgrad.ops.index import put
from symgrad.ops.indexing import index_tensors, without_leading_ones
from symgrad.ops.public import op
from symgrad.ops.scattering import HOW, combined, line, number
from symgrad.ops.shapes import normalize_dim, reshape, slice_read, slice_write
from symgrad.ops.subscripts import is_mask, parse
from symgrad.ops.writing import Written, copied, fill_where, in_place
from symgrad.tensor.core import Tensor

WHOLE = slice(None)

def _vector(index: Tensor, name: str) -> Tensor:
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError(f"{name}(): Expected dtype int32/int64 for index but got: {index.dtype.name}")
    if index.ndim > 1:
        raise DimError(f"{name}(): Index is supposed to be a vector, but got dim: {index.ndim}")
    return line(index)


def _slices(input: Tensor, dim: int, index: Tensor, source: Tensor, name: str) -> tuple[Tensor, int, Tensor, Tensor]:
    """The operands of a write of whole slices, checked; 0-d ones as vectors of one."""
    place = normalize_dim(dim, input.ndim)
    at = _vector(index, name)
    if source.dtype is not input.dtype:
        raise DTypeError(f"{name}(): self ({input.dtype.name}) and source ({source.dtype.name}) must have the same "
                         "scalar type", hint="convert one of them with .to()")  # fmt: skip
    x, v = line(input), line(source)
    count = v.shape[place] if place < v.ndim else 1
    if count != at.numel():
        kind = DimError if name == "index_copy_" else ShapeError
        raise kind(f"{name}(): Number of indices ({at.numel()}) should be equal to source.size(dim): ({count}), "
                   f"for dim: {place}")
    scalar = not input.ndim and source.ndim and name != "index_copy_"
    if scalar or (*x.shape[:place], count, *x.shape[place + 1 :]) != tuple(v.shape):
        raise ShapeError("source tensor shape must match self tensor shape, excluding the specified dimension. Got "
                         f"self.shape = {list(map(int, input.shape))} source.shape = {list(map(int, source.shape))}")
    return x, place, at, v


def _plan_index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Written:
    x, place, at, v = _slices(input, dim, index, source, "index_add_")
    if not (type(alpha) in (int, float) and alpha == 1):
        v = v * convert(alpha, input.dtype)
    return Written(x, v, (at,), (place,), False, False, "add")


@op(out="exact", inplace=in_place("index_add_", _plan_index_add))
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """A copy of `input` with alpha times each slice of `source` added to the slice that `index` names.

    Gradient: dinput = g, dsource = alpha g at the indices
    >>> sg.index_add(sg.zeros(3), 0, sg.tensor([0, 2, 0]), sg.tensor([1.0, 2.0, 3.0]))
    tensor([4., 0., 2.])
    """
    return copied(input, _plan_index_add(input, dim, index, source, alpha=alpha))


def _plan_index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Written:
    if index.dtype is not dtypes.int64:
        raise DTypeError(f"index_copy_(): Expected a long tensor for index, but got {index.dtype.name}")
    x, place, at, v = _slices(input, dim, index, source, "index_copy_")
    return Written(x, v, (at,), (place,), False, False)


@op(out="exact", inplace=in_place("index_copy_", _plan_index_copy))
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` with each slice of `source` in place of the slice that `index` names.

    Gradient: dinput = g with zeros at the indices, dsource = g at the indices
    >>> sg.index_copy(sg.zeros(3), 0, sg.tensor([2, 0]), sg.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    return copied(input, _plan_index_copy(input, dim, index, source))


@op(out="exact", inplace=True)
def index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *,
                 include_self: bool = True) -> Tensor:  # fmt: skip
    """A copy of `input` where the slices of `source` brought to one place are made one: "prod", "mean", "amax", "amin".

    >>> sg.index_reduce(sg.ones(2), 0, sg.tensor([1, 1]), sg.tensor([2.0, 5.0]), "prod")
    tensor([ 1., 10.])
    """
    if reduce not in ("mean", *HOW):
        raise ShapeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    x, place, at, v = _slices(input, dim, index, source, "index_reduce")
    return combined(x, v, ((at,), (place,), False, False), reduce, include_self, input)


@op(out="exact", inplace=True)
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
    extent = input.shape[place] if input.ndim else 1
    named = put(full((extent,), False, dtype=dtypes.bool_), number(True, dtypes.bool_), (line(index),), (0,))
    mask = reshape(named, (extent,) + (1,) * (input.ndim - place - 1)) if input.ndim else reshape(named, ())
    return where(mask, filling, input)  # type: ignore[no-any-return]


def _filling(value: Any, dtype: dtypes.DType, name: str) -> Tensor:
    """The one value of a fill as a 0-d tensor of its target's dtype."""
    if not isinstance(value, Tensor):
        return number(value, dtype)
    if value.ndim:
        raise ShapeError(f"{name} only supports a 0-dimensional value tensor, but got tensor with {value.ndim} "
                         "dimension(s).")
    if value.dtype.is_complex and not dtype.is_complex:
        raise DTypeError(f"value cannot be converted to type {dtype.name} without overflow")
    return convert(value, dtype)  # type: ignore[no-any-return]


# -- by several indices, flat, or by a mask ------------------------------------------------------


def _plan_index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Written:
    for place, index in enumerate(indices):
        if not isinstance(index, Tensor):
            raise TypeError(f"expected Tensor as element {place} in argument 0, but got {type(index).__name__}")
    if sum(i.ndim if is_mask(i) else 1 for i in indices) > input.ndim:
        raise DimError(f"too many indices for tensor of dimension {input.ndim} (got {len(indices)})")
    if values.dtype is not input.dtype:
        raise DTypeError(f"Index put requires the source and destination dtypes match, got {input.dtype.name} for "
                         f"the destination and {values.dtype.name} for the source.")
    vectors = tuple(line(i) if not is_mask(i) else i for i in indices)
    dims, found = index_tensors(parse(vectors, input.shape), input, "index_put() by a mask")
    if all(i.ndim == 0 for i in indices) and values.ndim == input.ndim - len(indices):
        values = reshape(values, (1, *values.shape))
    return Written(input, without_leading_ones(values, 0), found, dims, False, True, "add" if accumulate else "")


@op(out="exact", inplace=in_place("index_put_", _plan_index_put))
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `values` written to, or with `accumulate` added at, input[indices].

    >>> sg.index_put(sg.zeros(2, 2), (sg.tensor([0, 1]), sg.tensor([1, 0])), sg.tensor([1.0, 2.0]))
    tensor([[0., 1.],
            [2., 0.]])
    """
    return copied(input, _plan_index_put(input, indices, values, accumulate))


def _plan_put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Written:
    if index.dtype is not dtypes.int64:
        raise DTypeError(f"put_(): Expected a long tensor for index, but got {index.dtype.name}")
    if source.dtype is not input.dtype:
        raise DTypeError("put_(): self and source expected to have the same dtype, but got self.dtype = "
                         f"{input.dtype.name} and source.dtype = {source.dtype.name}")
    if index.numel() != source.numel():
        raise DimError("put_(): Expected source and index to have the same number of elements, but got "
                       f"source.numel() = {source.numel()}, index.numel() = {index.numel()}")
    flat = [reshape(t, (-1,)) for t in (input, source, index)]
    return Written(flat[0], flat[1], (flat[2],), (0,), False, True, "add" if accumulate else "")


@op(name="put", out="exact", inplace=in_place("put_", _plan_put))
def put_flat(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `source` written to, or added at, places of its row-major order.

    >>> sg.put(sg.zeros(2, 2), sg.tensor([3, 0]), sg.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 1.]])
    """
    return copied(input, _plan_put(input, index, source, accumulate))


def masked_fill_(self: Tensor, mask: Tensor, value: Any) -> Tensor:
    """In-place version of `masked_fill`."""
    _check_bool(mask, "masked_fill_")
    filling = _filling(value, self.dtype, "masked_fill_")
    if len(mask.shape) > self.ndim or any(m not in (1, n) for m, n in zip(reversed(mask.shape), reversed(self.shape))):
        raise ShapeError(f"output with shape {list(map(int, self.shape))} doesn't match the broadcast shape of the "
                         f"mask's {list(map(int, mask.shape))}")
    fill_where(self, mask, filling)
    return self


@op(out="exact", inplace=masked_fill_)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """`input` with `value`, a number or a 0-d tensor, where the bool `mask` holds.

    >>> sg.masked_fill(sg.tensor([1, 2, 3]), sg.tensor([True, False, True]), 0)
    tensor([0, 2, 0])
    """
    _check_bool(mask, "masked_fill_")
    return where(mask, _filling(value, input.dtype, "masked_fill_"), input)


@op(out="exact", inplace=True)
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


@op(out="exact")
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
