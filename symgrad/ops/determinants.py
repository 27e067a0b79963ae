"""Determinants, traces and functions of square matrices."""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.ops import linalg as prims
from symgrad.ops.matrices import square_matrices
from symgrad.ops.products import tensor_operands
from symgrad.ops.public import op
from symgrad.ops.reductions import sum
from symgrad.ops.returns import returns
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

_linalg_slogdet, _slogdet = (returns(name, "sign logabsdet") for name in ("linalg_slogdet", "slogdet"))


@op
def trace(input: Tensor) -> Tensor:
    """Sum of the diagonal of a matrix.

    Gradient: g on the diagonal, 0 elsewhere.

    >>> sg.trace(sg.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    tensor_operands("trace", input=input)
    if input.ndim != 2:
        raise ShapeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return sum(input.diagonal())  # type: ignore[attr-defined]


@op(namespace="linalg", method=False)
def det(A: Tensor) -> Tensor:
    """Determinant of each matrix.

    Gradient: g times the conjugate cofactors, also where A is singular.
    Source: Giles 2008, 2.2.4.

    >>> sg.linalg.det(sg.tensor([[2., 1.], [0., 3.]]))
    tensor(6.)
    """
    square_matrices("linalg.det", A)
    return bind(prims.det, (A,), {})  # type: ignore[no-any-return]


@op(name="det")
def top_det(input: Tensor) -> Tensor:
    """Determinant of each matrix; see `linalg.det`.

    >>> sg.det(sg.tensor([[1., 2.], [3., 5.]]))
    tensor(-1.)
    """
    return det(input)


@op(namespace="linalg", method=False)
def slogdet(A: Tensor) -> Any:
    """Sign (phase, if complex) and logarithm of the absolute value of each determinant.

    Gradient: da = g a^-H, of the logarithm.
    Source: Giles 2008, 2.2.4.
    >>> sg.linalg.slogdet(sg.tensor([[-1., 0.], [0., 1.]])).sign
    tensor(-1.)
    """
    square_matrices("linalg.slogdet", A)
    return _linalg_slogdet(*bind(prims.slogdet, (A,), {}))


@op(name="slogdet")
def top_slogdet(input: Tensor) -> Any:
    """Sign and logarithm of the absolute value of each determinant; see `linalg.slogdet`.

    >>> sg.slogdet(sg.tensor([[-1., 0.], [0., 1.]])).sign
    tensor(-1.)
    """
    return _slogdet(*slogdet(input))


@op
def logdet(input: Tensor) -> Tensor:
    """Logarithm of each determinant: nan where that is negative, -inf where it is 0.

    >>> sg.logdet(sg.eye(3))
    tensor(0.)
    """
    square_matrices("logdet", input)
    sign, logabsdet = bind(prims.slogdet, (input,), {})
    if input.dtype.is_complex:
        return sign.log() + logabsdet  # type: ignore[no-any-return]
    from symgrad.ops.functional import where

    return where(sign == -1.0, float("nan"), logabsdet)


@op(namespace="linalg", method=False)
def matrix_exp(A: Tensor) -> Tensor:
    """Exponential of each matrix, the sum of A^k / k!.

    Gradient: the corner of the exponential of [[a^H, g], [0, a^H]].
    Source: Higham 2005; Mathias 1996.

    >>> sg.linalg.matrix_exp(sg.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    square_matrices("linalg.matrix_exp", A)
    return bind(prims.matrix_exp, (A,), {})  # type: ignore[no-any-return]


@op(name="matrix_exp")
def top_matrix_exp(input: Tensor) -> Tensor:
    """Exponential of each matrix; see `linalg.matrix_exp`.

    >>> sg.matrix_exp(sg.tensor([[0., 1.], [0., 0.]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return matrix_exp(input)
