"""The types of native code, written as Numba writes them: `types.void(types.float32[:, ::1], types.int64)`.

Scalars widen as Numba's do: integers narrower than 64 bits compute in 64, of mixed signs signed; a number
beside a wider float, or a wider integer than int16 or uint8 beside float32, computes in float64.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Scalar:
    """A number: `kind` is b(ool), i(nt), u(nsigned) or f(loat); `text` is LLVM's name of it."""

    name: str
    kind: str
    bits: int
    text: str

    def __getitem__(self, axes: Any) -> "Array":
        """`float32[:, ::1]`: an array in C order if the last axis says `::1`, else with strides of its own."""
        last = axes[-1] if isinstance(axes, tuple) else axes
        return Array(self, len(axes) if isinstance(axes, tuple) else 1, "C" if last.step == 1 else "A")

    @property
    def stored(self) -> str:
        """What it is in memory: a bool takes a byte."""
        return "i8" if self.kind == "b" else self.text

    @property
    def nbytes(self) -> int:
        return max(self.bits // 8, 1)

    def __repr__(self) -> str:
        return self.name


class Array(NamedTuple):
    """An array of `ndim` extents; `layout` is C, or A for any strides."""

    dtype: Scalar
    ndim: int
    layout: str


class CPointer(NamedTuple):
    """The address of numbers, as a C function takes it."""

    dtype: Scalar

    @property
    def text(self) -> str:
        return "ptr"


class Void:
    """No result; called, it makes a signature: `void(float64, int64)`."""

    text = "void"

    def __call__(self, *args: Any) -> "Signature":
        return Signature(args)


class Signature(NamedTuple):
    """What a function without a result takes."""

    args: tuple[Any, ...]


class ExternalFunction(NamedTuple):
    """A C function of a library that is loaded."""

    symbol: str
    signature: Signature


boolean = Scalar("bool", "b", 1, "i1")
int8, int16, int32, int64 = (Scalar(f"int{n}", "i", n, f"i{n}") for n in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (Scalar(f"uint{n}", "u", n, f"i{n}") for n in (8, 16, 32, 64))
intc = int32
float32, float64 = Scalar("float32", "f", 32, "float"), Scalar("float64", "f", 64, "double")
void = Void()

NAMED = {t.name: t for t in (boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64)}


def together(a: Scalar, b: Scalar) -> Scalar:
    """The type in which `a` and `b` are added, compared and chosen between."""
    if a is b and (a.kind == "f" or a.kind == "b" or a.bits == 64):
        return a
    if "f" not in (a.kind, b.kind):
        return uint64 if a.kind == b.kind == "u" else int64
    narrow = all(t is float32 or t.bits <= (16 if t.kind == "i" else 8) for t in (a, b))
    return float32 if narrow else float64
