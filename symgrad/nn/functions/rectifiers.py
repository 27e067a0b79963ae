"""Activations made of straight pieces, and those that are straight on one side.

At a kink the gradient is the one PyTorch chose, which the conditions say: which side the kink belongs to.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import DTypeError, GradError, ShapeError
from symgrad.nn.functions.declare import functional, in_place, twin_of, widened
from symgrad.ops import functional as ops
from symgrad.ops.promotion import convert
from symgrad.ops.random import draw
from symgrad.tensor.core import Tensor

__all__ = ["celu", "celu_", "elu", "elu_", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "prelu", "relu",
           "relu6", "relu_", "rrelu", "rrelu_", "selu", "selu_", "threshold", "threshold_"]  # fmt: skip

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@functional()
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise; `inplace` writes it to the input.

    Gradient: g where input > 0, else 0
    >>> sg.nn.functional.relu(sg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return in_place(ops.relu, input) if inplace else ops.relu(input)


@functional()
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """input limited to [0, 6], elementwise; `inplace` writes it to the input.

    Gradient: g where 0 < input < 6, else 0
    Source: Howard et al. 2017
    >>> sg.nn.functional.relu6(sg.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return hardtanh(input, 0.0, 6.0, inplace)


@functional()
def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input limited to [min_val, max_val], elementwise; `inplace` writes it to the input.

    Gradient: g where min_val < input < max_val, else 0
    >>> sg.nn.functional.hardtanh(sg.tensor([-2.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    if inplace:
        return in_place(hardtanh, input, min_val, max_val)
    if input.dtype.is_complex or input.dtype.name == "bool":
        raise DTypeError(f"\"hardtanh\" not implemented for '{input.dtype.name}'", hint="convert with .float()")
    x: Any = input
    low, high = convert(min_val, x.dtype), convert(max_val, x.dtype)
    return ops.where(x <= low, low, ops.where(x >= high, high, x))  # type: ignore[no-any-return]


@functional(top=True)
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is above `threshold`, elsewhere `value`; `inplace` writes it to the input.

    Gradient: g where input > threshold, else 0
    >>> sg.nn.functional.threshold(sg.tensor([0.5, 2.0]), 1.0, 0.0)
    tensor([0., 2.])
    """
    if inplace:
        return in_place(_threshold, input, threshold, value)
    x: Any = input
    return ops.where(x <= threshold, convert(value, x.dtype), x)  # type: ignore[no-any-return]


_threshold = threshold  # its parameter has its name


@functional()
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input where it is positive, elsewhere negative_slope times it; `inplace` writes it to the input.

    Gradient: g where input > 0, else negative_slope g
    Source: Maas et al. 2013
    >>> sg.nn.functional.leaky_relu(sg.tensor([-1.0, 2.0]))
    tensor([-0.0100,  2.0000])
    """
    if inplace:
        return in_place(leaky_relu, input, negative_slope)
    x = widened("leaky_relu", input)
    return ops.convert(ops.where(x > 0, x, x * negative_slope), input.dtype)


@functional(top=True)
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """input where it is positive, elsewhere `weight` times it.

    Shapes: input [n, c, ...], weight [c], [1] or []
    Gradient: dinput = g where input > 0, else weight g; dweight = g input where input <= 0, summed
    Source: He et al. 2015
    >>> sg.nn.functional.prelu(sg.tensor([-1.0, 2.0]), sg.tensor(0.25))
    tensor([-0.2500,  2.0000])
    """
    if input.dtype is not weight.dtype:
        raise GradError(f"prelu: Type promoting not supported. Got {input.dtype.name} and {weight.dtype.name}")
    if weight.ndim > 1:
        raise ShapeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if weight.numel() != 1:
        if input.ndim == 0:
            raise ShapeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != weight.numel():
            raise ShapeError("Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                             f"{weight.numel()} and channel size = {channels}.")  # fmt: skip
    x, w = widened("prelu", input), widened("prelu", weight)
    if w.ndim:
        w = w.reshape((-1, *(1,) * (input.ndim - 2))) if input.ndim > 1 else w.reshape(() if not input.ndim else (1,))
    return ops.convert(ops.where(x > 0, x, w * x), input.dtype)


@functional(top=True)
def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False,
          generator: Any = None) -> Tensor:  # fmt: skip
    """input where it is positive, elsewhere times a slope: random in [lower, upper) in training, else their mean.

    Gradient: g where input > 0, else g times the slope
    Source: Xu et al. 2015
    >>> sg.nn.functional.rrelu(sg.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5000,  2.0000])
    """
    if lower > upper:
        raise GradError("Lower bound should be less than or equal to the upper bound")
    if inplace:
        return in_place(rrelu, input, lower, upper, training, False, generator)
    x = widened("rrelu", input)
    slope: Any = (lower + upper) / 2
    if training:
        slope = draw("uniform", tuple(x.shape), x.dtype, generator) * (upper - lower) + lower
    return ops.convert(ops.where(x > 0, x, x * slope), input.dtype)


@functional()
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, elsewhere alpha (exp(input) - 1); `inplace` writes it to the input.

    Gradient: g where input > 0, else g alpha exp(input)
    Source: Clevert, Unterthiner, Hochreiter 2015
    >>> sg.nn.functional.elu(sg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    if inplace:
        return in_place(elu, input, alpha)
    return exponential_unit("elu", input, alpha, 1.0, 1.0)


@functional(top=True)
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """`elu` with the alpha and the scale that keep mean 0 and variance 1; `inplace` writes it to the input.

    Source: Klambauer et al. 2017
    >>> sg.nn.functional.selu(sg.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """
    return in_place(selu, input) if inplace else exponential_unit("elu", input, SELU_ALPHA, SELU_SCALE, 1.0)


@functional(top=True)
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input where it is positive, elsewhere alpha (exp(input / alpha) - 1); `inplace` writes it to the input.

    Gradient: g where input > 0, else g exp(input / alpha)
    Source: Barron 2017
    >>> sg.nn.functional.celu(sg.tensor([-1.0, 2.0]), alpha=2.0)
    tensor([-0.7869,  2.0000])
    """
    if alpha == 0:
        raise GradError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return in_place(celu, input, alpha) if inplace else exponential_unit("elu", input, alpha, 1.0, 1.0 / alpha)


def exponential_unit(name: str, input: Tensor, alpha: float, scale: float, rate: float) -> Tensor:
    """scale input where it is positive, elsewhere scale alpha (exp(rate input) - 1)."""
    x = widened(name, input)
    curved = x <= 0
    below = ops.where(curved, x, 0)  # so that no exponential overflows on the side that is not taken
    bent = (below * rate if rate != 1 else below).expm1() * (alpha * scale)
    return ops.convert(ops.where(curved, bent, x * scale if scale != 1 else x), input.dtype)


relu_, hardtanh_ = twin_of(relu), twin_of(hardtanh)
leaky_relu_, elu_ = twin_of(leaky_relu), twin_of(elu)
threshold_ = twin_of(threshold, ">>> sg.threshold_(sg.tensor([1.0, 3.0]), 2, 0)\ntensor([0., 3.])")
rrelu_ = twin_of(rrelu, ">>> sg.rrelu_(sg.tensor([-1.0, 3.0]), 0.5, 0.5)\ntensor([-0.5000,  3.0000])")
selu_ = twin_of(selu, ">>> sg.selu_(sg.tensor([-1.0, 1.0]))\ntensor([-1.1113,  1.0507])")
celu_ = twin_of(celu, ">>> sg.celu_(sg.tensor([-1.0, 1.0]))\ntensor([-0.6321,  1.0000])")
