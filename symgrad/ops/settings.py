"""What the top level has besides operations: default device and type, limits of dtypes, questions about objects."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from symgrad import config as settings
from symgrad import dtypes
from symgrad.errors import DomainError
from symgrad.ops.conversion import Storage, named_type
from symgrad.ops.public import op
from symgrad.runtime.threads import set_threads
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.device import Device, default_device
from symgrad.tensor.dispatch import ndarray


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
    data = input._data
    return data.size if type(data) is ndarray and not state.captures else input.shape.numel()


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


def get_num_threads() -> int:
    """How many threads a compiled program works with."""
    return settings.config.num_threads


def set_num_threads(num: int) -> None:
    """Let compiled programs work with `num` threads. Their results do not depend on it."""
    if not isinstance(num, int):
        raise DomainError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num < 1:
        raise DomainError("set_num_threads expects a positive integer")
    set_threads(num)


def get_num_interop_threads() -> int:
    """How many operations run at once: one."""
    return 1


def set_num_interop_threads(num: int) -> None:
    """Accepted; operations run one after the other."""
    if num < 1:
        raise DomainError("set_num_interop_threads expects a positive integer")


_wanted = {"deterministic": False, "warn_only": False, "precision": "highest"}
"""What scripts have asked for. Results are deterministic and products exact whatever it is."""


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Noted; every algorithm here is deterministic."""
    _wanted.update(deterministic=bool(mode), warn_only=bool(warn_only))


def are_deterministic_algorithms_enabled() -> bool:
    """What `use_deterministic_algorithms` was told."""
    return bool(_wanted["deterministic"])


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """What `use_deterministic_algorithms` was told of warnings."""
    return bool(_wanted["deterministic"] and _wanted["warn_only"])


def set_float32_matmul_precision(precision: str) -> None:
    """Noted; products of float32 are computed in float32."""
    if precision not in ("highest", "high", "medium"):
        warnings.warn(f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
                      "setFloat32MatmulPrecision call has no effect.", stacklevel=2)
        return
    _wanted["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return str(_wanted["precision"])


def set_flush_denormal(mode: bool) -> bool:
    """Whether small numbers can be flushed to zero: not here."""
    return False


def set_warn_always(b: bool, /) -> None:
    """Accepted; Python's own filters decide which warnings are shown again."""


def typename(obj: Any, /) -> str:
    """The name of an object's type; of a tensor, its old type name."""
    if isinstance(obj, Tensor):
        return str(obj.type())  # type: ignore[attr-defined]
    kind = obj if isinstance(obj, type) or hasattr(obj, "__qualname__") else type(obj)
    module = "" if kind.__module__ in ("builtins", None) else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"
