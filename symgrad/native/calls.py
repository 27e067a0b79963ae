"""Calls of what is not compiled here: conversions, Python's own functions, and the C library's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.native.types import NAMED, CPointer, Scalar, boolean, float64, int64, together, uint64
from symgrad.native.values import Assembly, Buffer, Value, convert, number


def _named(names: str) -> dict[Any, str]:
    """The functions of `math` and of NumPy that have C's names."""
    return {getattr(home, name): name for name in names.split() for home in (math, np) if hasattr(home, name)}


INTRINSICS = {**_named("sqrt copysign fabs"), np.floor: "floor", np.ceil: "ceil", np.trunc: "trunc", np.rint: "rint"}
LIBRARY = _named("exp log sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh log1p expm1 erf erfc lgamma "
                 "exp2 log2 log10 atan2 hypot fmod")
CONVERSIONS: dict[Any, Scalar] = {
    **{getattr(np, name): t for name, t in NAMED.items() if name != "bool"}, np.bool_: boolean, bool: boolean,
    int: int64, float: float64,
}  # fmt: skip


def built_in(asm: Assembly, function: Any, args: list[Any], declared: set[str]) -> Value | None:
    """The call of a function that every module may use; None if it is not one of them."""
    if function in CONVERSIONS:
        return convert(asm, args[0], CONVERSIONS[function])
    if function in (min, max):
        return least_or_most(asm, function, args[0], args[1])
    if function is abs:
        return size(asm, args[0])
    if function in INTRINSICS or function in LIBRARY:
        return mathematical(asm, function, args, declared)
    return None


def mathematical(asm: Assembly, function: Any, args: list[Value], declared: set[str]) -> Value:
    """A function of floats: an instruction where there is one, else the C library's."""
    common = args[0].type
    for arg in args[1:]:
        common = together(common, arg.type)
    common = common if common.kind == "f" else float64
    operands = [convert(asm, arg, common) for arg in args]
    if function in INTRINSICS:
        symbol = f"llvm.{INTRINSICS[function]}.f{common.bits}"
    else:
        symbol = LIBRARY[function] + ("f" if common.bits == 32 else "")
    t = common.text
    kinds = ", ".join([t] * len(args))
    declared.add(f"declare {t} @{symbol}({kinds}) nounwind willreturn memory(none)")
    given = ", ".join(f"{t} {v.text}" for v in operands)
    return Value(asm.set(f"call {asm.flags}{t} @{symbol}({given})"), common)


def least_or_most(asm: Assembly, function: Callable[..., Any], a: Value, b: Value) -> Value:
    """`min(a, b)` or `max(a, b)`: `b` only where it is strictly beyond `a`."""
    common = together(a.type, b.type)
    if a.type is b.type:
        common = a.type
    elif {a.type.kind, b.type.kind} == {"i", "u"} and min(a.number or -1, b.number or -1) < 0:
        literal = a if a.number is not None else b
        common = uint64 if literal.number is not None and literal.number >= 0 else int64
    a, b = convert(asm, a, common), convert(asm, b, common)
    t = common.text
    word = "lt" if function is min else "gt"
    test = f"fcmp o{word}" if common.kind == "f" else f"icmp {'u' if common.kind in 'ub' else 's'}{word}"
    beyond = asm.set(f"{test} {t} {b.text}, {a.text}")
    return Value(asm.set(f"select i1 {beyond}, {t} {b.text}, {t} {a.text}"), common)


def size(asm: Assembly, x: Value) -> Value:
    """`abs(x)`, in x's own type."""
    kind = x.type
    if kind.kind == "f":
        return Value(asm.set(f"call {kind.text} @llvm.fabs.f{kind.bits}({kind.text} {x.text})"), kind)
    if kind.kind != "i":
        return x
    flipped = asm.set(f"sub {kind.text} 0, {x.text}")
    below = asm.set(f"icmp slt {kind.text} {x.text}, 0")
    return Value(asm.set(f"select i1 {below}, {kind.text} {flipped}, {kind.text} {x.text}"), kind)


def viewed(asm: Assembly, x: Value, to: Scalar) -> Value:
    """`x.view(to)`: the same bits as another type."""
    if x.type.text == to.text:
        return Value(x.text, to)
    return Value(asm.set(f"bitcast {x.type.text} {x.text} to {to.text}"), to)


def reinterpreted(asm: Assembly, array: Buffer, to: Scalar) -> Buffer:
    """`array.view(to)` of a flat array in C order: the same bytes as elements of another type."""
    nbytes = asm.set(f"mul i64 {array.shape[0]}, {array.dtype.nbytes}")
    return Buffer(array.data, to, (asm.set(f"udiv i64 {nbytes}, {to.nbytes}"),))


def flat(asm: Assembly, array: Buffer) -> Buffer:
    """`array.ravel()` of an array in C order."""
    total = number(1)
    for extent in array.shape:
        total = Value(asm.set(f"mul i64 {total.text}, {extent}"), int64)
    return Buffer(array.data, array.dtype, (total.text,))


def external(asm: Assembly, function: Any, args: list[Any], declared: set[str]) -> None:
    """The call of a C function by its signature."""
    wanted = function.signature.args
    given = []
    for arg, kind in zip(args, wanted, strict=True):
        text = arg.text if isinstance(kind, CPointer) else convert(asm, arg, kind).text
        given.append(f"{kind.text} {text}")
    declared.add(f"declare void @{function.symbol}({', '.join(k.text for k in wanted)})")
    asm.line(f"call void @{function.symbol}({', '.join(given)})")
