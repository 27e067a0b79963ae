"""Reading by index under PyTorch's names: each is a view, or one `index` with the indices checked."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.dtypes import INTEGRAL, bool_, int32, int64
from symgrad.errors import DimError, DTypeError, ShapeError, TraceError
from symgrad.ir.types import broadcast_shapes
from symgrad.ops.index import index_p, put, read
from symgrad.ops.public import op
from symgrad.ops.ranges import arange
from symgrad.ops.shapes import expand, normalize_dim, reshape, slice_read
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.views import OPERANDS, bind_view, writes_through

WHOLE = slice(None)


@op(out=False)
def select(input: Tensor, dim: int, index: int) -> Tensor:
    """The part at `index` of dimension `dim`, which is gone from the result: a view.

    >>> sg.select(sg.tensor([[1, 2], [3, 4]]), 0, 1)
    tensor([3, 4])
    """
    if input.ndim == 0:
        raise DimError("select() cannot be applied to a 0-dim tensor.")
    place = normalize_dim(dim, input.ndim)
    index = int(index)
    if not -input.shape[place] <= index < input.shape[place]:
        raise DimError(f"select(): index {index} out of range for tensor of size {list(map(int, input.shape))} "
                       f"at dimension {place}")
    return slice_read(input, (WHOLE,) * place + (index,) + (WHOLE,) * (input.ndim - place - 1))


@op(out=False)
def narrow(input: Tensor, dim: int, start: Any, length: int) -> Tensor:
    """`length` places of dimension `dim`, from `start` on: a view.

    >>> sg.narrow(sg.tensor([1, 2, 3, 4]), 0, 1, 2)
    tensor([2, 3])
    """
    if input.ndim == 0:
        raise ShapeError("narrow() cannot be applied to a 0-dim tensor.")
    if isinstance(start, Tensor) and (start.ndim or start.dtype.category != INTEGRAL):
        raise ShapeError("start must be an 0-dim integral Tensor.")
    if isinstance(start, Tensor) and state.capture() is not None:
        return _narrow_in_trace(input, normalize_dim(dim, input.ndim), start, length)
    place, start = normalize_dim(dim, input.ndim), int(start)
    extent = input.shape[place]
    if length < 0:
        raise ShapeError("narrow(): length must be non-negative.")
    if not -extent <= start <= extent:
        raise DimError(f"start out of range (expected to be in range of [{-extent}, {extent}], but got {start})")
    start = start + extent if start < 0 else start
    if start + length > extent:
        raise ShapeError(f"start ({start}) + length ({length}) exceeds dimension size ({extent}).")
    return slice_read(input, (WHOLE,) * place + (slice(start, start + length),) + (WHOLE,) * (input.ndim - place - 1))


def _narrow_in_trace(x: Tensor, place: int, start: Tensor, length: int) -> Tensor:
    """A view whose place is known when the program runs."""
    from symgrad.ops.functional import where

    first = where(start < 0, start + x.shape[place], start).long()  # type: ignore[attr-defined]
    return placed_view(x, place, first + arange(length))


def placed_view(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """In a trace: the view of x at the places `index`, as they are now, of dimension `dim`."""
    operand = wrap(state.capture().value_of(index))
    return bind_view(index_p, x, {"dims": (dim,), "aligned": False, "wrap": True, OPERANDS: (operand,)})


writes_through(index_p, lambda base, value, params: put(
    base, value, params[OPERANDS], params["dims"], params["aligned"], params["wrap"]))  # fmt: skip


@op(out="exact")
def narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor:
    """`narrow` in memory of its own.

    >>> sg.tensor([1, 2, 3]).narrow_copy(0, 1, 2)
    tensor([2, 3])
    """
    return narrow(input, dim, start, length).clone()  # type: ignore[attr-defined, no-any-return]


@op(out="exact")
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The places of dimension `dim` that the vector `index` names, in its order.

    Gradient: dx = zeros with g added at the indices
    >>> sg.index_select(sg.tensor([[1, 2, 3], [4, 5, 6]]), 1, sg.tensor([2, 0]))
    tensor([[3, 1],
            [6, 4]])
    """
    place = normalize_dim(dim, input.ndim)
    if index.dtype not in (int32, int64):
        raise DTypeError("index_select(): Expected dtype int32 or int64 for index", hint="convert it with .long()")
    if index.ndim > 1:
        raise DimError("index_select(): Index is supposed to be a vector")
    if input.ndim == 0:
        if index.numel() != 1:
            raise ShapeError(f"index_select(): Index to scalar can have only 1 value, got {index.numel()} value(s)")
        return reshape(read(reshape(input, (1,)), (reshape(index, (1,)),), (0,), wrap=False), ())
    vector = reshape(index, (1,)) if index.ndim == 0 else index
    return read(input, (vector,), (place,), wrap=False)  # type: ignore[no-any-return]


@op(out="exact")
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """out[i, j, …] = input[i, j, …] with index[i, j, …] in place of the subscript of dimension `dim`.

    Shapes: index as input, no larger apart from `dim` -> index's
    Gradient: dx = zeros with g added at the indices
    >>> sg.gather(sg.tensor([[1, 2], [3, 4]]), 1, sg.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    return aligned_read(input, normalize_dim(dim, input.ndim), index, wrap=False)


def aligned_read(x: Tensor, dim: int, index: Tensor, wrap: bool) -> Tensor:
    """`gather` along `dim`, which is counted from the front."""
    extents, sizes = index.shape, x.shape
    if 0 in extents:
        return reshape(slice_read(reshape(x, (-1,)), (slice(0, 0),)), tuple(extents))
    kind = index.dtype
    if kind is not int64 and kind is not int32:
        raise DTypeError("gather(): Expected dtype int32/int64 for index", hint="convert it with .long()")
    if not extents or not sizes:
        if len(extents) > 1 or len(sizes) > 1:
            raise ShapeError("Index tensor must have the same number of dimensions as input tensor")
        return reshape(read(reshape(x, (-1,)), (reshape(index, (-1,)),), (0,), True, wrap), tuple(extents))
    if len(extents) != len(sizes):
        raise ShapeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (m, n) in enumerate(zip(extents, sizes)):
        if m > n and d != dim:
            raise ShapeError(f"Size does not match at dimension {d} expected index {list(map(int, extents))} to be no "
                             f"larger than self {list(map(int, sizes))} apart from dimension {dim}")
    return read(x, (index,), (dim,), True, wrap)  # type: ignore[no-any-return]


@op(out="exact")
def take(input: Tensor, index: Tensor) -> Tensor:
    """Elements of `input`, seen as one row-major vector, in the shape of `index`.

    >>> sg.take(sg.tensor([[1, 2], [3, 4]]), sg.tensor([3, 0]))
    tensor([4, 1])
    """
    if index.dtype is not int64:
        raise DTypeError(f"take(): Expected a long tensor for index, but got {index.dtype.name}",
                         hint="convert it with .long()")  # fmt: skip
    return read(reshape(input, (-1,)), (index,), (0,))  # type: ignore[no-any-return]


@op(out="exact")
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather` with both operands broadcast first; without `dim`, of the flat tensor.

    >>> x = sg.tensor([[3, 1], [2, 4]])
    >>> sg.take_along_dim(x, sg.tensor([[1], [0]]), 1)
    tensor([[1],
            [2]])
    """
    if indices.dtype is not int64:
        raise DTypeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.name}")
    if dim is None:
        return aligned_read(reshape(input, (-1,)), 0, reshape(indices, (-1,)), wrap=True)
    if input.ndim != indices.ndim:
        raise ShapeError("torch.take_along_dim(): input and indices should have the same number of dimensions, but "
                         f"got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices")
    place = normalize_dim(dim, input.ndim)
    if input.ndim:
        cut = [tuple(t.shape[:place]) + (1,) + tuple(t.shape[place + 1 :]) for t in (input, indices)]
        try:
            common = broadcast_shapes(*cut)
        except ValueError:
            raise ShapeError(f"take_along_dim(): shapes {list(input.shape)} and {list(indices.shape)} do not "
                             f"broadcast apart from dimension {place}") from None
        input, indices = (expand(t, (*common[:place], t.shape[place], *common[place + 1 :])) for t in (input, indices))
    return aligned_read(input, place, indices, wrap=True)


def positions(mask: Tensor, what: str) -> tuple[Tensor, ...]:
    """Where `mask` is not zero: one vector of indices per dimension."""
    if state.capture() is not None:
        raise TraceError(f"{what} has as many elements as the mask has ones, which is not known while tracing",
                         hint="use where(), masked_fill() or x[mask] = value in compiled code")  # fmt: skip
    return tuple(wrap(found) for found in np.nonzero(mask.array(what)))


@op(out="exact")
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements where the bool `mask` holds, as a vector; the two are broadcast.

    Gradient: dx = zeros with g at the selected places
    >>> sg.masked_select(sg.tensor([1, 2, 3]), sg.tensor([True, False, True]))
    tensor([1, 3])
    """
    if mask.dtype is not bool_:
        raise DTypeError("masked_select: expected BoolTensor for mask", hint="convert it with .bool()")
    x, mask = broadcast_pair(input, mask)
    (found,) = positions(reshape(mask, (-1,)), "masked_select()")
    return read(reshape(x, (-1,)), (found,), (0,))  # type: ignore[no-any-return]


def broadcast_pair(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both expanded to their common shape."""
    from symgrad.ops.registry import broadcast

    if a.shape == b.shape:
        return a, b
    shape = broadcast("masked_select", ("input", "mask"), (a.type_, b.type_))
    return expand(a, shape), expand(b, shape)


@op(out="exact")
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Subscripts of the elements that are not zero: one row each, or one vector per dimension.

    >>> sg.nonzero(sg.tensor([0, 5, 7]))
    tensor([[1],
            [2]])
    """
    if as_tuple:
        return positions(reshape(input, (1,)) if input.ndim == 0 else input, "nonzero()")
    if input.ndim == 0:
        return wrap(np.zeros((len(positions(reshape(input, (1,)), "nonzero()")[0]), 0), np.int64))
    return wrap(np.ascontiguousarray(np.stack([p._data for p in positions(input, "nonzero()")], axis=1)))


@op(out=False)
def argwhere(input: Tensor) -> Tensor:
    """Subscripts of the elements that are not zero, one row each.

    >>> sg.argwhere(sg.tensor([[0, 1], [1, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    return nonzero(input)  # type: ignore[no-any-return]
