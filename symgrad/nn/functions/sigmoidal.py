"""Smooth activations: the logistic function, what is multiplied by it, and what they are approximated by."""

from __future__ import annotations

import math
from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.declare import functional, in_place, widened
from symgrad.ops import functional as ops
from symgrad.ops.special import erfc
from symgrad.tensor.core import Tensor

__all__ = ["gelu", "glu", "hardsigmoid", "hardswish", "logsigmoid", "mish", "sigmoid", "silu", "softplus", "softsign",
           "tanh"]  # fmt: skip


@functional()
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)), elementwise; as `sg.sigmoid`.

    >>> sg.nn.functional.sigmoid(sg.tensor([0.0]))
    tensor([0.5000])
    """
    return ops.sigmoid(input)  # type: ignore[no-any-return]


@functional()
def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, elementwise; as `sg.tanh`.

    >>> sg.nn.functional.tanh(sg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return ops.tanh(input)  # type: ignore[no-any-return]


@functional(out=True)
def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)) without overflow and without losing small probabilities, elementwise.

    Gradient: g sigmoid(-input)
    >>> sg.nn.functional.logsigmoid(sg.tensor([0.0, -1000.0]))
    tensor([-6.9315e-01, -1.0000e+03])
    """
    x = widened("log_sigmoid", input)
    below = x < 0
    size = ops.where(below, x, -x)
    return ops.convert(ops.where(below, x, 0) - size.exp().log1p(), input.dtype)


@functional()
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """(input + 3) / 6 limited to [0, 1], elementwise; `inplace` writes it to the input.

    Gradient: g / 6 where -3 < input < 3, else 0
    Source: Courbariaux, Bengio, David 2015
    >>> sg.nn.functional.hardsigmoid(sg.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """
    if inplace:
        return in_place(hardsigmoid, input)
    return ops.convert(_ramp(widened("hardsigmoid", input)), input.dtype)


def _ramp(x: Any) -> Any:
    return ops.where(x <= -3, 0, ops.where(x >= 3, 1, (x + 3) / 6))


@functional()
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """input hardsigmoid(input), elementwise; `inplace` writes it to the input.

    Gradient: 0 up to -3, g from 3 on, between them g (input / 3 + 1 / 2)
    Source: Howard et al. 2019
    >>> sg.nn.functional.hardswish(sg.tensor([-4.0, 1.0, 4.0]))
    tensor([-0.0000,  0.6667,  4.0000])
    """
    if inplace:
        return in_place(hardswish, input)
    x = widened("hardswish", input)
    return ops.convert(x * _ramp(x), input.dtype)


@functional()
def softsign(input: Tensor) -> Tensor:
    """input / (1 + |input|), elementwise.

    Gradient: g / (1 + |input|)^2
    >>> sg.nn.functional.softsign(sg.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    x: Any = input
    return x / (x.abs() + 1)  # type: ignore[no-any-return]


@functional(out=True)
def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta input)) / beta, elementwise; the input itself where beta input > threshold.

    Gradient: g sigmoid(beta input); g above the threshold
    Source: Dugas et al. 2001
    >>> sg.nn.functional.softplus(sg.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """
    x = widened("softplus", input)
    scaled = x if beta == 1 else x * beta
    straight = scaled > threshold
    bent = ops.where(straight, 0, scaled).exp().log1p()  # no overflow on the side that is not taken
    return ops.convert(ops.where(straight, x, bent if beta == 1 else bent / beta), input.dtype)


@functional()
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """input sigmoid(input), elementwise; `inplace` writes it to the input.

    Gradient: g s (1 + input (1 - s)), s = sigmoid(input)
    Source: Elfwing, Uchibe, Doya 2017
    >>> sg.nn.functional.silu(sg.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """
    if inplace:
        return in_place(silu, input)
    x = input if input.dtype.is_complex else widened("silu", input)
    return ops.convert(x * ops.sigmoid(x), input.dtype)


@functional()
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """input tanh(softplus(input)), elementwise; `inplace` writes it to the input.

    Source: Misra 2019
    >>> sg.nn.functional.mish(sg.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """
    if inplace:
        return in_place(mish, input)
    x = widened("mish", input)
    return ops.convert(x * ops.tanh(softplus(x)), input.dtype)


@functional(out=True)
def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """input Phi(input), Phi the standard normal distribution, elementwise; `approximate="tanh"` is near it.

    Gradient: g (Phi(input) + input phi(input)), phi the density
    Source: Hendrycks, Gimpel 2016
    >>> sg.nn.functional.gelu(sg.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """
    if approximate not in ("none", "tanh"):
        raise ShapeError("approximate argument must be either none or tanh.")
    x = widened("gelu", input)
    if approximate == "none":
        out = x * (erfc(x * -math.sqrt(0.5)) * 0.5)
    else:
        out = x * 0.5 * (ops.tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1)
    return ops.convert(out, input.dtype)


@functional()
def glu(input: Tensor, dim: int = -1) -> Tensor:
    """The first half along `dim` times the sigmoid of the second.

    Shapes: [..., 2 n, ...] -> [..., n, ...]
    Source: Dauphin et al. 2016
    >>> sg.nn.functional.glu(sg.tensor([2.0, 4.0, 0.0, 0.0]))
    tensor([1., 2.])
    """
    x = widened("glu", input)
    if not x.ndim:
        raise ShapeError("glu does not support 0-dimensional tensors")
    if x.shape[dim] % 2:
        raise ShapeError(f"Halving dimension must be even, but dimension {dim % x.ndim} is size {x.shape[dim]}")
    half = x.shape[dim] // 2
    first, second = x.narrow(dim, 0, half), x.narrow(dim, half, half)
    return ops.convert(first * ops.sigmoid(second), input.dtype)
