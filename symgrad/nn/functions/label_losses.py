"""Margin losses of classifiers with one or several true classes."""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import int64
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.reduction import reduced, reduction_of, size
from symgrad.nn.functions.sigmoidal import logsigmoid
from symgrad.ops import functional as ops
from symgrad.ops.gathering import gather
from symgrad.ops.ranges import arange
from symgrad.tensor.core import Tensor

__all__ = ["multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss"]


@functional()
def multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                size_average: bool | None = None, reduce: bool | None = None,
                                reduction: str = "mean") -> Tensor:  # fmt: skip
    """-(target log(sigmoid(input)) + (1 - target) log(sigmoid(-input))), averaged over the classes, then reduced.

    Shapes: input and target [..., C] -> [...], or [] when reduced; weight [C]
    >>> sg.nn.functional.multilabel_soft_margin_loss(sg.tensor([[0.0, 2.0]]), sg.tensor([[0.0, 1.0]]))
    tensor(0.4100)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input, target
    losses: Any = -(t * logsigmoid(x) + (1 - t) * logsigmoid(-x))  # type: ignore[operator]
    if weight is not None:
        losses = losses * weight
    return reduced(ops.sum(losses, -1) / input.shape[-1], reduction)  # type: ignore[operator]


@functional()
def multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
                      size_average: bool | None = None, reduce: bool | None = None,
                      reduction: str = "mean") -> Tensor:  # fmt: skip
    """The sum of max(0, margin - input[target] + input[i])^p over the other classes i, divided by their number.

    Shapes: input [N, C] or [C], target [N] or [], weight [C] -> target's, or [] when reduced
    Dtype: target int64
    Raises: an IndexError that is a RuntimeError for a class that is not there; ValueError for another p than 1 or 2
    Note: `weight` multiplies what is raised to p by the true class's weight.
    >>> sg.nn.functional.multi_margin_loss(sg.tensor([[0.5, 1.0, 0.0]]), sg.tensor([1]))
    tensor(0.1667)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    rows = input.shape[0] if input.ndim == 2 else 1
    classes = input.shape[-1] if input.ndim else 1
    if input.ndim > 2 or not classes:
        raise ShapeError("Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
                         f"{size(input)}")  # fmt: skip
    if target.ndim > 1 or target.numel() != rows:
        raise ShapeError("multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
                         f"samples (batch size). Expected target size {[int(rows)]}, but got {size(target)}. Input "
                         f"has shape {size(input)}.")
    if weight is not None and weight.shape[0] != classes:
        raise ShapeError(f"inconsistent weight size, expected {int(classes)} but got {size(weight)}")
    if target.dtype is not int64:
        raise DTypeError(f"expected scalar type Long but found {target.dtype.name}")
    x, true = ops.reshape(input, (rows, classes)), ops.reshape(target, (rows, 1))
    over: Any = ops.relu(margin - gather(x, 1, true) + x)  # type: ignore[operator]
    over = over * over if p == 2 else over
    if weight is not None:
        over = over * weight[true]  # type: ignore[index]
    losses = ops.where(arange(classes) == true, 0.0, over)
    losses = ops.sum(losses, 1) / classes  # type: ignore[operator]
    return reduced(losses if target.ndim else ops.reshape(losses, ()), reduction)


@functional()
def multilabel_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None,
                           reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """The sum of max(0, 1 - input[j] + input[i]) over true classes j and others i, divided by the number of classes.

    Shapes: input and target [N, C] or [C] -> [N] or [], or [] when reduced
    Dtype: target int64: the true classes, then -1
    Raises: an IndexError that is a RuntimeError for a class that is not there
    Cost: C^2 terms a row
    >>> sg.nn.functional.multilabel_margin_loss(sg.tensor([0.1, 0.2, 0.4, 0.8]), sg.tensor([3, 0, -1, 1]))
    tensor(0.8500)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if input.ndim > 2 or target.shape != input.shape:
        raise ShapeError(f"inconsistent target size: {size(target)} for input of size: {size(input)}")
    if target.dtype is not int64:
        raise DTypeError(f"expected scalar type Long but found {target.dtype.name}")
    rows, classes = (1, 1, *input.shape)[-2:]
    x, t = ops.reshape(input, (rows, classes)), ops.reshape(target, (rows, classes))
    given = (t < 0).cumsum(1) == 0
    true = ops.where(t == -1, 0, t)
    hit = ops.unsqueeze(given, 2) & (ops.unsqueeze(true, 2) == arange(classes))
    over = ops.relu(1 - ops.unsqueeze(gather(x, 1, true), 2) + ops.unsqueeze(x, 1))  # type: ignore[operator]
    counted = ops.unsqueeze(given, 2) & ~ops.unsqueeze(hit.any(1), 1)
    losses = ops.sum(ops.where(counted, over, 0.0), (1, 2)) / classes  # type: ignore[operator]
    return reduced(losses if input.ndim == 2 else ops.reshape(losses, ()), reduction)
