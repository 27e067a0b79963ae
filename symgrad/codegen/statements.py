"""What statements do: the buffers they read and write, the names they need, those nothing needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from symgrad.codegen import loops
from symgrad.codegen.loops import (
    Assign,
    Expr,
    For,
    If,
    Let,
    Load,
    Reduction,
    Stmt,
    Store,
    Var,
    walk,
)


def product(extents: Iterable[Expr]) -> Expr:
    """The extents multiplied, as an index expression."""
    total: Expr = loops.index(1)
    for extent in extents:
        total = loops.mul(total, extent)
    return total


def nodes(stmts: Iterable[Stmt]) -> Iterable[object]:
    """Every node of `stmts`, outermost first."""
    for stmt in stmts:
        yield from walk(stmt)


def stored(stmts: Iterable[Stmt]) -> set[str]:
    """The buffers that `stmts` write."""
    return {n.buffer for n in nodes(stmts) if isinstance(n, Store)}


def loaded(stmts: Iterable[Stmt]) -> set[str]:
    """The buffers that `stmts` read."""
    return {n.buffer for n in nodes(stmts) if isinstance(n, Load)}


def mentioned(stmts: Iterable[Stmt]) -> set[str]:
    """The names of variables and buffers in `stmts`."""
    stmts = tuple(stmts)
    names = {n.name for n in nodes(stmts) if isinstance(n, Var)}
    return names | stored(stmts) | loaded(stmts)


def defined(stmt: Stmt) -> set[str]:
    """The names that `stmt` gives values to."""
    return {n.name for n in walk(stmt) if isinstance(n, (Let, Assign, Reduction))}


def live(stmts: list[Stmt], needed: set[str]) -> list[Stmt]:
    """The statements without names that nothing needs; `needed` grows by what they need."""
    out: list[Stmt] = []
    for stmt in reversed(stmts):
        if isinstance(stmt, Let) and stmt.name not in needed:
            continue
        head: tuple[Expr, ...] = ()
        if isinstance(stmt, (For, If)):
            stmt = replace(stmt, body=tuple(live(list(stmt.body), needed)))
            head = (stmt.test,) if isinstance(stmt, If) else (stmt.start, stmt.stop, stmt.step)
        elif isinstance(stmt, Store):
            head = (*stmt.index, stmt.value)
        elif isinstance(stmt, (Let, Assign)):
            head = (stmt.value,)
        needed |= {n.name for e in head for n in walk(e) if isinstance(n, Var)}
        out.append(stmt)
    return out[::-1]
