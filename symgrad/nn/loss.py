"""Loss functions as modules."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.functions.reduction import legacy_reduction
from symgrad.nn.module import Module
from symgrad.tensor.core import Tensor

__all__ = ["L1Loss", "MSELoss"]


class Loss(Module):
    """A loss with a `reduction`: none, mean or sum."""

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            reduction = legacy_reduction(size_average, reduce)
        self.reduction = reduction


class WeightedLoss(Loss):
    """A loss whose terms count differently: `weight` is a buffer."""

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                 reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(Loss):
    """Squared differences, averaged (default), summed or each."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Absolute differences, averaged (default), summed or each."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)
