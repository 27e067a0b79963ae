"""What the top level has besides operations: default device and type, limits of dtypes, questions about objects."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ops.conversion import Storage, named_type
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor
from symgrad.tensor.device import Device, default_device


def get_default_device() -> Device:
    """Where new tensors live unless told."""
    return default_device()


def set_default_tensor_type(t: Any) -> None:
    """Make the dtype of an old tensor type ("torch.DoubleTensor", or the type) the default."""
    dtypes.set_default_dtype(named_type(t)[0] if isinstance(t, str) else t.dtype)


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj: Any) -> bool:
    """Whether `obj` is the memory under a tensor."""
    return isinstance(obj, Storage)


@op(out=False)
def numel(input: Tensor) -> int:
    """Number of elements.

    >>> sg.numel(sg.zeros(2, 3))
    6
    """
    return input.shape.numel()


class finfo:
    """Limits of a floating (or complex) dtype: bits, eps, max, min, tiny, smallest_normal, resolution."""

    def __init__(self, type: Any = None):
        dtype = dtypes.get_default_dtype() if type is None else dtypes.as_dtype(type)
        if not dtype.is_inexact:
            raise TypeError("torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                            "'torch.finfo'")
        real = dtype.to_real()
        found = dtypes.finfo(dtype)
        self.bits = 8 * real.itemsize
        self.eps, self.max, self.min = float(found.eps), float(found.max), float(found.min)
        self.tiny = self.smallest_normal = float(found.smallest_normal)
        self.resolution = float(f"1e-{found.precision}")
        self.dtype = real.name

    def __repr__(self) -> str:
        shown = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in shown)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer dtype: bits, max, min."""

    def __init__(self, type: Any):
        dtype = dtypes.as_dtype(type)
        if dtype.category != dtypes.INTEGRAL:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle "
                            f"'torch.{dtype.name}'")
        found = np.iinfo(dtype.np)
        self.bits, self.max, self.min, self.dtype = found.bits, int(found.max), int(found.min), dtype.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
