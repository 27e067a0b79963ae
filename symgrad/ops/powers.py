"""Powers and roots.

A small integer exponent multiplies, so that x**3 has the bits of x*x*x; 0.5 and -0.5 take the square root.
"""

from __future__ import annotations

import math
from typing import Any

from numpy import ndarray

from symgrad import dtypes
from symgrad.errors import DomainError
from symgrad.ops.elementwise import conj, tensor_like, where_
from symgrad.ops.operators import operand, python_operator
from symgrad.ops.pointwise import declare, not_a_tensor, unary
from symgrad.ops.promotion import convert, is_scalar, promote, result_type
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, made1

SMALL = 16

sqrt = unary(
    "sqrt", scalar="sqrt(x)", array="sqrt", floating=True, grad=lambda g, out: g / (2 * conj(out)),
    doc="Square root, elementwise.", gradient="dx = g / (2 sqrt(x))", source="IEEE 754",
    example=">>> sg.sqrt(sg.tensor([4., 2.]))\ntensor([2.0000, 1.4142])",
)
rsqrt = unary(
    "rsqrt", scalar="1 / sqrt(x)", array="1 / np.sqrt(x)", floating=True,
    grad=lambda g, out: g * conj(-0.5 * (out * out * out)),
    doc="1 / sqrt(x), elementwise.", gradient="dx = -g out^3 / 2",
    example=">>> sg.rsqrt(sg.tensor([4., 0.25]))\ntensor([0.5000, 2.0000])",
)


def _ipow(np: Any, x: Any, n: int) -> Any:
    if n < 0:
        return 1 / _ipow(np, x, -n)
    if n == 0:
        return np.ones_like(x)
    if n == 2:
        return x * x
    half = x if n in (1, 3) else _ipow(np, x, n // 2)
    if n == 1:
        return x.copy(order="K") if hasattr(x, "copy") else x
    return half * half * x if n % 2 else half * half


def _power(np: Any, x: Any, y: Any) -> Any:
    if np.result_type(x, y).kind not in "iu" or np.all(y >= 0):
        return np.power(x, y)
    back = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y % 2), 0))
    return np.where(y < 0, back, np.power(x, np.maximum(y, 0))).astype(np.result_type(x, y))


def _lowered(x: Any, n: int) -> Any:
    """x to the power n - 1; a square's is x itself, which need not be copied."""
    return x if n == 2 else x ** (n - 1)


ipow = declare(
    "pow", "x", params=("exponent",), scalar="ipow(x, exponent)", array="_ipow(np, x, exponent)",
    helpers={"_ipow": _ipow},
    grad=lambda g, x, exponent: g * conj(exponent * _lowered(x, exponent)) if exponent else g * 0,
    doc="x to a small integer power, by multiplications.", gradient="dx = g n x^(n-1)",
    source="Knuth, TAOCP 4.6.3 (binary method)",
)
power = declare(
    "power", "x y", scalar="pow(x, y)", array="_power(np, x, y)", kinds="ifc", helpers={"_power": _power},
    grad=dict(
        x=lambda g, x, y: g * _slope(x, y),
        y=lambda g, x, y, out: g * where_(_vanishes(x, y), 0, conj(out * tensor_like(x, y).log())),
    ),
    doc="x to the power y, elementwise; an integer to a negative power is 0, unless it is 1 or -1.",
    gradient="dx = g y x^(y-1), dy = g x^y log(x)", source="DLMF 4.2",
)


def _slope(x: Any, y: Any) -> Any:
    if isinstance(y, Tensor) or hasattr(y, "expr"):
        return where_(tensor_like(y, x) == 0, 0, conj(y * x ** (y - 1)))
    return conj(y * x ** (y - 1)) if y else 0


def _vanishes(x: Any, y: Any) -> Any:
    """Where x^y stays 0 if y changes."""
    real = y.real if isinstance(y, Tensor) and y.dtype.is_complex else y
    return (real >= 0) & (x == 0)


@op(inplace=True)
def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent, elementwise; a small integer exponent multiplies.

    Shapes: operands broadcast.
    Gradient: d input = g n x^(n-1), d exponent = g x^n log(x)
    Raises: DomainError for an integer to a negative power that is a number.
    >>> sg.pow(sg.tensor([1., 2., 3.]), 2), 2 ** sg.tensor([1, 2, 3])
    (tensor([1., 4., 9.]), tensor([2, 4, 8]))
    """
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise not_a_tensor("pow", input)
    out = power_operator(input, exponent)
    if out is NotImplemented:
        wrong, position = (input, 1) if not isinstance(input, Tensor) and not is_scalar(input) else (exponent, 2)
        raise not_a_tensor("pow", wrong, "input" if position == 1 else "exponent", position)
    return out


_SMALL_POWERS = [{"exponent": exponent} for exponent in range(SMALL + 1)]


def power_operator(input: Any, exponent: Any) -> Any:
    """What `**` does: like `pow`, NotImplemented for operands of other types."""
    if type(exponent) is int and 0 <= exponent <= SMALL and isinstance(input, Tensor):
        data = input._data
        if type(data) is ndarray and data.dtype.kind == "f" and not state.captures:
            return made1(ipow, input, _SMALL_POWERS[exponent], ipow.evaluate(data, exponent))
    input, exponent = operand(input), operand(exponent)
    if input is NotImplemented or exponent is NotImplemented:
        return NotImplemented
    dtype = result_type(input, exponent)
    check_kind("pow", dtype, "ifc" if isinstance(exponent, Tensor) else "bifc")
    if isinstance(input, Tensor) and type(exponent) in (int, float, bool) and math.isfinite(exponent):
        if exponent < 0 and not dtype.is_inexact:
            raise DomainError("Integers to negative integer powers are not allowed.")
        if exponent == 0.5:
            return sqrt(convert(input, dtype))
        if exponent == -0.5:
            return rsqrt(convert(input, dtype))
        if int(exponent) == exponent and -SMALL <= exponent <= SMALL:
            return bind(ipow, (convert(input, dtype),), {"exponent": int(exponent)})
    return bind(power, promote(input, exponent), {})


def _reflected_power(exponent: Tensor, base: Any) -> Any:
    return power_operator(base, exponent)


python_operator("pow", power_operator, _reflected_power, "pow_")


@op(inplace=True)
def float_power(input: Any, exponent: Any) -> Any:
    """input ** exponent computed in float64 (complex128 where one of them is complex).

    >>> sg.float_power(sg.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=torch.float64)
    """
    dtype = dtypes.complex128 if result_type(input, exponent).is_complex else dtypes.float64
    if not isinstance(input, Tensor) and not isinstance(exponent, Tensor):
        raise not_a_tensor("float_power", input)
    return pow(convert(input, dtype), convert(exponent, dtype))


