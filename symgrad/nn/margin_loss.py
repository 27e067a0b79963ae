"""Margin losses as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.directions import PairwiseDistance
from symgrad.nn.loss import Loss, WeightedLoss
from symgrad.tensor.core import Tensor

__all__ = [
    "CosineEmbeddingLoss", "HingeEmbeddingLoss", "MarginRankingLoss", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "SoftMarginLoss", "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]  # fmt: skip


class MarginLoss(Loss):
    """A loss with a margin."""

    def __init__(self, margin: float = 0.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MarginRankingLoss(MarginLoss):
    """max(0, margin - target (input1 - input2)), targets 1 or -1; operands of one rank.

    >>> sg.nn.MarginRankingLoss()(sg.tensor([1.0, 2.0]), sg.tensor([3.0, 1.0]), sg.tensor([1.0, 1.0]))
    tensor(1.)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(MarginLoss):
    """1 - cos, or max(0, cos - margin), as target is 1 or -1; inputs [N, D] and target [N], or [D] and [].

    >>> sg.nn.CosineEmbeddingLoss()(sg.tensor([[1.0, 0.0]]), sg.tensor([[1.0, 1.0]]), sg.tensor([1]))
    tensor(0.2929)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(MarginLoss):
    """The input where target is 1, and max(0, margin - input) where it is -1; operands of one shape.

    >>> sg.nn.HingeEmbeddingLoss()(sg.tensor([0.5, 0.2]), sg.tensor([1, -1]))
    tensor(0.6500)
    """

    def __init__(self, margin: float = 1.0, size_average: Any = None, reduce: Any = None, reduction: str = "mean"):
        super().__init__(margin, size_average, reduce, reduction)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """log(1 + exp(-target input)), targets 1 or -1; operands of one shape.

    >>> sg.nn.SoftMarginLoss()(sg.tensor([0.0, 3.0]), sg.tensor([1.0, 1.0]))
    tensor(0.3709)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class TripletMarginLoss(MarginLoss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)); operands [N, D] or [D].

    >>> a, b, c = sg.tensor([[0.0, 0.0]]), sg.tensor([[3.0, 4.0]]), sg.tensor([[0.0, 1.0]])
    >>> sg.nn.TripletMarginLoss()(a, b, c)
    tensor(5.0000)
    """

    def __init__(self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
                 size_average: Any = None, reduce: Any = None, reduction: str = "mean"):  # fmt: skip
        super().__init__(margin, size_average, reduce, reduction)
        check_margin(self)
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps,
                                     swap=self.swap, reduction=self.reduction)  # fmt: skip


class TripletMarginWithDistanceLoss(MarginLoss):
    """`TripletMarginLoss` with a distance of the caller's, which takes two tensors.

    >>> loss = sg.nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum(-1))
    >>> loss(sg.tensor([[0.0, 0.0]]), sg.tensor([[3.0, 4.0]]), sg.tensor([[0.0, 1.0]]))
    tensor(7.)
    """

    def __init__(self, *, distance_function: Callable[[Any, Any], Any] | None = None, margin: float = 1.0,
                 swap: bool = False, reduction: str = "mean"):  # fmt: skip
        super().__init__(margin, reduction=reduction)
        check_margin(self)
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function, margin=self.margin, swap=self.swap,
            reduction=self.reduction)  # fmt: skip


def check_margin(loss: MarginLoss) -> None:
    """Raise where the margin is not positive."""
    if loss.margin <= 0:
        raise ValueError(f"{type(loss).__name__}: expected margin to be greater than 0, got {loss.margin} instead")


class MultiMarginLoss(WeightedLoss):
    """max(0, margin - input[target] + input[i])^p over the other classes i; input [N, C] or [C], target [N] or [].

    >>> sg.nn.MultiMarginLoss()(sg.tensor([[0.5, 1.0, 0.0]]), sg.tensor([1]))
    tensor(0.1667)
    """

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, size_average: Any = None,
                 reduce: Any = None, reduction: str = "mean"):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.ndim}D instead")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multi_margin_loss(input, target, p=self.p, margin=self.margin, weight=self.weight,
                                   reduction=self.reduction)  # fmt: skip


class MultiLabelMarginLoss(Loss):
    """max(0, 1 - input[j] + input[i]) over true classes j and others i; target lists the true ones, then -1.

    >>> sg.nn.MultiLabelMarginLoss()(sg.tensor([0.1, 0.2, 0.4, 0.8]), sg.tensor([3, 0, -1, 1]))
    tensor(0.8500)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """`BCEWithLogitsLoss` averaged over the classes in the last dimension; operands of one shape.

    >>> sg.nn.MultiLabelSoftMarginLoss()(sg.tensor([[0.0, 2.0]]), sg.tensor([[0.0, 1.0]]))
    tensor(0.4100)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)
