"""Reductions with a formula: spread, log of a sum of exponentials, softmax, norm.

Each is one array call and one gradient rule eagerly, and for the compiler the formula, whose parts
fuse. The array forms do what the formulas say, in the same order, so both give the same bits.
"""

from __future__ import annotations

import math
from typing import Any

from numpy import add, divide, exp, log, maximum, subtract

from symgrad.errors import DTypeError
from symgrad.ir.primitive import Composite
from symgrad.ir.types import TensorType
from symgrad.ops.elementwise import conj, where_
from symgrad.ops.powers import _ipow, _power
from symgrad.ops.reduce import SUMS, _few, _mean, _product, _row_major, _sum, spread
from symgrad.ops.registry import primitive


def _infer_real(x: TensorType, axis: tuple[int, ...], **params: Any) -> TensorType:
    if not x.dtype.is_inexact:
        raise DTypeError("std and var only support floating point and complex dtypes")
    return TensorType(_kept(x, axis), x.dtype.to_real(), None, x.device)


def _infer_sum(x: TensorType, axis: tuple[int, ...]) -> TensorType:
    return x.with_shape(_kept(x, axis))


def _infer_softmax(x: TensorType, axis: int) -> TensorType:
    return x.with_shape(x.shape)


def _kept(x: TensorType, axis: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(e for i, e in enumerate(x.shape) if i not in axis)


def freedom(shape: Any, axis: Any, correction: Any) -> Any:
    """What a sum of squared deviations is divided by: at least zero."""
    count = _product(shape, axis) - correction
    return count if count > 0 else 0


def _spread_array(np: Any, x: Any, axis: Any) -> Any:
    return np.expand_dims(x, axis) if axis else x


def _squares(np: Any, x: Any) -> Any:
    return x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x


def _var(np: Any, x: Any, axis: Any, correction: Any) -> Any:
    squares = _squares(np, x - _spread_array(np, _mean(np, x, axis), axis))
    return _sum(np, squares, axis) / squares.dtype.type(max(_product(x.shape, axis) - correction, 0))


def _logsumexp(np: Any, x: Any, axis: Any) -> Any:
    if _product(x.shape, axis) == 0:
        return _sum(np, x, axis) - x.dtype.type(np.inf)
    top = np.max(x.real if x.dtype.kind == "c" else x, axis=axis)
    top = np.where(np.isinf(top), top.dtype.type(0), top)
    return _row_major(np, np.log(_sum(np, np.exp(x - _spread_array(np, top, axis)), axis)) + top)


def _softmax(np: Any, x: Any, axis: Any) -> Any:
    if x.size == 0:
        return np.array(x)
    along = (axis,) if x.ndim else ()
    e = np.exp(x - np.max(x, axis=along, keepdims=True))
    return _row_major(np, e / _spread_array(np, _sum(np, e, along), along))


def _log_softmax(np: Any, x: Any, axis: Any) -> Any:
    if x.size == 0:
        return np.array(x)
    along = (axis,) if x.ndim else ()
    s = x - np.max(x, axis=along, keepdims=True)
    return _row_major(np, s - _spread_array(np, np.log(_sum(np, np.exp(s), along)), along))


def _rows(x: Any, axis: Any) -> bool:
    """Whether `axis` is the last one of plain floats that lie row by row, and `_sum` adds a row up as it is."""
    return (x.dtype.char in "fd" and 0 <= axis == x.ndim - 1 and x.flags.c_contiguous and x.size > 0
            and not _few(x, (axis,)))  # fmt: skip


def _quick_softmax(slow: Any) -> Any:
    """Fewer steps, and less memory, where the array form has nothing to decide."""

    def quick(x: Any, axis: Any) -> Any:
        if not _rows(x, axis):
            return slow(x, axis=axis)
        e = x - maximum.reduce(x, axis, keepdims=True)
        exp(e, e)
        return divide(e, add.reduce(e, axis, keepdims=True), e)

    return quick


def _quick_log_softmax(slow: Any) -> Any:
    """As `_quick_softmax`."""

    def quick(x: Any, axis: Any) -> Any:
        if not _rows(x, axis):
            return slow(x, axis=axis)
        s = x - maximum.reduce(x, axis, keepdims=True)
        total = add.reduce(exp(s), axis, keepdims=True)
        return subtract(s, log(total, total), s)

    return quick


def _vector_norm(np: Any, x: Any, axis: Any, ord: Any) -> Any:
    if ord == 2:
        return np.sqrt(_sum(np, _squares(np, x), axis))
    size = np.abs(x)
    if ord == 0:
        return _sum(np, (x != 0).astype(size.dtype), axis)
    if ord == 1:
        return _sum(np, size, axis)
    if abs(ord) == np.inf:
        return _row_major(np, np.max(size, axis=axis) if ord > 0 else np.min(size, axis=axis))
    return _raised(np, _sum(np, _raised(np, size, ord), axis), 1 / ord)


def _raised(np: Any, x: Any, p: Any) -> Any:
    """x to the power p, as `pow` chooses how."""
    if int(p) == p and abs(p) <= 16:
        return _ipow(np, x, int(p))
    if abs(p) == 0.5:
        return np.sqrt(x) if p > 0 else 1 / np.sqrt(x)
    return _power(np, x, x.dtype.type(p))


def _real(x: Any) -> Any:
    return x.real if x.dtype.is_complex else x


def _squared(x: Any) -> Any:
    return x.real * x.real + x.imag * x.imag if x.dtype.is_complex else x * x


def _sum_of(x: Any, axis: Any) -> Any:
    return x.sum(axis) if axis else x * 1


def _var_formula(x: Any, axis: Any, correction: Any) -> Any:
    mean = x.mean(axis) if axis else x / 1
    return _sum_of(_squared(x - spread(mean, x.shape, axis)), axis) / freedom(x.shape, axis, correction)


def _var_grad(g: Any, x: Any, axis: Any, correction: Any) -> Any:
    mean = x.mean(axis) if axis else x
    scale = g * 2 / freedom(x.shape, axis, correction)
    return spread(scale, x.shape, axis) * (x - spread(mean, x.shape, axis))


def _std_grad(g: Any, x: Any, out: Any, axis: Any, correction: Any) -> Any:
    return _var_grad(where_(out == 0, 0, g / (out * 2)), x, axis, correction)


def _logsumexp_formula(x: Any, axis: Any) -> Any:
    if _product(x.shape, axis) == 0:
        return x.sum(axis) - math.inf
    top = _real(x).amax(axis) if axis else _real(x) * 1
    top = where_(abs(top) == math.inf, 0, top)
    return _sum_of((x - spread(top, x.shape, axis)).exp(), axis).log() + top


def _softmax_formula(x: Any, axis: int) -> Any:
    if 0 in x.shape:
        return x * 1
    along = (axis,) if x.ndim else ()
    e = (x - spread(x.amax(along), x.shape, along)).exp()
    return e / spread(_sum_of(e, along), x.shape, along)


def _log_softmax_formula(x: Any, axis: int) -> Any:
    if 0 in x.shape:
        return x * 1
    along = (axis,) if x.ndim else ()
    s = x - spread(x.amax(along), x.shape, along)
    return s - spread(_sum_of(s.exp(), along).log(), x.shape, along)


def _softmax_grad(g: Any, out: Any, axis: int) -> Any:
    along = (axis,) if out.ndim else ()
    pulled = g * out
    return pulled - out * spread(_sum_of(pulled, along), out.shape, along)


def _log_softmax_grad(g: Any, out: Any, axis: int) -> Any:
    along = (axis,) if out.ndim else ()
    return g - out.exp() * spread(_sum_of(g, along), out.shape, along)


def _norm_formula(x: Any, axis: Any, ord: Any) -> Any:
    if ord == 2:
        return _sum_of(_squared(x), axis).sqrt()
    if ord == 0:
        return _sum_of((x != 0).to(x.dtype.to_real()), axis)
    size = abs(x)
    if ord == 1:
        return _sum_of(size, axis)
    if abs(ord) == math.inf:
        return (size.amax(axis) if ord > 0 else size.amin(axis)) if axis else size * 1
    return _sum_of(size**ord, axis) ** (1 / ord)


def _norm_grad(g: Any, x: Any, out: Any, axis: Any, ord: Any) -> Any:
    """PyTorch's subgradients: zero where the norm is, and at elements that are zero."""
    if ord == 0:
        return x * 0
    wide, whole = spread(g, x.shape, axis), spread(out, x.shape, axis)
    if ord == 1:
        return x.sgn() * wide
    if ord == 2:
        return x * where_(whole == 0, 0, wide / whole)
    size = abs(x)
    if abs(ord) == math.inf:
        hits = ((size == whole) | ((size != size) & (whole != whole))).to(g.dtype)
        return x.sgn() * hits * spread(g / _sum_of(hits, axis), x.shape, axis)
    if ord < 1:
        return x.sgn() * where_(size == 0, 0, size ** (ord - 1)) * (wide * whole ** (1 - ord))
    scale = where_(whole == 0, 0, wide / whole ** (ord - 1))
    return (x.sgn() * size ** (ord - 1) if ord < 2 else x * size ** (ord - 2)) * scale


_SUMS = {**SUMS, "_spread_array": _spread_array}
_MOMENTS = {**_SUMS, "_mean": _mean, "_squares": _squares, "_var": _var}

var = primitive(
    "var", "x", params=("axis", "correction"), infer=_infer_real, array="_var(np, x, axis, correction)",
    helpers=_MOMENTS, lower=Composite(_var_formula), grad=dict(x=_var_grad),
    doc="Mean squared deviation over the extents in axis, with count - correction for the count.",
    gradient="dx = 2 g (x - mean) / (count - correction)", source="Chan, Golub, LeVeque 1983 (two passes)",
)
std = primitive(
    "std", "x", params=("axis", "correction"), infer=_infer_real, array="np.sqrt(_var(np, x, axis, correction))",
    helpers=_MOMENTS, lower=Composite(lambda x, axis, correction: _var_formula(x, axis, correction).sqrt()),
    grad=dict(x=_std_grad), doc="Root of the variance over the extents in axis.",
    gradient="dx = g (x - mean) / (out (count - correction)), zero where out is",
)
logsumexp = primitive(
    "logsumexp", "x", params=("axis",), infer=_infer_sum, array="_logsumexp(np, x, axis)",
    helpers={**_SUMS, "_logsumexp": _logsumexp}, lower=Composite(_logsumexp_formula),
    grad=dict(x=lambda g, x, out, axis: spread(g, x.shape, axis) * conj((x - spread(out, x.shape, axis)).exp())),
    doc="log of the sum of exp over the extents in axis, without overflow.", gradient="dx = g exp(x - out)",
    source="Blanchard, Higham, Higham 2021",
)
softmax = primitive(
    "softmax", "x", params=("axis",), infer=_infer_softmax, array="_softmax(np, x, axis)",
    helpers={**_SUMS, "_softmax": _softmax}, lower=Composite(_softmax_formula), grad=dict(x=_softmax_grad),
    quick=_quick_softmax,
    doc="exp(x) divided by its sum along axis.", gradient="dx = out (g - sum(g out))",
    source="Blanchard, Higham, Higham 2021",
)
log_softmax = primitive(
    "log_softmax", "x", params=("axis",), infer=_infer_softmax, array="_log_softmax(np, x, axis)",
    helpers={**_SUMS, "_log_softmax": _log_softmax}, lower=Composite(_log_softmax_formula),
    quick=_quick_log_softmax, grad=dict(x=_log_softmax_grad), doc="x minus the log of the sum of exp(x) along axis.",
    gradient="dx = g - exp(out) sum(g)", source="Blanchard, Higham, Higham 2021",
)
vector_norm = primitive(
    "vector_norm", "x", params=("axis", "ord"), infer=_infer_real, array="_vector_norm(np, x, axis, ord)",
    helpers={**_SUMS, "_squares": _squares, "_ipow": _ipow, "_power": _power, "_raised": _raised,
             "_vector_norm": _vector_norm},
    lower=Composite(_norm_formula), grad=dict(x=_norm_grad),
    doc="(sum of |x|^ord)^(1/ord) over the extents in axis; ord may be 0 (how many are not zero) or infinite.",
    gradient="dx = g x |x|^(ord-2) / out^(ord-1), zero where out is",
)
