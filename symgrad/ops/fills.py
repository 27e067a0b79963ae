"""Making tensors filled with one number; inside a trace they become equations.

What counts is in `ranges`, what copies or shares data in `from_data`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Scalar
from symgrad.ir.types import TensorType
from symgrad.ops.public import op
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.device import Device, default_device
from symgrad.tensor.dispatch import bind
from symgrad.tensor.host import HostScalar


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


def _along(np: Any, shape: Any, axis: Any, dtype: Any) -> Any:
    places = np.arange(shape[axis], dtype=dtype).reshape([-1 if d == axis else 1 for d in range(len(shape))])
    return np.ascontiguousarray(np.broadcast_to(places, shape))


coordinate = primitive(
    "coordinate", "", params=("shape", "axis", "dtype", "device"),
    infer=lambda shape, axis, dtype, device="cpu": TensorType(tuple(shape), dtype, None, device),
    array="_along(np, shape, axis, dtype.np)", helpers={"_along": _along},
    lower=Scalar("index"), grad={},
    doc="The place of every element along one extent.",
)  # fmt: skip


def shape_of(*size: Any) -> tuple[int, ...]:
    """A shape given as ints or as one sequence."""
    if len(size) == 1 and not isinstance(size[0], int) and not hasattr(size[0], "__index__"):
        size = tuple(size[0])
    found = tuple([e if isinstance(e, int) else whole(e) for e in size])
    if found and min(found) < 0:
        raise ShapeError(f"Trying to create tensor with negative dimension {min(found)}: {list(map(int, found))}")
    return found


def whole(extent: Any) -> int:
    """An extent as an int; TypeError for what is none."""
    if not hasattr(extent, "__index__"):
        raise TypeError(f"size must be a tuple of ints, but found element of type {type(extent).__name__}")
    return int(extent.__index__())


def sizes_in(size: Any, named: dict[str, Any]) -> Any:
    """The size arguments, `size=` among them; TypeError for other names."""
    if "size" in named:
        size = (named.pop("size"),)
    if named:
        raise TypeError(f"got an unexpected keyword argument '{next(iter(named))}'")
    return size


def place(out: Tensor, device: Any, requires_grad: bool) -> Tensor:
    """`out` on `device`, a leaf that may require grad."""
    where = default_device() if device is None else Device(device)
    if where.type != "cpu" or type(out._data) is not np.ndarray:
        out = out.to(where)
    if requires_grad:
        out.requires_grad_(True)
    return out


def floating(dtype: Any) -> DType:
    """The dtype asked for, by default the default floating one."""
    return dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)


@op(method=False)
def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, layout: Any = None,
         pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A tensor of `size` filled with `fill_value`.

    Dtype: that of the value, unless given
    >>> sg.full((2,), 3)
    tensor([3, 3])
    """
    if isinstance(fill_value, np.generic):
        fill_value = fill_value.item()
    kind = dtypes.as_dtype(dtype) if dtype is not None else (
        fill_value.dtype if isinstance(fill_value, Tensor) else dtypes.of_scalar(fill_value))  # fmt: skip
    shape = shape_of(size)
    if type(fill_value) is HostScalar:
        return place(zeros(shape, dtype=kind) + fill_value, device, requires_grad)
    if isinstance(fill_value, (bool, int, float, complex)):
        if isinstance(fill_value, complex) and not kind.is_complex:
            raise DTypeError(f"value cannot be converted to type {kind.name} without overflow")
        fill_value = fitting(fill_value, kind) if type(fill_value) in (int, float) else fill_value
        if state.capture() is not None:
            where = (default_device() if device is None else Device(device)).type
            params = dict(shape=shape, dtype=kind, value=fill_value, device=where)
            return place(bind(full_p, (), params), where, requires_grad)
        return place(wrap(np.full(shape, fill_value, kind.np)), device, requires_grad)
    if isinstance(fill_value, Tensor):
        if fill_value.ndim:
            raise TypeError("full(): argument 'fill_value' must be Number, not Tensor")
        return place(fill_value.to(kind).expand(shape).clone(), device, requires_grad)
    raise TypeError(f"full(): argument 'fill_value' must be Number, not {type(fill_value).__name__}")


def fitting(value: Any, kind: DType) -> Any:
    """A number as `kind` holds it; an error where it does not fit (negative ones wrap into unsigned dtypes)."""
    if kind is dtypes.bool_:
        return bool(value)
    if kind.category == dtypes.INTEGRAL:
        limits = np.iinfo(kind.np)
        low = limits.min or (-limits.max if isinstance(value, int) else 0)
        if not math.isfinite(value) or not low <= int(value) <= limits.max:
            raise DTypeError(f"value cannot be converted to type {kind.name} without overflow")
        return int(value) if limits.min or value >= 0 else int(value) % (limits.max + 1)
    if kind.is_floating_point and math.isfinite(value) and abs(value) > float(dtypes.finfo(kind).max):
        raise DTypeError(f"value cannot be converted to type {kind.name} without overflow")
    return value


@op(method=False)
def zeros(*size: Any, dtype: Any = None, device: Any = None, layout: Any = None, pin_memory: bool = False,
          requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """A tensor of zeros.

    Dtype: the default floating one, unless given
    >>> sg.zeros(2, 1)
    tensor([[0.],
            [0.]])
    """
    shape = shape_of(*(sizes_in(size, named) if named else size))
    if not state.captures:
        return place(wrap(np.zeros(shape, floating(dtype).np)), device, requires_grad)
    return full(shape, 0, dtype=floating(dtype), device=device, requires_grad=requires_grad)


@op(method=False)
def ones(*size: Any, dtype: Any = None, device: Any = None, layout: Any = None, pin_memory: bool = False,
         requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """A tensor of ones.

    Dtype: the default floating one, unless given
    >>> sg.ones(2, dtype=sg.int64)
    tensor([1, 1])
    """
    shape = shape_of(*(sizes_in(size, named) if named else size))
    if not state.captures:
        return place(wrap(np.ones(shape, floating(dtype).np)), device, requires_grad)
    return full(shape, 1, dtype=floating(dtype), device=device, requires_grad=requires_grad)


@op(method=False)
def empty(*size: Any, dtype: Any = None, device: Any = None, layout: Any = None, pin_memory: bool = False,
          requires_grad: bool = False, memory_format: Any = None, **named: Any) -> Tensor:  # fmt: skip
    """A tensor whose elements are unspecified (here: zeros, so that no run reads old memory).

    >>> sg.empty(2, 3).shape
    torch.Size([2, 3])
    """
    return zeros(*sizes_in(size, named), dtype=dtype, device=device, requires_grad=requires_grad)


@op(method=False, out=False)
def empty_strided(size: Any, stride: Any, *, dtype: Any = None, device: Any = None, layout: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor of the given strides (in elements), its elements unspecified.

    >>> sg.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    shape, steps, kind = shape_of(size), tuple(stride), floating(dtype)
    if len(shape) != len(steps):
        raise ShapeError("mismatch in length of strides and shape")
    length = 0 if 0 in shape else 1 + sum((e - 1) * s for e, s in zip(shape, steps))
    flat = np.zeros(length, kind.np)
    data = np.lib.stride_tricks.as_strided(flat, shape, tuple(s * flat.itemsize for s in steps))
    return place(wrap(data), device, requires_grad)


@op(method=False)
def full_like(input: Tensor, fill_value: Any, *, dtype: Any = None, device: Any = None, layout: Any = None,
              requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """A tensor of `input`'s shape, strides, dtype and device filled with `fill_value`.

    >>> sg.full_like(sg.zeros(2), 5)
    tensor([5., 5.])
    """
    kind = input.dtype if dtype is None else dtypes.as_dtype(dtype)
    data = input._data
    if type(fill_value) is int and type(data) is np.ndarray and device is None and not state.captures:
        out = wrap(np.full_like(data, fitting(fill_value, kind), kind.np))
        return out.requires_grad_(True) if requires_grad else out
    where = input.device if device is None else device
    if input.is_contiguous() or isinstance(fill_value, Tensor):
        return full(input.shape, fill_value, dtype=kind, device=where, requires_grad=requires_grad)
    strides = input.stride()
    order = sorted(range(input.ndim), key=lambda d: (-strides[d], d))
    out = full(tuple(input.shape[d] for d in order), fill_value, dtype=kind, device=where)
    out = out.permute([order.index(d) for d in range(input.ndim)])
    return place(wrap(out._data) if state.capture() is None else out, where, requires_grad)


@op(method=False)
def zeros_like(input: Tensor, *, dtype: Any = None, device: Any = None, layout: Any = None,
               requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Zeros of `input`'s shape, dtype and device.

    >>> sg.zeros_like(sg.tensor([1, 2]))
    tensor([0, 0])
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


@op(method=False)
def ones_like(input: Tensor, *, dtype: Any = None, device: Any = None, layout: Any = None,
              requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Ones of `input`'s shape, dtype and device.

    >>> sg.ones_like(sg.tensor([1, 2]))
    tensor([1, 1])
    """
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


@op(method=False)
def empty_like(input: Tensor, *, dtype: Any = None, device: Any = None, layout: Any = None,
               requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Unspecified elements (here: zeros) in `input`'s shape, dtype and device.

    >>> sg.empty_like(sg.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


@op(top=False, out=False)
def new_full(input: Tensor, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, layout: Any = None,
             pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`full` in this tensor's dtype and on its device.

    >>> sg.zeros(1, dtype=sg.int32).new_full((2,), 7)
    tensor([7, 7], dtype=torch.int32)
    """
    return full(size, fill_value, dtype=input.dtype if dtype is None else dtype,
                device=input.device if device is None else device, requires_grad=requires_grad)  # fmt: skip


@op(top=False, out=False)
def new_zeros(input: Tensor, *size: Any, dtype: Any = None, device: Any = None, layout: Any = None,
              pin_memory: bool = False, requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """`zeros` in this tensor's dtype and on its device.

    >>> sg.ones(1).new_zeros(2)
    tensor([0., 0.])
    """
    return new_full(input, shape_of(*sizes_in(size, named)), 0, dtype=dtype, device=device,
                    requires_grad=requires_grad)  # fmt: skip


@op(top=False, out=False)
def new_ones(input: Tensor, *size: Any, dtype: Any = None, device: Any = None, layout: Any = None,
             pin_memory: bool = False, requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """`ones` in this tensor's dtype and on its device.

    >>> sg.zeros(1, dtype=sg.float64).new_ones(2)
    tensor([1., 1.], dtype=torch.float64)
    """
    return new_full(input, shape_of(*sizes_in(size, named)), 1, dtype=dtype, device=device,
                    requires_grad=requires_grad)  # fmt: skip


@op(top=False, out=False)
def new_empty(input: Tensor, *size: Any, dtype: Any = None, device: Any = None, layout: Any = None,
              pin_memory: bool = False, requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """`empty` in this tensor's dtype and on its device.

    >>> sg.zeros(1).new_empty(2, 3).shape
    torch.Size([2, 3])
    """
    return new_full(input, shape_of(*sizes_in(size, named)), 0, dtype=dtype, device=device,
                    requires_grad=requires_grad)  # fmt: skip


@op(method=False, out=False)
def scalar_tensor(s: Any, *, dtype: Any = None, device: Any = None, layout: Any = None, pin_memory: bool = False,
                  requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A 0-d tensor of the default floating dtype, unless given.

    >>> sg.scalar_tensor(2)
    tensor(2.)
    """
    return full((), s, dtype=floating(dtype), device=device, requires_grad=requires_grad)
