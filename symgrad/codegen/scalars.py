"""Scalar formulas of primitives as typed expressions, and how each backend spells their functions.

A declaration's `Scalar.expr` is parsed, never pasted: operands become expressions, parameters
constants, and a bare number takes the dtype of what it stands beside, as NumPy's weak scalars do.
`SPELLINGS` is the only list of scalar functions.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.codegen.loops import Const, Expr, Op, Var
from symgrad.dtypes import DType, bool_
from symgrad.errors import BackendError


@dataclass(frozen=True)
class Spelling:
    """A function's text per backend; `{0}`, `{1}` are its arguments, `{t}` the dtype's name.

    `cuda64` and `numba32` stand for one precision, where the two differ.
    """

    numba: str
    cuda: str
    cuda64: str = ""
    numba32: str = ""


def _c(name: str, numba: str = "", arguments: int = 1) -> Spelling:
    """A function that C has by this name for doubles and with an f for floats."""
    args = ", ".join(f"{{{i}}}" for i in range(arguments))
    return Spelling(f"{numba or f'math.{name}'}({args})", f"{name}f({args})", f"{name}({args})")


SPELLINGS: dict[str, Spelling] = {
    **{name: _c(name, f"_{name}_{{t}}") for name in ("exp", "log", "tanh")},
    **{name: replace(_c(name), numba32=f"_{name}_float32({{0}})") for name in (
        "sin", "cos", "atan", "log1p", "expm1", "erf", "erfc")},
    **{name: _c(name) for name in (
        "tan", "asin", "acos", "sinh", "cosh", "asinh", "acosh", "atanh", "lgamma", "sqrt")},
    **{name: _c(name, f"np.{name}") for name in ("floor", "ceil", "trunc", "rint", "exp2", "log2", "log10")},
    **{name: _c(name, "", 2) for name in ("atan2", "hypot", "copysign")},
    "fmod": _c("fmod", "np.fmod", 2),
    "pow": Spelling("{0} ** {1}", "powf({0}, {1})", "pow({0}, {1})"),
    "abs": Spelling("abs({0})", "fabsf({0})", "fabs({0})"),
    "maximum": Spelling("_maximum({0}, {1})", "maximum({0}, {1})"),
    "minimum": Spelling("_minimum({0}, {1})", "minimum({0}, {1})"),
    "truncdiv": Spelling("_truncdiv({0}, {1})", "truncdiv_i64({0}, {1})"),
    "floordiv": Spelling("_floordiv_{t}({0}, {1})", "floordiv({0}, {1})"),
    "digamma": Spelling("_digamma_{t}({0})", "digamma({0})"),
    "polygamma": Spelling("_polygamma_{t}({0}, {1})", "polygamma({0}, {1})"),
    "erfinv": Spelling("_erfinv_{t}({0})", "inverse_erf({0})"),
    "mod": Spelling("_mod_{t}({0}, {1})", "mod({0}, {1})"),
}  # fmt: skip

INTEGER = frozenset("floordiv mod fmod truncdiv shl shr pow".split())
"""Functions whose integer form is a helper, since the language's own differs at the edges."""

_BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor", ast.Mod: "mod", ast.FloorDiv: "floordiv", ast.LShift: "shl", ast.RShift: "shr",
}  # fmt: skip
_COMPARE = {ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}


@dataclass(frozen=True)
class _Number:
    """A number whose dtype its surroundings decide."""

    value: Any


def formula(
    text: str, operands: Mapping[str, Expr], params: Mapping[str, Any], dtype: DType,
    name: Callable[[Expr], Expr] = lambda e: e,
) -> Expr:  # fmt: skip
    """The expression of `text`, converted to `dtype`.

    `name` gives a variable for a subexpression that is used more than once.
    """
    node = ast.parse(text, mode="eval").body
    found = _Formula(operands, params, name, dtype).visit(node)
    return convert(_typed(found, dtype), dtype)


def convert(value: Expr, dtype: DType) -> Expr:
    """`value` as `dtype`."""
    if value.dtype is dtype:
        return value
    if isinstance(value, Const):
        return constant(value.value, dtype)
    return Op("cast", (value,), dtype)


def constant(value: Any, dtype: DType) -> Const:
    """A number rounded to `dtype` as NumPy rounds it."""
    return Const(np.asarray(value).astype(dtype.np).item(), dtype)


def _typed(found: "Expr | _Number", dtype: DType) -> Expr:
    return constant(found.value, dtype) if isinstance(found, _Number) else found


class _Formula:
    def __init__(self, operands: Mapping[str, Expr], params: Mapping[str, Any],
                 name: Callable[[Expr], Expr], dtype: DType):  # fmt: skip
        self.operands = operands
        self.dtype = dtype
        self.params = params
        self.name = name

    def visit(self, node: ast.expr) -> Expr | _Number:
        if isinstance(node, ast.Name):
            if node.id in self.operands:
                return self.operands[node.id]
            value = self.params[node.id]
            return value if isinstance(value, (Const, Var, Op)) else _Number(value)
        if isinstance(node, ast.Constant):
            return _Number(node.value)
        if isinstance(node, ast.UnaryOp):
            return self.unary("neg" if isinstance(node.op, ast.USub) else "not", self.visit(node.operand))
        if isinstance(node, ast.BinOp):
            return self.same(_BINARY[type(node.op)], self.visit(node.left), self.visit(node.right))
        if isinstance(node, ast.Compare):
            a, b = self.visit(node.left), self.visit(node.comparators[0])
            return Op(_COMPARE[type(node.ops[0])], self.common(a, b), bool_)
        if isinstance(node, ast.IfExp):
            a, b = self.common(self.visit(node.body), self.visit(node.orelse))
            return Op("select", (_typed(self.visit(node.test), bool_), a, b), a.dtype)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self.call(node.func.id, [self.visit(a) for a in node.args])
        raise BackendError(f"a scalar formula may not say {ast.unparse(node)!r}")

    def common(self, *args: Expr | _Number) -> tuple[Expr, ...]:
        """The arguments with bare numbers given the dtype of the others (of the result, if all are)."""
        dtype = next((a.dtype for a in args if not isinstance(a, _Number)), self.dtype)
        return tuple(_typed(a, dtype) for a in args)

    def same(self, fn: str, *args: Expr | _Number) -> Expr | _Number:
        if all(isinstance(a, _Number) for a in args):
            raise BackendError(f"a scalar formula combines two bare numbers ({fn})")
        typed = self.common(*args)
        return Op(fn, typed, typed[0].dtype)

    def unary(self, fn: str, x: Expr | _Number) -> Expr | _Number:
        if isinstance(x, _Number):
            return _Number(-x.value if fn == "neg" else not x.value)
        return Op(fn, (x,), x.dtype)

    def call(self, fn: str, args: list[Expr | _Number]) -> Expr | _Number:
        if fn == "clamp":
            x, low, high = args
            if not (isinstance(low, _Number) and low.value is None):
                x = self.same("maximum", x, low)
            return x if isinstance(high, _Number) and high.value is None else self.same("minimum", x, high)
        if fn == "ipow":
            x, n = args
            assert isinstance(n, _Number) and not isinstance(x, _Number)
            return self.power(x, int(n.value))
        if fn not in SPELLINGS:
            raise BackendError(f"unknown scalar function {fn!r}", hint="add it to codegen.scalars.SPELLINGS")
        return self.same(fn, *args)

    def power(self, x: Expr, n: int) -> Expr:
        """x to the n by squaring, in the order the array form multiplies."""
        if n < 0:
            return Op("div", (constant(1, x.dtype), self.power(x, -n)), x.dtype)
        if n == 0:
            return constant(1, x.dtype)
        x = self.name(x)
        if n == 1:
            return x
        half = self.name(self.power(x, n // 2)) if n > 3 else x
        square = Op("mul", (half, half), x.dtype)
        return Op("mul", (square, x), x.dtype) if n % 2 else square
