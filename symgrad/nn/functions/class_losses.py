"""Losses of classifiers: a score for each of C classes along dimension 1 (or 0, without a batch), one class true."""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import int64, uint8
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.reduction import reduced, reduction_of, size
from symgrad.ops import functional as ops
from symgrad.ops import statistics
from symgrad.ops.gathering import gather
from symgrad.ops.likelihood import class_loss as class_loss_p
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, ndarray

__all__ = ["cross_entropy", "nll_loss"]


@functional()
def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
             ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean") -> Tensor:  # fmt: skip
    """Minus the log-probability of the true class, times the class's weight.

    Shapes: input [N, C, d1, …] or [C], target [N, d1, …] or [], weight [C] -> target's, or [] when reduced
    Dtype: target int64 or uint8
    Gradient: dinput = -weight[target] g at the true classes (divided by the sum of the weights for the mean), else 0
    Raises: IndexError for a class that is not there; RuntimeError for shapes that do not fit
    Note: where target is `ignore_index` the loss is 0 and no weight is counted.
    >>> sg.nn.functional.nll_loss(sg.tensor([[-1.0, -2.0], [-3.0, -4.0]]), sg.tensor([0, 1]))
    tensor(2.5000)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if plain(input, target, weight):
        return bind(class_loss_p, (input, target), {"ignore_index": ignore_index, "reduction": reduction})  # type: ignore[no-any-return]
    target = checked_classes(input, target, weight)
    return class_loss(input, target, weight, ignore_index, reduction)


@functional()
def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
                  ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean",
                  label_smoothing: float = 0.0) -> Tensor:  # fmt: skip
    """`nll_loss` of the log-softmax of scores; or against a whole distribution, where target has input's shape.

    Shapes: input [N, C, d1, …] or [C], target [N, d1, …] or [] (or input's), weight [C] -> [N, d1, …], or [] reduced
    Gradient: dinput = (softmax(input) - onehot(target)) g, weighted and divided as the loss is
    Raises: IndexError for a class that is not there; RuntimeError for shapes that do not fit
    Note: with label smoothing s the target is mixed with s / C everywhere.
    >>> sg.nn.functional.cross_entropy(sg.tensor([[0.0, 0.0], [5.0, 0.0]]), sg.tensor([0, 1]))
    tensor(2.8499)
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if not 0.0 <= label_smoothing <= 1.0:
        raise ShapeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if not label_smoothing and plain(input, target, weight):
        scores = statistics.log_softmax(input, 1)
        return bind(class_loss_p, (scores, target), {"ignore_index": ignore_index, "reduction": reduction})  # type: ignore[no-any-return]
    if isinstance(target, Tensor) and input.ndim and input.shape == target.shape:
        return distribution_loss(input, target, weight, ignore_index, reduction, label_smoothing)
    target = checked_classes(input, target, weight)
    place = class_dim(input)
    scores = statistics.log_softmax(input, place)
    loss = class_loss(scores, target, weight, ignore_index, reduction)
    if not label_smoothing:
        return loss
    return (1 - label_smoothing) * loss + (label_smoothing / input.shape[place]) * smooth_loss(
        scores, target, weight, ignore_index, reduction)  # fmt: skip


def plain(input: Tensor, target: Tensor, weight: Tensor | None) -> bool:
    """Whether these are, outside of a trace, rows of scores and a class for each: one array call then has the loss.

    A trace records the general way, whose parts fuse.
    """
    if weight is not None or state.captures or not isinstance(target, Tensor):
        return False
    x, y = input._data, target._data
    return (type(x) is ndarray and type(y) is ndarray and x.ndim == 2 and y.ndim == 1 and len(x) == len(y)
            and y.dtype is int64.np and input.dtype.is_floating_point)


def class_dim(input: Tensor) -> int:
    """The dimension of the classes."""
    return 0 if input.ndim == 1 else 1


def class_loss(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """`nll_loss` of operands that fit."""
    place = class_dim(input)
    ignored = ignored_among(target, ignore_index)
    known = target if ignored is None else ops.where(ignored, 0, target)
    loss = -ops.squeeze(gather(input, place, ops.unsqueeze(known, place)), place)
    if ignored is None and weight is None:
        return reduced(loss, reduction)
    counts = weights_of(weight, known, ignored, input)
    loss = loss if weight is None else loss * counts
    loss = loss if ignored is None else ops.where(ignored, 0.0, loss)
    return ops.sum(loss) / ops.sum(counts) if reduction == "mean" else reduced(loss, reduction)


def ignored_among(target: Tensor, ignore_index: int) -> Tensor | None:
    """Which targets are ignored; None where it can be seen that none is, which saves eager code its steps."""
    ignored: Any = target == ignore_index
    return None if state.capture() is None and not bool(ignored.any()) else ignored


def weights_of(weight: Tensor | None, known: Tensor, ignored: Tensor | None, like: Tensor) -> Tensor:
    """How much each target counts: its class's weight, and 0 where it is ignored."""
    if weight is None:
        return ops.logical_not(ignored).to(like.dtype)  # type: ignore[no-any-return, attr-defined, arg-type]
    weights: Any = weight[known]  # type: ignore[index]
    return weights if ignored is None else ops.where(ignored, 0.0, weights)  # type: ignore[no-any-return]


def smooth_loss(scores: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str) -> Tensor:
    """The loss against all classes alike, times their number."""
    place = class_dim(scores)
    ignored = target == ignore_index
    loss = -ops.sum(scores if weight is None else scores * along_classes(weight, scores), place)
    loss = ops.where(ignored, 0.0, loss)
    if reduction != "mean":
        return reduced(loss, reduction)
    known = ops.where(ignored, 0, target)
    return ops.sum(loss) / ops.sum(weights_of(weight, known, ignored, scores))


def distribution_loss(input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str,
                      label_smoothing: float) -> Tensor:  # fmt: skip
    """Cross entropy with a distribution over the classes as target."""
    if not target.dtype.is_floating_point:
        raise DTypeError("Expected floating point type for target with class probabilities, got "
                         f"{target.dtype.name}", hint="class indices have no dimension for the classes")  # fmt: skip
    if ignore_index >= 0:
        raise ShapeError("ignore_index is not supported for floating point target")
    place = class_dim(input)
    classes = input.shape[place]
    check_weight(weight, classes)
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes  # type: ignore[operator]
    loss = statistics.log_softmax(input, place) * target  # type: ignore[operator]
    if weight is not None:
        loss = loss * along_classes(weight, input)
    loss = -ops.sum(loss, place)
    return reduced(loss, reduction)


def along_classes(weight: Tensor, input: Tensor) -> Tensor:
    """Weights of the classes in a shape that broadcasts with the scores."""
    return ops.reshape(weight, (-1,) + (1,) * (input.ndim - class_dim(input) - 1))


def check_weight(weight: Tensor | None, classes: int) -> None:
    """Raise where there is not one weight per class."""
    if weight is not None and (weight.ndim != 1 or weight.shape[0] != classes):
        raise ShapeError(f"weight tensor should be defined either for all {int(classes)} classes or no classes but "
                         f"got weight tensor of shape: {size(weight)}")


def checked_classes(input: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """The true classes as int64; raises where scores, classes and weights do not fit each other."""
    if not isinstance(target, Tensor):
        raise TypeError(f"nll_loss(): argument 'target' (position 2) must be Tensor, not {type(target).__name__}")
    if input.ndim == 0:
        raise ValueError(f"Expected 1 or more dimensions (got {input.ndim})")
    if input.ndim > 1 and (target.ndim == 0 or input.shape[0] != target.shape[0]):
        batch = "no batch" if target.ndim == 0 else int(target.shape[0])
        raise ValueError(f"Expected input batch_size ({int(input.shape[0])}) to match target batch_size ({batch}).")
    if target.ndim > max(1, input.ndim - 1):
        raise ShapeError("0D or 1D target tensor expected, multi-target not supported: got target "
                         f"{size(target)} for input {size(input)}")
    if input.ndim > 2 and tuple(target.shape[1:]) != tuple(input.shape[2:]):
        raise ShapeError(f"Expected target size {[int(input.shape[0]), *map(int, input.shape[2:])]}, "
                         f"got {size(target)}")
    if input.ndim == 1 and target.numel() != 1:
        raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {target.numel()}")
    if not input.dtype.is_floating_point:
        raise DTypeError(f"nll_loss is not implemented for {input.dtype.name}", hint="scores are floating point")
    if target.dtype not in (int64, uint8):
        raise DTypeError(f"expected target dtype to be int64 or uint8, but got {target.dtype.name}",
                         hint="class indices are integers: convert the target with .long()")
    if weight is not None and weight.dtype is not input.dtype:
        raise DTypeError(f"expected weight of dtype {input.dtype.name} but found {weight.dtype.name}")
    check_weight(weight, input.shape[class_dim(input)])
    target = target.long()  # type: ignore[attr-defined]
    return ops.reshape(target, ()) if input.ndim == 1 and target.ndim else target
