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
from symgrad.codegen.loops import INDEX, Assign, Const, For, If, Load, Nest, Op, Stmt, Store, Var
from symgrad.dtypes import bool_, float64, int64
from symgrad.runtime.threads import TASKS

TASK = Var("task", int64)

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


def part(loop: For) -> For:
    """The turns of a loop that a task does: whole blocks of what vector units go through, or rows."""
    unit = loops.index(1 if loop.kind == "serial" else BLOCK)
    start, stop = (Op(fn, (loop.stop, unit, TASK), INDEX) for fn in ("part_start", "part_stop"))
    return replace(loop, start=start, stop=stop)

