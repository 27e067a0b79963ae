"""Innermost loops of a few turns are written out, so that the loop around them is the one vector units see.

Requires: loops without guards on the variable (`cuts` comes first). The loop around becomes one of independent
turns where no buffer is both read and written: each point of a nest writes its own elements.
"""

from __future__ import annotations

from dataclasses import replace

from symgrad.codegen import loops
from symgrad.codegen.loops import Const, For, Let, Stmt, Store, Var
from symgrad.codegen.statements import loaded, stored

FEW, SHORT = 4, 4
"""Turns up to which a loop is written out, and statements it may have."""


def unrolled(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The statements with short innermost loops written out, where that leaves the loop around them innermost."""
    found = (unroll(stmt) if isinstance(stmt, For) else stmt for stmt in body)
    return tuple(stmt for stmt in found if not isinstance(stmt, For) or stmt.body)  # of no turns, nothing is left


def unroll(loop: For) -> For:
    """`loop` with the short loops in its body written out."""
    loop = replace(loop, body=unrolled(loop.body))
    if loop.kind != "serial" or not any(isinstance(s, For) for s in loop.body):
        return loop
    body = tuple(s for stmt in loop.body for s in (turns(stmt) if isinstance(stmt, For) else [stmt]))
    if not all(isinstance(s, (Let, Store)) for s in body) or stored(body) & loaded(body):
        return loop
    return replace(loop, kind="lanes", body=body)


def turns(loop: For) -> list[Stmt]:
    """The statements of all turns, one turn after the other; the loop itself if it is not short."""
    if loop.kind != "lanes" or loop.start != loops.index(0) or loop.step != loops.index(1):
        return [loop]
    if not isinstance(loop.stop, Const) or loop.stop.value > FEW or len(loop.body) > SHORT:
        return [loop]
    return [at(s, loop.var, turn) for turn in range(loop.stop.value) for s in loop.body]


def at(stmt: Stmt, var: str, turn: int) -> Stmt:
    """A statement of turn number `turn`."""
    return loops.rewrite(stmt, lambda node: number(node, var, turn))  # type: ignore[no-any-return]


def number(node: object, var: str, turn: int) -> object:
    """The number for the variable, and what index arithmetic and conversions make of it."""
    if node == Var(var, loops.INDEX):
        return loops.index(turn)
    if isinstance(node, loops.Op):
        if node.fn == "cast" and isinstance(node.args[0], Const) and node.args[0].dtype is loops.INDEX:
            return Const(node.args[0].value, node.dtype)
        if node.dtype is loops.INDEX and node.fn in ("add", "mul"):
            return (loops.add if node.fn == "add" else loops.mul)(*node.args)
    return node
