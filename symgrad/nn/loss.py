"""Loss functions as modules."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.functions.reduction import legacy_reduction
from symgrad.nn.module import Module
from symgrad.tensor.core import Tensor

__all__ = ["HuberLoss", "L1Loss", "MSELoss", "SmoothL1Loss"]


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
    """Squared differences, averaged (default), summed or each; operands of one shape.

    >>> sg.nn.MSELoss()(sg.tensor([1.0, 3.0]), sg.tensor([0.0, 1.0]))
    tensor(2.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """Absolute differences, averaged (default), summed or each; operands of one shape.

    >>> sg.nn.L1Loss()(sg.tensor([1.0, 3.0]), sg.tensor([0.0, 1.0]))
    tensor(1.5000)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """Squares near zero and absolute values beyond `beta`, scaled to slope 1; operands of one shape.

    >>> sg.nn.SmoothL1Loss()(sg.tensor([0.5, 3.0]), sg.tensor([0.0, 0.0]))
    tensor(1.3125)
    """

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", beta: float = 1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """Half squares near zero and straight lines of slope `delta` beyond it; operands of one shape.

    >>> sg.nn.HuberLoss()(sg.tensor([0.5, 3.0]), sg.tensor([0.0, 0.0]))
    tensor(1.3125)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        if not isinstance(delta, (float, int)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)
