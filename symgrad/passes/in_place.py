"""Which results take the place of an operand: a loop may write where it reads for the last time.

Requires: loops that visit each point of a nest once, as a CPU's do. Guarantees: everything that reads the operand in
that step does so at its own index, and only to compute the result there, so each element is read before it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symgrad.ir.access import at_own_index
from symgrad.ir.extents import same
from symgrad.ir.graph import Eqn, Value
from symgrad.ir.primitive import Scalar
from symgrad.passes.schedule import TEMP, Kernel, Schedule


def in_place(schedule: Schedule, first: Mapping[Value, int], last: Mapping[Value, int]) -> dict[Value, Value]:
    """The operand whose memory a workspace value takes over, for each that does, by the steps of their live ranges."""
    alone = {number for run in schedule.runs for number in range(run.first, run.stop)}
    temps = set(schedule.temps)
    taken: dict[Value, Value] = {}
    for number, step in enumerate(schedule.steps):
        if isinstance(step, Kernel) and number not in alone:
            operands = {v for v in step.reads if v in temps and last[v] == number}
            readers = _readers(schedule, step)
            for operand, result in _pairs(schedule, step, operands, readers):
                if first[result] == number and result not in taken:  # a step may stand twice
                    taken[result] = operand
    return taken


def _readers(schedule: Schedule, step: Kernel) -> dict[Value, list[Eqn | None]]:
    """The equations of a step that read a value; None for a read that is not at its own index, or a copy."""
    found: dict[Value, list[Eqn | None]] = {}
    for eqn in step.eqns:
        for atom in eqn.inputs:
            seen = schedule.seen(atom)
            if isinstance(seen.root, Value):
                here = isinstance(eqn.prim.lower, Scalar) and at_own_index(eqn, seen)
                found.setdefault(seen.root, []).append(eqn if here else None)
    for copy in step.copies:
        if isinstance(root := schedule.seen(copy.source).root, Value):
            found.setdefault(root, []).append(None)
    return found


def _pairs(
    schedule: Schedule, step: Kernel, operands: set[Value], readers: Mapping[Value, list[Eqn | None]]
) -> Iterator[tuple[Value, Value]]:
    """Operands with a result that is all they are read for, of the same size."""
    aims: dict[Value, Value | None] = {}  # the stored value that everything which reads this one leads to

    def aim(value: Value) -> Value | None:
        found = {aims[eqn.out] if eqn is not None else None for eqn in readers.get(value, [None])}
        return found.pop() if len(found) == 1 else None

    for eqn in reversed(step.eqns):
        for value in eqn.outputs:
            aims[value] = value if value in schedule.homes else aim(value)
    for operand in step.reads:
        result = aim(operand) if operand in operands else None
        if result is not None and [home.kind for home in schedule.homes[result]] == [TEMP]:
            sizes = operand.type.size, result.type.size
            if same(*sizes) and operand.type.dtype.itemsize == result.type.dtype.itemsize:
                yield operand, result
