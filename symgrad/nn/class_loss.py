"""Losses of classifiers as modules."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.loss import Loss, WeightedLoss
from symgrad.tensor.core import Tensor

__all__ = ["CTCLoss", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d"]


class NLLLoss(WeightedLoss):
    """Minus the log-probability of the true class; input [N, C, …] or [C], target [N, …] or [].

    >>> sg.nn.NLLLoss()(sg.tensor([[-1.0, -2.0], [-3.0, -4.0]]), sg.tensor([0, 1]))
    tensor(2.5000)
    """

    def __init__(self, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
                 reduce: Any = None, reduction: str = "mean"):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """`NLLLoss`, which takes images as well; the old name."""

    def __init__(self, *args: Any, **kwargs: Any):
        warnings.warn("`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see "
                      "https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.", FutureWarning,
                      stacklevel=2)  # fmt: skip
        super().__init__(*args, **kwargs)


class CrossEntropyLoss(WeightedLoss):
    """`NLLLoss` of the log-softmax of scores; target holds classes, or a distribution over them in input's shape.

    >>> sg.nn.CrossEntropyLoss()(sg.tensor([[0.0, 0.0], [5.0, 0.0]]), sg.tensor([0, 1]))
    tensor(2.8499)
    """

    def __init__(self, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
                 reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(input, target, weight=self.weight, ignore_index=self.ignore_index,
                               reduction=self.reduction, label_smoothing=self.label_smoothing)  # fmt: skip


class CTCLoss(Loss):
    """Likelihood of label sequences over all alignments; log_probs [T, N, C] or [T, C], targets [N, S] or in a row.

    >>> log_probs = sg.zeros(3, 1, 2).log_softmax(2)
    >>> sg.nn.CTCLoss()(log_probs, sg.tensor([[1]]), (3,), (1,))
    tensor(0.2877)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any) -> Tensor:
        return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
                          self.zero_infinity)  # fmt: skip
