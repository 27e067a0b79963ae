"""Norms of vectors, and distances: one primitive, and PyTorch's several names for it."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import composed
from symgrad.ops.public import PUBLIC, op
from symgrad.ops.reductions import axes_of, fold
from symgrad.tensor.core import Tensor


@op(namespace="linalg")
def vector_norm(x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """(sum of |x|^ord)^(1/ord) over `dim` (all by default); ord 0 counts what is not zero, inf is the largest.

    Dtype: real, of x's precision. Gradient: zero where the norm is zero.

    >>> sg.linalg.vector_norm(sg.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if isinstance(ord, str) or ord is None:
        raise TypeError(f"linalg_vector_norm(): argument 'ord' must be Number, not {type(ord).__name__}")
    if not x.dtype.is_inexact:
        raise DTypeError("linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
                         f"{x.dtype.name}", hint="convert with .float()")
    if dtype is not None:
        x = _converted(x, dtypes.as_dtype(dtype))
    if (ord < 0 or ord == float("inf")) and 0 in x.shape and any(x.shape[i] == 0 for i in axes_of(x, dim)):
        raise ShapeError(f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation "
                         "does not have an identity")  # fmt: skip
    return fold(composed.vector_norm, x, dim, keepdim, ord=float(ord))  # type: ignore[no-any-return]


def _converted(x: Tensor, dtype: Any) -> Tensor:
    if dtype.is_complex != x.dtype.is_complex:
        kind = "complex for complex" if x.dtype.is_complex else "real for real"
        raise DTypeError(f"linalg.vector_norm: dtype should be {kind} inputs, but got {dtype.name}")
    if dtypes.promote_types(x.dtype, dtype) is not dtype:
        raise DTypeError(f"linalg.vector_norm: the dtype of the input ({x.dtype.name}) should be convertible without "
                         f"narrowing to the specified dtype ({dtype.name})")
    return x.to(dtype)  # type: ignore[no-any-return]


@op
def norm(input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The p-norm over `dim` (all by default); "fro" is the 2-norm, "nuc" the sum of singular values of matrices.

    >>> sg.norm(sg.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(5.)
    """
    if isinstance(p, str) and not (p == "fro" and (dim is None or isinstance(dim, int) or len(dim) <= 2)):
        return PUBLIC["linalg.matrix_norm"].function(  # type: ignore[no-any-return]
            input, p, tuple(range(input.ndim)) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm(input, 2 if p is None or p == "fro" else p, dim, keepdim, dtype=dtype)


@op(out=False)
def dist(input: Tensor, other: Tensor, p: Any = 2) -> Tensor:
    """The p-norm of input - other.

    >>> sg.dist(sg.tensor([1.0, 2.0]), sg.tensor([4.0, 6.0]))
    tensor(5.)
    """
    return vector_norm(input - other, p)


@op(method=False, out=False)
def cdist(x1: Tensor, x2: Tensor, p: Any = 2.0, compute_mode: Any = None) -> Tensor:
    """The p-norm of the difference of each row of x1 and each row of x2.

    Shapes: [..., n, d], [..., m, d] -> [..., n, m]. Cost: the differences are laid out in memory.

    >>> sg.cdist(sg.tensor([[0.0, 0.0]]), sg.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]])
    """
    if x1.ndim < 2 or x2.ndim < 2:
        raise ShapeError(f"cdist only supports at least 2D tensors, X{1 if x1.ndim < 2 else 2} got: "
                         f"{min(x1.ndim, x2.ndim)}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise ShapeError("X1 and X2 must have the same number of columns. "
                         f"X1: {x1.shape[-1]} X2: {x2.shape[-1]}")
    if p < 0:
        raise ShapeError("cdist only supports non-negative p values")
    if not x1.shape[-1]:
        p = 2.0
    return vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)  # type: ignore[attr-defined]


@op(inplace=True)
def renorm(input: Tensor, p: Any, dim: int, maxnorm: Any) -> Tensor:
    """`input` with every slice along `dim` whose p-norm is above maxnorm scaled down to it.

    >>> sg.renorm(sg.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    from symgrad.ops.functional import where
    from symgrad.ops.shapes import normalize_dim

    axis = normalize_dim(dim, input.ndim)
    if p <= 0 or maxnorm < 0 or input.ndim < 2:
        raise ShapeError("renorm: expected a positive p, a maxnorm of at least 0 and two or more dimensions")
    others = tuple(i for i in range(input.ndim) if i != axis)
    size = vector_norm(input, p, others, keepdim=True)
    return input * where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)  # type: ignore[no-any-return]
