"""Products of many matrices, powers of one, and products along a dimension of vectors."""

from __future__ import annotations

from typing import Any

from symgrad.errors import DimError, DTypeError, ShapeError
from symgrad.ops.arrange import diagonal
from symgrad.ops.creation import eye, ones
from symgrad.ops.cumulative import cumprod
from symgrad.ops.joining import cat
from symgrad.ops.matrices import square_matrices
from symgrad.ops.products import dot, matmul, mm, tensor_operands
from symgrad.ops.public import op
from symgrad.ops.reductions import sum
from symgrad.ops.shapes import expand, normalize_dim, slice_read, slice_write, squeeze, unsqueeze
from symgrad.ops.solving import inv
from symgrad.tensor.core import Tensor


@op(namespace="linalg", method=False)
def multi_dot(tensors: Any) -> Tensor:
    """Product of two or more matrices, in the order of fewest multiplications; the first and last may be vectors.

    Raises: ShapeError for fewer than two, or inner extents that differ.
    Source: matrix chain multiplication, Cormen et al., 15.2.

    >>> sg.linalg.multi_dot([sg.ones(2, 3), sg.ones(3, 4), sg.ones(4)])
    tensor([12., 12.])
    """
    xs = list(tensors)
    tensor_operands("linalg_multi_dot", **{f"tensors[{i}]": x for i, x in enumerate(xs)})
    if len(xs) < 2:
        raise ShapeError(f"multi_dot(): expected at least 2 tensors but got {len(xs)}")
    row, column = xs[0].ndim == 1, xs[-1].ndim == 1
    if row:
        xs[0] = unsqueeze(xs[0], 0)
    if column:
        xs[-1] = unsqueeze(xs[-1], 1)
    for i, x in enumerate(xs):
        if x.ndim != 2:
            raise ShapeError(f"multi_dot(): the tensor at index {i} must be 2D but got {x.ndim}D")
        if x.dtype is not xs[0].dtype:
            raise DTypeError(f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {xs[0].dtype.name} "
                             f"and tensor {i} {x.dtype.name}")
    for i in range(len(xs) - 1):
        if xs[i].shape[1] != xs[i + 1].shape[0]:
            shown = [f"{int(x.shape[0])}x{int(x.shape[1])}" for x in xs[i : i + 2]]
            raise ShapeError(f"multi_dot(): tensors at index {i} and {i + 1} with shapes [{', '.join(shown)}] "
                             "cannot be multiplied")
    split = cheapest([int(xs[0].shape[0]), *[int(x.shape[1]) for x in xs]])

    def product(first: int, last: int) -> Tensor:
        if first == last:
            return xs[first]  # type: ignore[no-any-return]
        at = split[first, last]
        return mm(product(first, at), product(at + 1, last))

    out = product(0, len(xs) - 1)
    if row:
        out = squeeze(out, 0)
    return squeeze(out, -1) if column else out


def cheapest(extents: list[int]) -> dict[tuple[int, int], int]:
    """Where to split the chain first … last of matrices extents[i] x extents[i + 1].

    >>> cheapest([10, 100, 5, 50])[0, 2]
    1
    """
    cost: dict[tuple[int, int], int] = {}
    split: dict[tuple[int, int], int] = {}
    for length in range(len(extents) - 1):
        for first in range(len(extents) - 1 - length):
            last = first + length
            options = [
                (cost[first, at] + cost[at + 1, last] + extents[first] * extents[at + 1] * extents[last + 1], at)
                for at in range(first, last)]  # fmt: skip
            cost[first, last], split[first, last] = min(options, default=(0, first))
    return split


@op(method=False, out=False)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """Product of matrices, in the order of fewest multiplications; one alone is itself.

    >>> sg.chain_matmul(sg.ones(2, 3), sg.ones(3, 4), sg.ones(4, 1))
    tensor([[12.],
            [12.]])
    """
    for i, x in enumerate(matrices):
        if x.ndim != 2:
            raise ShapeError(f"chain_matmul(): Tensor at index {i} has {x.ndim} dimensions, expected 2")
    if not matrices:
        raise ShapeError("chain_matmul(): Expected one or more matrices")
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


@op(namespace="linalg", method=False)
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products along a dimension, the first operand conjugated; the other dimensions broadcast.

    >>> sg.linalg.vecdot(sg.ones(2, 3), sg.ones(3))
    tensor([3., 3.])
    """
    tensor_operands("linalg_vecdot", x=x, y=y)
    for t in (x, y):
        if not t.dtype.is_inexact:
            raise DTypeError(f"linalg.vecdot: Expected a floating point or complex tensor as input. Got {t.dtype.name}")
    if x.ndim and y.ndim and x.shape[normalize_dim(dim, x.ndim)] != y.shape[normalize_dim(dim, y.ndim)]:
        raise ShapeError(f"linalg.vecdot: Expected x and y to have the same number of elements in dim {dim}")
    if x.ndim == 1 and y.ndim == 1:
        return dot(x.conj(), y)  # type: ignore[attr-defined]
    return sum(x.conj() * y, dim)  # type: ignore[attr-defined]


@op
def cross(input: Tensor, other: Tensor, dim: Any = None) -> Tensor:
    """Vector product of 3-vectors along `dim` (by default the first dimension of extent 3).

    >>> sg.cross(sg.tensor([1., 0., 0.]), sg.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    tensor_operands("cross", input=input, other=other)
    if dim is None:
        found = [i for i, extent in enumerate(input.shape) if extent == 3]
        if not found:
            raise ShapeError("no dimension of size 3 in input")
        dim = found[0]
    return _cross("cross", input, other, dim)


@op(name="cross", namespace="linalg", method=False)
def linalg_cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Vector product of 3-vectors along `dim`; the other dimensions broadcast.

    >>> sg.linalg.cross(sg.tensor([1., 0., 0.]), sg.tensor([0., 1., 0.]))
    tensor([0., 0., 1.])
    """
    tensor_operands("linalg_cross", input=input, other=other)
    return _cross("linalg.cross", input, other, dim)


def _cross(name: str, a: Tensor, b: Tensor, dim: int) -> Tensor:
    if a.ndim != b.ndim:
        raise ShapeError(f"{name}: inputs must have the same number of dimensions.")
    if a.ndim == 0:
        raise DimError(f"Dimension out of range (expected to be in range of [-1, 0], but got {dim})")
    d = normalize_dim(dim, a.ndim)
    if a.shape[d] != 3 or b.shape[d] != 3:
        raise ShapeError(f"{name}: inputs dimension {dim} must have length 3. Got {int(a.shape[d])} and "
                         f"{int(b.shape[d])}")

    def rolled(x: Tensor, by: int) -> Tensor:
        """x's components turned: component i is x's component (i + by) mod 3."""
        before = (slice(None),) * d
        after = (slice(None),) * (x.ndim - d - 1)
        parts = [slice_read(x, (*before, part, *after)) for part in (slice(by, None), slice(0, by))]
        return cat(parts, d)  # type: ignore[no-any-return]

    return rolled(a, 1) * rolled(b, 2) - rolled(a, 2) * rolled(b, 1)  # type: ignore[no-any-return]


@op(namespace="linalg", method=False)
def matrix_power(A: Tensor, n: int) -> Tensor:
    """A^n for an integer n, by repeated squaring; of the inverse where n is negative.

    Gradient: that of the products it is made of.
    Cost: at most 2 log2(n) products.

    >>> sg.linalg.matrix_power(sg.tensor([[1., 1.], [0., 1.]]), 5)
    tensor([[1., 5.],
            [0., 1.]])
    """
    square_matrices("linalg.matrix_power", A)
    if n < 0:
        A, n = inv(A), -n
    if n == 0:
        one = expand(eye(A.shape[-1], dtype=A.dtype), tuple(A.shape))
        return slice_write(A, one, (slice(None),) * A.ndim)  # on the tape, with gradient 0, as in PyTorch
    if n == 1:
        return A.clone()  # type: ignore[attr-defined, no-any-return]
    if n == 3:
        return matmul(matmul(A, A), A)
    out = None
    while n:
        if n % 2:
            out = A if out is None else matmul(out, A)
        n //= 2
        if n:
            A = matmul(A, A)
    assert out is not None
    return out


@op(name="matrix_power")
def top_matrix_power(input: Tensor, n: int) -> Tensor:
    """A^n for an integer n; see `linalg.matrix_power`.

    >>> sg.matrix_power(sg.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    return matrix_power(input, n)


@op(namespace="linalg", method=False, out=False)
def vander(x: Tensor, *, N: Any = None) -> Tensor:  # noqa: N803 - PyTorch's name
    """Powers x^0 … x^(N-1) of each element, along a new last dimension; N is the extent of x by default.

    >>> sg.linalg.vander(sg.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    tensor_operands("linalg_vander", x=x)
    if x.ndim == 0 and N is None:
        raise ShapeError("linalg.vander: expected x to be a tensor of at least one dimension")
    x = x if x.ndim else unsqueeze(x, 0)
    count = x.shape[-1] if N is None else N
    if count <= 1:
        raise ShapeError(f"N must be greater than 1. Got {count}")
    powers = cumprod(expand(unsqueeze(x, -1), (*x.shape, count - 1)), -1)
    return cat([ones((*x.shape, 1), dtype=powers.dtype), powers], -1)


@op(name="diagonal", namespace="linalg", method=False, out=False)
def linalg_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of each matrix, as a view.

    >>> sg.linalg.diagonal(sg.tensor([[1., 2.], [3., 4.]]))
    tensor([1., 4.])
    """
    return diagonal(A, offset, dim1, dim2)
