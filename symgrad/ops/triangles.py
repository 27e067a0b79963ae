"""Triangles and diagonals of matrices: parts kept, put, and their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Composite
from symgrad.ir.types import TensorType
from symgrad.ops.arrange import diagonal, dims_of
from symgrad.ops.public import op
from symgrad.ops.registry import primitive
from symgrad.ops.shapes import flatten, normalize_dim
from symgrad.ops.strides import write_diagonal, zeros_of
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind


def _infer(x: TensorType, diagonal: int) -> TensorType:
    return x.with_shape(x.shape)


def _triangle(prim: Any, input: Tensor, diagonal: int) -> Any:
    if input.ndim < 2:
        raise ShapeError(f"{prim.name}: input tensor must have at least 2 dimensions")
    return bind(prim, (input,), {"diagonal": diagonal})


def _kept(x: Any, diagonal: int, lower: bool) -> Any:
    """x where column - row is at most (at least, for the upper part) `diagonal`, else 0."""
    from symgrad.ops.functional import where
    from symgrad.ops.ranges import arange

    rows, columns = x.shape[-2], x.shape[-1]
    place = arange(columns).reshape((1, columns)) - arange(rows).reshape((rows, 1))
    zero = False if x.dtype is dtypes.bool_ else 0
    return where(place <= diagonal if lower else place >= diagonal, x, wrapped(zero, x))


def wrapped(value: Any, like: Any) -> Any:
    """A 0-d tensor of `like`'s dtype."""
    from symgrad.ops.creation import full

    return full((), value, dtype=like.dtype, device=like.device)


tril_p = primitive(
    "tril", "x", params=("diagonal",), infer=_infer, array="np.ascontiguousarray(np.tril(x, diagonal))",
    lower=Composite(lambda x, diagonal: _kept(x, diagonal, True)),
    grad=dict(x=lambda g, diagonal: g.tril(diagonal)),
    doc="The lower triangle of the last two extents, zeros elsewhere.", gradient="dx = g's lower triangle",
)
triu_p = primitive(
    "triu", "x", params=("diagonal",), infer=_infer, array="np.ascontiguousarray(np.triu(x, diagonal))",
    lower=Composite(lambda x, diagonal: _kept(x, diagonal, False)),
    grad=dict(x=lambda g, diagonal: g.triu(diagonal)),
    doc="The upper triangle of the last two extents, zeros elsewhere.", gradient="dx = g's upper triangle",
)  # fmt: skip


@op(inplace=True)
def tril(input: Tensor, diagonal: int = 0) -> Any:
    """The lower triangle of each matrix, up to a diagonal; zeros above it.

    Gradient: its lower triangle
    >>> sg.tril(sg.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle(tril_p, input, diagonal)


@op(inplace=True)
def triu(input: Tensor, diagonal: int = 0) -> Any:
    """The upper triangle of each matrix, from a diagonal on; zeros below it.

    Gradient: its upper triangle
    >>> sg.triu(sg.ones(2, 2), 1)
    tensor([[0., 1.],
            [0., 0.]])
    """
    return _triangle(triu_p, input, diagonal)


@op
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """A matrix with a vector on its diagonal; or, of a matrix, its diagonal.

    >>> sg.diag(sg.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    return _diagonal(input, diagonal).clone()


_diagonal = diagonal


@op(out=False)
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices of zeros with the last dimension of `input` on their diagonals.

    >>> sg.diag_embed(sg.tensor([[1, 2]])).shape
    torch.Size([1, 2, 2])
    """
    rank = input.ndim + 1
    a, b = normalize_dim(dim1, rank), normalize_dim(dim2, rank)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    side = input.shape[-1] + abs(offset)
    shape = [*input.shape[:-1]]
    for d in sorted((a, b)):
        shape.insert(d, side)
    return write_diagonal(zeros_of(tuple(shape), input), input, offset, a, b)


@op(out=False)
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """A matrix with all elements of `input` on its diagonal.

    >>> sg.diagflat(sg.tensor([[1], [2]]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(flatten(input), offset)


@op(out=False)
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `src` on a diagonal.

    >>> sg.zeros(2, 2).diagonal_scatter(sg.ones(2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    a, b = dims_of((dim1, dim2), input.ndim)
    if tuple(_diagonal(input, offset, a, b).shape) != tuple(src.shape):
        raise ShapeError(f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, "
                         f"slice size = {list(_diagonal(input, offset, a, b).shape)}")
    return write_diagonal(input, src.to(input.dtype), offset, a, b)


def _indices(name: str, row: int, col: int, offset: int, dtype: Any, lower: bool) -> Tensor:
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if row < 0 or col < 0:
        raise ShapeError(f"row and col must be non-negative, got row={row}, col={col}")
    if kind not in (dtypes.int32, dtypes.int64):
        raise DTypeError(f'"{name}" not implemented for {kind.name}')
    i, j = np.indices((row, col))
    kept = j - i <= offset if lower else j - i >= offset
    return wrap(np.stack([i[kept], j[kept]]).astype(kind.np))


@op(method=False, out=False)
def tril_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
                 layout: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Rows and columns of the lower triangle's elements, row by row.

    >>> sg.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", row, col, offset, dtype, True)


@op(method=False, out=False)
def triu_indices(row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None,
                 layout: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Rows and columns of the upper triangle's elements, row by row.

    >>> sg.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices("triu_indices", row, col, offset, dtype, False)


@op(method=False, out=False)
def vander(x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of each element as rows, the highest first unless `increasing`.

    >>> sg.vander(sg.tensor([2, 3]), 3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    from symgrad.ops.joining import stack

    if x.ndim != 1:
        raise ShapeError("x must be a one-dimensional tensor.")
    count = int(x.shape[0]) if N is None else N
    if count < 0:
        raise ShapeError("N must be non-negative.")
    powers = [x**n for n in range(count)] or [x]
    out = stack(powers if increasing else powers[::-1], 1)
    return out if count else out[:, :0]
