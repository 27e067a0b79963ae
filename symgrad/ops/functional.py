"""The public functions on tensors, gathered; products and conversions stand here themselves."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Scalar
from symgrad.ops import elementwise as ew
from symgrad.ops.arithmetic import square
from symgrad.ops.bitwise import logical_not
from symgrad.ops.choice import full_scalar, maximum, minimum, relu, where
from symgrad.ops.exponential import sigmoid
from symgrad.ops.linalg import matmul as matmul_p
from symgrad.ops.operators import binary
from symgrad.ops.powers import sqrt
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


@op
def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Matrix product with PyTorch's rules for vectors and batches."""
    if input.ndim == 0 or other.ndim == 0:
        raise ShapeError("both arguments to matmul need to be at least 1D, but they are "
                         f"{input.ndim}D and {other.ndim}D")  # fmt: skip
    _same_dtype(input, other)
    a = unsqueeze(input, 0) if input.ndim == 1 else input
    b = unsqueeze(other, 1) if other.ndim == 1 else other
    out: Tensor = bind(matmul_p, (a, b), {})
    if other.ndim == 1:
        out = squeeze(out, -1)
    return squeeze(out, -1 if other.ndim == 1 else -2) if input.ndim == 1 else out


def _same_dtype(a: Tensor, b: Tensor) -> None:
    if a.dtype is not b.dtype:
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}",
                         hint="convert one of them with .to()")  # fmt: skip


@op
def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Product of two matrices."""
    if input.ndim != 2 or mat2.ndim != 2:
        raise ShapeError("self must be a matrix" if input.ndim != 2 else "mat2 must be a matrix")
    _same_dtype(input, mat2)
    return _product(input, mat2)


_product, _ = binary(matmul_p)


@op
def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Batched product of 3-d tensors."""
    if input.ndim != 3 or mat2.ndim != 3:
        raise ShapeError("batch1 must be a 3D tensor" if input.ndim != 3 else "batch2 must be a 3D tensor")
    _same_dtype(input, mat2)
    return bind(matmul_p, (input, mat2), {})


@op
def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Inner product of two 1-d tensors."""
    if input.ndim != 1 or tensor.ndim != 1:
        raise ShapeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    if len(input) != len(tensor):
        raise ShapeError(f"inconsistent tensor size, expected tensor [{len(input)}] and src [{len(tensor)}] "
                         "to have the same number of elements")
    return sum(input * tensor)


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
    "abs", "amax", "amin", "bmm", "clone", "contiguous", "convert", "dot", "expand", "flatten", "full_scalar",
    "is_scalar", "logical_not", "matmul", "maximum", "mean", "minimum", "mm", "permute", "promote", "relu",
    "reshape", "result_type", "sigmoid", "slice_read", "slice_write", "sqrt", "square", "squeeze", "sum",
    "sum_to", "t", "tanh", "to", "to_device", "transpose", "unsqueeze", "view", "where",
]  # fmt: skip
