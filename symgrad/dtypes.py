"""The dtype lattice: PyTorch's names, NumPy's storage, PyTorch's promotion.

Promotion never lets a Python scalar or a 0-d tensor widen a dimensioned tensor of the same
category; see `torch.result_type`.
"""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)


class DType:
    """An element type; compared by identity, printed as PyTorch prints it.

    >>> float32
    torch.float32
    """

    __slots__ = ("name", "short", "np", "category", "itemsize", "is_floating_point", "is_complex",
                 "is_inexact", "is_half")  # fmt: skip

    def __init__(self, name: str, short: str, np_type: Any, category: int):
        self.name = name
        self.short = short
        self.np = np.dtype(np_type)
        self.category = category
        self.itemsize = self.np.itemsize
        self.is_floating_point = category == FLOATING
        self.is_complex = category == COMPLEX
        self.is_inexact = category >= FLOATING
        self.is_half = category == FLOATING and self.itemsize == 2

    @property
    def is_signed(self) -> bool:
        """Whether there are negative numbers of this dtype."""
        return self.category > BOOL and self.np.kind != "u"

    @property
    def is_native(self) -> bool:
        """Whether emitted loops compute in it; others go through whole-array calls."""
        return not self.is_half and not self.is_complex

    def to_complex(self) -> "DType":
        """The complex dtype whose parts are of this precision."""
        return self if self.is_complex else complex128 if self is float64 else complex64

    def to_real(self) -> "DType":
        """The dtype of a complex dtype's parts."""
        return self if not self.is_complex else float64 if self is complex128 else float32

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


bool_ = DType("bool", "bool", np.bool_, BOOL)
uint8 = DType("uint8", "u8", np.uint8, INTEGRAL)
int8 = DType("int8", "i8", np.int8, INTEGRAL)
int16 = DType("int16", "i16", np.int16, INTEGRAL)
int32 = DType("int32", "i32", np.int32, INTEGRAL)
int64 = DType("int64", "i64", np.int64, INTEGRAL)
float16 = DType("float16", "f16", np.float16, FLOATING)
bfloat16 = DType("bfloat16", "bf16", ml_dtypes.bfloat16, FLOATING)
float32 = DType("float32", "f32", np.float32, FLOATING)
float64 = DType("float64", "f64", np.float64, FLOATING)
complex64 = DType("complex64", "c64", np.complex64, COMPLEX)
complex128 = DType("complex128", "c128", np.complex128, COMPLEX)

ALL = (bool_, uint8, int8, int16, int32, int64, float16, bfloat16, float32, float64, complex64,
       complex128)  # fmt: skip
BY_NAME = {d.name: d for d in ALL}
BY_SHORT = {d.short: d for d in ALL}
BY_NUMPY: dict[Any, DType] = {d.np: d for d in ALL}
STORED = frozenset(BY_NUMPY)
"""The NumPy dtypes that tensors are stored in."""
ALIASES = {
    "long": int64, "int": int32, "short": int16, "double": float64, "float": float32, "half": float16,
    "cfloat": complex64, "cdouble": complex128,
}  # fmt: skip

_default_float = float32


def from_numpy(dtype: Any) -> DType:
    """The DType that stores as NumPy's `dtype`; TypeError for one this package has not."""
    found = BY_NUMPY.get(dtype)
    if found is None:
        found = BY_NUMPY.get(np.dtype(dtype).newbyteorder("="))
        if found is None:
            raise TypeError(f"can't convert NumPy dtype {dtype} to a tensor dtype")
    return found


class Absent:
    """A dtype PyTorch has and this package has not: its name is there, its use is an error."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"


ABSENT = {name: Absent(name) for name in ("complex32", "uint16", "uint32", "uint64")}
ABSENT["chalf"] = ABSENT["complex32"]


def as_dtype(dtype: Any) -> DType:
    """`dtype` as a DType: a DType, a NumPy dtype, or Python's bool, int, float, complex."""
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, Absent):
        raise TypeError(f"symgrad has no dtype {dtype.name}; the nearest are "
                        f"{'complex64' if dtype.name == 'complex32' else 'int32 and int64'}")
    if dtype is complex:
        return complex128
    if dtype is float:
        return float64
    if dtype is int:
        return int64
    if dtype is bool:
        return bool_
    return from_numpy(np.dtype(dtype))


def finfo(dtype: DType) -> Any:
    """NumPy's limits of a floating dtype (or of a complex one's parts)."""
    real = dtype.to_real()
    return ml_dtypes.finfo(real.np) if real is bfloat16 else np.finfo(real.np)


def get_default_dtype() -> DType:
    """The dtype new floating tensors get (float32 at start)."""
    return _default_float


def set_default_dtype(dtype: Any) -> None:
    """Make `dtype` (float16, bfloat16, float32 or float64) the default for new floating tensors."""
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
    return _default_float.to_complex() if isinstance(value, complex) else _default_float


def category(value: Any) -> int:
    """The category (bool < integral < floating < complex) of a Python scalar."""
    if isinstance(value, (bool, np.bool_)):
        return BOOL
    if isinstance(value, (int, np.integer)):
        return INTEGRAL
    return COMPLEX if isinstance(value, (complex, np.complexfloating)) else FLOATING


def promote_types(a: DType, b: DType) -> DType:
    """The smallest dtype both convert to, among tensors of equal rank standing.

    >>> promote_types(uint8, int8)
    torch.int16
    >>> promote_types(int64, float16)
    torch.float16
    """
    if a is b:
        return a
    if a.category != b.category:
        high, low = (a, b) if a.category > b.category else (b, a)
        return complex128 if high.is_complex and low is float64 else high
    if a.is_half and b.is_half:
        return float32
    return from_numpy(np.promote_types(a.np, b.np))


def combine(higher: DType | None, lower: DType | None) -> DType | None:
    """The dtype of operands of which `higher` decides: `lower` counts only for its category.

    The rule of PyTorch's `result_type` (ATen, TypeProperties.cpp, combine_categories).
    """
    if higher is None or lower is None:
        return higher or lower
    if lower.category <= higher.category:
        return higher
    return higher.to_complex() if lower.is_complex and higher.is_floating_point else lower


def result_type(
    dimensioned: list[DType], zero_dim: list[DType], scalars: list[int]
) -> DType:
    """PyTorch's result dtype: dimensioned tensors, then 0-d tensors, then Python scalar categories.

    A lower rank of operand only decides when its *category* is higher than all above it.
    """
    merged: list[DType | None] = []
    for group in (dimensioned, zero_dim):
        best: DType | None = None
        for dtype in group:
            best = dtype if best is None else promote_types(best, dtype)
        merged.append(best)
    scalar = None
    if scalars:
        scalar = (bool_, int64, _default_float, _default_float.to_complex())[max(scalars)]
    found = combine(merged[0], combine(merged[1], scalar))
    assert found is not None, "result_type of nothing"
    return found
