"""Loop IR as Numba Python: every constant and every narrow result says its dtype.

Numba types `x * 2.0` as float64 and `int32 + int32` as int64, and it guards a signed subscript
against being negative, which keeps loops from being vectorised. So numbers are written
`float32(2.0)`, narrow integers are cast back, and subscripts are unsigned: `_64` is `uint64(64)`.
A loop whose turns are independent is a `prange`: nothing runs in parallel, but vector units may.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad.codegen import (
    numba_helpers,
    special_helpers,
    tasks,
    vector_erf,
    vector_math,
    vector_trigonometry,
)
from symgrad.codegen.loops import INDEX, Const, Do, For, Function, If, Local, Op
from symgrad.codegen.printer import ATOM, COMPARE, TERNARY, UNARY, Printer
from symgrad.codegen.random_helpers import HELPERS as SAMPLERS
from symgrad.codegen.scalars import INTEGER, SPELLINGS
from symgrad.dtypes import BOOL, FLOATING, INTEGRAL, DType, float32, int64

TYPE_NAMES = {"bool": "bool_"}

HELPERS = {
    "_add": '''@njit(fastmath={"reassoc", "nsz", "contract"}, forceinline=True)
def _add(total, value):
    """total + value, in whatever order of a block's elements is fastest."""
    return total + value
''',
    "_mul": '''@njit(fastmath={"reassoc", "nsz", "contract"}, forceinline=True)
def _mul(total, value):
    """total * value, in whatever order of a block's elements is fastest."""
    return total * value
''',
    "_maximum": '''@njit(fastmath=False, forceinline=True)
def _maximum(a, b):
    """The larger; nan if either is."""
    return a if a > b or a != a else b
''',
    "_minimum": '''@njit(fastmath=False, forceinline=True)
def _minimum(a, b):
    """The smaller; nan if either is."""
    return a if a < b or a != a else b
''',
    "_rank_float32": '''@njit(fastmath=False, forceinline=True)
def _rank_float32(x, nan):
    """An integer in the order of float32 numbers; `nan` for nan."""
    bits = float32(x).view(int32)
    return nan if x != x else int32(bits ^ ((bits >> int32(31)) & int32(0x7FFFFFFF)))
''',
    "_unrank_float32": '''@njit(fastmath=False, forceinline=True)
def _unrank_float32(rank):
    """The number of a rank."""
    return int32(rank ^ ((rank >> int32(31)) & int32(0x7FFFFFFF))).view(float32)
''',
    "_rank_float64": '''@njit(fastmath=False, forceinline=True)
def _rank_float64(x, nan):
    """An integer in the order of float64 numbers; `nan` for nan."""
    bits = float64(x).view(int64)
    return nan if x != x else bits ^ ((bits >> 63) & 0x7FFFFFFFFFFFFFFF)
''',
    "_unrank_float64": '''@njit(fastmath=False, forceinline=True)
def _unrank_float64(rank):
    """The number of a rank."""
    return int64(rank ^ ((rank >> 63) & 0x7FFFFFFFFFFFFFFF)).view(float64)
''',
    "_to_int32": '''@njit(fastmath=False, forceinline=True)
def _to_int32(x):
    """x truncated; the least integer for nan and for what does not fit."""
    fits = float64(-2147483649.0) < float64(x) < float64(2147483648.0)
    return int32(x) if fits else int32(-2147483648)
''',
    "_to_int64": '''@njit(fastmath=False, forceinline=True)
def _to_int64(x):
    """x truncated; the least integer for nan and for what does not fit."""
    fits = float64(-9223372036854775808.0) <= float64(x) < float64(9223372036854775808.0)
    return int64(x) if fits else int64(-9223372036854775807) - int64(1)
''',
}  # fmt: skip
HELPERS |= vector_math.HELPERS | vector_trigonometry.HELPERS | vector_erf.HELPERS
HELPERS |= tasks.HELPERS | numba_helpers.HELPERS | special_helpers.NUMBA


NEEDS = vector_math.NEEDS | vector_erf.NEEDS | special_helpers.NEEDS


class NumbaPrinter(Printer):
    """Prints one kernel; notes the helpers, index constants and type names it used."""

    def __init__(self) -> None:
        super().__init__()
        self.helpers: set[str] = set()
        self.indices: set[int] = set()
        self.types: set[str] = set()

    def function(self, function: Function) -> str:
        """`@njit def …` with a docstring."""
        self.line("@kernel")
        self.lines.extend(wrap_call(f"def {function.name}(", [p.name for p in function.params], "):"))
        if function.doc:
            self.depth += 1
            self.line(f'"""{function.doc}"""')
            self.depth -= 1
        self.body(function.body)
        if not function.body:
            self.lines.append("    pass")
        return "\n".join(self.lines) + "\n"

    def stmt(self, stmt: Any) -> None:
        if isinstance(stmt, If):
            self.line(f"if {self.expr(stmt.test)}:")
            self.body(stmt.body)
        elif isinstance(stmt, Local):
            self.line(f"{stmt.name} = np.empty({stmt.size}, np.{stmt.dtype.name})")
        elif isinstance(stmt, Do):
            self.line(self.expr(stmt.call))
        else:
            super().stmt(stmt)

    def loop(self, loop: For) -> None:
        if loop.step != Const(1, INDEX):
            span = f"{self.expr(loop.start)}, {self.expr(loop.stop)}, {self.expr(loop.step)}"
        elif loop.start == Const(0, INDEX):
            span = self.expr(loop.stop)
        else:
            span = f"{self.expr(loop.start)}, {self.expr(loop.stop)}"
        self.last_note = ""
        self.line(f"for {loop.var} in {'prange' if loop.kind == 'lanes' else 'range'}({span}):")
        self.body(loop.body)

    def typed(self, dtype: DType) -> str:
        """The name of a dtype in the module."""
        name = TYPE_NAMES.get(dtype.name, dtype.name)
        self.types.add(name)
        return name

    def const(self, const: Const) -> str:
        dtype, value = const.dtype, const.value
        if dtype is INDEX:
            self.indices.add(value)
            return f"_{value}"
        if dtype.category == BOOL:
            return repr(bool(value))
        if dtype.category == FLOATING:
            return self.float_const(dtype, value)
        if dtype is int64 and value == -(2**63):
            return "-9223372036854775807 - 1"
        return repr(int(value)) if dtype is int64 else f"{self.typed(dtype)}({int(value)})"

    def float_const(self, dtype: DType, value: float) -> str:
        if math.isnan(value):
            text = "math.nan"
        elif math.isinf(value):
            text = "math.inf" if value > 0 else "-math.inf"
        else:
            text = shortest(dtype, value)
        return text if dtype.name == "float64" else f"{self.typed(dtype)}({text})"

    def op(self, op: Op) -> tuple[str, int]:
        if op.fn == "cast":
            return self.cast(op), ATOM
        if op.fn == "select":
            cond, a, b = op.args
            text = f"{self.expr(a, COMPARE)} if {self.expr(cond, COMPARE)} else {self.expr(b, TERNARY)}"
            return text, TERNARY
        if op.fn in ("fold_add", "fold_mul"):
            name = {"fold_add": "_add", "fold_mul": "_mul"}[op.fn]
            self.helpers.add(name)
            return f"{name}({self.expr(op.args[0])}, {self.expr(op.args[1])})", ATOM
        if op.fn in ("min", "max"):
            text = f"{op.fn}({self.expr(op.args[0])}, {self.expr(op.args[1])})"
            return (text, ATOM) if op.dtype is INDEX else self.narrow(op.dtype, text, ATOM)
        if op.fn in ("rank_max", "rank_min"):
            return self.rank(op), ATOM
        if op.fn in ("part_start", "part_stop"):
            return self.helper(f"_{op.fn}", op), ATOM
        if op.fn == "unrank":
            return self.helper(f"_unrank_{op.dtype.name}", op), ATOM
        if op.fn == "not":
            if op.dtype.category == BOOL:
                return f"not {self.expr(op.args[0], UNARY)}", COMPARE
            return self.narrow(op.dtype, f"~{self.expr(op.args[0], UNARY)}", UNARY)
        if op.dtype.category == BOOL and op.fn in ("add", "mul", "and", "or"):
            word = "or" if op.fn in ("add", "or") else "and"
            return f"bool({self.expr(op.args[0], UNARY)} {word} {self.expr(op.args[1], UNARY)})", ATOM
        if op.fn in SAMPLERS:
            return f"{op.fn}({', '.join(map(self.expr, op.args))})", ATOM
        if op.dtype.category == INTEGRAL and op.dtype is not INDEX and op.fn in INTEGER:
            return self.narrow(op.dtype, self.helper(f"_{op.fn}", op), ATOM)
        if op.dtype.category == FLOATING and op.fn in ("floordiv", "mod"):
            return self.call(op)
        text, binds = super().op(op)
        if op.dtype.category == INTEGRAL and op.dtype is not INDEX:
            return self.narrow(op.dtype, text, binds)
        return text, binds

    def rank(self, op: Op) -> str:
        """The rank of a float; nan beyond all others, on the side that wins."""
        info = np.iinfo(op.dtype.np)
        nan = Const(int(info.max if op.fn == "rank_max" else info.min), op.dtype)
        return self.helper(f"_rank_{op.args[0].dtype.name}", Op(op.fn, (*op.args, nan), op.dtype))

    def helper(self, name: str, op: Op) -> str:
        """A call of one of the functions printed into the module."""
        self.need(name)
        return f"{name}({', '.join(map(self.expr, op.args))})"

    def need(self, name: str) -> None:
        """Have a function printed into the module, and those it calls."""
        self.helpers.add(name)
        self.types |= {t for t in ("float32", "float64", "int32", "int64") if t in HELPERS[name]}
        for other in NEEDS.get(name, ()):
            self.need(other)

    def narrow(self, dtype: DType, text: str, binds: int) -> tuple[str, int]:
        """Integer results wrap in their own dtype."""
        return (text, binds) if dtype is int64 else (f"{self.typed(dtype)}({text})", ATOM)

    def cast(self, op: Op) -> str:
        (x,) = op.args
        target, text = op.dtype, self.expr(x)
        if target.category == BOOL:
            return f"({self.expr(x, COMPARE + 1)} != {self.const(Const(0, x.dtype))})"
        if target.category == INTEGRAL and x.dtype.category == FLOATING:
            wide = "_to_int64" if target is int64 else "_to_int32"
            self.helpers.add(wide)
            self.types |= {"float64", "int64" if target is int64 else "int32"}
            text = f"{wide}({text})"
            return text if target.name in ("int32", "int64") else f"{self.typed(target)}({text})"
        return f"{self.typed(target)}({text})"

    def call(self, op: Op) -> tuple[str, int]:
        args = [self.expr(a) for a in op.args]
        if op.fn == "pow":
            args = [self.expr(op.args[0], ATOM), self.expr(op.args[1], UNARY)]
        spelling = SPELLINGS[op.fn]
        narrow = spelling.numba32 if op.dtype is float32 else ""
        text = (narrow or spelling.numba).format(*args, t=op.dtype.name)
        name = text.partition("(")[0]
        if name in HELPERS:
            self.need(name)
        return text, (UNARY + 1 if op.fn == "pow" else ATOM)


def shortest(dtype: DType, value: float) -> str:
    """The fewest digits that give `value` in its dtype."""
    text = str(dtype.np.type(value))
    return text if float(dtype.np.type(float(text))) == value else repr(value)


def wrap_call(head: str, items: list[str], tail: str, indent: str = "") -> list[str]:
    """`head a, b, c tail` on one line, or filled onto several of at most 100 columns."""
    one = f"{indent}{head}{', '.join(items)}{tail}"
    if len(one) <= 100:
        return [one]
    lines, current = [f"{indent}{head}"], f"{indent}    "
    for item in items:
        if len(current) + len(item) + 1 > 99 and current.strip():
            lines.append(current.rstrip())
            current = f"{indent}    "
        current += f"{item}, "
    return [*lines, f"{current.rstrip()}", f"{indent}{tail.lstrip()}"]

