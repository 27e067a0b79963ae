"""Numbers in order: counted, evenly spaced, and the identity."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.fills import fitting, floating, iota, place
from symgrad.ops.public import op
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind
from symgrad.tensor.host import HostScalar


@op(method=False)
def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, layout: Any = None,
        pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Ones on the diagonal, zeros elsewhere.

    >>> sg.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    columns = n if m is None else m
    for name, extent in (("n", n), ("m", columns)):
        if extent < 0:
            raise ShapeError(f"{name} must be greater or equal to 0, got {extent}")
    kind = floating(dtype)
    if state.capture() is not None:
        hits = arange(n).reshape((n, 1)) == arange(columns).reshape((1, columns))
        return place(hits.to(kind), device, requires_grad)
    return place(wrap(np.eye(n, columns, dtype=kind.np)), device, requires_grad)


@op(method=False)
def arange(start: Any = 0, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
           layout: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """start, start + step, … up to, not including, end.

    Dtype: int64 if all are ints, else the default floating one
    Raises: RuntimeError where the step leads away from the end
    >>> sg.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    if type(start) is type(end) is type(step) is int and (end - start) * step >= 0 != step and not state.captures:
        kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
        if kind is dtypes.int64:
            return place(wrap(np.arange(start, end, step)), device, requires_grad)
    start, end, step = (plain(v) for v in (start, end, step))
    ints = all(isinstance(v, int) for v in (start, end, step))
    kind = dtypes.as_dtype(dtype) if dtype is not None else dtypes.int64 if ints else dtypes.get_default_dtype()
    if kind.is_complex or kind is dtypes.bool_:
        raise NotImplementedError(f'"arange_cpu" not implemented for {kind.name}')
    if step == 0:
        raise ShapeError("step must be nonzero")
    if not (ints or math.isfinite(start) and math.isfinite(end)):
        raise ShapeError(f"unsupported range: {start} -> {end}")
    if (end - start) * step < 0:
        raise ShapeError("upper bound and lower bound inconsistent with step sign")
    if kind is dtypes.int64 and not ints:
        start, end, step = int(start), int(end), int(step)
        ints = True
        if step == 0:
            raise ShapeError("step must be nonzero")
    count = max(0, _steps(start, end, step) if ints else math.ceil((end - start) / step))
    if kind.category < dtypes.FLOATING:
        start, step = int(start), int(step)
    if state.capture() is not None:
        if kind is dtypes.int64:
            out = bind(iota, (), dict(shape=(count,), dtype=kind, start=start, step=step))
        else:  # computed in float64, as below
            out = bind(iota, (), dict(shape=(count,), dtype=dtypes.int64, start=0, step=1))
            out = (out.to(dtypes.float64) * step + start).to(kind)
        return place(out, device, requires_grad)
    return place(wrap((start + step * np.arange(count)).astype(kind.np)), device, requires_grad)


def plain(value: Any) -> Any:
    """A number: of a 0-d tensor or NumPy scalar, its element."""
    if isinstance(value, (Tensor, np.generic)):
        return value.item()
    if isinstance(value, bool):
        return int(value)
    if not isinstance(value, (int, float, complex)) and type(value) is not HostScalar:
        raise TypeError(f"expected a number, got {type(value).__name__}")
    return value


def _steps(start: int, end: int, step: int) -> int:
    """How many steps lead from start to end (extents stay polynomials where they can)."""
    if abs(step) == 1:
        return (end - start) * step
    return (end - start + (step - 1 if step > 0 else step + 1)) // step


def spaced(start: Any, end: Any, steps: int, kind: DType) -> Any:
    """`steps` numbers evenly from start to end in float64 (or complex128), counted from the nearer end.

    start and end are first rounded to the result's precision, so that each element is rounded once, like
    the fused multiply-add PyTorch uses: float32 products fit float64.
    """
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    start, end = plain(start), plain(end)
    if not steps:
        return np.zeros(0)
    real: Any = kind.np.type if kind.is_inexact else lambda v: int(fitting(v, kind))
    if isinstance(start, complex) or isinstance(end, complex) or kind.is_complex:
        wide: Any = complex
        if not kind.is_complex:
            raise DTypeError(f"linspace() of complex numbers in {kind.name}", hint="give a complex dtype")
    else:
        wide = float
    first, last = real(start), real(end)
    gaps = kind.np.type(steps - 1) if kind.is_inexact else steps - 1
    step = wide((last - first) / gaps) if steps > 1 else wide(0)
    i = np.arange(steps)
    if kind.is_half:  # PyTorch rounds after each step here
        if steps == 1:
            return np.full(1, first)
        half, place = (last - first) / gaps, i.astype(kind.np)
        return np.where(i < steps // 2, first + half * place, last - half * place[::-1])
    up = wide(first) + step * i
    down = wide(last) - step * (steps - 1 - i)
    return np.where(i < steps // 2, up, down) if steps > 1 else np.full(steps, wide(start))


@op(method=False)
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, device: Any = None, layout: Any = None,
             pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`steps` numbers evenly from start to end, both included.

    >>> sg.linspace(0, 1, 3)
    tensor([0.0000, 0.5000, 1.0000])
    """
    kind = ends_dtype(start, end, dtype)
    data = spaced(start, end, steps, kind)
    return place(wrap(np.ascontiguousarray(data.astype(kind.np))), device, requires_grad)


def ends_dtype(start: Any, end: Any, dtype: Any) -> DType:
    """The dtype of a range: given, complex if an end is, else the default floating one."""
    if dtype is not None:
        return dtypes.as_dtype(dtype)
    default = dtypes.get_default_dtype()
    ends = [e.dtype.is_complex if isinstance(e, Tensor) else isinstance(e, complex) for e in (start, end)]
    return default.to_complex() if any(ends) else default


@op(method=False)
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, device: Any = None,
             layout: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """base ** x for `steps` numbers x evenly from start to end.

    >>> sg.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    kind = ends_dtype(start, end, dtype)
    if kind.is_half and steps > 1:
        start, end = (float(kind.np.type(plain(v))) for v in (start, end))
    exponents = spaced(start, end, steps, dtypes.float32 if kind.is_half else kind)
    with np.errstate(all="ignore"):
        data = np.power(np.asarray(base, exponents.dtype), exponents).astype(kind.np)
    return place(wrap(np.ascontiguousarray(data)), device, requires_grad)
