"""Circular and hyperbolic functions and their inverses."""

from __future__ import annotations

import math
from typing import Any

from symgrad.ops.elementwise import conj, where_
from symgrad.ops.pointwise import pair, unary


def _one(name: str, grad: Any, gradient: str, doc: str, source: str, value: str, array: str = "",
         **rest: Any) -> Any:  # fmt: skip
    """A function whose scalar form is the call of its own name; shown at 0.5 (acosh at 1.5)."""
    x = "1.5" if name == "acosh" else "0.5"
    return unary(name, scalar=f"{name}(x)", array=array or name, floating=True, grad=grad, doc=doc,
                 gradient=gradient, source=source,
                 example=f">>> sg.{name}(sg.tensor([{x}]))\ntensor([{value}])", **rest)  # fmt: skip


sin = _one("sin", lambda g, x: g * conj(x.cos()), "dx = g cos(x)", "Sine, elementwise.", "DLMF 4.14", "0.4794")
cos = _one("cos", lambda g, x: g * conj(-x.sin()), "dx = -g sin(x)", "Cosine, elementwise.", "DLMF 4.14", "0.8776")
tan = _one("tan", lambda g, out: g * conj(1 + out * out), "dx = g (1 + tan(x)^2)", "Tangent, elementwise.",
           "DLMF 4.14", "0.5463")  # fmt: skip
asin = _one("asin", lambda g, x: g * conj((1 - x * x).rsqrt()), "dx = g / sqrt(1 - x^2)",
            "Inverse sine, elementwise.", "DLMF 4.23", "0.5236", "arcsin", aliases=("arcsin",))  # fmt: skip
acos = _one("acos", lambda g, x: g * conj(-(1 - x * x).rsqrt()), "dx = -g / sqrt(1 - x^2)",
            "Inverse cosine, elementwise.", "DLMF 4.23", "1.0472", "arccos", aliases=("arccos",))  # fmt: skip
atan = _one("atan", lambda g, x: g / conj(1 + x * x), "dx = g / (1 + x^2)",
            "Inverse tangent, elementwise.", "DLMF 4.23", "0.4636", "arctan", aliases=("arctan",))  # fmt: skip
sinh = _one("sinh", lambda g, x: g * conj(x.cosh()), "dx = g cosh(x)", "Hyperbolic sine, elementwise.",
            "DLMF 4.28", "0.5211")  # fmt: skip
cosh = _one("cosh", lambda g, x: g * conj(x.sinh()), "dx = g sinh(x)", "Hyperbolic cosine, elementwise.",
            "DLMF 4.28", "1.1276")  # fmt: skip
tanh = _one("tanh", lambda g, out: g * conj(1 - out * out), "dx = g (1 - tanh(x)^2)",
            "Hyperbolic tangent, elementwise.", "DLMF 4.34", "0.4621")  # fmt: skip
asinh = _one("asinh", lambda g, x: g * conj((x * x + 1).rsqrt()), "dx = g / sqrt(x^2 + 1)",
             "Inverse hyperbolic sine, elementwise.", "DLMF 4.37", "0.4812", "arcsinh",
             aliases=("arcsinh",))  # fmt: skip
acosh = _one("acosh", lambda g, x: g * conj((x - 1).rsqrt() * (x + 1).rsqrt()), "dx = g / sqrt(x^2 - 1)",
             "Inverse hyperbolic cosine, elementwise.", "DLMF 4.37", "0.9624", "arccosh",
             aliases=("arccosh",))  # fmt: skip
atanh = _one("atanh", lambda g, x: g / conj(1 - x * x), "dx = g / (1 - x^2)",
             "Inverse hyperbolic tangent, elementwise.", "DLMF 4.37", "0.5493", "arctanh",
             aliases=("arctanh",))  # fmt: skip


def _sinc(np: Any, x: Any) -> Any:
    y = x * x.dtype.type(np.pi)
    return np.where(x == 0, x.dtype.type(1), np.sin(y) / y)


def _sinc_slope(x: Any) -> Any:
    y = x * math.pi
    return where_(x == 0, 0, (y * y.cos() - y.sin()) / (y * x))


sinc = unary(
    "sinc", scalar="1 if x == 0 else sin(x * 3.141592653589793) / (x * 3.141592653589793)",
    array="_sinc(np, x)", helpers={"_sinc": _sinc}, floating=True,
    grad=lambda g, x: g * conj(_sinc_slope(x)),
    doc="sin(pi x) / (pi x), 1 at 0, elementwise.", gradient="dx = g (cos(pi x) - sinc(x)) / x, 0 at 0",
    example=">>> sg.sinc(sg.tensor([0., 0.5]))\ntensor([1.0000, 0.6366])",
)


def _square_under_one(a: Any, b: Any) -> Any:
    """1 / (a^2 + b^2); 0 at the origin, as in PyTorch."""
    square = a * a + b * b
    return where_(square == 0, 0, square.reciprocal())


atan2 = pair(
    "atan2", scalar="atan2(a, b)", array="arctan2", kinds="bif", floating=True, aliases=("arctan2",),
    grad=dict(a=lambda g, a, b: g * b * _square_under_one(a, b),
              b=lambda g, a, b: g * -a * _square_under_one(a, b)),
    doc="The angle of the point (b, a), elementwise: atan(a / b) in the right quadrant.",
    gradient="da = g b / (a^2 + b^2), db = -g a / (a^2 + b^2); 0 at the origin",
    source="DLMF 4.23",
    example=">>> sg.atan2(sg.tensor([1.]), sg.tensor([-1.]))\ntensor([2.3562])",
)
hypot = pair(
    "hypot", scalar="hypot(a, b)", array="hypot", kinds="f",
    grad=dict(a=lambda g, a, out: g * (a / out), b=lambda g, b, out: g * (b / out)),
    doc="sqrt(a^2 + b^2) without overflow, elementwise.", gradient="da = g a / out, db = g b / out",
    example=">>> sg.hypot(sg.tensor([3.]), sg.tensor([4.]))\ntensor([5.])",
)
