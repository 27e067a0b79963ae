"""Random numbers of a loop made a block at a time: one Philox counter gives four 32-bit words.

A sampler is a function of its element's number, so on a GPU, where threads share nothing, each element
runs all the rounds and keeps one word of the four. A CPU's loop first fills a block of numbers, then reads it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from symgrad.codegen import loops
from symgrad.codegen.cpu_map import BLOCK
from symgrad.codegen.loops import INDEX, Const, Do, Expr, For, Let, Load, Local, Op, Stmt, Var
from symgrad.dtypes import float32

NAMES = ("draws", "draws_1", "draws_2", "draws_3")
"""Names of the blocks; a loop that draws more often than this goes on element by element."""

FOUR = 4


def stage_draws(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The statements with each loop's float32 uniforms drawn before it."""
    out: list[Stmt] = []
    for stmt in body:
        if isinstance(stmt, For):
            out.extend(staged(stmt) if stmt.kind == "lanes" else [replace(stmt, body=stage_draws(stmt.body))])
        else:
            out.append(stmt)
    return tuple(out)


def staged(loop: For) -> list[Stmt]:
    """A loop, its numbers before it; in blocks if it is long."""
    found: dict[tuple[Expr, ...], Expr] = {}
    for op in loops.walk(loop):
        if isinstance(op, Op) and op.fn == "uniform_f32" and len(found) < len(NAMES):
            base = before(op.args[2], loop.var)
            if base is not None:
                found[op.args] = base
    if not found:
        return [loop]
    size = extent(loop)
    if size is None or size > BLOCK:
        start = Var("start", INDEX)
        stop = Op("min", (loops.add(start, loops.index(BLOCK)), loop.stop), INDEX)
        part = replace(loop, start=start, stop=stop)
        return [For("start", loop.start, loop.stop, loops.index(BLOCK), tuple(fill(part, found)), "block")]
    return fill(loop, found)


def fill(loop: For, found: dict[tuple[Expr, ...], Expr]) -> list[Stmt]:
    """The numbers of each draw, and the loop that reads them."""
    out: list[Stmt] = []
    reads: dict[tuple[Expr, ...], Expr] = {}
    for name, (args, base) in zip(NAMES, found.items()):
        seed, offset, _ = args
        first: Expr = loops.add(base, loop.start)
        place: Expr = Var(loop.var, INDEX)
        if loop.start != loops.index(0):
            place = Op("sub", (place, loop.start), INDEX)
        if not whole(base):
            begin = Var(name.replace("draws", "first"), INDEX)
            out.append(Let(begin.name, first))
            first = begin
            place = loops.add(place, Op("and", (begin, loops.index(FOUR - 1)), INDEX))
        count: Expr = loop.stop if loop.start == loops.index(0) else Op("sub", (loop.stop, loop.start), INDEX)
        out.append(Local(name, float32, BLOCK + FOUR))
        out.append(Do(Op("uniform_block_f32", (Var(name, float32), seed, offset, first, count), float32)))
        reads[args] = Load(name, (place,), float32)

    def visit(node: Any) -> Any:
        if isinstance(node, Op) and node.fn == "uniform_f32" and node.args in reads:
            return reads[node.args]
        return node

    return [*out, replace(loop, body=tuple(loops.rewrite(s, visit) for s in loop.body))]


def extent(loop: For) -> int | None:
    """How many turns a loop has at most, where that is known."""
    if isinstance(loop.stop, Const) and isinstance(loop.start, Const):
        return int(loop.stop.value - loop.start.value)
    within = isinstance(loop.stop, Op) and loop.stop.fn == "min" and loop.stop.args[0] == loops.add(
        loop.start, loops.index(BLOCK))  # fmt: skip
    return BLOCK if within else None


def before(index: Expr, var: str) -> Expr | None:
    """What is added to the variable in `base + var`, or None if the index is not of this form."""
    if isinstance(index, Var):
        return loops.index(0) if index.name == var else None
    if isinstance(index, Op) and index.fn == "add":
        base, last = index.args
        if last == Var(var, INDEX) and not any(n == last for n in loops.walk(base)):
            return base
    return None


def whole(base: Expr) -> bool:
    """Whether an index is surely a multiple of four, so that a counter begins there."""
    if isinstance(base, Const):
        return bool(base.value % FOUR == 0)
    if isinstance(base, Op) and base.fn == "add":
        return all(map(whole, base.args))
    return isinstance(base, Op) and base.fn == "mul" and any(map(whole, base.args))
