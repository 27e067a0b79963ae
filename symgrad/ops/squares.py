"""Squared differences added up: one array call and one gradient rule eagerly.

A trace records the formula, whose parts fuse with what stands around them.
"""

from __future__ import annotations

from typing import Any

from numpy import divide, multiply, subtract

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Composite
from symgrad.ir.types import TensorType
from symgrad.ops.reduce import SUMS, _product, _sum, total
from symgrad.ops.registry import primitive
from symgrad.tensor.numbers import beside


def _infer(x: TensorType, y: TensorType, reduction: str) -> TensorType:
    if x.dtype is not y.dtype or x.shape != y.shape:
        raise (DTypeError if x.shape == y.shape else ShapeError)(f"{x} and {y} do not fit each other")
    return x.with_shape(())


def _loss(np: Any, x: Any, y: Any, reduction: Any) -> Any:
    gap, axes = x - y, tuple(range(x.ndim))
    found = _sum(np, gap * gap, axes)
    return found / x.dtype.type(_product(x.shape, axes)) if reduction == "mean" else found


def _in_place(slow: Any) -> Any:
    """The differences and their squares in one piece of memory."""

    def quick(x: Any, y: Any, reduction: Any) -> Any:
        if x.dtype.char not in "fd" or not x.ndim:
            return slow(x, y, reduction=reduction)
        gap = subtract(x, y)
        found = total(multiply(gap, gap, gap))
        return divide(found, beside(gap.size, gap.dtype), found) if reduction == "mean" else found

    return quick


def _formula(x: Any, y: Any, reduction: str) -> Any:
    squares = (x - y) ** 2
    return squares.mean() if reduction == "mean" else squares.sum()


def _slope(g: Any, x: Any, y: Any, reduction: str) -> Any:
    return (g / x.numel() if reduction == "mean" else g) * (2 * (x - y))


mse_loss = primitive(
    "mse_loss", "x y", params=("reduction",), infer=_infer, array="_loss(np, x, y, reduction)", quick=_in_place,
    helpers={**SUMS, "_loss": _loss}, lower=Composite(_formula),
    grad=dict(x=_slope, y=lambda g, x, y, reduction: _slope(g, y, x, reduction)),
    doc="Squared differences, their mean or sum.",
    gradient="dx = 2 (x - y) g, over their number for the mean; dy = -dx",
)
