"""Give every value that needs workspace a place in it, and let places be used again.

Two buffers may overlap only if no equation needs both. Sizes that depend on a batch size cannot be
compared with those that do not, and the plan must not change with the batch size; so buffers are
grouped by the named extents their size is a multiple of, each group is packed by its coefficients
(largest first, lowest gap that is free), and groups lie one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from symgrad.dtypes import DType, float32, float64
from symgrad.ir.access import squeezed
from symgrad.ir.dims import Dim
from symgrad.ir.extents import poly
from symgrad.ir.graph import Eqn, Value
from symgrad.ir.primitive import Reduce
from symgrad.passes.schedule import TEMP, Kernel, Plan, Schedule, Slot

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(frozen=True)
class Want:
    """A buffer of `size` elements in use over the half-open range of times."""

    value: Value
    dtype: DType
    size: int
    start: int
    stop: int


def plan_memory(schedule: Schedule) -> Plan:
    """The schedule with a workspace slot for each value that lives between steps.

    `plan.every` is the plan for backends that compute one equation at a time, where each result of
    a ufunc that has dimensions is written to memory that is already there.
    """
    scratch = [
        Want(eqn.out, float64, eqn.out.type.size, i, i + 1)
        for i, step in enumerate(schedule.steps) for eqn in step.eqns if needs_scratch(schedule, eqn)
    ]  # fmt: skip
    plan = _plan(schedule, schedule.temps, True, scratch)
    eqns = dict.fromkeys(e for s in schedule.steps for e in s.eqns)
    lone = [eqn.out for eqn in eqns if eqn.prim.is_ufunc and eqn.out.type.ndim
            and schedule.whole_output(eqn.out) is None]  # fmt: skip
    return replace(plan, every=_plan(schedule, lone, False, []))


def needs_scratch(schedule: Schedule, eqn: Eqn) -> bool:
    """Whether a partial float32 sum runs over an extent that encloses one it keeps.

    Then many sums are under way at once; they are kept in float64 until the loop ends.
    """
    if not isinstance(eqn.prim.lower, Reduce) or eqn.out.type.dtype is not float32:
        return False
    if eqn.prim.lower.op not in ("add", "mul") or eqn.out not in schedule.homes:
        return False
    kept = [axis in eqn.params["axis"] for axis in squeezed(eqn.inputs[0].type.shape)]
    return any(reduced and not all(kept[i:]) for i, reduced in enumerate(kept))


def _plan(
    schedule: Schedule, values: Iterable[Value], by_step: bool, scratch: list[Want]
) -> Plan:
    wants = _wants(schedule, list(values), by_step)
    slots: dict[tuple[Value, bool], Slot] = {}
    sizes: dict[DType, int] = {}
    peak = 0
    everything = [(w, False) for w in wants] + [(w, True) for w in scratch]
    for dtype in sorted({w.dtype for w, _ in everything}, key=lambda d: d.name):
        group = [(w, s) for w, s in everything if w.dtype is dtype]
        sizes[dtype] = _pack(group, dtype, slots)
        peak = peak + sizes[dtype] * dtype.itemsize
    unplanned = 0
    for want, _ in everything:
        unplanned = unplanned + want.size * want.dtype.itemsize
    return Plan(
        schedule,
        {value: slot for (value, is_scratch), slot in slots.items() if not is_scratch},
        {value: slot for (value, is_scratch), slot in slots.items() if is_scratch},
        sizes, peak, most_live([want for want, _ in everything]), unplanned,
    )  # fmt: skip


def most_live(wants: list[Want]) -> int:
    """The bytes in use at the time at which most are."""
    changes: dict[int, int] = {}
    for want in wants:
        nbytes = int(want.size) * want.dtype.itemsize
        changes[want.start] = changes.get(want.start, 0) + nbytes
        changes[want.stop] = changes.get(want.stop, 0) - nbytes
    return max(accumulate(changes[time] for time in sorted(changes)), default=0)


def _wants(schedule: Schedule, values: list[Value], by_step: bool) -> list[Want]:
    """The live range of each value: from the step or equation that makes it through its last reader."""
    first: dict[Value, int] = {}
    last: dict[Value, int] = {}
    end = -1
    for number, step in enumerate(schedule.steps):
        for eqn in step.eqns:
            end = number if by_step else end + 1
            for value in eqn.outputs:
                first.setdefault(value, end)
                last[value] = end
            for atom in eqn.inputs:
                if isinstance(root := schedule.seen(atom).root, Value):
                    last[root] = end
    for step in schedule.steps:
        for copy in step.copies if isinstance(step, Kernel) else ():
            end += 1
            if isinstance(root := schedule.seen(copy.source).root, Value):
                last[root] = end
            if copy.home.kind == TEMP:
                first[copy.like] = last[copy.like] = end
    for atom in schedule.graph.results():
        if isinstance(root := schedule.seen(atom).root, Value) and root in first:
            last[root] = end + 1
    for step in reversed(schedule.steps):
        for eqn in reversed(step.eqns):
            for atom in eqn.inputs if schedule.may_alias(eqn) else ():
                if isinstance(root := schedule.seen(atom).root, Value):
                    last[root] = max(last.get(root, 0), last[eqn.out])
    for run in schedule.runs if by_step else ():
        for step in schedule.steps[run.first : run.stop]:  # what one turn is done with the next one uses
            for value in {*step.reads, *step.writes} - run.local:
                first[value] = min(first.get(value, run.first), run.first)
                last[value] = max(last.get(value, 0), run.stop - 1)
    return [Want(v, v.type.dtype, schedule.held(v), first[v], last[v] + 1) for v in dict.fromkeys(values)]


def _pack(wants: list[tuple[Want, bool]], dtype: DType, slots: dict[tuple[Value, bool], Slot]) -> int:
    """Offsets for one dtype; returns the number of elements needed."""
    groups: dict[tuple[str, ...], list[tuple[Want, bool, int]]] = {}
    unit = ALIGNMENT // dtype.itemsize
    for want, is_scratch in wants:
        terms = poly(want.size)
        if len(terms) == 1 and terms[0][0]:
            groups.setdefault(terms[0][0], []).append((want, is_scratch, terms[0][1]))
        elif isinstance(want.size, Dim):  # no single product: a group of its own
            key = tuple("*".join((str(c), *m)) for m, c in terms)
            groups.setdefault(key, []).append((want, is_scratch, 1))
        else:
            groups.setdefault((), []).append((want, is_scratch, -(-int(want.size) // unit) * unit))
    base: int = 0
    for key in sorted(groups, key=lambda k: (len(k), k)):
        want, _, coefficient = groups[key][0]
        one = 1 if not key else want.size if coefficient == 1 else _monomial(want.size, key)
        top = 0
        placed = Placed()
        for want, is_scratch, size in sorted(groups[key], key=lambda g: -g[2]):
            at = placed.add(want, size)
            slots[want.value, is_scratch] = Slot(dtype, base + at * one if at else base, want.size)
            top = max(top, at + size)
        base = base + top * one
    return base


def _monomial(size: int, names: tuple[str, ...]) -> int:
    """The product of the named extents in `size`, as an extent."""
    coefficient = poly(size)[0][1]
    return Dim(int(size) // coefficient, "(" + " * ".join(names) + ")")


class Placed:
    """The buffers of one group that have places, lowest first, and where another one fits.

    In arrays, since a training step of ten thousand equations has thousands that are in use together.
    """

    def __init__(self) -> None:
        self.rows = np.empty((4, 0), np.int64)  # offset, end, first time, time after the last

    def add(self, want: Want, size: int) -> int:
        """Place a buffer at the lowest offset where none that is in use with it lies; the offset."""
        offset, end, start, stop = self.rows
        together = (start < want.stop) & (want.start < stop)
        begins, ends = offset[together], np.maximum.accumulate(end[together])
        before = np.concatenate(([0], ends))  # all below the n-th rival end by before[n]
        room = np.append(begins - before[:-1], size) >= size
        at = int(before[np.argmax(room)])
        row = np.searchsorted(offset, at)
        self.rows = np.insert(self.rows, row, (at, at + size, want.start, want.stop), axis=1)
        return at
