"""Losses that are zero once a score or a distance is on the right side of another by a margin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.directions import pairwise_distance
from symgrad.nn.functions.reduction import reduced, reduction_of, size
from symgrad.nn.functions.sigmoidal import logsigmoid
from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss",
    "triplet_margin_loss", "triplet_margin_with_distance_loss",
]  # fmt: skip

COSINE_EPSILON = 1e-12
"""What PyTorch adds to squared lengths."""


@functional(top=True)
def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
                        size_average: bool | None = None, reduce: bool | None = None,
                        reduction: str = "mean") -> Tensor:  # fmt: skip
    """max(0, margin - target (input1 - input2)): where target is 1 the first should be the larger, where -1 the second.

    Gradient: dinput1 = -target g where the loss is not 0, dinput2 = -dinput1
    >>> sg.nn.functional.margin_ranking_loss(sg.tensor([1.0, 2.0]), sg.tensor([3.0, 1.0]), sg.tensor([1.0, 1.0]))
    tensor(1.)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1.ndim == input2.ndim == target.ndim:
        raise ShapeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
                         f"{input1.shape}, input2: {input2.shape}, target: {target.shape} ")
    losses = (-target * (input1 - input2) + margin).clamp_min(0)  # type: ignore[operator]
    return reduced(losses, reduction)


@functional(top=True)
def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None,
                         reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """The distance `input` where target is 1, and max(0, margin - input) where it is -1.

    Gradient: dinput = g where target is 1, -g where it is -1 and input < margin
    >>> sg.nn.functional.hinge_embedding_loss(sg.tensor([0.5, 0.2]), sg.tensor([1, -1]))
    tensor(0.6500)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    apart: Any = (margin - input).clamp_min(0)  # type: ignore[operator]
    losses = ops.where(target != 1, apart, 0.0) + ops.where(target != -1, input, 0.0)
    return reduced(losses, reduction)


@functional(top=True)
def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0,
                          size_average: bool | None = None, reduce: bool | None = None,
                          reduction: str = "mean") -> Tensor:  # fmt: skip
    """1 - cos(input1, input2) where target is 1, and max(0, cos(input1, input2) - margin) where it is -1.

    Shapes: inputs [N, D] and target [N], or [D] and [] -> target's, or [] when reduced
    Raises: RuntimeError for other shapes
    >>> a, b = sg.tensor([[1.0, 0.0]]), sg.tensor([[1.0, 1.0]])
    >>> sg.nn.functional.cosine_embedding_loss(a, b, sg.tensor([1]))
    tensor(0.2929)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    rank = target.ndim
    if rank > 1:
        raise ShapeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.ndim != rank + 1 or input2.ndim != rank + 1:
        raise ShapeError(f"{rank}D target tensor expects {rank + 1}D input tensors, but found inputs with sizes "
                         f"{size(input1)} and {size(input2)}.")
    a, b = input1, input2
    product = (a * b).sum(rank)  # type: ignore[operator]
    lengths = ((a * a).sum(rank) + COSINE_EPSILON) * ((b * b).sum(rank) + COSINE_EPSILON)  # type: ignore[operator]
    cosine = product / lengths.sqrt()
    together = ops.where(target == 1, 1 - cosine, 0.0)
    return reduced(together + ops.where(target == -1, (cosine - margin).clamp_min(0), 0.0), reduction)


@functional()
def soft_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                     reduction: str = "mean") -> Tensor:  # fmt: skip
    """log(1 + exp(-target input)), where targets are 1 or -1.

    Gradient: dinput = -target g sigmoid(-target input)
    Note: without overflow, where PyTorch gives infinity.
    >>> sg.nn.functional.soft_margin_loss(sg.tensor([0.0, 3.0]), sg.tensor([1.0, 1.0]))
    tensor(0.3709)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    return reduced(-logsigmoid(input * target), reduction)  # type: ignore[operator]


@functional(top=True)
def triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2,
                        eps: float = 1e-6, swap: bool = False, size_average: bool | None = None,
                        reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), where d is the p-norm of the difference.

    Shapes: all [N, D] or [D] -> [N] or [], or [] when reduced
    Note: with `swap` the negative's distance is that from the positive, where that is smaller.
    >>> a, b, c = sg.tensor([[0.0, 0.0]]), sg.tensor([[3.0, 4.0]]), sg.tensor([[0.0, 1.0]])
    >>> sg.nn.functional.triplet_margin_loss(a, b, c)
    tensor(5.0000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    distance = lambda a, b: pairwise_distance(a, b, p, eps)  # noqa: E731
    return triplet_loss(anchor, positive, negative, distance, margin, swap, reduction)


@functional()
def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *,
                                      distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
                                      margin: float = 1.0, swap: bool = False,
                                      reduction: str = "mean") -> Tensor:  # fmt: skip
    """`triplet_margin_loss` with a distance of the caller's.

    >>> d = lambda a, b: (a - b).abs().sum(-1)
    >>> a, b, c = sg.tensor([[0.0, 0.0]]), sg.tensor([[3.0, 4.0]]), sg.tensor([[0.0, 1.0]])
    >>> sg.nn.functional.triplet_margin_with_distance_loss(a, b, c, distance_function=d)
    tensor(7.)
    """
    reduction = reduction_of(None, None, reduction)
    return triplet_loss(anchor, positive, negative, distance_function or pairwise_distance, margin, swap, reduction)


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, distance: Callable[[Any, Any], Any],
                 margin: float, swap: bool, reduction: str) -> Tensor:  # fmt: skip
    """The triplet loss for a distance."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError("The anchor, positive, and negative tensors are expected to have the same number of "
                         f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
                         f"{negative.ndim}D inputs")  # fmt: skip
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)
