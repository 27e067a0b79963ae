"""Scans: at each place along an axis, what the elements up to it come to.

`reverse` runs from the end, which is what gradients of scans need. All other gradients go by one scan, the
linear recurrence h_k = a_k h_(k-1) + b_k: it divides by nothing, so zeros do not matter, and its
gradient is the same recurrence run the other way.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.primitive import ArrayCall
from symgrad.ir.types import TensorType
from symgrad.ops.elementwise import conj, where_
from symgrad.ops.registry import primitive


def _infer_scan(x: TensorType, axis: int, reverse: bool) -> TensorType:
    return x.with_shape(x.shape)


def _infer_index(x: TensorType, axis: int) -> TensorType:
    from symgrad.dtypes import int64

    return TensorType(x.shape, int64, None, x.device)


def _infer_recurrence(a: TensorType, b: TensorType, axis: int, reverse: bool) -> TensorType:
    return b.with_shape(b.shape)


def _cumulate(np: Any, fold: Any, x: Any, axis: Any, reverse: Any) -> Any:
    """np.cumsum or np.cumprod, 32-bit floats by way of 64."""
    if x.ndim == 0:
        return np.array(x)
    wide = {"f": "d", "F": "D"}.get(x.dtype.char, x.dtype)
    out = fold(np.flip(x, axis) if reverse else x, axis=axis, dtype=wide).astype(x.dtype)
    return np.asarray(np.flip(out, axis) if reverse else out, order="C")


def _doubling(np: Any, fold: Any, x: Any, axis: Any, reverse: Any) -> Any:
    """The scan by an associative ufunc in log2(extent) whole-array steps."""
    if x.ndim == 0:
        return np.array(x)
    out = np.moveaxis(np.array(x), axis, 0)
    if reverse:
        out = out[::-1]
    step = 1
    while step < out.shape[0]:
        out = np.concatenate((out[:step], fold(out[step:], out[:-step])))
        step = 2 * step
    return np.asarray(np.moveaxis(out[::-1] if reverse else out, 0, axis), order="C")


def _logaddexp(np: Any, a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)), for complex numbers too."""
    if a.dtype.kind == "f":
        return np.logaddexp(a, b)
    high, low = np.where(a.real >= b.real, a, b), np.where(a.real >= b.real, b, a)
    out = high + np.log1p(np.exp(low - high))
    return np.where(np.isinf(high.real) & (high.real < 0), high, out)


def _logcumsumexp(np: Any, x: Any, axis: Any, reverse: Any) -> Any:
    if x.dtype.kind == "c" and x.ndim:  # one by one: which turn the angle is on depends on the order
        out = np.moveaxis(np.array(x), axis, 0)
        places = range(out.shape[0] - 2, -1, -1) if reverse else range(1, out.shape[0])
        for place in places:
            out[place] = _logaddexp(np, out[place], out[place + 1 if reverse else place - 1])
        return np.asarray(np.moveaxis(out, 0, axis), order="C")
    return _doubling(np, lambda a, b: _logaddexp(np, a, b), x, axis, reverse)


def _recurrence(np: Any, a: Any, b: Any, axis: Any, reverse: Any) -> Any:
    """h_k = a_k h_(k-1) + b_k, by joining stretches of 1, 2, 4, ... steps."""
    if b.ndim == 0:
        return np.array(b)
    wide = {"f": "d", "F": "D"}.get(b.dtype.char, b.dtype)
    factor, out = np.moveaxis(a.astype(wide), axis, 0), np.moveaxis(b.astype(wide), axis, 0)
    if reverse:
        factor, out = factor[::-1], out[::-1]
    step = 1
    while step < out.shape[0]:
        out = np.concatenate((out[:step], out[step:] + factor[step:] * out[:-step]))
        factor = np.concatenate((factor[:step], factor[step:] * factor[:-step]))
        step = 2 * step
    return np.asarray(np.moveaxis(out[::-1] if reverse else out, 0, axis).astype(b.dtype), order="C")


def _latest(np: Any, fold: Any, x: Any, axis: Any) -> Any:
    """Where the largest (smallest) element so far was last met; nan is beyond all others."""
    if x.ndim == 0:
        return np.zeros((), "int64")
    best = _doubling(np, fold, x, axis, False)
    places = np.arange(x.shape[axis]).reshape([-1 if i == axis else 1 for i in range(x.ndim)])
    met = np.where((x == best) | (x != x), places, 0)
    return _doubling(np, np.maximum, met, axis, False)


def shifted(x: Any, axis: int, forward: bool, fill: Any) -> Any:
    """x moved by one along `axis` towards the end (or the beginning), `fill` coming in."""
    from symgrad.ops.creation import full

    if x.ndim == 0:
        return full((), fill, dtype=x.dtype, device=x.device)
    whole = [slice(None)] * x.ndim
    late, early = list(whole), list(whole)
    late[axis], early[axis] = slice(1, None), slice(0, x.shape[axis] - 1 if x.shape[axis] else 0)
    source, target = (early, late) if forward else (late, early)
    room = full(tuple(x.shape), fill, dtype=x.dtype, device=x.device)
    return room.slice_write(x.slice_read(tuple(source)), tuple(target))


def scan(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    """h_k = a_k h_(k-1) + b_k along `axis`, beginning at nothing."""
    from symgrad.tensor.dispatch import bind

    return bind(linear_scan, (a, b), {"axis": axis, "reverse": reverse})


def _recurrence_grad(g: Any, a: Any, out: Any, axis: int, reverse: bool) -> Any:
    pulled = scan(conj(shifted(a, axis, reverse, 0)), g, axis, not reverse)
    return pulled * conj(shifted(out, axis, not reverse, 0))


def _cumprod_grad(g: Any, x: Any, out: Any, axis: int, reverse: bool) -> Any:
    pulled = scan(conj(shifted(x, axis, reverse, 0)), g, axis, not reverse)
    return pulled * conj(shifted(out, axis, not reverse, 1))


def _logcumsumexp_grad(g: Any, x: Any, out: Any, axis: int, reverse: bool) -> Any:
    """exp(x_j - out_j) times the sum over later i of g_i exp(out_j - out_i), all factors at most 1."""
    later = shifted(out, axis, reverse, float("inf"))
    factor = _difference(out, later).exp()
    return scan(conj(factor), g, axis, not reverse) * conj((x - out).exp())


def _difference(a: Any, b: Any) -> Any:
    """a - b, and 0 between equal infinities."""
    return where_((a == b) & (abs(a) == float("inf")), 0, a - b)


cumsum = primitive(
    "cumsum", "x", params=("axis", "reverse"), infer=_infer_scan, lower=ArrayCall(),
    array="_cumulate(np, np.cumsum, x, axis, reverse)", helpers={"_cumulate": _cumulate},
    grad=dict(x=lambda g, axis, reverse: _bind_cumsum(g, axis, not reverse)),
    doc="Sums up to each element along axis (from the end, if reverse).", gradient="dx = sums of g the other way",
)
cumprod = primitive(
    "cumprod", "x", params=("axis", "reverse"), infer=_infer_scan, lower=ArrayCall(),
    array="_cumulate(np, np.cumprod, x, axis, reverse)", helpers={"_cumulate": _cumulate},
    grad=dict(x=_cumprod_grad),
    doc="Products up to each element along axis (from the end, if reverse).",
    gradient="dx_k = (product before k) h_k, h_k = g_k + x_(k+1) h_(k+1)",
)
logcumsumexp = primitive(
    "logcumsumexp", "x", params=("axis", "reverse"), infer=_infer_scan, lower=ArrayCall(),
    array="_logcumsumexp(np, x, axis, reverse)",
    helpers={"_logcumsumexp": _logcumsumexp, "_logaddexp": _logaddexp, "_doubling": _doubling},
    grad=dict(x=_logcumsumexp_grad),
    doc="log of the sums of exp up to each element along axis (from the end, if reverse).",
    gradient="dx_k = exp(x_k - y_k) h_k, h_k = g_k + exp(y_k - y_(k+1)) h_(k+1)",
    source="Hillis and Steele 1986 (scan by doubling)",
)
linear_scan = primitive(
    "linear_scan", "a b", params=("axis", "reverse"), infer=_infer_recurrence, lower=ArrayCall(),
    array="_recurrence(np, a, b, axis, reverse)", helpers={"_recurrence": _recurrence},
    grad=dict(a=_recurrence_grad,
              b=lambda g, a, axis, reverse: scan(conj(shifted(a, axis, reverse, 0)), g, axis, not reverse)),
    doc="The recurrence h_k = a_k h_(k-1) + b_k along axis (from the end, if reverse).",
    gradient="l_k = g_k + a_(k+1) l_(k+1): db = l, da_k = l_k h_(k-1)",
    source="Blelloch 1990, Prefix sums and their applications, 1.4",
)
cummax_index = primitive(
    "cummax_index", "x", params=("axis",), infer=_infer_index, lower=ArrayCall(),
    array="_latest(np, np.maximum, x, axis)", helpers={"_latest": _latest, "_doubling": _doubling},
    grad=dict(x=None), doc="Where along axis the largest element so far was last met.",
    source="Hillis and Steele 1986 (scan by doubling)",
)
cummin_index = primitive(
    "cummin_index", "x", params=("axis",), infer=_infer_index, lower=ArrayCall(),
    array="_latest(np, np.minimum, x, axis)", helpers={"_latest": _latest, "_doubling": _doubling},
    grad=dict(x=None), doc="Where along axis the smallest element so far was last met.",
    source="Hillis and Steele 1986 (scan by doubling)",
)


def _bind_cumsum(g: Any, axis: int, reverse: bool) -> Any:
    from symgrad.tensor.dispatch import bind

    return bind(cumsum, (g,), {"axis": axis, "reverse": reverse})
