"""Operators of native code: types as Numba finds them, values as Python and NumPy have them."""

from __future__ import annotations

import ast
import math
import operator
from typing import Any

import numpy as np
import pytest
from native.harness import compiled, module_of

from symgrad.native import operators, types
from symgrad.native.types import Scalar
from symgrad.native.values import Assembly, Value

SYMBOLS = {
    "+": ast.Add, "-": ast.Sub, "*": ast.Mult, "/": ast.Div, "//": ast.FloorDiv, "%": ast.Mod, "&": ast.BitAnd,
    "|": ast.BitOr, "^": ast.BitXor, "<<": ast.LShift, ">>": ast.RShift, "<": ast.Lt, "==": ast.Eq,
}  # fmt: skip
PYTHON = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "&": operator.and_, "|": operator.or_, "^": operator.xor, "<<": operator.lshift,
    ">>": operator.rshift, "<": operator.lt, "==": operator.eq,
}  # fmt: skip


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_result_types_are_numbas(symbol: str) -> None:
    """Each operator over all pairs of types; but those that Numba refuses, and quotients of floats rounded down."""
    numba = pytest.importorskip("numba")
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    context.refresh()
    asked = 0
    for a in types.NAMED.values():
        for b in types.NAMED.values():
            pair = [getattr(numba.types, "boolean" if t is types.boolean else t.name) for t in (a, b)]
            try:
                wanted = context.resolve_function_type(PYTHON[symbol], pair, {})
            except numba.core.errors.TypingError:
                continue
            if wanted is not None and not (symbol == "//" and "f" in (a.kind, b.kind)):
                assert found(symbol, a, b) == str(wanted.return_type), (a, symbol, b)
                asked += 1
    assert asked >= 64


def found(symbol: str, a: Scalar, b: Scalar) -> str:
    """The name of the type that `a symbol b` has here."""
    kind = SYMBOLS[symbol]
    apply: Any = operators.compare if issubclass(kind, ast.cmpop) else operators.binary
    return apply(Assembly(), kind(), Value("%a", a), Value("%b", b)).type.name


NUMBERS = (-(2**63), -7, -1, 0, 1, 3, 40, 2**31, 2**63 - 1)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "//", "%", "&", "|", "^", "<", "=="])
def test_integers(symbol: str) -> None:
    run = compiled(f"out[0] = a {symbol} b", "out: int64[::1], a: int64, b: int64")
    out = np.zeros(1, np.int64)
    for a in NUMBERS:
        for b in NUMBERS:
            if b == -1 and a == -(2**63) and symbol in "//%":
                continue  # no machine has it; emitted code asks before
            run(out, a, b)
            wanted = 0 if b == 0 and symbol in ("//", "%") else PYTHON[symbol](a, b)
            assert out[0] == np.uint64(int(wanted) % 2**64).astype(np.int64), (a, symbol, b)


@pytest.mark.parametrize("symbol", ["+", "-", "*", "/", "<", "=="])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_floats(symbol: str, dtype: str) -> None:
    run = compiled(f"out[0] = a[0] {symbol} b[0]", f"out: {dtype}[::1], a: {dtype}[::1], b: {dtype}[::1]")
    special = np.array([0.0, -0.0, 1.5, -3.25, 1e30, math.inf, -math.inf, math.nan], dtype)
    out = np.zeros(1, dtype)
    for a in special:
        for b in special:
            run(out, np.array([a]), np.array([b]))
            with np.errstate(all="ignore"):
                wanted = PYTHON[symbol](a, b).astype(dtype)
            np.testing.assert_array_equal(out[0], wanted)
            assert math.isnan(out[0]) or np.signbit(out[0]) == np.signbit(wanted)


@pytest.mark.parametrize("symbol", ["<", "<=", ">", ">=", "==", "!="])
def test_integers_of_two_signs_compare_by_value(symbol: str) -> None:
    run = compiled(f"out[0] = a {symbol} b\n    out[1] = b {symbol} a", "out: bool[::1], a: int64, b: uint64")
    out = np.zeros(2, bool)
    for a in (-5, -1, 0, 5, 2**63 - 1):
        for b in (0, 5, 2**63 + 1):
            run(out, a, np.uint64(b))
            assert out.tolist() == [eval(f"{a} {symbol} {b}"), eval(f"{b} {symbol} {a}")]


def test_what_a_quotient_of_floats_leaves() -> None:
    run = compiled("out[0] = a % b", "out: float64[::1], a: float64, b: float64")
    out = np.zeros(1)
    for a in (-7.5, -0.5, 0.0, 2.0, 7.5):
        for b in (-2.0, 0.75, 2.0):
            run(out, a, b)
            assert out[0] == a % b


def test_unary_operators() -> None:
    run = compiled("out[0] = -a\n    out[1] = ~a\n    out[2] = int64(not a)\n    out[3] = abs(a)",
                   "out: int64[::1], a: int64")  # fmt: skip
    for a in (-3, 0, 9):
        out = np.zeros(4, np.int64)
        run(out, a)
        assert out.tolist() == [-a, ~a, int(not a), abs(a)]


CASTS = [("float64", "int32"), ("float32", "float64"), ("int64", "uint8"), ("uint64", "float32"), ("int32", "bool"),
         ("bool", "float64"), ("int8", "uint64"), ("float64", "float32")]  # fmt: skip


@pytest.mark.parametrize("source, target", CASTS)
def test_conversions(source: str, target: str) -> None:
    name = "bool_" if target == "bool" else target
    run = compiled(f"out[0] = {name}(a[0])", f"out: {target}[::1], a: {source}[::1]")
    for number in (0, 1, 3, 100, *(() if source[0] in "ub" else (-2,))):
        a, out = np.array([number], source), np.zeros(1, target)
        run(out, a)
        assert out[0] == a.astype(target)[0]


def test_bits_seen_as_another_type() -> None:
    run = compiled("out[0] = float32(a).view(int32)\n    out[1] = int32(int32(b).view(float32))",
                   "out: int32[::1], a: float32, b: int64")  # fmt: skip
    out = np.zeros(2, np.int32)
    run(out, np.float32(-1.5), 0x41200000)
    assert out.tolist() == [np.array(-1.5, np.float32).view(np.int32), 10]


@pytest.mark.parametrize("function", ["min", "max"])
def test_least_and_most(function: str) -> None:
    run = compiled(f"out[0] = {function}(a, b)\n    out[1] = {function}(a, uint64(7))",
                   "out: uint64[::1], a: uint64, b: uint64")  # fmt: skip
    for a, b in ((1, 2), (2**63 + 5, 3), (9, 9)):
        out = np.zeros(2, np.uint64)
        run(out, np.uint64(a), np.uint64(b))
        assert out.tolist() == [eval(function)(a, b), eval(function)(a, 7)]


LIBRARY = ["exp", "log", "sin", "cos", "tan", "tanh", "asinh", "erf", "erfc", "lgamma", "expm1", "log1p", "sqrt"]


@pytest.mark.parametrize("name", LIBRARY)
def test_functions_of_the_c_library(name: str) -> None:
    run = compiled(f"out[0] = math.{name}(a)", "out: float64[::1], a: float64")
    for a in (0.25, 0.7, 3.0):
        out = np.zeros(1)
        run(out, a)
        assert out[0] == pytest.approx(getattr(math, name)(a), rel=1e-14)


def test_module_text_is_what_is_compiled() -> None:
    """The harness writes a module that Numba itself would take."""
    assert module_of("out[0] = a", "out: int64[::1], a: int64").startswith("import math")
