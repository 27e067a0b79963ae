"""The dtype lattice: PyTorch's names, NumPy's storage, PyTorch's promotion.

Promotion never lets a Python scalar or a 0-d tensor widen a dimensioned tensor of the same
category; see `torch.result_type`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)


class DType:
    """An element type; compared by identity, printed as PyTorch prints it.

    >>> float32
    symgrad.float32
    """

    __slots__ = ("name", "short", "np", "category", "itemsize", "is_floating_point")

    def __init__(self, name: str, short: str, np_type: Any, category: int):
        self.name = name
        self.short = short
        self.np = np.dtype(np_type)
        self.category = category
        self.itemsize = self.np.itemsize
        self.is_floating_point = category == FLOATING

    def __repr__(self) -> str:
        return f"symgrad.{self.name}"

    def __reduce__(self) -> str:
        return self.name


bool_ = DType("bool", "bool", np.bool_, BOOL)
uint8 = DType("uint8", "u8", np.uint8, INTEGRAL)
int8 = DType("int8", "i8", np.int8, INTEGRAL)
int16 = DType("int16", "i16", np.int16, INTEGRAL)
int32 = DType("int32", "i32", np.int32, INTEGRAL)
int64 = DType("int64", "i64", np.int64, INTEGRAL)
float16 = DType("float16", "f16", np.float16, FLOATING)
float32 = DType("float32", "f32", np.float32, FLOATING)
float64 = DType("float64", "f64", np.float64, FLOATING)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, float32, float64)
BY_NAME = {d.name: d for d in ALL}
BY_SHORT = {d.short: d for d in ALL}
_FROM_NUMPY: dict[Any, DType] = {d.np: d for d in ALL}
ALIASES = {
    "long": int64, "int": int32, "short": int16, "double": float64, "float": float32, "half": float16
}  # fmt: skip

_default_float = float32


def from_numpy(dtype: Any) -> DType:
    """The DType that stores as NumPy's `dtype`; TypeError for one this package has not."""
    found = _FROM_NUMPY.get(dtype)
    if found is None:
        found = _FROM_NUMPY.get(np.dtype(dtype).newbyteorder("="))
        if found is None:
            raise TypeError(f"can't convert NumPy dtype {dtype} to a tensor dtype")
    return found


def as_dtype(dtype: Any) -> DType:
    """`dtype` as a DType: a DType, a NumPy dtype, or Python's bool, int, float."""
    if isinstance(dtype, DType):
        return dtype
    if dtype is float:
        return float64
    if dtype is int:
        return int64
    if dtype is bool:
        return bool_
    return from_numpy(np.dtype(dtype))


def get_default_dtype() -> DType:
    """The dtype new floating tensors get (float32 at start)."""
    return _default_float


def set_default_dtype(dtype: Any) -> None:
    """Make `dtype` (float16, float32 or float64) the default for new floating tensors."""
    global _default_float
    dtype = as_dtype(dtype)
    if dtype.category != FLOATING:
        raise TypeError(f"only floating-point types are supported as the default type, got {dtype}")
    _default_float = dtype
    for tell in watchers:
        tell()


watchers: list[Any] = []
"""Called after the default dtype changed: what compiled programs may skip checking otherwise."""


def of_scalar(value: Any) -> DType:
    """The dtype a Python scalar has as a tensor of its own."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return _default_float


def category(value: Any) -> int:
    """The category (bool < integral < floating) of a Python scalar."""
    if isinstance(value, (bool, np.bool_)):
        return BOOL
    if isinstance(value, (int, np.integer)):
        return INTEGRAL
    return FLOATING


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype both convert to, among tensors of equal rank standing.

    >>> promote_types(uint8, int8)
    symgrad.int16
    >>> promote_types(int64, float16)
    symgrad.float16
    """
    if a is b:
        return a
    if a.category != b.category:
        return a if a.category > b.category else b
    return from_numpy(np.promote_types(a.np, b.np))


def result_type(
    dimensioned: list[DType], zero_dim: list[DType], scalars: list[int]
) -> DType:
    """PyTorch's result dtype: dimensioned tensors, then 0-d tensors, then Python scalar categories.

    A lower rank of operand only decides when its *category* is higher than all above it.
    """
    best: DType | None = None
    for group in (dimensioned, zero_dim):
        merged: DType | None = None
        for dtype in group:
            merged = dtype if merged is None else promote_types(merged, dtype)
        if merged is not None and (best is None or merged.category > best.category):
            best = merged
    for scalar in scalars:
        if best is None or scalar > best.category:
            best = (bool_, int64, _default_float)[scalar]
    assert best is not None, "result_type of nothing"
    return best
