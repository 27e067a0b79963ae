"""A kernel as tasks: the serial loops with a number that says which part of them to do.

`task` -1 does everything. Task k of 16 does the k-th part of each loop and leaves its sums in `sums`;
task -2 adds those up, in order, and does what follows the loops. Who runs the parts, one thread or
several, does not change a bit of the result. An entry of several steps has a region for each kernel
that is worth it: `region` says which one the task belongs to, the steps up to the next being its end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from symgrad.codegen import loops
from symgrad.codegen.cpu_map import BLOCK
from symgrad.codegen.loops import (
    INDEX,
    Assign,
    Const,
    For,
    If,
    Let,
    Load,
    Nest,
    Op,
    Stmt,
    Store,
    Var,
)
from symgrad.dtypes import bool_, float64, int64
from symgrad.runtime.threads import TASKS

TASK = Var("task", int64)

COLUMNS = 16
"""Neighbouring elements that one task does where rows are added up: a cache line of float32."""

HELPERS = {
    "_part_start": f'''@njit(forceinline=True, error_model="numpy")
def _part_start(count, unit, task):
    """Where the part of a task begins: the loop's turns are dealt in whole units."""
    units = (count + unit - uint64(1)) // unit
    return units * uint64(max(task, 0)) // uint64({TASKS}) * unit
''',
    "_part_stop": f'''@njit(forceinline=True, error_model="numpy")
def _part_stop(count, unit, task):
    """Where it ends: task -1 does everything, task -2 nothing."""
    units = (count + unit - uint64(1)) // unit
    stop = min(units * uint64(max(task, 0) + 1) // uint64({TASKS}) * unit, count)
    return stop if task >= 0 else count if task == -1 else uint64(0)
''',
}


@dataclass(frozen=True)
class Tasked:
    """The statements with the task number in them, and how many sums each task leaves."""

    body: tuple[Stmt, ...]
    sums: int


def scatters(body: tuple[Stmt, ...]) -> bool:
    """Whether several turns of an outer loop add to one element of memory, so that parts would meet there."""
    nests = [n for s in body for n in loops.walk(s) if isinstance(n, Nest)]
    return any(axis not in r.over for n in nests for r in n.reductions for axis in range(min(r.over), len(n.axes)))


def tasked(body: tuple[Stmt, ...]) -> Tasked | None:
    """`body` cut into tasks, or None where it cannot be (a total that is no float64 sum)."""
    head, parts, tail, totals = list[Stmt](), list[Stmt](), list[Stmt](), list[str]()
    for stmt in body:
        if isinstance(stmt, For):
            parts.append(part(stmt))
        elif isinstance(stmt, Assign) and isinstance(stmt.value, Const):
            if stmt.value.dtype is not float64 or stmt.value.value:
                return None
            head.append(stmt)
            totals.append(stmt.name)
        elif parts:
            tail.append(stmt)  # nests do not depend on each other: what one has summed can wait
        elif isinstance(stmt, Store):
            return None
        else:
            head.append(stmt)
    if not parts:
        return None
    count = len(totals)
    slot = loops.mul(Op("cast", (TASK,), INDEX), loops.index(count))
    leave = tuple(Store("sums", (loops.add(slot, loops.index(n)),), Var(t, float64)) for n, t in enumerate(totals))
    begin = loops.mul(Var("part", INDEX), loops.index(count))
    gather = tuple(
        Assign(t, Op("add", (Var(t, float64), Load("sums", (loops.add(begin, loops.index(n)),), float64)), float64))
        for n, t in enumerate(totals))  # fmt: skip
    if totals:
        over_parts = For("part", loops.index(0), loops.index(TASKS), loops.index(1), gather)
        parts.append(If(Op("ge", (TASK, Const(0, int64)), bool_), leave))
        parts.append(If(Op("eq", (TASK, Const(-2, int64)), bool_), (over_parts,)))
    if tail:
        parts.append(If(Op("lt", (TASK, Const(0, int64)), bool_), tuple(tail)))
    return Tasked((*head, *parts), count)


def by_columns(body: tuple[Stmt, ...]) -> Tasked | None:
    """`body` cut along its innermost loops, or None where these are not alone in the others, or differ.

    What adds up rows then belongs to one task, with all it adds, however many turns the outer loops take.
    """
    found = [columns(stmt) for stmt in body if not isinstance(stmt, Let)]
    extents = {loop.stop for loop, _ in filter(None, found)}
    if not all(found) or len(extents) != 1:
        return None
    made = iter(found)
    return Tasked(tuple(s if isinstance(s, Let) else next(made)[1] for s in body), 0)  # type: ignore[index]


def columns(stmt: Stmt) -> tuple[For, For] | None:
    """The innermost of loops with nothing but each other in them, and the outermost once that is cut."""
    if not isinstance(stmt, For):
        return None
    if not any(isinstance(inner, For) for inner in stmt.body):
        return (stmt, part(stmt, COLUMNS)) if stmt.kind == "lanes" else None
    found = columns(stmt.body[0]) if len(stmt.body) == 1 else None
    return found and (found[0], replace(stmt, body=(found[1],)))


def part(loop: For, unit: int = 0) -> For:
    """The turns of a loop that a task does: whole units, or blocks of what vector units go through, or rows."""
    units = loops.index(unit or (1 if loop.kind == "serial" else BLOCK))
    start, stop = (Op(fn, (loop.stop, units, TASK), INDEX) for fn in ("part_start", "part_stop"))
    return replace(loop, start=start, stop=stop)

