"""Operators on scalars, with the results that Numba's `error_model="numpy"` gives: a division by 0 never raises."""

from __future__ import annotations

import ast

from symgrad.native.types import Scalar, boolean, float64, int64, together, uint64
from symgrad.native.values import Assembly, Value, convert, number

FLOAT = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
INTEGER = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor",
    ast.LShift: "shl",
}  # fmt: skip
ORDERED = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}


def wide(type: Scalar) -> Scalar:
    """The integer type that arithmetic on an integer or bool gives."""
    return type if type.kind == "f" else uint64 if type.kind == "u" else int64


def binary(asm: Assembly, op: ast.operator, a: Value, b: Value) -> Value:
    """`a op b`; raises KeyError where there is no such operator for them."""
    kind = type(op)
    if a.type is b.type is boolean and kind in (ast.BitAnd, ast.BitOr, ast.BitXor):
        return Value(asm.set(f"{INTEGER[kind]} i1 {a.text}, {b.text}"), boolean)
    if kind in (ast.LShift, ast.RShift):
        common = wide(a.type)
    else:
        common = together(wide(a.type), wide(b.type)) if a.type is not b.type else wide(a.type)
    if a.type.kind != "f" and b.type.kind == "f" or a.type.kind == "f" and b.type.kind != "f":
        common = together(a.type, b.type)
    if kind is ast.Div and common.kind != "f":
        common = float64
    if kind is ast.Pow:
        common = float64 if common.kind != "f" else common
    a, b = convert(asm, a, common), convert(asm, b, common)
    if kind is ast.Pow:
        return Value(asm.set(f"call {asm.flags}{common.text} @llvm.pow.f{common.bits}"
                             f"({common.text} {a.text}, {common.text} {b.text})"), common)  # fmt: skip
    if common.kind == "f" and kind is ast.Mod:
        return Value(float_rest(asm, a.text, b.text, common.text), common)
    if common.kind == "f":
        return Value(asm.set(f"{FLOAT[kind]} {asm.flags}{common.text} {a.text}, {b.text}"), common)
    if kind is ast.RShift:
        how = "lshr" if common.kind == "u" else "ashr"
        return Value(asm.set(f"{how} {common.text} {a.text}, {b.text}"), common)
    if kind in (ast.FloorDiv, ast.Mod):
        return divided(asm, kind is ast.Mod, a, b, common)
    if a.number is not None and b.number is not None and kind in (ast.Add, ast.Sub, ast.Mult):
        folded = {ast.Add: a.number + b.number, ast.Sub: a.number - b.number, ast.Mult: a.number * b.number}[kind]
        return number(folded, common)
    return Value(asm.set(f"{INTEGER[kind]} {common.text} {a.text}, {b.text}"), common)


def float_rest(asm: Assembly, a: str, b: str, t: str) -> str:
    """What rounding a / b down leaves, of b's sign."""
    rest = asm.set(f"frem {t} {a}, {b}")
    some = asm.set(f"fcmp one {t} {rest}, 0.0")
    signs = [asm.set(f"fcmp olt {t} {x}, 0.0") for x in (rest, b)]
    moved = asm.set(f"and i1 {some}, {asm.set(f'xor i1 {signs[0]}, {signs[1]}')}")
    return asm.set(f"select i1 {moved}, {t} {asm.set(f'fadd {t} {rest}, {b}')}, {t} {rest}")


def divided(asm: Assembly, rest: bool, a: Value, b: Value, type: Scalar) -> Value:
    """The integer quotient rounded down, or what it leaves; 0 where `b` is 0."""
    t = type.text
    divisor, zero = b.text, ""
    if not b.number:
        zero = asm.set(f"icmp eq {t} {b.text}, 0")
        divisor = asm.set(f"select i1 {zero}, {t} 1, {t} {b.text}")
    sign = "u" if type.kind == "u" else "s"
    found = asm.set(f"{sign}rem {t} {a.text}, {divisor}")
    if sign == "s":
        inexact = asm.set(f"icmp ne {t} {found}, 0")
        crossed = asm.set(f"icmp slt {t} {asm.set(f'xor {t} {found}, {divisor}')}, 0")
        down = asm.set(f"and i1 {inexact}, {crossed}")
        if rest:
            found = asm.set(f"select i1 {down}, {t} {asm.set(f'add {t} {found}, {divisor}')}, {t} {found}")
        else:
            quotient = asm.set(f"sdiv {t} {a.text}, {divisor}")
            found = asm.set(f"sub {t} {quotient}, {asm.set(f'zext i1 {down} to {t}')}")
    elif not rest:
        found = asm.set(f"udiv {t} {a.text}, {divisor}")
    if zero:
        found = asm.set(f"select i1 {zero}, {t} 0, {t} {found}")
    return Value(found, type)


def compare(asm: Assembly, op: ast.cmpop, a: Value, b: Value) -> Value:
    """`a op b` as a bool; integers of mixed signs compare by value."""
    kind = type(op)
    mixed = {a.type.kind, b.type.kind} == {"i", "u"}
    if mixed and 64 in (a.type.bits if a.type.kind == "u" else 0, b.type.bits if b.type.kind == "u" else 0):
        return mixed_signs(asm, op, a, b)
    common = together(a.type, b.type)
    a, b = convert(asm, a, common), convert(asm, b, common)
    if common.kind == "f":
        name = {ast.Eq: "oeq", ast.NotEq: "une"}.get(kind) or "o" + ORDERED[kind]  # type: ignore[call-overload]
        return Value(asm.set(f"fcmp {name} {common.text} {a.text}, {b.text}"), boolean)
    sign = "s" if common.kind == "i" else "u"
    name = {ast.Eq: "eq", ast.NotEq: "ne"}.get(kind) or sign + ORDERED[kind]  # type: ignore[call-overload]
    return Value(asm.set(f"icmp {name} {common.text} {a.text}, {b.text}"), boolean)


def mixed_signs(asm: Assembly, op: ast.cmpop, a: Value, b: Value) -> Value:
    """A comparison of a signed integer with an unsigned one of 64 bits."""
    signed = a if a.type.kind == "i" else b
    plain = compare(asm, op, convert(asm, a, uint64), convert(asm, b, uint64))
    if isinstance(signed.number, int) and signed.number >= 0:
        return plain
    below = asm.set(f"icmp slt {signed.type.text} {signed.text}, 0")
    answer = isinstance(op, (ast.NotEq, ast.Lt, ast.LtE) if signed is a else (ast.NotEq, ast.Gt, ast.GtE))
    return Value(asm.set(f"select i1 {below}, i1 {int(answer)}, i1 {plain.text}"), boolean)


def unary(asm: Assembly, op: ast.unaryop, x: Value) -> Value:
    """`-x`, `~x`, `not x`, `+x`."""
    if isinstance(op, ast.Not):
        return Value(asm.set(f"xor i1 {convert(asm, x, boolean).text}, true"), boolean)
    if x.number is not None and isinstance(op, ast.USub):
        return number(-x.number, wide(x.type))
    if isinstance(op, ast.Invert) and x.type is boolean:
        return Value(asm.set(f"xor i1 {x.text}, true"), boolean)
    x = convert(asm, x, wide(x.type))
    t = x.type.text
    if isinstance(op, ast.USub):
        text = f"fneg {asm.flags}{t} {x.text}" if x.type.kind == "f" else f"sub {t} 0, {x.text}"
        return Value(asm.set(text), x.type)
    return Value(asm.set(f"xor {t} {x.text}, -1"), x.type) if isinstance(op, ast.Invert) else x
