"""Layers and losses as plain functions, written in public tensor operations."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.ops import functional as ops
from symgrad.ops import statistics
from symgrad.ops.functional import sigmoid, tanh
from symgrad.ops.padding import pad
from symgrad.tensor.core import Tensor


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input weight^T + bias.

    Shapes: input [..., in], weight [out, in] or [in], bias [out] -> [..., out]
    """
    out = ops.matmul(input, ops.t(weight) if weight.ndim == 2 else weight)
    return out if bias is None else out + bias


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise."""
    if inplace:
        return input.relu_()
    return ops.relu(input)


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Elementwise losses as they are, or their mean or sum."""
    if reduction == "mean":
        return ops.mean(losses)
    if reduction == "sum":
        return ops.sum(losses)
    if reduction == "none":
        return losses
    raise ValueError(f"{reduction} is not a valid value for reduction")


def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Squared differences of `input` and `target`, reduced."""
    _warn_broadcast(input, target)
    return reduced(ops.square(_difference(input, target)), reduction)


def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Absolute differences of `input` and `target`, reduced."""
    _warn_broadcast(input, target)
    return reduced(ops.abs(_difference(input, target)), reduction)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(input) divided by its sum along `dim`."""
    return statistics.softmax(input, _softmax_dim("softmax", input, dim), dtype)


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim)), without losing small probabilities."""
    return statistics.log_softmax(input, _softmax_dim("log_softmax", input, dim), dtype)


def _softmax_dim(name: str, input: Tensor, dim: int | None) -> int:
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  "argument.", UserWarning, stacklevel=3)  # fmt: skip
    return 0 if input.ndim in (0, 1, 3) else 1


def _difference(input: Tensor, target: Tensor) -> Any:
    return input - target


def _warn_broadcast(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.", UserWarning, stacklevel=3)  # fmt: skip


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim … end_dim made one."""
    return ops.flatten(input, start_dim, end_dim)


__all__ = ["flatten", "l1_loss", "linear", "log_softmax", "mse_loss", "pad", "relu", "sigmoid",
           "softmax", "tanh"]  # fmt: skip
