"""Products added to something: `beta * input + alpha * product`, PyTorch's addmm and its kin."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from symgrad import dtypes
from symgrad.errors import DimError, DTypeError, ShapeError
from symgrad.ops.products import bmm, mm, mv, of_rank, outer, same_dtype, tensor_operands
from symgrad.ops.public import op
from symgrad.ops.shapes import expand, permute, reshape, slice_write
from symgrad.tensor.core import Tensor


def scaled(x: Any, by: Any, name: str, strict: bool = False) -> Any:
    """`x` times a coefficient, of which integers take the integral part (refuse others, if `strict`)."""
    if not isinstance(by, (int, float, complex)):
        raise TypeError(f"argument '{name}' must be Number, not {type(by).__name__}")
    if not x.dtype.is_complex and isinstance(by, complex):
        raise DTypeError(f"value cannot be converted to type {x.dtype.name} without overflow")
    if x.dtype.category < dtypes.FLOATING and not isinstance(by, int):
        if strict:
            raise DTypeError(f"For integral input tensors, argument {name} must not be a floating point number.")
        by = int(by.real)
    if x.dtype is dtypes.bool_:
        return x if by else x & False
    return x if type(by) in (int, float, bool) and by == 1 else x * by


def added(input: Tensor, product: Tensor, beta: Any, alpha: Any, strict: bool = False) -> Tensor:
    """beta * input + alpha * product; with beta 0 nothing of input's values counts, not even nan."""
    product = scaled(product, alpha, "alpha", strict)
    if tuple(input.shape) != tuple(product.shape):
        input = expand(input, tuple(product.shape))
    if type(beta) in (int, float) and beta == 0:
        if not input.requires_grad:
            return product
        return slice_write(input, product, (slice(None),) * product.ndim)
    return scaled(input, beta, "beta", strict) + product  # type: ignore[no-any-return]


def rounded_once(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Of 16-bit floats, `function` computed in float32 and rounded at its end, not after each step."""

    @functools.wraps(function)
    def called(input: Any, *factors: Any, **scalars: Any) -> Tensor:
        given = (input, *factors)
        dtype = getattr(input, "dtype", None)
        if dtype is None or not dtype.is_half or any(getattr(x, "dtype", None) is not dtype for x in given):
            return function(input, *factors, **scalars)
        wide = [x.to(dtypes.float32) for x in given]
        return function(*wide, **scalars).to(dtype)  # type: ignore[attr-defined, no-any-return]

    return called


def _summand(input: Tensor, a: Tensor, b: Tensor) -> None:
    same_dtype(a, b)
    if input.dtype is not a.dtype:
        raise DTypeError(f"self and mat2 must have the same dtype, but got {input.dtype.name} and {b.dtype.name}",
                         hint="convert one of them with .to()")  # fmt: skip


@op(inplace=True)
@rounded_once
def addmm(input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2), `input` broadcast.

    Gradient: dinput = beta g, dmat1 = alpha g mat2^H, dmat2 = alpha mat1^H g.

    >>> sg.addmm(sg.ones(2), sg.eye(2), sg.eye(2), beta=2, alpha=3)
    tensor([[5., 2.],
            [2., 5.]])
    """
    of_rank("addmm", 2, mat1=mat1, mat2=mat2)
    tensor_operands("addmm", input=input)
    _summand(input, mat1, mat2)
    return added(input, mm(mat1, mat2), beta, alpha)


@op(inplace=True)
@rounded_once
def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec), `input` broadcast.

    >>> sg.addmv(sg.ones(2), sg.eye(2), sg.tensor([1., 2.]), alpha=10)
    tensor([11., 21.])
    """
    of_rank("addmv", 2, mat=mat)
    of_rank("addmv", 1, vec=vec)
    tensor_operands("addmv", input=input)
    _summand(input, mat, vec)
    return added(input, mv(mat, vec), beta, alpha)


@op(inplace=True)
@rounded_once
def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2), `input` broadcast.

    >>> sg.addr(sg.zeros(2, 2), sg.tensor([1., 2.]), sg.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    of_rank("addr", 1, vec1=vec1, vec2=vec2)
    tensor_operands("addr", input=input)
    return added(input, outer(vec1, vec2), beta, alpha, strict=True)


def batches(name: str, **operands: Any) -> None:
    """Refuse operands that are no batches of matrices; PyTorch meets a missing dimension as an index."""
    for word, x in operands.items():
        if isinstance(x, Tensor) and x.ndim < 3:
            raise DimError(f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got 2)",
                           hint=f"{name} takes {word} of 3 dimensions")
    of_rank(name, 3, **operands)


@op(inplace=True)
@rounded_once
def addbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * sum over b of batch1[b] @ batch2[b]: one product of two long matrices.

    >>> sg.addbmm(sg.zeros(2, 2), sg.ones(3, 2, 1), sg.ones(3, 1, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    tensor_operands("addbmm", input=input)
    batches("addbmm", batch1=batch1, batch2=batch2)
    _summand(input, batch1, batch2)
    (b, m, k), n = batch1.shape, batch2.shape[2]
    if tuple(batch2.shape[:2]) != (b, k):
        raise ShapeError("Expected size for first two dimensions of batch2 tensor to be: "
                         f"{[int(b), int(k)]} but got: {list(map(int, batch2.shape[:2]))}.")
    rows = reshape(permute(batch1, (1, 0, 2)), (m, b * k))
    return added(input, mm(rows, reshape(batch2, (b * k, n))), beta, alpha)


@op(inplace=True)
@rounded_once
def baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (batch1 @ batch2), batch by batch, `input` broadcast.

    >>> sg.baddbmm(sg.zeros(1, 2, 2), sg.ones(1, 2, 3), sg.ones(1, 3, 2), beta=0)
    tensor([[[3., 3.],
             [3., 3.]]])
    """
    tensor_operands("baddbmm", input=input)
    batches("baddbmm", batch1=batch1, batch2=batch2)
    _summand(input, batch1, batch2)
    return added(input, bmm(batch1, batch2), beta, alpha)
