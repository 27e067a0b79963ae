"""Sums, differences, products, quotients: the operations that have an operator with a fast path."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ops.elementwise import conj, where_
from symgrad.ops.operators import Operands, binary, python_operator
from symgrad.ops.pointwise import declare, unary
from symgrad.ops.promotion import convert, is_scalar, promote, result_type
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor

NO_BOOLS = "Subtraction, the `-` operator, with a bool tensor is not supported."

add_p = declare(
    "add", "a b", scalar="a + b", array="add",
    grad=dict(a=lambda g: g, b=lambda g: g),
    doc="Sum, elementwise.", gradient="da = g, db = g",
)
sub_p = declare(
    "sub", "a b", scalar="a - b", array="subtract", kinds="ifc",
    grad=dict(a=lambda g: g, b=lambda g: -g),
    doc="Difference, elementwise.", gradient="da = g, db = -g",
)
mul_p = declare(
    "mul", "a b", scalar="a * b", array="multiply",
    grad=dict(a=lambda g, b: g * conj(b), b=lambda g, a: g * conj(a)),
    doc="Product, elementwise.", gradient="da = g b, db = g a",
)
div_p = declare(
    "div", "a b", scalar="a / b", array="true_divide", kinds="fc",
    grad=dict(a=lambda g, b: g / conj(b), b=lambda g, a, b: -g * conj((a / b) / b)),
    doc="Quotient, elementwise (true division).", gradient="da = g / b, db = -g a / b^2",
)
add_op, radd_op = binary(add_p, commutes=True)
sub_op, rsub_op = binary(sub_p, Operands(kinds="ifc", bools=NO_BOOLS))
mul_op, rmul_op = binary(mul_p, commutes=True)
div_op, rdiv_op = binary(div_p, Operands(floating=True))
python_operator("add", add_op, radd_op, "add_")
python_operator("sub", sub_op, rsub_op, "sub_")
python_operator("mul", mul_op, rmul_op, "mul_")
python_operator("truediv", div_op, rdiv_op, "div_")
# Python 2's names, which PyTorch still has.
python_operator("div", div_op, lambda self, other: self.reciprocal() * other, "div_")

neg = unary(
    "neg", scalar="-x", array="negative", grad=lambda g: -g, aliases=("negative",),
    bools="Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert "
          "a mask, use the `~` or `logical_not()` operator instead.",
    doc="Negative, elementwise.", gradient="dx = -g",
    example=">>> sg.neg(sg.tensor([1, -2]))\ntensor([-1,  2])",
)
python_operator("neg", neg)


@op
def add(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input + alpha * other, elementwise.

    Shapes: operands broadcast.
    Dtype: the promoted one; `alpha` must be of its category or a lower one.
    >>> sg.add(sg.tensor([1, 2]), 3, alpha=2)
    tensor([7, 8])
    """
    return input + scaled(input, other, alpha)


@op(aliases=("subtract",))
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Any:
    """input - alpha * other, elementwise.

    Shapes: operands broadcast.
    >>> sg.sub(sg.tensor([1., 2.]), sg.tensor([3., 5.]), alpha=2)
    tensor([-5., -8.])
    """
    return input - scaled(input, other, alpha)


def scaled(input: Any, other: Any, alpha: Any) -> Any:
    """alpha * other, after PyTorch's checks of what `alpha` may be."""
    if type(alpha) in (int, float) and alpha == 1:
        return other
    dtype = result_type(input, other)
    if type(alpha) is bool and dtype is not dtypes.bool_:
        raise DTypeError("Boolean alpha only supported for Boolean results.")
    if dtypes.category(alpha) > max(dtype.category, dtypes.INTEGRAL) and not isinstance(alpha, Tensor):
        raise DTypeError("For integral input tensors, argument alpha must not be a floating point number.")
    return convert(promote(other, input)[0] * alpha, dtype)


@op(method=False)
def rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Any:
    """other - alpha * input, elementwise.

    >>> sg.rsub(sg.tensor([1, 2]), 10)
    tensor([9, 8])
    """
    return other - scaled(other, input, alpha)


@op(inplace=True, ufunc=np.multiply, aliases=("multiply",))
def mul(input: Any, other: Any) -> Any:
    """input * other, elementwise.

    Shapes: operands broadcast.
    >>> sg.mul(sg.tensor([1., 2.]), 3)
    tensor([3., 6.])
    """
    return input * other


@op(inplace=True)
def square(input: Tensor) -> Tensor:
    """input * input.

    >>> sg.square(sg.tensor([-3, 2]))
    tensor([9, 4])
    """
    return input**2


@op(inplace=True)
def reciprocal(input: Tensor) -> Any:
    """1 / input; integers give the default float.

    >>> sg.reciprocal(sg.tensor([2., 4.]))
    tensor([0.5000, 0.2500])
    """
    return 1.0 / input


@op
def positive(input: Tensor) -> Tensor:
    """input itself; `+x` of anything but bools.

    >>> sg.positive(sg.tensor([1, -2]))
    tensor([ 1, -2])
    """
    if input.dtype is dtypes.bool_:
        raise DTypeError("The `+` operator, on a bool tensor is not supported.")
    return input


python_operator("pos", positive)


@op(inplace=True)
def deg2rad(input: Tensor) -> Any:
    """Degrees as radians.

    >>> sg.deg2rad(sg.tensor([180.]))
    tensor([3.1416])
    """
    return _times_real(input, np.pi / 180)


@op(inplace=True)
def rad2deg(input: Tensor) -> Any:
    """Radians as degrees.

    >>> sg.rad2deg(sg.tensor([0.5]))
    tensor([28.6479])
    """
    return _times_real(input, 180 / np.pi)


def _times_real(input: Tensor, factor: float) -> Any:
    if input.dtype.is_complex:
        raise DTypeError("deg2rad and rad2deg are not supported on complex tensors")
    return input * factor


@op
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value * tensor1 * tensor2, elementwise.

    >>> sg.addcmul(sg.tensor([1.]), sg.tensor([2.]), sg.tensor([3.]), value=0.5)
    tensor([4.])
    """
    return rounded_once(lambda a, b, c: a + value_times(b, value) * c, input, tensor1, tensor2)


@op
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value * tensor1 / tensor2, elementwise.

    Raises: DTypeError where tensor1 and tensor2 are integers.
    >>> sg.addcdiv(sg.tensor([1.]), sg.tensor([6.]), sg.tensor([3.]), value=0.5)
    tensor([2.])
    """
    if not result_type(tensor1, tensor2).is_inexact:
        raise DTypeError("Integer division with addcdiv is no longer supported",
                         hint="convert one of the tensors with .float()")
    return rounded_once(lambda a, b, c: a + value_times(b, value) / c, input, tensor1, tensor2)


def rounded_once(formula: Any, *operands: Any) -> Any:
    """A formula of several operations; 16-bit floats go through it in float32 and are rounded at the end."""
    dtype = result_type(*operands)
    if not dtype.is_half:
        return formula(*operands)
    return convert(formula(*[convert(x, dtypes.float32) for x in operands]), dtype)


def value_times(tensor: Any, value: Any) -> Any:
    """value * tensor, after PyTorch's check of what `value` may be."""
    if type(value) in (int, float) and value == 1:
        return tensor
    if is_scalar(value) and dtypes.category(value) > max(tensor.dtype.category, dtypes.INTEGRAL):
        raise DTypeError(f"value cannot be converted to type {tensor.dtype.name} without overflow")
    return tensor * value


@op
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input), counted from the nearer end.

    Dtype: floating or complex, the same for all.
    >>> sg.lerp(sg.tensor([0., 10.]), sg.tensor([4., 20.]), 0.25)
    tensor([ 1.0000, 12.5000])
    """
    tensors = [input, end, *([weight] if isinstance(weight, Tensor) else [])]
    for x in tensors:
        if x.dtype is not input.dtype:
            raise DTypeError(f"expected dtype {input.dtype.name} for `end` and `weight` but got dtype {x.dtype.name}")
    if not input.dtype.is_inexact:
        raise DTypeError(f'"lerp" not implemented for {input.dtype.name}')
    if isinstance(weight, Tensor):
        return rounded_once(_lerp_tensor, input, end, weight)
    return rounded_once(lambda a, b: _lerp_number(a, b, weight), input, end)


def _lerp_number(a: Any, b: Any, weight: Any) -> Any:
    gap = b - a
    return a + gap * weight if abs(weight) < 0.5 else b - gap * (1 - weight)


def _lerp_tensor(a: Any, b: Any, weight: Any) -> Any:
    gap = b - a
    return where_(weight.abs() < 0.5, a + gap * weight, b - gap * (1 - weight))
