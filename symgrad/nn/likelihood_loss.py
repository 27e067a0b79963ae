"""Losses that are minus a log-likelihood, as modules."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.loss import Loss, WeightedLoss
from symgrad.tensor.core import Tensor

__all__ = ["BCELoss", "BCEWithLogitsLoss", "GaussianNLLLoss", "KLDivLoss", "PoissonNLLLoss"]


class BCELoss(WeightedLoss):
    """Cross entropy of probabilities and targets in [0, 1]; operands of one shape.

    >>> sg.nn.BCELoss()(sg.tensor([0.5, 0.9]), sg.tensor([0.0, 1.0]))
    tensor(0.3993)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """`BCELoss` of the sigmoid of the input; `pos_weight` counts targets of 1 more; operands of one shape.

    >>> sg.nn.BCEWithLogitsLoss()(sg.tensor([0.0, 1000.0]), sg.tensor([0.0, 1.0]))
    tensor(0.3466)
    """

    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
                 reduction: str = "mean", pos_weight: Tensor | None = None):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(input, target, self.weight, pos_weight=self.pos_weight,
                                                  reduction=self.reduction)  # fmt: skip


class KLDivLoss(Loss):
    """Divergence of the distribution `target` from the one whose logarithm is the input; operands of one shape.

    >>> sg.nn.KLDivLoss(reduction="batchmean")(sg.tensor([[0.5, 0.5]]).log(), sg.tensor([[0.25, 0.75]]))
    tensor(0.1308)
    """

    def __init__(self, size_average: Any = None, reduce: Any = None, reduction: str = "mean", log_target: bool = False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """Counts `target` of a Poisson process with the rate exp(input), or input; operands of one shape.

    >>> sg.nn.PoissonNLLLoss()(sg.tensor([0.0, 1.0]), sg.tensor([1.0, 2.0]))
    tensor(0.8591)
    """

    def __init__(self, log_input: bool = True, full: bool = False, size_average: Any = None, eps: float = 1e-8,
                 reduce: Any = None, reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(log_input, target, log_input=self.log_input, full=self.full, eps=self.eps,
                                  reduction=self.reduction)  # fmt: skip


class GaussianNLLLoss(Loss):
    """Targets of normal distributions with means `input` and variances `var`, which may lack the last extent.

    >>> sg.nn.GaussianNLLLoss()(sg.tensor([0.0, 1.0]), sg.tensor([1.0, 1.0]), sg.tensor([1.0, 1.0]))
    tensor(0.2500)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Any) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)
