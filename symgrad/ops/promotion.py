"""PyTorch's promotion, in front of the primitives: operands of one dtype, scalars of its category."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.ops import elementwise as ew
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind
from symgrad.tensor.host import HostScalar


def is_scalar(x: Any) -> bool:
    """Whether `x` is a Python (or NumPy, or host) number."""
    return isinstance(x, (bool, int, float, complex, np.generic)) or type(x) is HostScalar


def promote(*xs: Any, floating: bool = False) -> tuple[Any, ...]:
    """Operands converted to their common dtype; scalars stay scalars of that dtype's category."""
    if len(xs) == 2 and isinstance(xs[0], Tensor) and isinstance(xs[1], Tensor) and not floating \
            and xs[0].dtype is xs[1].dtype:  # fmt: skip
        return xs
    dtype = result_type(*xs)
    if floating and not dtype.is_inexact:
        dtype = dtypes.get_default_dtype()
    return tuple(convert(x, dtype) for x in xs)


def result_type(*xs: Any) -> DType:
    """The dtype an operation on tensors and scalars computes in (PyTorch's `result_type`)."""
    dimensioned: list[DType] = []
    zero_dim: list[DType] = []
    scalars: list[int] = []
    for x in xs:
        if isinstance(x, Tensor):
            (dimensioned if x.ndim else zero_dim).append(x.dtype)
        elif is_scalar(x):
            scalars.append(dtypes.FLOATING if type(x) is HostScalar else dtypes.category(x))
        else:
            raise TypeError(f"expected a Tensor or a number, got {type(x).__name__}")
    return dtypes.result_type(dimensioned, zero_dim, scalars)


def convert(x: Any, dtype: DType) -> Any:
    """A tensor cast to `dtype`, or a scalar of its category, wrapped around if it is an integer."""
    if isinstance(x, Tensor):
        return x if x.dtype is dtype else bind(ew.cast, (x,), {"dtype": dtype})
    if type(x) is HostScalar or hasattr(x, "expr"):
        return x
    if dtype.is_inexact:
        if dtype.is_complex:
            return complex(x)
        # NumPy takes bfloat16 for no float: beside it, a plain number would give float32.
        return dtype.np.type(x) if dtype is dtypes.bfloat16 and not state.captures else float(x)
    if dtype.category == dtypes.BOOL:
        return bool(x)
    limits = np.iinfo(dtype.np)
    return (int(x) - limits.min) % (limits.max - limits.min + 1) + limits.min
