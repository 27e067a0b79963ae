"""Making tensors: from data, filled, counted. Inside a trace, fills become equations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import ShapeError
from symgrad.ir.primitive import Scalar
from symgrad.ir.types import TensorType
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.core import Device, Tensor, wrap
from symgrad.tensor.dispatch import bind


def _infer_full(shape: Any, dtype: DType, value: Any, device: str = "cpu") -> TensorType:
    return TensorType(tuple(shape), dtype, None, device)


full_p = primitive(
    "full", "", params=("shape", "dtype", "value", "device"), infer=_infer_full,
    array="np.full(shape, value, dtype.np)", lower=Scalar("value"), grad={},
    doc="A tensor of one repeated value.",
)
iota = primitive(
    "iota", "", params=("shape", "dtype", "start", "step", "device"),
    infer=lambda shape, dtype, start, step, device="cpu": TensorType(tuple(shape), dtype, None, device),
    array="np.arange(shape[0], dtype=dtype.np) * dtype.np.type(step) + dtype.np.type(start)",
    lower=Scalar("index * step + start"), grad={},
    doc="start, start + step, …: shape[0] numbers.",
)  # fmt: skip


def shape_of(*size: Any) -> tuple[int, ...]:
    """A shape given as ints or as one sequence."""
    if len(size) == 1 and not isinstance(size[0], int) and not hasattr(size[0], "__index__"):
        size = tuple(size[0])
    if any(e < 0 for e in size):
        raise ShapeError(f"Trying to create tensor with negative dimension: {list(size)}")
    return tuple(e if isinstance(e, int) else int(e) for e in size)


def place(out: Tensor, device: Any, requires_grad: bool) -> Tensor:
    """`out` on `device`, a leaf that may require grad."""
    if device is not None and Device(device).type != out.device.type:
        out = out.to(Device(device))
    if requires_grad:
        out.requires_grad_(True)
    return out


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A tensor of `size` filled with `fill_value`; dtype that of the value unless given."""
    kind = dtypes.as_dtype(dtype) if dtype is not None else dtypes.of_scalar(fill_value)
    where = Device(device).type if device is not None else "cpu"
    if isinstance(fill_value, (bool, int, float)):
        params = dict(shape=shape_of(size), dtype=kind, value=fill_value, device=where)
        if state.capture() is not None:
            return place(bind(full_p, (), params), None, requires_grad)
        return place(wrap(np.full(params["shape"], fill_value, kind.np)), device, requires_grad)
    value = fill_value if isinstance(fill_value, Tensor) else tensor(fill_value)
    return place(value.to(kind).expand(shape_of(size)).clone(), device, requires_grad)


def zeros(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros (default floating dtype)."""
    return full(shape_of(*size), 0, dtype=dtype or dtypes.get_default_dtype(), device=device,
                requires_grad=requires_grad)  # fmt: skip


def ones(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones (default floating dtype)."""
    return full(shape_of(*size), 1, dtype=dtype or dtypes.get_default_dtype(), device=device,
                requires_grad=requires_grad)  # fmt: skip


def empty(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor whose elements are unspecified (here: zeros, so that no run reads old memory)."""
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(x: Tensor, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of `x`'s shape, dtype and device filled with `fill_value`."""
    return full(x.shape, fill_value, dtype=dtype or x.dtype, device=x.device, requires_grad=requires_grad)


def zeros_like(x: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros of `x`'s shape, dtype and device."""
    return full_like(x, 0, dtype=dtype, requires_grad=requires_grad)


def ones_like(x: Tensor, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones of `x`'s shape, dtype and device."""
    return full_like(x, 1, dtype=dtype, requires_grad=requires_grad)


empty_like = zeros_like


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """start, start + step, … below end; int64 if all are ints, else the default float."""
    if end is None:
        start, end = 0, start
    ints = all(isinstance(v, int) for v in (start, end, step))
    kind = dtypes.as_dtype(dtype) if dtype is not None else (
        dtypes.int64 if ints else dtypes.get_default_dtype())  # fmt: skip
    count = max(0, _steps(start, end, step) if ints else math.ceil((end - start) / step))
    if state.capture() is not None:
        return place(bind(iota, (), dict(shape=(count,), dtype=kind, start=start, step=step)), None, requires_grad)
    data = (start + step * np.arange(count)).astype(kind.np)
    return place(wrap(data), device, requires_grad)


def _steps(start: int, end: int, step: int) -> int:
    """How many steps lead from start to end (extents stay polynomials where they can)."""
    if abs(step) == 1:
        return (end - start) * step
    return (end - start + (step - 1 if step > 0 else step + 1)) // step


def linspace(start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`steps` numbers evenly from start to end, both included.

    Counted from the nearer end in the result's own precision, as PyTorch does.
    """
    kind = dtypes.as_dtype(dtype) if dtype is not None else dtypes.get_default_dtype()
    if steps < 0:
        raise ShapeError("number of steps must be non-negative")
    real = kind.np.type if kind.is_floating_point else np.float64
    step = (real(end) - real(start)) / real(steps - 1) if steps > 1 else real(0)
    i = np.arange(steps)
    # One rounding per element, like the fused multiply-add PyTorch uses: float32 products fit float64.
    up = float(real(start)) + float(step) * i
    down = float(real(end)) - float(step) * (steps - 1 - i)
    data = np.where(i < steps // 2, up, down) if steps > 1 else np.full(steps, start, real)
    return place(wrap(np.ascontiguousarray(data.astype(kind.np))), device, requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None,
        requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Ones on the diagonal, zeros elsewhere."""
    kind = dtypes.as_dtype(dtype) if dtype is not None else dtypes.get_default_dtype()
    return place(wrap(np.eye(n, m, dtype=kind.np)), device, requires_grad)


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A new leaf tensor that copies `data` (nested lists, numbers, an array, a tensor)."""
    kind = dtypes.as_dtype(dtype) if dtype is not None else None
    if isinstance(data, Tensor):
        out = data.detach().clone()
        out = out if kind is None else out.to(kind)
        return place(out, device, requires_grad)
    if isinstance(data, (list, tuple)):
        data = _plain(data)
    array = np.array(data)
    if array.dtype == object:
        raise ShapeError("expected a rectangular sequence of numbers; rows differ in length")
    if kind is None:
        if isinstance(data, (np.ndarray, np.generic)):
            kind = dtypes.from_numpy(array.dtype)
        else:
            kind = dtypes.get_default_dtype() if array.dtype.kind == "f" else dtypes.from_numpy(array.dtype)
        if array.size == 0 and not isinstance(data, np.ndarray):
            kind = dtypes.get_default_dtype()
    return place(wrap(np.array(array, dtype=kind.np, order="C")), device, requires_grad)


def _plain(data: Any) -> Any:
    """Nested lists with tensors inside turned into numbers."""
    if isinstance(data, (list, tuple)):
        return [_plain(item) for item in data]
    return data.detach().numpy() if isinstance(data, Tensor) else data


def from_numpy(array: np.ndarray[Any, Any]) -> Tensor:
    """A tensor on the array's own memory: a change of one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    dtypes.from_numpy(array.dtype)
    return wrap(array)


def as_tensor(data: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory where it can."""
    if isinstance(data, Tensor):
        return data.to(dtypes.as_dtype(dtype)) if dtype is not None else data
    if isinstance(data, np.ndarray) and (dtype is None or dtypes.as_dtype(dtype).np == data.dtype):
        return from_numpy(data)
    return tensor(data, dtype=dtype, device=device)
