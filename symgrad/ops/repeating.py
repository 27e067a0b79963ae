"""Elements repeated: broadcast without copying, tiled, and each one several times."""

from __future__ import annotations

import itertools
import math
import warnings
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError, TraceError
from symgrad.ir.types import broadcast_shapes as common_shape
from symgrad.ops.public import op
from symgrad.ops.shapes import expand, flatten, normalize_dim, reshape, sizes_of, unsqueeze
from symgrad.tensor import state
from symgrad.tensor.core import Size, Tensor, wrap


@op(out=False, top=False)
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`expand` to the shape of `other`.

    >>> sg.tensor([[1], [2]]).expand_as(sg.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return expand(input, tuple(other.shape))


@op(out=False, top=False)
def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """`input` summed over what broadcasting from `size` would have repeated.

    >>> sg.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    shape = sizes_of(size)
    pad = input.ndim - len(shape)
    if pad < 0 or any(e not in (1, input.shape[pad + i]) for i, e in enumerate(shape)):
        raise ShapeError(f"size {list(shape)} is not expandable to size {list(input.shape)}.")
    gone = [i for i, e in enumerate(input.shape) if i < pad or shape[i - pad] == 1 != e]
    return reshape(input.sum(gone), shape) if gone or not shape else input


@op(out=False)
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """`input` seen in a larger shape, extents of 1 repeated without copying.

    >>> sg.broadcast_to(sg.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, tuple(size))


@op(out=False, method=False)
def broadcast_shapes(*shapes: Any) -> Size:
    """The common shape of several, by the rule of broadcasting.

    >>> sg.broadcast_shapes((3, 1), (4,))
    torch.Size([3, 4])
    """
    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    if any(e < 0 for s in given for e in s):
        raise ShapeError("Trying to create tensor with negative dimension: "
                         f"{next(list(s) for s in given for e in s if e < 0)}")
    try:
        return Size(common_shape(*given))
    except ValueError as error:
        raise ShapeError(f"Shape mismatch: objects cannot be broadcast to a single shape: {given}") from error


@op(out=False, method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Tensors expanded to their common shape.

    >>> [tuple(x.shape) for x in sg.broadcast_tensors(sg.zeros(3, 1), sg.zeros(4))]
    [(3, 4), (3, 4)]
    """
    given = unpacked(tensors)
    shape = broadcast_shapes(*[tuple(x.shape) for x in given])
    return tuple(expand(x, tuple(shape)) for x in given)


def unpacked(tensors: Any) -> list[Tensor]:
    """Operands given one by one or as one sequence."""
    found = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)) else tensors
    for x in found:
        if not isinstance(x, Tensor):
            raise TypeError(f"expected Tensor, but got {type(x).__name__}")
    return list(found)


@op(out=False, top=False)
def repeat(input: Tensor, *repeats: Any) -> Tensor:
    """The whole tensor repeated along each dimension, new ones first, as a copy.

    Gradient: summed over the repeats
    >>> sg.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    times = sizes_of(repeats)
    if len(times) < input.ndim:
        raise ShapeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(n < 0 for n in times):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(times)}: {list(times)}")
    shape = (*(1,) * (len(times) - input.ndim), *input.shape)
    out = reshape(input, tuple(e for extent in shape for e in (1, extent)))
    out = expand(out, tuple(e for n, extent in zip(times, shape) for e in (n, extent)))
    return reshape(out.clone() if all(n == 1 for n in times) else out, tuple(n * e for n, e in zip(times, shape)))


@op(out=False)
def tile(input: Tensor, *dims: Any) -> Tensor:
    """`repeat`, where missing repeats in front count as 1 (NumPy's `tile`).

    >>> sg.tile(sg.tensor([[1, 2]]), (2,))
    tensor([[1, 2, 1, 2]])
    """
    times = sizes_of(dims)
    return repeat(input, (*(1,) * max(input.ndim - len(times), 0), *times))


@op(out=False)
def repeat_interleave(input: Tensor, repeats: Any = None, dim: int | None = None, *,
                      output_size: int | None = None) -> Tensor:  # fmt: skip
    """Each element (or slice along `dim`) repeated: all equally often, or as a tensor says.

    Gradient: summed over the repeats
    Raises: RuntimeError where there is not one repeat for each
    >>> sg.repeat_interleave(sg.tensor([1, 2]), sg.tensor([1, 3]))
    tensor([1, 2, 2, 2])
    """
    if repeats is None:
        return wrap(np.repeat(np.arange(input.numel()), counts_of(input)))
    if dim is None:
        input, dim = flatten(input), 0
    place = normalize_dim(dim, input.ndim)
    if not input.ndim:
        input = reshape(input, (1,))
    extent = input.shape[place]
    if isinstance(repeats, (list, tuple)):
        repeats = wrap(np.asarray(repeats, np.int64))
    if isinstance(repeats, Tensor):
        if repeats.ndim > 1 or repeats.ndim == 1 and repeats.shape[0] not in (1, extent):
            raise ShapeError("repeats must have the same size as input along dim, but got repeats.size(0) = "
                             f"{repeats.shape[0]} and input.size({place}) = {extent}" if repeats.ndim == 1 else
                             "repeats must be 0-dim or 1-dim tensor")
        counts = np.broadcast_to(counts_of(repeats), (int(extent),))
        total = int(counts.sum())
        if output_size is not None and output_size != total:
            raise ShapeError("allocated size does not match required size")
        return input[(*(slice(None),) * place, wrap(np.repeat(np.arange(int(extent)), counts)))]
    if repeats < 0:
        raise ShapeError("Repeats must be non-negative")
    if output_size is not None and output_size != repeats * extent:
        raise ShapeError(f"repeat_interleave: Invalid output_size, expected {repeats * extent} but got {output_size}")
    shape = tuple(input.shape)
    spread = expand(unsqueeze(input, place + 1), (*shape[: place + 1], repeats, *shape[place + 1 :]))
    spread = spread.clone() if repeats == 1 else spread
    return reshape(spread, (*shape[:place], extent * repeats, *shape[place + 1 :]))


def counts_of(repeats: Tensor) -> np.ndarray[Any, Any]:
    """Repeats as an array; a named error in a trace, where the result's extent would depend on data."""
    if state.capture() is not None:
        raise TraceError("repeat_interleave() by a tensor has a data-dependent shape", hint="repeat by an int")
    if repeats.dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError("repeats has to be Long or Int tensor")
    counts = repeats.detach().numpy()
    if (counts < 0).any():
        raise ShapeError("repeats can not be negative")
    return counts  # type: ignore[no-any-return]


def at_least(ndim: int, tensors: Any) -> Any:
    """One tensor, or each of several, with at least `ndim` dimensions (1 to 3)."""
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        x = tensors[0]
        if x.ndim >= ndim:
            return x
        if x.ndim == 0:
            return reshape(x, (1,) * ndim)
        return unsqueeze(x, 0) if ndim == 2 else unsqueeze(unsqueeze(x, 0) if x.ndim == 1 else x, -1)
    return tuple(at_least(ndim, (x,)) for x in unpacked(tensors))


@op(out=False, method=False)
def atleast_1d(*tensors: Any) -> Any:
    """0-d tensors with a dimension of 1; others as they are.

    >>> sg.atleast_1d(sg.tensor(1))
    tensor([1])
    """
    return at_least(1, tensors)


@op(out=False, method=False)
def atleast_2d(*tensors: Any) -> Any:
    """Tensors with at least two dimensions: 1-d ones become rows.

    >>> sg.atleast_2d(sg.tensor([1, 2])).shape
    torch.Size([1, 2])
    """
    return at_least(2, tensors)


@op(out=False, method=False)
def atleast_3d(*tensors: Any) -> Any:
    """Tensors with at least three dimensions: 1-d ones become [1, n, 1], 2-d ones [m, n, 1].

    >>> sg.atleast_3d(sg.tensor([1, 2])).shape
    torch.Size([1, 2, 1])
    """
    return at_least(3, tensors)


@op(out=False, method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Grids of coordinates from 1-d tensors, as views: "ij" in the given order, "xy" with the first two exchanged.

    >>> sg.meshgrid(sg.tensor([1, 2]), sg.tensor([3, 4, 5]), indexing="ij")[0]
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    given = unpacked(tensors)
    if not given:
        raise ValueError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        warnings.warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
                      UserWarning, stacklevel=2)
    elif indexing not in ("ij", "xy"):
        raise ShapeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for x in given:
        if x.ndim > 1:
            raise ShapeError("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                             f"{list(x.shape)}")
        if x.dtype is not given[0].dtype:
            raise DTypeError("torch.meshgrid expects all tensors to have the same dtype")
    given = [reshape(x, (1,)) if not x.ndim else x for x in given]
    swap = indexing == "xy" and len(given) > 1
    if swap:
        given[:2] = given[1::-1]
    shape = tuple(x.numel() for x in given)
    grids = [expand(reshape(x, tuple(x.numel() if i == d else 1 for i in range(len(given)))), shape)
             for d, x in enumerate(given)]  # fmt: skip
    if swap:
        grids[:2] = grids[1::-1]
    return tuple(grids)


@op(out=False, method=False)
def cartesian_prod(*tensors: Any) -> Tensor:
    """Every choice of one element from each 1-d tensor, as rows.

    >>> sg.cartesian_prod(sg.tensor([1, 2]), sg.tensor([4, 5])).shape
    torch.Size([4, 2])
    """
    from symgrad.ops.joining import stack

    given = unpacked(tensors)
    if any(x.ndim != 1 for x in given):
        raise ShapeError("Expect a 1D vector")
    if len(given) == 1:
        return given[0]
    return stack([g.flatten() for g in meshgrid(*given, indexing="ij")], 1)


@op(out=False)
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a 1-d tensor, in order, as rows.

    >>> sg.combinations(sg.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise ShapeError("Expect a 1D vector, but got shape " + str(list(input.shape)))
    if r < 0:
        raise ShapeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return input[:0].clone()
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(int(input.shape[0])), r))
    places = np.array(rows, np.int64).reshape(-1)
    count = len(rows)
    assert with_replacement or count == math.comb(int(input.shape[0]), r)
    return reshape(input[wrap(places)], (count, r))
