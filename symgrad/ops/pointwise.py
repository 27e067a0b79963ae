"""Elementwise public functions: one-operand primitives, powers, clamps, choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Primitive
from symgrad.ops import elementwise as ew
from symgrad.ops.promotion import convert, is_scalar, promote, result_type
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, bind1, ndarray

_SMALL_POWER = 16
NO_PARAMS: dict[str, Any] = {}


def unary(prim: Primitive, floating: bool = False, bools: bool = True) -> Callable[..., Any]:
    """The public function of a one-operand elementwise primitive; `bools`: whether it takes them."""

    def function(input: Tensor) -> Any:
        data = input._data
        if type(data) is ndarray and data.dtype.kind == "f":
            return bind1(prim, input, NO_PARAMS)
        if not bools and input.dtype is dtypes.bool_:
            raise DTypeError(f"{prim.name}: bool tensors are not supported", hint="convert with .int()")
        if floating and not input.dtype.is_inexact:
            input = input.to(dtypes.get_default_dtype())
        return bind(prim, (input,), {})

    function.__name__ = function.__qualname__ = prim.name
    function.__doc__ = prim.doc
    return op(inplace=True)(function)


exp, log, sin, cos = (unary(p, True) for p in (ew.exp, ew.log, ew.sin, ew.cos))
tanh, sqrt, sigmoid = (unary(p, True) for p in (ew.tanh, ew.sqrt, ew.sigmoid))
neg, abs, relu = (unary(p, bools=False) for p in (ew.neg, ew.abs_, ew.relu))
sign, bitwise_not = unary(ew.sign), unary(ew.bitwise_not)


@op(inplace=True)
def logical_not(input: Tensor) -> Any:
    """Whether elements are zero (False)."""
    return bitwise_not(input) if input.dtype is dtypes.bool_ else input == 0


@op
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input + alpha * other."""
    scaled = other if type(alpha) in (int, float) and alpha == 1 else other * alpha
    return input + scaled


@op(aliases=("subtract",))
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input - alpha * other."""
    return input - (other if type(alpha) in (int, float) and alpha == 1 else other * alpha)


@op(inplace=True, ufunc=np.multiply, aliases=("multiply",))
def mul(input: Any, other: Any) -> Any:
    """input * other, elementwise."""
    return input * other


@op(inplace=True, ufunc=np.true_divide, aliases=("divide", "true_divide"))
def div(input: Any, other: Any) -> Any:
    """input / other, elementwise; integers give the default float."""
    return input / other


@op
def maximum(input: Tensor, other: Tensor) -> Tensor:
    """Larger of two, elementwise; nan if either is."""
    return bind(ew.maximum, promote(input, other), {})


@op
def minimum(input: Tensor, other: Tensor) -> Tensor:
    """Smaller of two, elementwise; nan if either is."""
    return bind(ew.minimum, promote(input, other), {})


@op(inplace=True)
def square(input: Tensor) -> Tensor:
    """input * input."""
    return pow(input, 2)


@op(inplace=True)
def reciprocal(input: Tensor) -> Tensor:
    """1 / input."""
    return 1.0 / input


@op(inplace=True)
def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent; a small integer exponent multiplies."""
    if type(exponent) is int and 0 <= exponent <= _SMALL_POWER and isinstance(input, Tensor):
        data = input._data
        if type(data) is ndarray and data.dtype.kind == "f":
            return bind1(ew.ipow, input, {"exponent": exponent})
    if isinstance(input, Tensor) and type(exponent) in (int, float, bool) and int(exponent) == exponent \
            and abs_small(int(exponent)):  # fmt: skip
        n = int(exponent)
        input = convert(input, result_type(input, exponent))
        if n < 0 and not input.dtype.is_inexact:
            raise DTypeError("Integers to negative integer powers are not allowed.")
        return bind(ew.ipow, (input,), {"exponent": n})
    if isinstance(input, Tensor) and type(exponent) is float and exponent == 0.5:
        return sqrt(input)
    for x in (input, exponent):
        if not isinstance(x, Tensor) and not is_scalar(x):
            return NotImplemented
    if result_type(input, exponent) is dtypes.bool_:
        raise DTypeError("pow: bool tensors are not supported", hint="convert with .int()")
    return bind(ew.power, promote(input, exponent), {})


def abs_small(n: int) -> bool:
    """Whether a power is small enough to be done by multiplications."""
    return -_SMALL_POWER <= n <= _SMALL_POWER


@op(inplace=True, aliases=("clip",))
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input limited to [min, max]; either may be None."""
    if min is None and max is None:
        raise ShapeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        out = input if min is None else maximum(input, min)
        return out if max is None else minimum(out, max)
    if not input.dtype.is_inexact and any(isinstance(v, float) for v in (min, max)):
        input = input.to(dtypes.get_default_dtype())
    return bind(ew.clamp, (input,), {"min": min, "max": max})


@op(method=False)
def where(condition: Tensor, input: Any, other: Any) -> Tensor:
    """input where condition holds, else other."""
    a, b = promote(input, other)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = full_scalar(a, result_type(input, other))
    return bind(ew.where, (condition, a, b), {})


def full_scalar(value: Any, dtype: DType) -> Tensor:
    """A 0-d tensor of one number."""
    from symgrad.ops.creation import full

    return full((), value, dtype=dtype)
