"""Losses, elementwise or reduced."""

from __future__ import annotations

from typing import Any

from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.reduction import reduced, warn_broadcast
from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

__all__ = ["l1_loss", "mse_loss"]


@functional()
def mse_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Squared differences of `input` and `target`, reduced.

    Gradient: dinput = 2 (input - target) g (divided by the count where the mean is taken), dtarget = -dinput
    >>> sg.nn.functional.mse_loss(sg.tensor([1.0, 3.0]), sg.tensor([0.0, 1.0]))
    tensor(2.5000)
    """
    warn_broadcast(input, target)
    return reduced(ops.square(_difference(input, target)), reduction)


@functional()
def l1_loss(input: Tensor, target: Tensor, *, reduction: str = "mean") -> Tensor:
    """Absolute differences of `input` and `target`, reduced.

    Gradient: dinput = sign(input - target) g (divided by the count where the mean is taken), dtarget = -dinput
    >>> sg.nn.functional.l1_loss(sg.tensor([1.0, 3.0]), sg.tensor([0.0, 1.0]))
    tensor(1.5000)
    """
    warn_broadcast(input, target)
    return reduced(ops.abs(_difference(input, target)), reduction)


def _difference(input: Tensor, target: Tensor) -> Any:
    return input - target
