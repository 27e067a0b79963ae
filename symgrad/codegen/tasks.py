"""A kernel as tasks: the serial loops with a number that says which part of them to do.

`task` -1 does everything. With `tasks` parts, task k does the blocks of part k and leaves its sums in
`sums`; task -2 adds those up, in order, and does what follows the loops. Who runs the parts, one
thread or several, does not change a bit of the result.
"""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.codegen import loops
from symgrad.codegen.cpu_map import BLOCK
from symgrad.codegen.loops import INDEX, Assign, Expr, For, If, Load, Op, Stmt, Store, Var
from symgrad.dtypes import bool_, float64, int64

TASKS = 16
"""Parts of a region: enough that a helper thread that wakes late still finds work."""

THRESHOLD = 1 << 19
"""Points of the iteration space from which parts are worth a thread's waking (about 150 us of work)."""


@dataclass(frozen=True)
class Tasked:
    """The statements with the task number in them, the sums each task leaves, and the points."""

    body: tuple[Stmt, ...]
    sums: int
    points: Expr


def tasked(body: tuple[Stmt, ...]) -> Tasked | None:
    """`body` cut into tasks, or None where its loops cannot be (over other points, or scattered sums)."""
    places = [n for n, stmt in enumerate(body) if isinstance(stmt, For)]
    if not places:
        return None
    found = [stmt for stmt in body[places[0] : places[-1] + 1] if isinstance(stmt, For)]
    loop = found[0]
    if len(found) != places[-1] + 1 - places[0] or any(
        (other.start, other.stop, other.step) != (loop.start, loop.stop, loop.step) for other in found):
        return None
    before, after = body[: places[0]], body[places[-1] + 1 :]
    totals = [s for s in before if isinstance(s, Assign)]
    if any(t.value.dtype is not float64 for t in totals) or any(isinstance(s, Store) for s in before):
        return None
    task, tasks, count = Var("task", int64), Var("tasks", int64), len(totals)
    first, last = Var("first", INDEX), Var("last", INDEX)
    parts = [For(one.var, first, last, one.step, one.body, one.kind) for one in found]
    slot = Op("mul", (Op("cast", (task,), INDEX), loops.index(count)), INDEX)
    leave = tuple(
        Store("sums", (loops.add(slot, loops.index(r)),), Var(t.name, float64)) for r, t in enumerate(totals))
    begin = Var("part", INDEX)
    gather = tuple(
        Assign(t.name, Op("add", (Var(t.name, float64),
               Load("sums", (loops.add(loops.mul(begin, loops.index(count)), loops.index(r)),), float64)), float64))
        for r, t in enumerate(totals))  # fmt: skip
    zero = loops.Const(0, int64)
    tail: tuple[Stmt, ...] = after
    if totals:
        tail = (For("part", loops.index(0), Op("cast", (tasks,), INDEX), loops.index(1), gather), *after)
    branches: list[Stmt] = []
    if leave:
        branches.append(If(Op("ge", (task, zero), bool_), leave))
    if tail:
        branches.append(If(Op("lt", (task, zero), bool_), tail))
    return Tasked((*before, *parts, *branches), count, loop.stop)


def span(points: str) -> list[str]:
    """Lines of the entry that work out which points the task does."""
    return [
        f"first, last = uint64(0), {points}",
        "if tasks > 0:",
        f"    blocks = ({points} + uint64({BLOCK - 1})) // uint64({BLOCK})",
        "    done = uint64(max(task, 0))",
        f"    first = min(blocks * done // uint64(tasks) * uint64({BLOCK}), {points})",
        f"    last = min(blocks * (done + uint64(1)) // uint64(tasks) * uint64({BLOCK}), {points})",
        "if task == -2:",
        "    last = first",
    ]
