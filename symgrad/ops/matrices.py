"""What functions of matrices check first, in PyTorch's words, and the tolerances they share."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.products import tensor_operands
from symgrad.ops.promotion import convert
from symgrad.tensor.core import Tensor


def matrices(name: str, A: Tensor) -> None:
    """Refuse what is no batch of float or complex matrices."""
    if not isinstance(A, Tensor):
        tensor_operands(name.replace(".", "_"), A=A)
    if A.ndim < 2:
        raise ShapeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    if not A.dtype.is_inexact:
        raise DTypeError(f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.name}",
                         hint="convert with .float()")  # fmt: skip
    if A.dtype.is_half:
        raise DTypeError(f"{name}: Low precision dtypes not supported. Got {A.dtype.name}",
                         hint="convert with .float()")  # fmt: skip


def square_matrices(name: str, A: Tensor) -> None:
    """Refuse what is no batch of square matrices."""
    if isinstance(A, Tensor) and A.ndim > 1 and A.shape[-1] != A.shape[-2]:
        raise ShapeError(f"{name}: A must be batches of square matrices, but they are {int(A.shape[-2])} by "
                         f"{int(A.shape[-1])} matrices")
    matrices(name, A)


def pair_of(name: str, A: Tensor, B: Tensor) -> None:
    """Refuse operands of different dtypes."""
    tensor_operands(name.replace(".", "_"), A=A, B=B)
    if A.dtype is not B.dtype:
        raise DTypeError(f"{name}: Expected A and B to have the same dtype, but found A of type {A.dtype.name} and B "
                         f"of type {B.dtype.name} instead", hint="convert one of them with .to()")


def tolerance(A: Tensor, atol: Any, rtol: Any) -> tuple[Tensor, Tensor]:
    """The tolerances as tensors of A's real dtype; by default rtol is max(m, n) spacings, unless atol decides."""
    from symgrad.ops.creation import full

    real = A.dtype.to_real()
    if rtol is None:
        rtol = max(A.shape[-2:]) * float(np.finfo(real.np).eps)
        if isinstance(atol, Tensor):
            from symgrad.ops.functional import where

            atol = convert(atol, real)
            rtol = where(atol > 0, 0.0, convert(full((), rtol, dtype=real), real))
        elif atol is not None and atol > 0:
            rtol = 0.0
    found = []
    for value in (0.0 if atol is None else atol, rtol):
        found.append(convert(value, real) if isinstance(value, Tensor) else full((), float(value), dtype=real))
    return found[0], found[1]
