"""Choosing between values: where, larger and smaller, limits, replacements for nan."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import elementwise as ew
from symgrad.ops.elementwise import where_
from symgrad.ops.pointwise import declare, pair, unary
from symgrad.ops.promotion import convert, promote, result_type
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind, bind1, made, ndarray
from symgrad.tensor.numbers import beside, clip


@op(method=False)
def where(condition: Tensor, input: Any = None, other: Any = None) -> Any:
    """input where condition holds, else other; of a condition alone, the subscripts of where it holds.

    Shapes: all three broadcast.
    Gradient: g where an operand was chosen, 0 elsewhere.
    >>> x = sg.tensor([-1., 2.])
    >>> sg.where(x > 0, x, 0.)
    tensor([0., 2.])
    """
    if type(input) is Tensor and type(other) is Tensor and not state.captures:
        x, y = input._data, other._data
        mask = condition._data
        if type(x) is ndarray and type(y) is ndarray and x.dtype is y.dtype and type(mask) is ndarray \
                and mask.dtype.char == "?" and x.shape == y.shape == mask.shape:  # fmt: skip
            chosen = np.where(mask, x, y)
            return made(ew.where, (condition, input, other), {}, chosen) if input._rg or other._rg else wrap(chosen)
    if input is None and other is None:
        from symgrad.ops.gathering import nonzero

        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where() takes a condition alone, or with both input and other")
    if condition.dtype is not dtypes.bool_:
        if condition.dtype is not dtypes.uint8:
            raise DTypeError("where expected condition to be a boolean tensor, but got a tensor with dtype "
                             f"{condition.dtype.name}", hint="compare it with something, e.g. condition != 0")
        condition = convert(condition, dtypes.bool_)
    if isinstance(input, Tensor) and isinstance(other, Tensor) and input.dtype is other.dtype:
        return bind(ew.where, (condition, input, other), {})
    a, b = promote(input, other)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor):
        a = full_scalar(a, result_type(input, other))
    return bind(ew.where, (condition, a, b), {})


def full_scalar(value: Any, dtype: DType) -> Tensor:
    """A 0-d tensor of one number."""
    from symgrad.ops.creation import full

    return full((), value, dtype=dtype)


def _share(g: Any, wins: Any, ties: Any) -> Any:
    """g where an operand wins, half of it in a tie."""
    return where_(ties, g / 2, where_(wins, g, 0))


# Where either is nan, neither loses: both get g, as in PyTorch.
maximum = pair(
    "maximum", scalar="maximum(a, b)", array="maximum", kinds="bif", inplace=False,
    grad=dict(a=lambda g, a, b: _share(g, (a < b).logical_not(), a == b),
              b=lambda g, a, b: _share(g, (a > b).logical_not(), a == b)),
    doc="Larger of two, elementwise; nan if either is.", gradient="to the larger; ties share equally",
    example=">>> sg.maximum(sg.tensor([1, 5]), sg.tensor([3, 2]))\ntensor([3, 5])",
)
minimum = pair(
    "minimum", scalar="minimum(a, b)", array="minimum", kinds="bif", inplace=False,
    grad=dict(a=lambda g, a, b: _share(g, (a > b).logical_not(), a == b),
              b=lambda g, a, b: _share(g, (a < b).logical_not(), a == b)),
    doc="Smaller of two, elementwise; nan if either is.", gradient="to the smaller; ties share equally",
    example=">>> sg.minimum(sg.tensor([1, 5]), sg.tensor([3, 2]))\ntensor([1, 2])",
)
fmax = pair(
    "fmax", scalar="b if a != a else (a if b != b else maximum(a, b))", array="fmax", kinds="bif", inplace=False,
    grad=dict(a=lambda g, a, b: where_((a >= b) | (b != b), g, 0),
              b=lambda g, a, b: where_((a >= b) | (b != b), 0, g)),
    doc="Larger of two, elementwise; a number rather than nan.", gradient="to the larger, to a in a tie",
    example=">>> sg.fmax(sg.tensor([1., float('nan')]), sg.tensor([3., 2.]))\ntensor([3., 2.])",
)
fmin = pair(
    "fmin", scalar="b if a != a else (a if b != b else minimum(a, b))", array="fmin", kinds="bif", inplace=False,
    grad=dict(a=lambda g, a, b: where_((a <= b) | (b != b), g, 0),
              b=lambda g, a, b: where_((a <= b) | (b != b), 0, g)),
    doc="Smaller of two, elementwise; a number rather than nan.", gradient="to the smaller, to a in a tie",
    example=">>> sg.fmin(sg.tensor([1., float('nan')]), sg.tensor([3., 2.]))\ntensor([1., 2.])",
)
_LIMITS = {kind: tuple([np.asarray(end, kind) for end in (-np.inf, 0, np.inf)]) for kind in "fd"}
"""By NumPy's letter of a float: what `clip` takes for a limit that is not there, or zero, as arrays."""


def _positive(slow: Any) -> Any:
    """NumPy clips faster than it takes the larger of an array and a number."""

    def positive(x: Any) -> Any:
        limits = _LIMITS.get(x.dtype.char)
        return clip(x, limits[1], limits[2]) if limits is not None and x.ndim else slow(x)

    return positive


relu = unary(
    "relu", scalar="maximum(x, 0)", array="np.maximum(x, 0)", kinds="if", quick=_positive,
    bools="Boolean inputs not supported for relu",
    grad=lambda g, out: where_(out <= 0, 0, g),
    doc="Rectified linear unit max(x, 0), elementwise; nan stays nan.", gradient="dx = 0 where x <= 0, else g",
    example=">>> sg.relu(sg.tensor([-1., 2.]))\ntensor([0., 2.])",
)


def _clip(np: Any, x: Any, low: Any, high: Any) -> Any:
    if low is not None:
        x = np.maximum(x, np.asarray(low, x.dtype))
    return x if high is None else np.minimum(x, np.asarray(high, x.dtype))


def _limited(slow: Any) -> Any:
    """One pass over the array instead of two."""

    def limited(x: Any, min: Any, max: Any) -> Any:
        limits = _LIMITS.get(x.dtype.char)
        if limits is None or not x.ndim:
            return slow(x, min=min, max=max)
        return clip(x, limits[0] if min is None else beside(min, x.dtype),
                    limits[2] if max is None else beside(max, x.dtype))  # fmt: skip

    return limited


def _inside(x: Any, low: Any, high: Any) -> Any:
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


clamp_p = declare(
    "clamp", "x", params=("min", "max"), helpers={"_clip": _clip}, kinds="bif",
    scalar="clamp(x, min, max)", array="_clip(np, x, min, max)", quick=_limited,
    grad=lambda g, x, min, max: where_(_inside(x, min, max), g, 0),
    doc="x limited to [min, max]; either may be None.", gradient="dx = g where min <= x <= max",
)


_PLAIN = (float, int, type(None))


@op(inplace=True, aliases=("clip",))
def clamp(input: Tensor, min: Any = None, max: Any = None) -> Tensor:
    """input limited to [min, max], numbers or tensors; either may be None. Where min > max it is max.

    Dtype: the promoted one; not complex.
    Gradient: dx = g where min <= x <= max; to the limit where that is a tensor and was taken.
    >>> sg.clamp(sg.tensor([-2., 0.5, 3.]), min=0, max=1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    data = input._data
    if type(data) is ndarray and data.dtype.kind == "f" and type(min) in _PLAIN and type(max) in _PLAIN \
            and min is not max:  # fmt: skip
        low, high = min if min is None else float(min), max if max is None else float(max)
        return bind1(clamp_p, input, {"min": low, "max": high})
    bounds = [b for b in (min, max) if b is not None]
    if not bounds:
        raise ShapeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    dtype = result_type(input, *bounds)
    tensors = any(isinstance(b, Tensor) or hasattr(b, "expr") for b in bounds)  # read anew at each call
    check_kind("clamp", dtype, "bif" if any(isinstance(b, Tensor) for b in bounds) else "if")
    x = convert(input, dtype)
    if not tensors:
        return bind(clamp_p, (x,), {"min": None if min is None else convert(min, dtype),
                                    "max": None if max is None else convert(max, dtype)})  # fmt: skip
    if min is not None:
        low = convert(min, dtype)
        x = where(x.isnan().logical_not() & (x >= low).logical_not(), low, x)
    if max is not None:
        high = convert(max, dtype)
        x = where(x.isnan().logical_not() & (x <= high).logical_not(), high, x)
    return x


@op(inplace=True)
def clamp_min(input: Tensor, min: Any) -> Tensor:
    """input, but at least `min`.

    >>> sg.clamp_min(sg.tensor([-2., 3.]), 0)
    tensor([0., 3.])
    """
    return clamp(input, min=min)


@op(inplace=True)
def clamp_max(input: Tensor, max: Any) -> Tensor:
    """input, but at most `max`.

    >>> sg.clamp_max(sg.tensor([-2., 3.]), 0)
    tensor([-2.,  0.])
    """
    return clamp(input, max=max)


@op(inplace=True)
def nan_to_num(input: Tensor, nan: float | None = None, posinf: float | None = None,
               neginf: float | None = None) -> Tensor:  # fmt: skip
    """input with nan and infinities replaced: by 0 and the largest finite numbers, unless given.

    Gradient: 0 where replaced.
    >>> sg.nan_to_num(sg.tensor([float("nan"), float("inf"), 1.]), posinf=9.)
    tensor([0., 9., 1.])
    """
    if not input.dtype.is_inexact:
        return input.clone()
    if input.dtype.is_complex:
        from symgrad.ops.complex import complex

        real, imag = (nan_to_num(part, nan, posinf, neginf) for part in (input.real, input.imag))
        return complex(real, imag)
    largest = float(_finfo(input.dtype).max)
    out = where(input != input, 0.0 if nan is None else nan, input)
    out = where(input == math.inf, largest if posinf is None else posinf, out)
    return where(input == -math.inf, -largest if neginf is None else neginf, out)


def _finfo(dtype: DType) -> Any:
    if dtype is dtypes.bfloat16:
        import ml_dtypes

        return ml_dtypes.finfo(dtype.np)
    return np.finfo(dtype.np)

