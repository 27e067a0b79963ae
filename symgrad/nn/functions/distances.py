"""Losses of regression: how far the input is from the target, element by element."""

from __future__ import annotations

from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.reduction import reduced, reduction_of, warn_broadcast
from symgrad.ops import functional as ops
from symgrad.ops.squares import mse_loss as mse_loss_p
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, ndarray

__all__ = ["huber_loss", "l1_loss", "mse_loss", "smooth_l1_loss"]


@functional()
def mse_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
             reduction: str = "mean", weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """Squared differences of `input` and `target`, reduced.

    Gradient: dinput = 2 (input - target) g (divided by the count where the mean is taken), dtarget = -dinput
    Note: the mean with weights is divided by their sum.
    >>> sg.nn.functional.mse_loss(sg.tensor([1.0, 3.0]), sg.tensor([0.0, 1.0]))
    tensor(2.5000)
    """
    simple = plain(input, target)
    if not simple:
        warn_broadcast(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if simple and weight is None and reduction != "none":
        return bind(mse_loss_p, (input, target), {"reduction": reduction})  # type: ignore[no-any-return]
    losses = ops.square(input - target)  # type: ignore[operator]
    return averaged(losses, input, weight, reduction)


def plain(input: Tensor, target: Tensor) -> bool:
    """Whether these are, outside of a trace, arrays of the same kind: one array call then has the loss.

    A trace records the general way, whose parts fuse.
    """
    if state.captures or not isinstance(input, Tensor) or not isinstance(target, Tensor):
        return False
    x, y = input._data, target._data
    return (type(x) is type(y) is ndarray and x.dtype is y.dtype and x.dtype.char in "fd"
            and x.shape == y.shape)  # fmt: skip


@functional()
def l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
            reduction: str = "mean", weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """Absolute differences of `input` and `target`, reduced.

    Gradient: dinput = sign(input - target) g (divided by the count where the mean is taken), dtarget = -dinput
    Note: the mean with weights is divided by their sum.
    >>> sg.nn.functional.l1_loss(sg.tensor([1.0, 3.0]), sg.tensor([0.0, 1.0]))
    tensor(1.5000)
    """
    warn_broadcast(input, target)
    losses = ops.abs(input - target)  # type: ignore[operator]
    return averaged(losses, input, weight, reduction_of(size_average, reduce, reduction))


@functional()
def smooth_l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None,
                   reduction: str = "mean", beta: float = 1.0) -> Tensor:  # fmt: skip
    """(input - target)^2 / (2 beta) where they differ by less than beta, else |input - target| - beta / 2; reduced.

    Gradient: dinput = g (input - target) / beta, at most g and at least -g; dtarget = -dinput
    Raises: RuntimeError for a negative beta
    >>> sg.nn.functional.smooth_l1_loss(sg.tensor([0.5, 3.0]), sg.tensor([0.0, 0.0]), reduction="none")
    tensor([0.1250, 2.5000])
    """
    warn_broadcast(input, target)
    reduction = reduction_of(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")
    difference = input - target  # type: ignore[operator]
    far = ops.abs(difference)
    if beta == 0:
        return reduced(far, reduction)
    return reduced(ops.where(far < beta, 0.5 * far * far / beta, far - 0.5 * beta), reduction)


@functional()
def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0,
               weight: Tensor | None = None) -> Tensor:  # fmt: skip
    """(input - target)^2 / 2 where they differ by no more than delta, else delta (|input - target| - delta / 2).

    Gradient: dinput = g (input - target), at most g delta and at least -g delta; dtarget = -dinput
    Raises: RuntimeError for a delta that is not positive
    >>> sg.nn.functional.huber_loss(sg.tensor([0.5, 3.0]), sg.tensor([0.0, 0.0]), reduction="none")
    tensor([0.1250, 2.5000])
    """
    warn_broadcast(input, target)
    reduction = reduction_of(None, None, reduction)
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}")
    difference = input - target  # type: ignore[operator]
    far = ops.abs(difference)
    losses = ops.where(far <= delta, 0.5 * far * far, delta * (far - 0.5 * delta))
    return reduced(times(losses, input, weight), reduction)


def times(losses: Tensor, input: Tensor, weight: Tensor | None) -> Tensor:
    """Losses times their weights, if any, which must have the shape of `input`."""
    if weight is None:
        return losses
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    return losses * weight  # type: ignore[no-any-return, operator]


def averaged(losses: Tensor, input: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """The losses reduced, their mean that of weighted ones."""
    losses = times(losses, input, weight)
    if weight is not None and reduction == "mean":
        return ops.sum(losses) / ops.sum(weight)
    return reduced(losses, reduction)
