"""Cross entropy of probabilities, a primitive for the sake of its gradient: bounded where a logarithm is not.

PyTorch limits logarithms to -100 in the value, and p (1 - p) to 1e-12 in the gradient; so neither a wrong
probability of exactly 0 nor one of exactly 1 gives an infinity, and training goes on.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.primitive import Check
from symgrad.ops.registry import elementwise, primitive

_NATIVE = '''\
def _probabilities(x, out):
    """The numbers themselves; an error where one is no probability."""
    for i in range(x.shape[0]):
        if not 0 <= x[i] <= 1:
            raise RuntimeError("all elements of input should be between 0 and 1")
        out[i] = x[i]
'''


def _probabilities(np: Any, x: Any) -> Any:
    if x.size and not (0 <= float(x.min()) <= float(x.max()) <= 1):
        raise RuntimeError("all elements of input should be between 0 and 1")
    return x


probabilities_p = primitive(
    "probabilities", "x", infer=lambda x: x.with_shape(x.shape, x.strides), array="_probabilities(np, x)",
    helpers={"_probabilities": _probabilities}, lower=Check(_NATIVE), grad=dict(x=lambda g: g),
    doc="The numbers themselves, checked to lie between 0 and 1.", gradient="dx = g",
)


def _entropy(np: Any, p: Any, t: Any) -> Any:
    with np.errstate(all="ignore"):
        return (t - 1) * np.maximum(np.log1p(-p), -100) - t * np.maximum(np.log(p), -100)


def _slope(g: Any, p: Any, t: Any) -> Any:
    return g * (p - t) / (p * (1 - p)).clamp(min=1e-12)


binary_entropy_p = elementwise(
    "binary_entropy", "p t", array="_entropy(np, p, t)", helpers={"_entropy": _entropy}, kinds="f",
    scalar="(t - 1) * maximum(log1p(-p), -100) - t * maximum(log(p), -100)",
    grad=dict(p=_slope, t=lambda g, p: g * ((1 - p).log() - p.log())),
    doc="Minus t log(p) + (1 - t) log(1 - p), logarithms no less than -100, elementwise.",
    gradient="dp = g (p - t) / (p (1 - p)), the divisor no less than 1e-12; dt = g (log(1 - p) - log(p))",
    source="PyTorch, binary_cross_entropy",
)  # fmt: skip
