"""Times of an entry's statements: a clock read before and after each one that does something."""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgrad.native.module import Module
    from symgrad.native.values import Assembly

NAME = "clock"


def actions(statements: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that do something: calls and loops of calls, also where a condition stands above them."""
    found: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.If):
            found += actions(statement.body) + actions(statement.orelse)
        elif isinstance(statement, ast.For) or (
                isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
            found.append(statement)
    return found


class Clock:
    """Adds up, in `@clock`, the nanoseconds that each action of one function takes."""

    def __init__(self, module: "Module", asm: "Assembly", statements: list[ast.stmt]):
        self.asm, self.places = asm, {s: n for n, s in enumerate(actions(statements))}
        module.declared |= {f"@{NAME} = global [{len(self.places)} x i64] zeroinitializer",
                            "declare i32 @clock_gettime(i32, ptr)"}  # fmt: skip
        self.slot = f"%{asm.name('time')}"
        asm.slots.append(f"  {self.slot} = alloca [2 x i64]")

    def now(self) -> str:
        """The register of the time in nanoseconds."""
        asm = self.asm
        asm.line(f"call i32 @clock_gettime(i32 {time.CLOCK_MONOTONIC}, ptr {self.slot})")
        whole = asm.set(f"mul i64 {asm.set(f'load i64, ptr {self.slot}')}, 1000000000")
        rest = asm.set(f"getelementptr inbounds i64, ptr {self.slot}, i64 1")
        return asm.set(f"add i64 {whole}, {asm.set(f'load i64, ptr {rest}')}")

    def add(self, statement: ast.stmt, begin: str) -> None:
        """Add what has passed since `begin`."""
        asm = self.asm
        spent = asm.set(f"sub i64 {self.now()}, {begin}")
        place = asm.set(f"getelementptr inbounds i64, ptr @{NAME}, i64 {self.places[statement]}")
        total = asm.set(f"add i64 {asm.set(f'load i64, ptr {place}')}, {spent}")
        asm.line(f"store i64 {total}, ptr {place}")
