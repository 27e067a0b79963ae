"""The public functions on tensors, gathered; conversions stand here themselves."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.ir.primitive import Scalar
from symgrad.ops import elementwise as ew
from symgrad.ops.arithmetic import square
from symgrad.ops.bitwise import logical_not
from symgrad.ops.choice import full_scalar, maximum, minimum, relu, where
from symgrad.ops.exponential import sigmoid
from symgrad.ops.powers import sqrt
from symgrad.ops.products import at, at_right, bmm, dot, matmul, mm
from symgrad.ops.promotion import convert, is_scalar, promote, result_type
from symgrad.ops.public import op
from symgrad.ops.reductions import amax, amin, mean, sum, sum_to
from symgrad.ops.registry import elementwise, primitive
from symgrad.ops.rounding import abs
from symgrad.ops.shapes import (
    expand,
    flatten,
    permute,
    reshape,
    slice_read,
    slice_write,
    squeeze,
    t,
    transpose,
    unsqueeze,
    view,
)  # fmt: skip
from symgrad.ops.trigonometric import tanh
from symgrad.tensor.core import Device, Tensor, wrap
from symgrad.tensor.dispatch import bind

copy_p = elementwise(
    "clone", "x", scalar="x", array="np.array(x, order='K', copy=True)",
    grad=dict(x=lambda g: g), doc="A copy in memory of its own.", gradient="dx = g",
)
contiguous_p = primitive(
    "contiguous", "x", infer=lambda x: x.with_shape(x.shape),
    array="np.ascontiguousarray(x).reshape(x.shape)", lower=Scalar("x"), grad=dict(x=lambda g: g),
    doc="A row-major copy.", gradient="dx = g",
)  # fmt: skip


@op(out=False, top=False)
def to(input: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False,
       non_blocking: bool = False) -> Tensor:  # fmt: skip
    """Conversion to a dtype and/or device; the tensor itself when nothing changes."""
    for arg in args:
        if isinstance(arg, DType):
            dtype = arg
        elif isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, (str, Device)):
            device = arg
    out = input
    if device is not None and Device(device).type != input.device.type:
        out = to_device(out, Device(device))
    if dtype is not None and out.dtype is not dtypes.as_dtype(dtype):
        out = bind(ew.cast, (out,), {"dtype": dtypes.as_dtype(dtype)})
    return clone(out) if copy and out is input else out


def to_device(input: Tensor, device: Device) -> Tensor:
    """`input` copied to another device (CuPy holds `cuda` memory)."""
    if device.type == "cpu":
        data = input.array("moving between devices")
        return wrap(data.get())
    try:
        import cupy
    except ImportError as error:
        from symgrad.errors import BackendError

        raise BackendError("device 'cuda' needs CuPy", hint="pip install 'symgrad[cuda13]'") from error
    return wrap(cupy.asarray(input.array("moving between devices")))


@op(out=False)
def clone(input: Tensor) -> Tensor:
    """A copy in memory of its own, through which gradients flow."""
    return bind(copy_p, (input,), {})


@op(out=False, top=False)
def contiguous(input: Tensor) -> Tensor:
    """The tensor itself if row-major contiguous, else such a copy."""
    return input if input.is_contiguous() else bind(contiguous_p, (input,), {})


__all__ = [
    "abs", "amax", "amin", "at", "at_right", "bmm", "clone", "contiguous", "convert", "dot", "expand", "flatten",
    "full_scalar", "is_scalar", "logical_not", "matmul", "maximum", "mean", "minimum", "mm", "permute", "promote",
    "relu", "reshape", "result_type", "sigmoid", "slice_read", "slice_write", "sqrt", "square", "squeeze", "sum",
    "sum_to", "t", "tanh", "to", "to_device", "transpose", "unsqueeze", "view", "where",
]  # fmt: skip
