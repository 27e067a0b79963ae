"""Exponentials and logarithms, and the logistic function with its inverse."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ops.elementwise import conj, tensor_like, where_
from symgrad.ops.pointwise import check_tensors, declare, pair, unary
from symgrad.ops.promotion import convert, promote
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

LN2, LN10 = math.log(2), math.log(10)

exp = unary(
    "exp", scalar="exp(x)", array="exp", floating=True, grad=lambda g, out: g * conj(out),
    doc="Exponential, elementwise.", gradient="dx = g exp(x)", source="DLMF 4.2",
    example=">>> sg.exp(sg.tensor([0., 1.]))\ntensor([1.0000, 2.7183])",
)
exp2 = unary(
    "exp2", scalar="exp2(x)", array="exp2", floating=True, grad=lambda g, out: g * (conj(out) * LN2),
    doc="Two to the power x, elementwise.", gradient="dx = g 2^x ln 2",
    example=">>> sg.exp2(sg.tensor([0., 3.]))\ntensor([1., 8.])",
)
expm1 = unary(
    "expm1", scalar="expm1(x)", array="expm1", floating=True, grad=lambda g, out: g * (conj(out) + 1),
    doc="exp(x) - 1 without cancellation near 0, elementwise.", gradient="dx = g exp(x)",
    example=">>> sg.expm1(sg.tensor([0., 1.]))\ntensor([0.0000, 1.7183])",
)
log = unary(
    "log", scalar="log(x)", array="log", floating=True, grad=lambda g, x: g / conj(x),
    doc="Natural logarithm, elementwise.", gradient="dx = g / x", source="DLMF 4.2",
    example=">>> sg.log(sg.tensor([1., 10.]))\ntensor([0.0000, 2.3026])",
)
log2 = unary(
    "log2", scalar="log2(x)", array="log2", floating=True, grad=lambda g, x: g / (conj(x) * LN2),
    doc="Logarithm to base 2, elementwise.", gradient="dx = g / (x ln 2)",
    example=">>> sg.log2(sg.tensor([1., 8.]))\ntensor([0., 3.])",
)
log10 = unary(
    "log10", scalar="log10(x)", array="log10", floating=True, grad=lambda g, x: g / (conj(x) * LN10),
    doc="Logarithm to base 10, elementwise.", gradient="dx = g / (x ln 10)",
    example=">>> sg.log10(sg.tensor([1., 10.]))\ntensor([0., 1.])",
)
log1p = unary(
    "log1p", scalar="log1p(x)", array="log1p", floating=True, grad=lambda g, x: g / (conj(x) + 1),
    doc="log(1 + x) without cancellation near 0, elementwise.", gradient="dx = g / (1 + x)",
    example=">>> sg.log1p(sg.tensor([0., 1.]))\ntensor([0.0000, 0.6931])",
)
_ONES = {kind: np.ones((), kind) for kind in "fd"}


def _logistic(slow: Any) -> Any:
    """All in one piece of memory."""

    def logistic(x: Any) -> Any:
        one = _ONES.get(x.dtype.char)
        if one is None or not x.ndim:
            return slow(x)
        e = np.negative(x)
        np.exp(e, e)
        np.add(e, one, e)
        return np.divide(one, e, e)

    return logistic


sigmoid = unary(
    "sigmoid", scalar="1 / (1 + exp(-x))", array="1 / (1 + np.exp(-x))", floating=True,
    quick=_logistic,
    grad=lambda g, out: g * conj(out * (1 - out)),
    doc="Logistic function 1 / (1 + exp(-x)), elementwise.", gradient="dx = g s (1 - s), s = sigmoid(x)",
    example=">>> sg.sigmoid(sg.tensor([0., 2.]))\ntensor([0.5000, 0.8808])",
)
logit_p = declare(
    "logit", "x", scalar="log(x / (1 - x))", array="np.log(x / (1 - x))", kinds="f",
    grad=lambda g, x: g / (x * (1 - x)),
    doc="Inverse of the logistic function: log(x / (1 - x)), elementwise.", gradient="dx = g / (x (1 - x))",
)
_logaddexp = pair(
    "logaddexp", array="logaddexp", kinds="f", public=False,
    scalar="a + 0.6931471805599453 if a == b else maximum(a, b) + log1p(exp(-abs(a - b)))",
    grad=dict(a=lambda g, a, b: g / (1 + (b - a).exp()), b=lambda g, a, b: g / (1 + (a - b).exp())),
    doc="log(exp(a) + exp(b)) without overflow, elementwise.",
    gradient="da = g exp(a - out), db = g exp(b - out)",
)


@op
def logaddexp(input: Tensor, other: Tensor) -> Any:
    """log(exp(input) + exp(other)) without overflow, elementwise.

    Gradient: d input = g exp(input - out), d other = g exp(other - out)
    >>> sg.logaddexp(sg.tensor([0., 1000.]), sg.tensor([0., 1000.]))
    tensor([6.9315e-01, 1.0007e+03])
    """
    check_tensors("logaddexp", input=input, other=other)
    a, b = promote(input, other)
    if not a.dtype.is_complex:
        return _logaddexp(a, b)
    first = a.real >= b.real
    large, small = where_(first, a, b), where_(first, b, a)
    return large + (small - large).exp().log1p()


logaddexp2 = pair(
    "logaddexp2", array="logaddexp2", kinds="f", inplace=False,
    scalar="a + 1 if a == b else maximum(a, b) + log1p(exp2(-abs(a - b))) * 1.4426950408889634",
    grad=dict(a=lambda g, a, b: g / (1 + (b - a).exp2()), b=lambda g, a, b: g / (1 + (a - b).exp2())),
    doc="log2(2^a + 2^b) without overflow, elementwise.",
    gradient="da = g 2^(a - out), db = g 2^(b - out)",
    example=">>> sg.logaddexp2(sg.tensor([3.]), sg.tensor([3.]))\ntensor([4.])",
)


def _xlogy(np: Any, x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.where((x == 0) & (y == y), x * 0, x * np.log(y))


xlogy = pair(
    "xlogy", array="_xlogy(np, a, b)", floating=True, kinds="bif", numbers="either", helpers={"_xlogy": _xlogy},
    scalar="(b if b != b else 0) if a == 0 else a * log(b)",
    grad=dict(a=lambda g, a, b: g * _log_where(a, b), b=lambda g, a, b: g * (a / b)),
    doc="a log(b), which is 0 where a is 0 and b is not nan, elementwise.",
    gradient="da = g log(b) (0 where a = 0 and b <= 0), db = g a / b",
    example=">>> sg.xlogy(sg.tensor([0., 2.]), sg.tensor([0., 1.]))\ntensor([0., 0.])",
)


def _log_where(a: Any, b: Any) -> Any:
    b = tensor_like(b, a) if not isinstance(b, Tensor) else b
    return where_((a == 0) & (b <= 0) if isinstance(a, Tensor) else b != b, 0.0, b.log())


@op(inplace=True)
def logit(input: Tensor, eps: float | None = None) -> Any:
    """log(x / (1 - x)), the inverse of `sigmoid`, elementwise; x is first limited to [eps, 1 - eps].

    Gradient: dx = g / (x (1 - x)); 0 where x was limited.
    >>> sg.logit(sg.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    from symgrad.ops.choice import clamp

    check_kind("logit", input.dtype, "bif")
    if not input.dtype.is_inexact:
        input = convert(input, dtypes.get_default_dtype())
    if eps is not None:
        input = clamp(input, eps, 1 - eps)
    return bind(logit_p, (input,), {})
