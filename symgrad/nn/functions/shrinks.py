"""Activations that are zero near zero."""

from __future__ import annotations

from typing import Any

from symgrad.errors import GradError
from symgrad.nn.functions.declare import functional, widened
from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

__all__ = ["hardshrink", "softshrink", "tanhshrink"]


@functional(top=True, out=True)
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input, but 0 where |input| <= lambd.

    Gradient: g where |input| > lambd, else 0
    >>> sg.nn.functional.hardshrink(sg.tensor([-1.0, 0.2, 1.0]))
    tensor([-1.,  0.,  1.])
    """
    x: Any = input
    return ops.where((x >= -lambd) & (x <= lambd), 0, widened("hardshrink", x)).to(x.dtype)  # type: ignore[no-any-return]


@functional(out=True)
def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """input moved towards zero by lambd, 0 where |input| <= lambd.

    Gradient: g where |input| > lambd, else 0
    >>> sg.nn.functional.softshrink(sg.tensor([-1.0, 0.2, 1.0]))
    tensor([-0.5000,  0.0000,  0.5000])
    """
    if lambd < 0:
        raise GradError(f"lambda must be greater or equal to 0, but found to be {lambd}.")
    x = widened("softshrink", input)
    moved = ops.where((x >= -lambd) & (x <= lambd), 0, ops.where(x > 0, x - lambd, x + lambd))
    return ops.convert(moved, input.dtype)


@functional()
def tanhshrink(input: Tensor) -> Tensor:
    """input - tanh(input), elementwise.

    Gradient: g tanh(input)^2
    >>> sg.nn.functional.tanhshrink(sg.tensor([0.0, 2.0]))
    tensor([0.0000, 1.0360])
    """
    x: Any = input
    return x - ops.tanh(x)  # type: ignore[no-any-return]
