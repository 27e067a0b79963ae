"""Norms, condition numbers and ranks of matrices."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.factorizations import eigvalsh, svdvals
from symgrad.ops.linalg import inv as inv_p
from symgrad.ops.matrices import matrices, square_matrices, tolerance
from symgrad.ops.norms import vector_norm
from symgrad.ops.products import tensor_operands
from symgrad.ops.public import op
from symgrad.ops.reductions import amax, amin, keep_dims, sum
from symgrad.ops.shapes import normalize_dim, permute, reshape
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

_ORDERS = (1, -1, 2, -2, float("inf"), float("-inf"))


@op(namespace="linalg", method=False)
def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A norm of each matrix: "fro", "nuc", 1, -1, inf, -inf (sums of rows or columns), 2, -2 (singular values).

    Gradient: that of the sums, or of the singular values.

    >>> sg.linalg.matrix_norm(sg.tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    tensor_operands("linalg_matrix_norm", A=A)
    if A.ndim < 2:
        raise ShapeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    if isinstance(dim, int) or len(dim) != 2:
        raise ShapeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}")
    A = in_dtype(A, dtype, "linalg.matrix_norm")
    rows, columns = normalize_dim(dim[0], A.ndim), normalize_dim(dim[1], A.ndim)
    if rows == columns:
        raise ShapeError(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    axes = (rows, columns)
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise ShapeError(f"linalg.matrix_norm: Order {ord} not supported.")
        if ord == "fro":
            return vector_norm(A, 2, dim, keepdim)
        return keep_dims(sum(svdvals(at_end(A, axes)), -1), A.shape, axes, keepdim)
    if ord not in _ORDERS:
        raise ShapeError(f"linalg.matrix_norm: Order {ord} not supported.")
    extreme = largest if ord > 0 else amin
    if abs(ord) == 2:
        return keep_dims(extreme(svdvals(at_end(A, axes)), -1), A.shape, axes, keepdim)
    if abs(ord) != 1:
        rows, columns = columns, rows
    sums = vector_norm(A, 1, rows)
    return keep_dims(extreme(sums, columns - (columns > rows)), A.shape, axes, keepdim)


def largest(x: Tensor, dim: Any) -> Tensor:
    """The largest number along a dimension, none of which is negative: 0 of none."""
    return amax(x, dim) if x.shape[dim] else sum(x, dim)


def at_end(A: Tensor, axes: tuple[int, ...]) -> Tensor:
    """`A` with two dimensions moved to the end."""
    return permute(A, (*[d for d in range(A.ndim) if d not in axes], *axes))


def in_dtype(A: Tensor, dtype: Any, name: str) -> Tensor:
    """`A` in the dtype to compute in; floats and complex numbers have norms."""
    if not A.dtype.is_inexact:
        raise DTypeError(f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.name}",
                         hint="convert with .float()")  # fmt: skip
    if dtype is None:
        return A
    wanted = dtypes.as_dtype(dtype)
    if not wanted.is_inexact or wanted.is_complex != A.dtype.is_complex:
        raise DTypeError(f"{name}: the dtype of the result should be {'complex' if A.dtype.is_complex else 'real'}, "
                         f"but got {wanted.name}")
    if dtypes.promote_types(A.dtype, wanted) is not wanted:
        raise DTypeError(f"{name}: the dtype of the input ({A.dtype.name}) should be convertible without narrowing to "
                         f"the specified dtype ({wanted.name})")
    return A.to(wanted)  # type: ignore[attr-defined, no-any-return]


@op(namespace="linalg", method=False)
def norm(A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """A norm of a vector or of matrices: `vector_norm` for one dimension, `matrix_norm` for two.

    Without `ord` it is the 2-norm of all elements (of those along `dim`).

    >>> sg.linalg.norm(sg.tensor([3., 4.]))
    tensor(5.)
    """
    tensor_operands("linalg_norm", A=A)
    dims = (dim,) if isinstance(dim, int) else dim
    if dims is not None and len(dims) not in (1, 2):
        raise ShapeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {dim}")
    A = in_dtype(A, dtype, "linalg.norm")
    if ord is None:
        if dim is None:
            return keep_dims(vector_norm(reshape(A, (A.numel(),)), 2), A.shape, tuple(range(A.ndim)), keepdim)
        return vector_norm(A, 2, dim, keepdim)
    if dims is None:
        if A.ndim not in (1, 2):
            raise ShapeError("linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
                             f"{A.ndim}D.")
        dims = tuple(range(A.ndim))
    if len(dims) == 2:
        return matrix_norm(A, ord, dims, keepdim)
    if isinstance(ord, str):
        raise ShapeError(f"linalg.norm: Order {ord} not supported for vectors.")
    return vector_norm(A, ord, dims[0], keepdim)


@op(namespace="linalg", method=False)
def cond(A: Tensor, p: Any = None) -> Tensor:
    """Condition number of each matrix: norm(A) * norm(inv(A)), inf where there is no inverse.

    By default by singular values: the largest over the smallest.
    >>> sg.linalg.cond(sg.tensor([[4., 0.], [0., 2.]]))
    tensor(2.)
    """
    if p is None or p in (2, -2):
        matrices("linalg.cond", A)
        values = svdvals(A)
        if 0 in A.shape[-2:]:
            return sum(values, -1)
        first, last = values[..., 0], values[..., -1]
        return last / first if p == -2 else first / last  # type: ignore[no-any-return]
    square_matrices("linalg.cond", A)
    if p not in ("fro", "nuc", *_ORDERS):
        raise ShapeError(f"linalg.cond got an invalid norm type: {p}")
    if 0 in A.shape[-2:]:
        return sum(A.abs(), (-2, -1))  # type: ignore[attr-defined]
    from symgrad.ops.functional import where

    inverse, info = bind(inv_p, (A,), {"check": False})
    found = matrix_norm(A, p) * matrix_norm(where((info != 0)[..., None, None], float("inf"), inverse), p) \
        if p != "nuc" else matrix_norm(A, p) * matrix_norm(where((info != 0)[..., None, None], 0.0, inverse), p)
    return where(info != 0, float("inf"), found)


@op(namespace="linalg", method=False)
def matrix_rank(A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """Number of singular values above max(atol, rtol * largest).

    >>> sg.linalg.matrix_rank(sg.ones(3, 3))
    tensor(1)
    """
    matrices("linalg.matrix_rank", A)
    if tol is not None:
        atol, rtol = tol, 0.0
    if hermitian:
        square_matrices("linalg.matrix_rank", A)
    values = eigvalsh(A).abs() if hermitian else svdvals(A)  # type: ignore[attr-defined]
    values = values.detach()
    if 0 in values.shape:
        return sum(values, -1).to(dtypes.int64)  # type: ignore[attr-defined, no-any-return]
    least, relative = tolerance(A, atol, rtol)
    limit = relative * amax(values, -1)
    from symgrad.ops.functional import maximum

    return sum(values > maximum(least, limit)[..., None], -1)
