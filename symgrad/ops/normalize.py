"""Mean 0 and variance 1: one array call and one gradient rule eagerly.

A trace records the formula, whose parts fuse with what stands around them.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.primitive import Composite
from symgrad.ir.types import TensorType
from symgrad.ops.powers import rsqrt
from symgrad.ops.reduce import SUMS, _product, _sum
from symgrad.ops.registry import elementwise_strides, primitive
from symgrad.tensor import state
from symgrad.tensor.dispatch import bind


def normalized(x: Any, axis: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """x with mean 0 and variance 1 over `axis`; the mean, and the sum of squared deviations."""
    if state.captures:
        return _formula(x, axis, eps)
    return bind(normalize, (x,), {"axis": axis, "eps": eps})  # type: ignore[no-any-return]


def _formula(x: Any, axis: Any, eps: float) -> tuple[Any, Any, Any]:
    mean = x.mean(axis, keepdim=True)
    centred = x - mean
    squares = (centred * centred).sum(axis, keepdim=True)
    return centred * rsqrt(squares / _product(x.shape, axis) + eps), mean, squares


def _kept(shape: Any, axis: Any) -> tuple[int, ...]:
    return tuple([1 if i in axis else e for i, e in enumerate(shape)])


def _normalize(np: Any, x: Any, axis: Any, eps: Any) -> Any:
    count, kept = x.dtype.type(_product(x.shape, axis)), _kept(x.shape, axis)
    mean = _sum(np, x, axis).reshape(kept) / count
    centred = x - mean
    squares = _sum(np, centred * centred, axis).reshape(kept)
    return centred * (1 / np.sqrt(squares / count + eps)), np.asarray(mean), squares


def _infer(x: TensorType, axis: Any, eps: float) -> tuple[TensorType, ...]:
    few = x.with_shape(_kept(x.shape, axis))
    return TensorType(x.shape, x.dtype, elementwise_strides(x.shape, (x,)), x.device), few, few


def _grad(g: Any, out0: Any, out2: Any, x_shape: Any, axis: Any, eps: float) -> Any:
    """What is normalized hears nothing of a common shift or a common factor."""
    count = _product(x_shape, axis)
    scale = rsqrt(out2 / count + eps)
    dx: Any = 0
    if 0 in g:
        dx = scale * (g[0] - g[0].mean(axis, keepdim=True) - out0 * (g[0] * out0).mean(axis, keepdim=True))
    if 1 in g:
        dx = dx + (g[1] / count).expand(x_shape)
    return dx + 2 * g[2] * out0 / scale if 2 in g else dx


normalize = primitive(
    "normalize", "x", params=("axis", "eps"), infer=_infer, array="_normalize(np, x, axis, eps)", multiple=True,
    helpers={**SUMS, "_kept": _kept, "_normalize": _normalize}, lower=Composite(_formula), grad=dict(x=_grad),
    doc="x with mean 0 and variance 1 over the extents in axis; the mean, and the sum of squared deviations.",
    gradient="dx = (g - mean(g) - out mean(g out)) / sqrt(variance + eps)",
    source="Ioffe, Szegedy 2015",
)
