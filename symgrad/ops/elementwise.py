"""Elementwise primitives: one declaration each, gradient beside formula.

Gradient formulas are written in the operators every tensor has, so that they serve the eager tape,
the `differentiate` pass and derivatives of derivatives alike. Un-broadcasting is done once, where
cotangents are accumulated; no formula mentions it.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.primitive import Alias, Scalar
from symgrad.ir.types import TensorType
from symgrad.ops.registry import BOOL, elementwise, elementwise_strides, primitive


def _clip(np: Any, x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = np.maximum(x, x.dtype.type(low))
    return x if high is None else np.minimum(x, x.dtype.type(high))


def _sign(np: Any, x: Any) -> Any:
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype) if x.dtype.kind != "b" else x.copy()


def _ipow(np: Any, x: Any, n: int) -> Any:
    if n < 0:
        return 1 / _ipow(np, x, -n)
    if n == 0:
        return np.ones_like(x)
    half = x if n in (1, 3) else _ipow(np, x, n // 2)
    if n == 1:
        return x.copy(order="K") if hasattr(x, "copy") else x
    return half * half * x if n % 2 else half * half


add = elementwise(
    "add", "a b", scalar="a + b", array="add",
    grad=dict(a=lambda g: g, b=lambda g: g),
    doc="Sum, elementwise.", gradient="da = g, db = g",
)
sub = elementwise(
    "sub", "a b", scalar="a - b", array="subtract",
    grad=dict(a=lambda g: g, b=lambda g: -g),
    doc="Difference, elementwise.", gradient="da = g, db = -g",
)
mul = elementwise(
    "mul", "a b", scalar="a * b", array="multiply",
    grad=dict(a=lambda g, b: g * b, b=lambda g, a: g * a),
    doc="Product, elementwise.", gradient="da = g b, db = g a",
)
div = elementwise(
    "div", "a b", scalar="a / b", array="true_divide", floating=True,
    grad=dict(a=lambda g, b: g / b, b=lambda g, a, b: -g * ((a / b) / b)),
    doc="Quotient, elementwise (true division).", gradient="da = g / b, db = -g a / b^2",
)
neg = elementwise(
    "neg", "x", scalar="-x", array="negative", grad=dict(x=lambda g: -g),
    doc="Negative, elementwise.", gradient="dx = -g",
)
exp = elementwise(
    "exp", "x", scalar="exp(x)", array="exp", floating=True, grad=dict(x=lambda g, out: g * out),
    doc="Exponential, elementwise.", gradient="dx = g exp(x)", source="DLMF 4.2",
)
log = elementwise(
    "log", "x", scalar="log(x)", array="log", floating=True, grad=dict(x=lambda g, x: g / x),
    doc="Natural logarithm, elementwise.", gradient="dx = g / x", source="DLMF 4.2",
)
sin = elementwise(
    "sin", "x", scalar="sin(x)", array="sin", floating=True, grad=dict(x=lambda g, x: g * x.cos()),
    doc="Sine, elementwise.", gradient="dx = g cos(x)", source="DLMF 4.14",
)
cos = elementwise(
    "cos", "x", scalar="cos(x)", array="cos", floating=True, grad=dict(x=lambda g, x: g * -x.sin()),
    doc="Cosine, elementwise.", gradient="dx = -g sin(x)", source="DLMF 4.14",
)
tanh = elementwise(
    "tanh", "x", scalar="tanh(x)", array="tanh", floating=True,
    grad=dict(x=lambda g, out: g * (1 - out * out)),
    doc="Hyperbolic tangent, elementwise.", gradient="dx = g (1 - tanh(x)^2)", source="DLMF 4.34",
)
sqrt = elementwise(
    "sqrt", "x", scalar="sqrt(x)", array="sqrt", floating=True,
    grad=dict(x=lambda g, out: g / (2 * out)),
    doc="Square root, elementwise.", gradient="dx = g / (2 sqrt(x))", source="IEEE 754",
)
sigmoid = elementwise(
    "sigmoid", "x", scalar="1 / (1 + exp(-x))", array="1 / (1 + np.exp(-x))", floating=True,
    grad=dict(x=lambda g, out: g * (out * (1 - out))),
    doc="Logistic function 1 / (1 + exp(-x)), elementwise.", gradient="dx = g s (1 - s)",
)
abs_ = elementwise(
    "abs", "x", scalar="abs(x)", array="absolute", grad=dict(x=lambda g, x: g * x.sign()),
    doc="Absolute value, elementwise.", gradient="dx = g sign(x)",
)
sign = elementwise(
    "sign", "x", scalar="1 if x > 0 else (-1 if x < 0 else 0)", helpers={"_sign": _sign},
    array="_sign(np, x)", grad=dict(x=lambda g: g * 0),
    doc="Sign (-1, 0 or 1), elementwise; nan gives 0.", gradient="zero",
)
maximum = elementwise(
    "maximum", "a b", scalar="maximum(a, b)", array="maximum",
    grad=dict(a=lambda g, a, b: g * _share(a > b, a == b, g), b=lambda g, a, b: g * _share(b > a, a == b, g)),
    doc="Larger of two, elementwise; nan if either is.", gradient="to the larger; ties share equally",
)
minimum = elementwise(
    "minimum", "a b", scalar="minimum(a, b)", array="minimum",
    grad=dict(a=lambda g, a, b: g * _share(a < b, a == b, g), b=lambda g, a, b: g * _share(b < a, a == b, g)),
    doc="Smaller of two, elementwise; nan if either is.", gradient="to the smaller; ties share equally",
)
relu = elementwise(
    "relu", "x", scalar="maximum(x, 0)", array="np.maximum(x, 0)",
    grad=dict(x=lambda g, out: _where(out <= 0, 0, g)),
    doc="Rectified linear unit max(x, 0), elementwise; nan stays nan.", gradient="dx = 0 where x <= 0, else g",
)
clamp = elementwise(
    "clamp", "x", params=("min", "max"), helpers={"_clip": _clip},
    scalar="clamp(x, min, max)", array="_clip(np, x, min, max)",
    grad=dict(x=lambda g, x, min, max: _where(_inside(x, min, max), g, 0)),
    doc="x limited to [min, max]; either may be None.", gradient="dx = g where min <= x <= max",
)
ipow = elementwise(
    "pow", "x", params=("exponent",), scalar="ipow(x, exponent)", array="_ipow(np, x, exponent)",
    helpers={"_ipow": _ipow},
    grad=dict(x=lambda g, x, exponent: g * (exponent * x ** (exponent - 1)) if exponent else g * 0),
    doc="x to a small integer power, by multiplications.", gradient="dx = g n x^(n-1)",
    source="Knuth, TAOCP 4.6.3 (binary method)",
)
power = elementwise(
    "power", "x y", scalar="pow(x, y)", array="power",
    grad=dict(
        x=lambda g, x, y: g * _where(y == 0, 0, y * x ** (y - 1)),
        y=lambda g, x, y, out: g * _where((y >= 0) & (x == 0), 0, out * _tensor(x, y).log()),
    ),
    doc="x to the power y, elementwise.", gradient="dx = g y x^(y-1), dy = g x^y log(x)",
    source="DLMF 4.2",
)
eq = elementwise("eq", "a b", scalar="a == b", array="equal", result=BOOL, doc="a == b, elementwise.")
ne = elementwise("ne", "a b", scalar="a != b", array="not_equal", result=BOOL, doc="a != b, elementwise.")
lt = elementwise("lt", "a b", scalar="a < b", array="less", result=BOOL, doc="a < b, elementwise.")
le = elementwise("le", "a b", scalar="a <= b", array="less_equal", result=BOOL, doc="a <= b, elementwise.")
gt = elementwise("gt", "a b", scalar="a > b", array="greater", result=BOOL, doc="a > b, elementwise.")
ge = elementwise("ge", "a b", scalar="a >= b", array="greater_equal", result=BOOL, doc="a >= b, elementwise.")
bitwise_and = elementwise("bitwise_and", "a b", scalar="a & b", array="bitwise_and",
                          doc="Bitwise and; logical and of bools.")  # fmt: skip
bitwise_or = elementwise("bitwise_or", "a b", scalar="a | b", array="bitwise_or",
                         doc="Bitwise or; logical or of bools.")  # fmt: skip
bitwise_not = elementwise("bitwise_not", "x", scalar="~x", array="invert",
                          doc="Bitwise complement; logical not of bools.")  # fmt: skip
where = elementwise(
    "where", "cond a b", scalar="a if cond else b", array="np.where(cond, a, b)", mixed=True,
    grad=dict(cond=None, a=lambda g, cond: _where(cond, g, 0), b=lambda g, cond: _where(cond, 0, g)),
    doc="a where cond holds, else b; cond is bool.", gradient="da = g where cond, db = g elsewhere",
)


def _cast_type(x: TensorType, dtype: Any) -> TensorType:
    return TensorType(x.shape, dtype, elementwise_strides(x.shape, (x,)), x.device)


cast = primitive(
    "cast", "x", params=("dtype",), infer=_cast_type, array="x.astype(dtype.np)", lower=Scalar("x"),
    grad=dict(x=lambda g, x_dtype: g.to(x_dtype)),
    doc="Conversion to another dtype; float to int truncates.", gradient="dx = g in x's dtype",
)
stop_gradient = primitive(
    "stop_gradient", "x", infer=lambda x: x, array="(x)", lower=Alias(), grad=dict(x=None),
    doc="The same values, through which no gradient flows.", gradient="none",
)  # fmt: skip


def _where(cond: Any, a: Any, b: Any) -> Any:
    from symgrad.ops.functional import where

    return where(cond, a, b)


def _tensor(x: Any, like: Any) -> Any:
    """x as a tensor, where it may be a Python number beside the tensor `like`."""
    from symgrad.ops.creation import ones_like

    return x if hasattr(x, "log") else ones_like(like) * x


def _share(wins: Any, ties: Any, g: Any) -> Any:
    return wins.to(g.dtype) + ties.to(g.dtype) * 0.5


def _inside(x: Any, low: Any, high: Any) -> Any:
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)
