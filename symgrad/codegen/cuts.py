"""Loops cut where a guard changes its answer: a write into a slice asks at every element whether it is inside.

`x if l < 8 else y` becomes two loops without a question, which vector units like; `l % 2 == 0` becomes a loop
over pairs that does the even and the odd one. Loops with too many answers stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from symgrad.codegen import loops
from symgrad.codegen.loops import INDEX, Const, Expr, For, Let, Op, Stmt, Var
from symgrad.dtypes import bool_

PIECES = 4
"""Loops that one may become, and the longest period of a guard."""

LONGEST = 1 << 14
"""Turns up to which a loop's guards are evaluated."""

TESTS = {"lt": np.less, "ge": np.greater_equal, "eq": np.equal}
ARITHMETIC = {"add": np.add, "sub": np.subtract, "mod": np.mod}
FUNCTIONS = {**TESTS, **ARITHMETIC, "both": np.logical_and}


def cut_loops(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The statements with guards on loop variables decided where they can be."""
    out: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, For):
            whole = replace(stmt, body=cut_loops(stmt.body))
            out.extend(part for part in cut(whole) if not isinstance(part, For) or part.body)
        else:
            out.append(stmt)
    return tuple(out)


def cut(loop: For) -> list[Stmt]:
    """The loops that `loop` becomes."""
    tests = list(dict.fromkeys(guards(loop, loop.var)))
    known = isinstance(loop.start, Const) and isinstance(loop.stop, Const) and loop.step == loops.index(1)
    if not tests or not known:
        return [loop]
    first, count = loop.start.value, loop.stop.value - loop.start.value  # type: ignore[union-attr]
    periods = {n.args[1].value for t in tests for n in loops.walk(t) if isinstance(n, Op) and n.fn == "mod"}  # type: ignore[union-attr]
    period = math.lcm(*periods)
    if not 0 < count <= LONGEST or period > PIECES or first % period or count % period:
        return [loop]
    turns = np.arange(first, first + count)
    answers = np.array([evaluate(t, turns) for t in tests]).reshape(len(tests), -1, period)
    changes = [n for n in range(1, answers.shape[1]) if (answers[:, n] != answers[:, n - 1]).any()]
    if len(changes) >= PIECES:
        return [loop]
    bounds = [0, *changes, answers.shape[1]]
    pieces: list[Stmt] = []
    for begin, end in zip(bounds, bounds[1:]):
        told = [dict(zip(tests, map(bool, answers[:, begin, rest]))) for rest in range(period)]
        pieces.append(piece(loop, first // period + begin, first // period + end, told))
    return pieces


def guards(node: Any, var: str) -> Iterator[Op]:
    """The largest tests inside `node` that only the variable decides."""
    if isinstance(node, Op) and node.dtype is bool_ and decidable(node, var):
        yield node
        return
    for part in loops.children(node):
        yield from guards(part, var)


def decidable(test: Expr, var: str) -> bool:
    """Whether a test compares the variable with numbers, or asks for several such comparisons."""
    if isinstance(test, Op) and test.fn == "both":
        return all(decidable(part, var) for part in test.args)
    if not isinstance(test, Op) or test.fn not in TESTS:
        return False
    parts = list(loops.walk(test))[1:]
    plain = all(p.dtype is INDEX and isinstance(p, (Var, Const, Op)) for p in parts)
    named = {p.name for p in parts if isinstance(p, Var)}
    return plain and named == {var} and all(p.fn in ARITHMETIC for p in parts if isinstance(p, Op))


def evaluate(expr: Expr, turns: np.ndarray) -> np.ndarray:
    """An index expression or test at every turn; below 0 no test holds that needs more."""
    if isinstance(expr, Const):
        return np.full(turns.shape, expr.value)
    if isinstance(expr, Var):
        return turns
    assert isinstance(expr, Op)
    function: Any = FUNCTIONS[expr.fn]
    return np.asarray(function(*(evaluate(a, turns) for a in expr.args)))


def piece(loop: For, begin: int, end: int, known: list[dict[Op, bool]]) -> For:
    """The turns from `begin` to `end` (counted in periods), their guards decided."""
    if len(known) == 1:
        body = settled([decided(s, known[0]) for s in loop.body])
        return replace(loop, start=loops.index(begin), stop=loops.index(end), body=body)
    taken = {n.name for n in loops.walk(loop) if isinstance(n, (Var, Let))}
    name = f"{loop.var}{len(known)}"
    while name in taken:
        name += "_"
    turns = [settled([decided(s, answers) for s in loop.body]) for answers in known]
    body = tuple(placed(s, loop.var, name, len(known), rest) for rest, turn in enumerate(turns) for s in turn)
    return replace(loop, var=name, start=loops.index(begin), stop=loops.index(end), body=body)


def decided(stmt: Stmt, known: dict[Op, bool]) -> Stmt:
    """A statement without the guards whose answers are known."""

    def visit(node: Any) -> Any:
        if not isinstance(node, Op):
            return node
        if node in known:
            return Const(known[node], bool_)
        if node.fn == "both":
            for a, b in (node.args, node.args[::-1]):
                if isinstance(a, Const):
                    return b if a.value else a
        if node.fn == "select" and isinstance(node.args[0], Const):
            return node.args[1] if node.args[0].value else node.args[2]
        return node

    return loops.rewrite(stmt, visit)  # type: ignore[no-any-return]


def settled(body: list[Stmt]) -> tuple[Stmt, ...]:
    """The statements without variables that are now a number or another variable."""
    plain: dict[str, Expr] = {}

    def visit(node: Any) -> Any:
        return plain.get(node.name, node) if isinstance(node, Var) else node

    out: list[Stmt] = []
    for stmt in body:
        stmt = loops.rewrite(stmt, visit)
        if isinstance(stmt, Let) and isinstance(stmt.value, (Const, Var)):
            plain[stmt.name] = stmt.value
        else:
            out.append(stmt)
    return tuple(out)


def placed(stmt: Stmt, var: str, name: str, period: int, rest: int) -> Stmt:
    """A statement with `period * name + rest` for the variable; quotients by the period are exact."""

    def visit(node: Any) -> Any:
        if isinstance(node, Op) and node.fn == "floordiv" and node.args[1] == loops.index(period):
            shift = offset(node.args[0], var)
            if shift is not None:
                return moved(Var(name, INDEX), (rest + shift) // period)
        return node

    def late(node: Any) -> Any:
        if node == Var(var, INDEX):
            return moved(loops.mul(Var(name, INDEX), loops.index(period)), rest)
        return node

    return loops.rewrite(loops.rewrite(stmt, visit), late)  # type: ignore[no-any-return]


def offset(expr: Expr, var: str) -> int | None:
    """The number added to the variable in `var - c`, or None."""
    if expr == Var(var, INDEX):
        return 0
    if isinstance(expr, Op) and expr.fn == "sub" and expr.args[0] == Var(var, INDEX):
        return -int(expr.args[1].value) if isinstance(expr.args[1], Const) else None
    return None


def moved(expr: Expr, by: int) -> Expr:
    """An index with a number added or taken away."""
    return loops.add(expr, loops.index(by)) if by >= 0 else Op("sub", (expr, loops.index(-by)), INDEX)
