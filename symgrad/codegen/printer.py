"""Loop IR as text in the syntax Python and C share; subclasses say what differs.

The only precedence table of the package is here.
"""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterable

from symgrad.codegen.loops import (
    Assign,
    Comment,
    Const,
    Expr,
    For,
    Function,
    Let,
    Load,
    Op,
    Stmt,
    Store,
    Var,
)  # fmt: skip
from symgrad.codegen.scalars import SPELLINGS
from symgrad.errors import BackendError

TERNARY, OR, AND, COMPARE, BIT_OR, BIT_XOR, BIT_AND, SHIFT, SUM, PRODUCT, UNARY, POWER, ATOM = range(13)
INFIX = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT),
    "floordiv": ("//", PRODUCT), "mod": ("%", PRODUCT), "eq": ("==", COMPARE), "ne": ("!=", COMPARE),
    "lt": ("<", COMPARE), "le": ("<=", COMPARE), "gt": (">", COMPARE), "ge": (">=", COMPARE),
    "and": ("&", BIT_AND), "or": ("|", BIT_OR), "xor": ("^", BIT_XOR), "shl": ("<<", SHIFT),
    "shr": (">>", SHIFT), "both": ("and", AND),
}  # fmt: skip
WIDTH = 100


class Printer:
    """Prints statements line by line, with the user's lines as comments, each once in a row."""

    comment_mark = "#"
    indent = "    "

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self.last_note = ""

    def line(self, text: str) -> None:
        """One line at the current depth."""
        self.lines.append(f"{self.indent * self.depth}{text}".rstrip())

    def body(self, stmts: Iterable[Stmt]) -> None:
        """Statements one level deeper."""
        self.depth += 1
        for stmt in stmts:
            self.stmt(stmt)
        self.depth -= 1

    def stmt(self, stmt: Stmt) -> None:
        """One statement."""
        match stmt:
            case Comment(text):
                self.line(f"{self.comment_mark} {text}")
            case Let(name, value, note):
                self.note(note)
                self.let(name, value)
            case Assign(name, value, note):
                self.note(note)
                self.assign(name, value)
            case Store(buffer, index, value, note):
                self.note(note)
                self.line(f"{self.element(buffer, index)} = {self.expr(value)}{self.end}")
            case For():
                self.loop(stmt)
            case _:
                raise BackendError(f"{type(stmt).__name__} must be mapped before it is printed")

    end = ""

    def note(self, note: str) -> None:
        """The user's line as a comment, unless it was the last one."""
        if note and note != self.last_note:
            self.last_note = note
            self.line(f"{self.comment_mark} {source_line(note, WIDTH - 2 - 4 * self.depth)}")

    def let(self, name: str, value: Expr) -> None:
        self.line(f"{name} = {self.expr(value)}{self.end}")

    def assign(self, name: str, value: Expr) -> None:
        self.line(f"{name} = {self.expr(value)}{self.end}")

    def loop(self, loop: For) -> None:
        """The loop statement of the language."""
        raise NotImplementedError

    def function(self, function: Function) -> str:
        """A whole kernel."""
        raise NotImplementedError

    # -- expressions ----------------------------------------------------------------------------

    def element(self, buffer: str, index: tuple[Expr, ...]) -> str:
        return f"{buffer}[{', '.join(map(self.expr, index))}]"

    def expr(self, expr: Expr, level: int = TERNARY) -> str:
        """`expr` as text, in brackets only if it binds less tightly than `level`."""
        match expr:
            case Const():
                return self.const(expr)
            case Var(name, _):
                return name
            case Load(buffer, index, _):
                return self.element(buffer, index)
            case Op():
                text, binds = self.op(expr)
                return f"({text})" if binds < level else text

    def const(self, const: Const) -> str:
        """A typed number."""
        raise NotImplementedError

    def op(self, op: Op) -> tuple[str, int]:
        """An operation as text, and how tightly it binds."""
        if op.fn in INFIX:
            return self.infix(op)
        if op.fn == "neg":
            return f"-{self.expr(op.args[0], UNARY)}", UNARY
        if op.fn in SPELLINGS:
            return self.call(op)
        raise BackendError(f"no backend prints {op.fn!r}")

    def infix(self, op: Op) -> tuple[str, int]:
        symbol, binds = INFIX[op.fn]
        left, right = op.args
        tighter = binds + 1 if op.fn not in ("and", "or", "both") else binds
        first = binds + 1 if binds == COMPARE else binds
        return f"{self.expr(left, first)} {symbol} {self.expr(right, tighter)}", binds

    def call(self, op: Op) -> tuple[str, int]:
        """A function of the table."""
        raise NotImplementedError


def source_line(note: str, width: int) -> str:
    """`poly.py:12  y_pred = a + b * x`, where the file can be read."""
    path, _, number = note.rpartition(":")
    text = " ".join(linecache.getline(path, int(number)).split()) if os.path.isabs(path) else ""
    shown = f"{os.path.basename(path)}:{number}"
    shown = f"{shown}  {text}" if text else shown
    shown = shown.encode("ascii", "replace").decode()
    return shown if len(shown) <= width else shown[: width - 3] + "..."

