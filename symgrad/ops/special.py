"""Error functions and gamma functions; the submodule `special`."""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DomainError
from symgrad.ops import exponential, rounding, trigonometric
from symgrad.ops.pointwise import declare, unary
from symgrad.ops.promotion import convert
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.ops.special_functions import needing
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind


def _derivative(n: int, x: Any) -> Any:
    return polygamma(n, x)


ERF = needing("_erf_double", "_erfc_tail", "_horner", "ERFCX", "ERF")

erf = unary(
    "erf", scalar="erf(x)", array="_erf(np, x)", kinds="bif", floating=True, helpers=ERF | needing("_erf"),
    grad=lambda g, x: g * ((-x * x).exp() * (2 / math.sqrt(math.pi))),
    doc="Error function, elementwise.", gradient="dx = g 2 exp(-x^2) / sqrt(pi)", source="DLMF 7.2",
    example=">>> sg.erf(sg.tensor([0., 1.]))\ntensor([0.0000, 0.8427])",
)
erfc = unary(
    "erfc", scalar="erfc(x)", array="_erfc(np, x)", kinds="bif", floating=True,
    helpers=ERF | needing("_erfc", "_erfc_double"),
    grad=lambda g, x: g * ((-x * x).exp() * (-2 / math.sqrt(math.pi))),
    doc="1 - erf(x) without cancellation, elementwise.", gradient="dx = -g 2 exp(-x^2) / sqrt(pi)",
    source="DLMF 7.2", example=">>> sg.erfc(sg.tensor([0., 1.]))\ntensor([1.0000, 0.1573])",
)
erfinv = unary(
    "erfinv", scalar="erfinv(x)", array="_erfinv(np, x)", kinds="bif", floating=True,
    helpers=ERF | needing("_erfinv", "_erfc_double", "CENTRE", "TAIL"),
    grad=lambda g, out: g * ((out * out).exp() * (math.sqrt(math.pi) / 2)),
    doc="Inverse of the error function, elementwise: infinite at 1 and -1, nan beyond.",
    gradient="dx = g exp(out^2) sqrt(pi) / 2", source="M. Giles, Approximating the erfinv function, 2010",
    example=">>> sg.erfinv(sg.tensor([0., 0.5]))\ntensor([0.0000, 0.4769])",
)
lgamma = unary(
    "lgamma", scalar="lgamma(x)", array="_lgamma(np, x)", kinds="bif", floating=True,
    helpers=needing("_lgamma", "_lgamma_positive", "_horner", "LGAMMA", "STIRLING"),
    grad=lambda g, x: g * x.digamma(),
    doc="Logarithm of |gamma(x)|, elementwise.", gradient="dx = g digamma(x)", source="DLMF 5.2",
    example=">>> sg.lgamma(sg.tensor([0.5, 5.]))\ntensor([0.5724, 3.1781])",
)
digamma = unary(
    "digamma", scalar="digamma(x)", array="_digamma(np, x)", kinds="bif", floating=True,
    helpers=needing("_digamma", "_digamma_positive", "_horner", "DIGAMMA", "PSI"),
    grad=lambda g, x: g * _derivative(1, x),
    doc="Derivative of log gamma, elementwise.", gradient="dx = g polygamma(1, x)", source="DLMF 5.2",
    example=">>> sg.digamma(sg.tensor([1., 0.5]))\ntensor([-0.5772, -1.9635])",
)
polygamma_p = declare(
    "polygamma", "x", params=("n",), scalar="polygamma(n, x)", array="_polygamma(np, x, n)", kinds="f",
    helpers=needing("_polygamma", "_zeta_positive", "BERNOULLI"),
    grad=lambda g, x, n: g * _derivative(n + 1, x),
    doc="The n-th derivative of digamma (n >= 1), elementwise.", gradient="dx = g polygamma(n + 1, x)",
    source="DLMF 5.15, 25.11",
)


@op(method=False)
def polygamma(n: int, input: Tensor) -> Any:
    """The n-th derivative of digamma, elementwise.

    Gradient: dx = g polygamma(n + 1, x)
    Source: DLMF 5.15
    >>> sg.polygamma(1, sg.tensor([1.]))
    tensor([1.6449])
    """
    if n < 0:
        raise DomainError("polygamma(n, x) does not support negative n.")
    if n == 0:
        return digamma(input)
    check_kind("polygamma", input.dtype, "bif")
    if not input.dtype.is_inexact:
        input = convert(input, dtypes.get_default_dtype())
    return bind(polygamma_p, (input,), {"n": n})


NAMES: dict[str, Any] = {
    "digamma": digamma, "psi": digamma, "erf": erf, "erfc": erfc, "erfinv": erfinv, "gammaln": lgamma,
    "polygamma": polygamma, "exp2": exponential.exp2, "expit": exponential.sigmoid, "expm1": exponential.expm1,
    "log1p": exponential.log1p, "logit": exponential.logit, "xlogy": exponential.xlogy, "round": rounding.round,
    "sinc": trigonometric.sinc,
}  # fmt: skip
for _name, _function in NAMES.items():
    op(name=_name, namespace="special", method=False)(_function)
