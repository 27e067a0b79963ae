"""Give every value that needs workspace a place in it, and let places be used again.

Two buffers may overlap only if no equation needs both. Sizes that depend on a batch size cannot be
compared with those that do not, and the plan must not change with the batch size; so buffers are
grouped by the named extents their size is a multiple of, each group is packed by its coefficients
(largest first, lowest gap that is free), and groups lie one after the other. Offsets are in bytes: a
mask may lie where numbers did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from symgrad.dtypes import DType, float32, float64
from symgrad.ir.access import squeezed
from symgrad.ir.dims import Dim
from symgrad.ir.extents import poly
from symgrad.ir.graph import Eqn, Value
from symgrad.ir.primitive import Reduce
from symgrad.passes.in_place import in_place
from symgrad.passes.schedule import TEMP, WORD, Kernel, Plan, Schedule, Slot

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(frozen=True, eq=False)
class Want:
    """A buffer of `size` elements in use over the half-open range of times."""

    value: Value
    dtype: DType
    size: int
    start: int
    stop: int

    @property
    def nbytes(self) -> int:
        """The buffer's bytes."""
        return self.size * self.dtype.itemsize


def plan_memory(schedule: Schedule, scratch: bool = True, native: bool = False) -> Plan:
    """The schedule with a workspace slot for each value that lives between steps.

    `scratch`: the backend adds up columns row after row, in float64. `plan.every` is the plan for backends that
    compute one equation at a time, where each result of a ufunc that has dimensions is written to memory that is
    already there. `native`: all steps are loops and products, so that results may take an operand's place.
    """
    sums = [
        Want(eqn.out, float64, eqn.out.type.size, i, i + 1)
        for i, step in enumerate(schedule.steps if scratch else ())
        for eqn in step.eqns if needs_scratch(schedule, eqn)
    ]  # fmt: skip
    plan = _plan(schedule, schedule.temps, True, sums, native)
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
    schedule: Schedule, values: Iterable[Value], by_step: bool, sums: list[Want], native: bool = False
) -> Plan:
    first, last = _ranges(schedule, by_step)
    whose = {value: value for value in values}  # memory a value has
    for value, operand in in_place(schedule, first, last).items() if native else ():
        whose[value] = whose[operand]
        last[whose[value]] = last[value]
    wants = [Want(v, v.type.dtype, schedule.held(v), first[v], last[v] + 1) for v in dict.fromkeys(whose.values())]
    packed, peak = _pack([*wants, *sums])
    slots = {want.value: packed[want] for want in wants}
    unplanned = 0
    for value in whose:
        unplanned = unplanned + schedule.held(value) * value.type.dtype.itemsize
    for want in sums:
        unplanned = unplanned + want.nbytes
    return Plan(
        schedule,
        {value: replace(slots[place], dtype=value.type.dtype) for value, place in whose.items()},
        {want.value: packed[want] for want in sums},
        peak, most_live([(w.start, w.stop, int(w.nbytes)) for w in packed]), unplanned,
    )  # fmt: skip


def most_live(uses: list[tuple[int, int, int]]) -> int:
    """The size in use at the time at which most is: of (start, stop, size)."""
    changes: dict[int, int] = {}
    for start, stop, size in uses:
        changes[start] = changes.get(start, 0) + size
        changes[stop] = changes.get(stop, 0) - size
    return max(accumulate(changes[time] for time in sorted(changes)), default=0)


def _ranges(schedule: Schedule, by_step: bool) -> tuple[dict[Value, int], dict[Value, int]]:
    """The live range of each value: the step or equation that makes it, and that of its last reader."""
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
    for step in () if by_step else reversed(schedule.steps):  # a step writes its results to their homes
        for eqn in reversed(step.eqns):
            for atom in eqn.inputs if schedule.may_alias(eqn) else ():
                if isinstance(root := schedule.seen(atom).root, Value):
                    last[root] = max(last.get(root, 0), last[eqn.out])
    for run in schedule.runs if by_step else ():
        for step in schedule.steps[run.first : run.stop]:  # what one turn is done with the next one uses
            for value in {*step.reads, *step.writes} - run.local:
                first[value] = min(first.get(value, run.first), run.first)
                last[value] = max(last.get(value, 0), run.stop - 1)
    return first, last


def _pack(wants: list[Want]) -> tuple[dict[Want, Slot], int]:
    """A slot for each buffer, and the bytes that all of them need."""
    groups: dict[tuple[int, int, tuple[str, ...]], list[tuple[Want, int]]] = {}
    for want in wants:
        terms = poly(want.size)
        if not isinstance(want.size, Dim):
            groups.setdefault((0, 0, ()), []).append((want, _rounded(max(1, want.nbytes), ALIGNMENT)))
        elif len(terms) == 1:
            ((names, coefficient),) = terms
            size = _rounded(coefficient * want.dtype.itemsize, WORD)
            groups.setdefault((0, len(names), names), []).append((want, size))
        else:  # no single product: a group of its own, behind what all dtypes can follow
            key = tuple("*".join((str(c), *names)) for names, c in terms)
            groups.setdefault((1, -want.dtype.itemsize, key), []).append((want, 1))
    slots: dict[Want, Slot] = {}
    base: int = 0
    for (several, _, names), group in sorted(groups.items(), key=lambda item: item[0]):
        want, _ = group[0]
        one = want.nbytes if several else _monomial(want.size, names) if names else 1
        places, top = _packed(group)
        for want, at in places.items():
            slots[want] = Slot(want.dtype, base + at * one if at else base, want.size)
        base = base + top * one
    return slots, base


ORDERS: tuple[Callable[[tuple[Want, int]], tuple[int, ...]], ...] = (
    lambda g: (-g[1],), lambda g: (g[0].start - g[0].stop, -g[1]), lambda g: (g[0].start, -g[1]))  # fmt: skip
"""What is placed first: the largest, what is in use longest, what is made first."""


def _packed(group: list[tuple[Want, int]]) -> tuple[dict[Want, int], int]:
    """Where each buffer of a group lies, and where the last ends: by an order that leaves no gap, or the best."""
    least = most_live([(want.start, want.stop, size) for want, size in group])
    found: list[tuple[dict[Want, int], int]] = []
    for order in ORDERS:
        placed = Placed()
        places = {want: placed.add(want, size) for want, size in sorted(group, key=order)}
        found.append((places, placed.top))
        if placed.top == least:
            break
    return min(found, key=lambda places_and_top: places_and_top[1])


def _rounded(size: int, unit: int) -> int:
    """The least multiple of `unit` that is no smaller."""
    return -(-size // unit) * unit


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

    @property
    def top(self) -> int:
        """Where the last buffer ends."""
        return int(self.rows[1].max(initial=0))

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
