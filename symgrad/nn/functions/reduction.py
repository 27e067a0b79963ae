"""How losses are reduced: `reduction`, the two arguments that it replaced, and the size a loss expects."""

from __future__ import annotations

import warnings

from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

REDUCTIONS = ("none", "mean", "sum")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """One of REDUCTIONS; the deprecated arguments, where given, say which."""
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if reduction == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=3)
        return "mean"
    if reduction not in REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def legacy_reduction(size_average: bool | None, reduce: bool | None) -> str:
    """What `size_average` and `reduce` meant, with PyTorch's warning."""
    if reduce is False:
        found = "none"
    else:
        found = "sum" if size_average is False else "mean"
    warnings.warn("size_average and reduce args will be deprecated, please use "
                  f"reduction='{found}' instead.", UserWarning, stacklevel=4)  # fmt: skip
    return found


def reduced(losses: Tensor, reduction: str) -> Tensor:
    """Elementwise losses as they are, or their mean or sum."""
    if reduction == "none":
        return losses
    return ops.mean(losses) if reduction == "mean" else ops.sum(losses)


def size(tensor: Tensor) -> str:
    """The shape as PyTorch prints it in errors of losses: `[2, 3]`."""
    return str(list(map(int, tensor.shape)))


def warn_broadcast(input: Tensor, target: Tensor) -> None:
    """PyTorch's warning where the operands of a loss differ in shape."""
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.", UserWarning, stacklevel=3)  # fmt: skip
