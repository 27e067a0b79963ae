"""Tensors cut into parts along a dimension; every part is a view."""

from __future__ import annotations

from typing import Any

from symgrad.errors import DimError, ShapeError
from symgrad.ops.joining import parts_of
from symgrad.ops.public import op
from symgrad.ops.shapes import normalize_dim, slice_read
from symgrad.tensor.core import Tensor


def place_of(input: Tensor, dim: int, what: str) -> int:
    """The dimension to cut along; a 0-d tensor has none."""
    if not input.ndim:
        raise ShapeError(f"{what} expects at least a 1-dimensional tensor")
    return normalize_dim(dim, input.ndim)


@op(out=False)
def split(tensor: Tensor, split_size_or_sections: Any = None, dim: int = 0, *, split_size: Any = None) -> Any:
    """Parts of `split_size` elements (the last may be smaller), or of the sizes in a list.

    Raises: RuntimeError where a list of sizes does not add up
    >>> [p.tolist() for p in sg.arange(5).split(2)]
    [[0, 1], [2, 3], [4]]
    """
    size = split_size if split_size_or_sections is None else split_size_or_sections
    if not isinstance(size, int):
        return split_with_sizes(tensor, size, dim)
    place = place_of(tensor, dim, "split")
    extent = int(tensor.shape[place])
    if size < 0:
        raise ShapeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and extent:
        raise ShapeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {extent}")
    count = max((extent + size - 1) // size, 1) if size else 1
    return parts_of(tensor, [min(size, extent - i * size) for i in range(count)], place)


@op(out=False)
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> Any:
    """Parts of the given sizes, which must add up.

    >>> [p.tolist() for p in sg.arange(5).split_with_sizes([1, 4])]
    [[0], [1, 2, 3, 4]]
    """
    place = place_of(input, dim, "split")
    sizes, extent = list(split_sizes), int(input.shape[place])
    if any(s < 0 for s in sizes):
        raise ShapeError(f"split_with_sizes expects split_sizes have only non-negative entries, but got "
                         f"split_sizes={sizes}")
    if sum(sizes) != extent:
        raise ShapeError(f"split_with_sizes expects split_sizes to sum exactly to {extent} (input tensor's size at "
                         f"dimension {dim}), but got split_sizes={sizes}")
    return parts_of(input, sizes, place)


@op(out=False)
def chunk(input: Tensor, chunks: int, dim: int = 0) -> Any:
    """At most `chunks` parts, all but the last of one size.

    >>> [p.tolist() for p in sg.arange(5).chunk(3)]
    [[0, 1], [2, 3], [4]]
    """
    place = place_of(input, dim, "chunk")
    if chunks <= 0:
        raise ShapeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    extent = int(input.shape[place])
    if not extent:
        return parts_of(input, [0] * chunks, place)
    return split(input, -(-extent // chunks), place)


@op(out=False)
def tensor_split(input: Tensor, indices_or_sections: Any = None, dim: int = 0, *, sections: Any = None,
                 indices: Any = None) -> Any:  # fmt: skip
    """As many parts as `sections`, sizes differing by at most one; or cut in front of each index.

    >>> [p.tolist() for p in sg.arange(5).tensor_split(2)], [p.tolist() for p in sg.arange(5).tensor_split((1, 3))]
    ([[0, 1, 2], [3, 4]], [[0], [1, 2], [3, 4]])
    """
    given = next((v for v in (indices_or_sections, sections, indices) if v is not None), None)
    if not input.ndim:
        raise ShapeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    place = normalize_dim(dim, input.ndim)
    if isinstance(given, Tensor):
        if given.ndim > 1 or given.dtype.name != "int64":
            raise ShapeError("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                             f"one-dimensional tensor of long, but got {given.ndim} dims of {given.dtype.name}")
        given = given.tolist()
    extent = int(input.shape[place])
    if isinstance(given, int):
        if given <= 0:
            raise ShapeError(f"number of sections must be larger than 0, got {given}")
        small, more = divmod(extent, given)
        return parts_of(input, [small + (i < more) for i in range(given)], place)
    cuts = [0, *(given or ()), extent]
    before, after = (slice(None),) * place, (slice(None),) * (input.ndim - place - 1)
    return tuple(slice_read(input, (*before, slice(a, b if n < len(cuts) - 2 else None), *after))
                 for n, (a, b) in enumerate(zip(cuts, cuts[1:])))  # fmt: skip


def _along(input: Tensor, given: Any, dim: int, least: int, what: str) -> Any:
    if input.ndim < least:
        raise ShapeError(f"torch.{what} requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got "
                         f"a tensor with {input.ndim} dimensions!")
    if isinstance(given, int) and (given <= 0 or int(input.shape[dim]) % given):
        raise ShapeError(f"torch.{what} attempted to split along dimension {dim}, but the size of the dimension "
                         f"{int(input.shape[dim])} is not divisible by the split_size {given}!")
    return tensor_split(input, given, dim)


@op(out=False)
def hsplit(input: Tensor, indices_or_sections: Any) -> Any:
    """Cut along the second dimension (the first, if there is one only), sections of equal size.

    >>> [p.tolist() for p in sg.arange(4).hsplit(2)]
    [[0, 1], [2, 3]]
    """
    return _along(input, indices_or_sections, 0 if input.ndim == 1 else 1, 1, "hsplit")


@op(out=False)
def vsplit(input: Tensor, indices_or_sections: Any) -> Any:
    """Cut along the first dimension of at least two, sections of equal size.

    >>> [tuple(p.shape) for p in sg.zeros(4, 2).vsplit(2)]
    [(2, 2), (2, 2)]
    """
    return _along(input, indices_or_sections, 0, 2, "vsplit")


@op(out=False)
def dsplit(input: Tensor, indices_or_sections: Any) -> Any:
    """Cut along the third dimension, sections of equal size.

    >>> [tuple(p.shape) for p in sg.zeros(1, 2, 4).dsplit(2)]
    [(1, 2, 2), (1, 2, 2)]
    """
    return _along(input, indices_or_sections, 2, 3, "dsplit")


@op(out=False)
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The slices along a dimension, which goes away.

    >>> sg.tensor([[1, 2], [3, 4]]).unbind(1)
    (tensor([1, 3]), tensor([2, 4]))
    """
    if not input.ndim:
        raise DimError("Dimension specified as 0 but tensor has no dimensions")
    place = normalize_dim(dim, input.ndim)
    before, after = (slice(None),) * place, (slice(None),) * (input.ndim - place - 1)
    return tuple(slice_read(input, (*before, i, *after)) for i in range(int(input.shape[place])))
