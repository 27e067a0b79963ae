"""Rounding to integers, and signs."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError
from symgrad.ops.elementwise import conj, no_gradient, where_
from symgrad.ops.operators import python_operator
from symgrad.ops.pointwise import check_tensors, declare, pair, unary
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind


def _rounding(name: str, array: str, doc: str, shown: str, **rest: Any) -> Any:
    return unary(name, scalar=f"{array}(x)", array=array, kinds="if", copies="i", grad=lambda g: no_gradient(g),
                 doc=doc, gradient="zero", example=f">>> sg.{name}(sg.tensor([-1.5, 2.5]))\n{shown}",
                 **rest)  # fmt: skip


floor = _rounding("floor", "floor", "The largest integer not above x, elementwise.", "tensor([-2.,  2.])")
ceil = _rounding("ceil", "ceil", "The smallest integer not below x, elementwise.", "tensor([-1.,  3.])")
trunc = _rounding("trunc", "trunc", "x without its fraction, elementwise.", "tensor([-1.,  2.])", aliases=("fix",))
rint = declare(
    "round", "x", scalar="rint(x)", array="rint", kinds="f", grad=lambda g: no_gradient(g),
    doc="The nearest integer, halves to even, elementwise.", gradient="zero",
)


@op(inplace=True)
def round(input: Tensor, *, decimals: int = 0) -> Any:
    """The nearest number with so many decimals, halves to even, elementwise.

    Gradient: zero.
    >>> sg.round(sg.tensor([0.5, 1.5])), sg.round(sg.tensor([2.346]), decimals=2)
    (tensor([0., 2.]), tensor([2.3500]))
    """
    check_kind("round", input.dtype, "f" if decimals else "if")
    if not input.dtype.is_inexact:
        return input.clone()
    if decimals == 0:
        return bind(rint, (input,), {})
    power = 10.0 ** abs_int(decimals)
    scaled = input * power if decimals > 0 else input / power
    whole = bind(rint, (scaled,), {})
    return whole / power if decimals > 0 else whole * power


def abs_int(x: int) -> int:
    """|x| of a Python integer, beside the `abs` of tensors."""
    return -x if x < 0 else x


@op(inplace=True)
def frac(input: Tensor) -> Any:
    """x - trunc(x), elementwise.

    Gradient: dx = g
    >>> sg.frac(sg.tensor([1.25, -1.25]))
    tensor([ 0.2500, -0.2500])
    """
    check_kind("frac", input.dtype, "f")
    return input - trunc(input)


def _sign(np: Any, x: Any) -> Any:
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype) if x.dtype.kind != "b" else x.copy()


def _sgn(np: Any, x: Any) -> Any:
    size = np.abs(x)
    return np.where(size == 0, x.dtype.type(0), x / np.where(size == 0, size.dtype.type(1), size))


abs = unary(
    "abs", scalar="abs(x)", array="absolute", kinds="ifc", result=DType.to_real, aliases=("absolute",),
    grad=lambda g, x: g * x.sgn(),
    doc="Absolute value, elementwise; the modulus of complex numbers.", gradient="dx = g sgn(x)",
    example=">>> sg.abs(sg.tensor([-1.5, 2.]))\ntensor([1.5000, 2.0000])",
)
python_operator("abs", abs)
sign = unary(
    "sign", scalar="1 if x > 0 else (-1 if x < 0 else 0)", helpers={"_sign": _sign}, kinds="bif",
    array="_sign(np, x)", grad=lambda g: no_gradient(g),
    doc="Sign (-1, 0 or 1), elementwise; nan gives 0.", gradient="zero",
    example=">>> sg.sign(sg.tensor([-2., 0., 3.]))\ntensor([-1.,  0.,  1.])",
)
complex_sign = declare(
    "sgn", "x", array="_sgn(np, x)", kinds="c", helpers={"_sgn": _sgn},
    grad=lambda g, x, out: where_(x == 0, 0, (g - out * (g * conj(out)).real) / x.abs()),
    doc="x / |x|, 0 where x is 0, elementwise.", gradient="dx = (g - out Re(g conj(out))) / |x|",
)


@op(inplace=True)
def sgn(input: Tensor) -> Any:
    """The sign, elementwise; of complex numbers x / |x|, 0 where x is 0.

    >>> sg.sgn(sg.tensor([4j])).tolist()
    [1j]
    """
    return bind(complex_sign, (input,), {}) if input.dtype.is_complex else sign(input)


@op
def signbit(input: Tensor) -> Any:
    """Whether the sign bit is set, elementwise: of -0.0 it is.

    Dtype: bool.
    >>> sg.signbit(sg.tensor([-1., -0., 0.]))
    tensor([ True,  True, False])
    """
    check_kind("signbit", input.dtype, "bif")
    return bind(sign_bit, (input,), {}) if input.dtype.is_inexact else input < 0


sign_bit = declare(
    "signbit", "x", scalar="copysign(1, x) < 0", array="signbit", kinds="f", result=dtypes.bool_,
    doc="Whether the sign bit is set, elementwise.",
)
copysign = pair(
    "copysign", scalar="copysign(a, b)", array="copysign", kinds="bif", floating=True, numbers="second",
    grad=dict(a=lambda g, a, out: g * where_(a == 0, 0, out / a), b=lambda g: no_gradient(g)),
    doc="The size of a with the sign of b, elementwise.", gradient="da = g out / a (0 where a is 0), db = 0",
    example=">>> sg.copysign(sg.tensor([1., -2.]), -0.0)\ntensor([-1., -2.])",
)


def _heaviside(np: Any, x: Any, values: Any) -> Any:
    return np.where(x == 0, values, (x > 0).astype(x.dtype))


heaviside_p = declare(
    "heaviside", "x values", scalar="values if x == 0 else (1 if x > 0 else 0)", kinds="bif",
    array="_heaviside(np, x, values)", helpers={"_heaviside": _heaviside},
    doc="0 where x < 0, 1 where x > 0, `values` where x is 0, elementwise.",
)


@op(inplace=True)
def heaviside(input: Tensor, values: Tensor) -> Any:
    """0 where input < 0, 1 where input > 0, `values` where it is 0, elementwise.

    >>> sg.heaviside(sg.tensor([-1., 0., 2.]), sg.tensor(0.5))
    tensor([0.0000, 0.5000, 1.0000])
    """
    check_tensors("heaviside", input=input, values=values)
    check_kind("heaviside", input.dtype, "bif")
    if input.dtype is not values.dtype:
        raise DTypeError("heaviside is not yet implemented for tensors with different dtypes.",
                         hint="convert one of them with .to()")
    return bind(heaviside_p, (input, values), {})
