"""What an expression has become: a scalar in a register, or an array of which the parts are known.

Text is LLVM's assembly language; `Assembly` collects a function's lines and numbers its registers.
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass, field

from symgrad.native.types import Scalar, boolean, float32, float64, int64


@dataclass(frozen=True)
class Value:
    """A scalar: its register or constant, and its type; `number` if it was written as one."""

    text: str
    type: Scalar
    number: int | float | None = None


@dataclass(frozen=True)
class Buffer:
    """An array: where it begins, its extents, and its strides in bytes where it is not in C order."""

    data: str
    dtype: Scalar
    shape: tuple[str, ...]
    strides: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Address:
    """Where an array begins, for a C function."""

    text: str


@dataclass
class Assembly:
    """The lines of one function. `flags` are the liberties its float operations take, `access` marks what
    reads or writes memory in loops whose turns are independent.
    """

    flags: str = ""
    lines: list[str] = field(default_factory=list)
    slots: list[str] = field(default_factory=list)
    label: str = "entry"
    access: str = ""
    count: int = 0

    def line(self, text: str) -> None:
        self.lines.append("  " + text)

    def name(self, stem: str = "v") -> str:
        """A fresh name."""
        self.count += 1
        return f"{stem}{self.count}"

    def set(self, text: str) -> str:
        """A fresh register for what `text` computes."""
        register = f"%{self.name()}"
        self.lines.append(f"  {register} = {text}")
        return register

    def block(self, label: str) -> None:
        """Begin the block called `label`; the one before must have ended."""
        self.lines.append(f"{label}:")
        self.label = label

    def slot(self, type: Scalar) -> str:
        """Memory of the function's frame for a variable that is assigned more than once."""
        register = f"%{self.name('s')}"
        self.slots.append(f"  {register} = alloca {type.text}")
        return register


def number(value: bool | int | float, type: Scalar | None = None) -> Value:
    """A number as Python writes it: int64 or float64, unless a type is given."""
    if type is None:
        type = boolean if isinstance(value, bool) else int64 if isinstance(value, int) else float64
    if type.kind != "f":
        wrapped = int(value) & ((1 << type.bits) - 1)
        return Value(str(wrapped), type, value)
    if type is float32:
        value = ctypes.c_float(value).value
    return Value(f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}", type, float(value))


def convert(asm: Assembly, value: Value, to: Scalar) -> Value:
    """`value` as Numba's `to(value)` gives it: truncated, extended, or rounded."""
    kind = value.type
    if kind is to:
        return value
    if value.number is not None and (kind.kind != "f" or to.kind == "f"):
        if to.kind == "b":
            return number(value.number != 0)
        if to.kind != "f" or abs(value.number) < 2**53:
            return number(value.number, to)
    if to.kind == "b":
        test = f"fcmp une {kind.text} {value.text}, 0.0" if kind.kind == "f" else f"icmp ne {kind.text} {value.text}, 0"
        return Value(asm.set(test), to)
    if kind.kind == "f" and to.kind == "f":
        how = "fpext" if to.bits > kind.bits else "fptrunc"
    elif kind.kind == "f":
        how = "fptosi" if to.kind == "i" else "fptoui"
    elif to.kind == "f":
        how = "sitofp" if kind.kind == "i" else "uitofp"
    elif to.bits == kind.bits:
        return Value(value.text, to, value.number)
    elif to.bits < kind.bits:
        how = "trunc"
    else:
        how = "sext" if kind.kind == "i" else "zext"
    return Value(asm.set(f"{how} {kind.text} {value.text} to {to.text}"), to)
