"""Steps that go sample by sample: of what only they use, one sample is kept at a time.

A convolution multiplies windows that were copied out; they are many times larger than the images. Where
neighbouring steps compute each sample (each index of the first extent) of their results from the same
sample of their operands, and one of them is a product for each sample, they become one loop over the samples
(a `Run`). What nobody else reads needs memory for one sample, which is still in cache when it is read.
Copies that only move elements, and make many of few, are done again for a later reader, so that they are
nobody else's: the windows for a weight's gradient.

Requires: every step is native. Guarantees: the same equations on the same operands, in an order that computes
each sample after what it depends on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from symgrad.ir.access import Access, broadcast_strides, is_scalar, own
from symgrad.ir.extents import poly, same
from symgrad.ir.graph import Eqn, Value
from symgrad.ir.primitive import Draw, Gemm, Reduce, Scalar, View, Write
from symgrad.ir.types import Shape, contiguous_strides
from symgrad.passes.schedule import CELL, INPUT, TEMP, Call, Kernel, Run, Schedule, Step

MANY = 2
"""How many times larger than what it reads a copy is that is rather made twice than kept."""


def by_samples(schedule: Schedule) -> Schedule:
    """The schedule with runs, where they spare memory worth the while."""
    samples = {step: first_extent(schedule, step) for step in schedule.steps}
    if not any(extent is not None and isinstance(step, Call) for step, extent in samples.items()):
        return schedule
    again = {v for step, extent in samples.items() if extent is not None and moves_to_many(schedule, step)
             for v in step.writes}  # fmt: skip
    while True:
        steps = with_copies_again(schedule.steps, samples, again)
        runs = runs_of(schedule, steps, samples)
        local = {v for run in runs for v in run.local}
        twice = {v for step, count in Counter(steps).items() if count > 1 for v in step.writes}
        if twice <= local:  # else something was copied twice and kept as well
            return replace(schedule, steps=steps, runs=runs) if runs else schedule
        again &= local


def runs_of(schedule: Schedule, steps: tuple[Step, ...], samples: dict[Step, int | None]) -> tuple[Run, ...]:
    """The runs among `steps` that pay."""
    spans = list(stretches(schedule, steps, samples))
    while True:
        outside = read_outside(steps, spans)
        runs = []
        for first, stop in spans:
            local = local_values(schedule, steps[first:stop]) - outside
            used = [i for i in range(first, stop) if local.intersection((*steps[i].reads, *steps[i].writes))]
            extent = samples[steps[first]]
            if used and extent is not None and pays(steps[used[0] : used[-1] + 1], local, extent):
                runs.append(Run(used[0], used[-1] + 1, extent, frozenset(local)))
        if spans == (spans := [(run.first, run.stop) for run in runs]):
            return tuple(runs)


# -- one step -----------------------------------------------------------------------------------


def first_extent(schedule: Schedule, step: Step) -> int | None:
    """How many samples a step computes, each from the same sample of its operands; None if it does not."""
    if isinstance(step, Call):
        eqn = step.eqn
        if not isinstance(eqn.prim.lower, Gemm) or eqn.out.type.ndim < 3:
            return None
        shared = not any(map(int, operands(schedule, eqn)[1][1][:-2]))  # then all samples are rows of one product
        return None if shared else several(eqn.out.type.shape)
    if step.prologue or step.epilogue or step.copies:
        return None
    extents = {}
    for nest in step.nests:
        for eqn in nest.eqns:
            extent = several(space(eqn))
            if nest.rows == 1 or extent is None or not elementwise(eqn):
                return None
            extents[poly(extent)] = extent
    plain = all(home.kind != CELL for v in step.writes for home in schedule.homes[v]) and not any(
        strided(schedule, v) for v in step.reads)  # fmt: skip
    return next(iter(extents.values())) if plain and len(extents) == 1 else None


def several(shape: Shape) -> int | None:
    """The first extent, unless there is none or it is always 1."""
    return shape[0] if shape and not is_scalar(shape[:1]) else None


def space(eqn: Eqn) -> Shape:
    """What the equation's loop goes over."""
    return eqn.inputs[0].type.shape if isinstance(eqn.prim.lower, View) else eqn.out.type.shape


def elementwise(eqn: Eqn) -> bool:
    """Whether a sample of the result is computed from samples, and nothing counts the samples."""
    lower = eqn.prim.lower
    if isinstance(lower, View):
        shape = eqn.out.type.shape
        return bool(shape) and same(shape[0], eqn.inputs[0].type.shape[0])
    if isinstance(lower, Write):
        index = eqn.params["index"]
        return bool(index) and index[0] == slice(None)
    if isinstance(lower, (Draw, Reduce)):
        return False
    counted = isinstance(lower, Scalar) and "index" in lower.expr
    return isinstance(lower, Scalar) and (not counted or bool(eqn.params.get("axis")))


def strided(schedule: Schedule, value: Value) -> bool:
    """Whether the value is an argument with strides of its own."""
    return schedule.homes[value][0].kind in (INPUT, CELL) and value.type.strides is not None


def operands(schedule: Schedule, eqn: Eqn) -> list[tuple[Access, Shape]]:
    """How the equation sees each operand, and its strides along the equation's extents."""
    found = []
    for position, atom in enumerate(eqn.inputs):
        seen = schedule.seen(atom)
        shape = space(eqn)
        if isinstance(eqn.prim.lower, Gemm):
            shape = (*eqn.out.type.shape[:-2], *seen.shape[-2:])
        elif isinstance(eqn.prim.lower, Write) and position == 1:
            shape = seen.shape
        found.append((seen, broadcast_strides(seen, shape)))
    return found


def by_sample(schedule: Schedule, step: Step, value: Value, extent: int) -> bool:
    """Whether the step reads, for each of its samples, that sample of `value` and no other."""
    whole = contiguous_strides(value.type.shape)
    if not whole or own(value).strides != whole or not same(value.type.shape[0], extent):
        return False
    return all(
        bool(strides) and same(strides[0], whole[0]) and int(seen.offset) < int(whole[0])
        for eqn in step.eqns for seen, strides in operands(schedule, eqn) if seen.root is value)  # fmt: skip


# -- which steps --------------------------------------------------------------------------------


def with_copies_again(
    given: tuple[Step, ...], samples: dict[Step, int | None], again: set[Value]
) -> tuple[Step, ...]:
    """The steps, with those that copy `again` repeated before a later stretch that reads what they make."""
    makers = {v: step for step in given for v in step.writes if v in again}
    near: set[Value] = set()
    steps: list[Step] = []
    extent: int | None = None
    for step in given:
        mine = samples[step]
        if mine is None or extent is None or not same(mine, extent):
            near = set()
        if mine is not None:
            for copy in copies_for(step, makers, near):
                steps.append(copy)
                near.update(copy.writes)
        steps.append(step)
        near.update(step.writes)
        extent = mine
    return tuple(steps)


def copies_for(step: Step, makers: dict[Value, Step], near: set[Value]) -> list[Step]:
    """The copies to do again before `step`, in order."""
    found: list[Step] = []
    for maker in dict.fromkeys(makers[v] for v in step.reads if v in makers and v not in near):
        found += [*copies_for(maker, makers, near), maker]
    return list(dict.fromkeys(found))


def moves_to_many(schedule: Schedule, step: Step) -> bool:
    """Whether a kernel only copies what is still there later, to more places than it reads from."""
    if not isinstance(step, Kernel) or not all(
            isinstance(e.prim.lower, View) or e.prim.name == "contiguous" for e in step.eqns):  # fmt: skip
        return False
    written = {cell for cell, _ in schedule.graph.effects}
    if written.intersection(step.reads) or any(h.kind != TEMP for v in step.writes for h in schedule.homes[v]):
        return False
    return size(step.writes) >= MANY * size(step.reads)


def stretches(
    schedule: Schedule, steps: tuple[Step, ...], samples: dict[Step, int | None]
) -> Iterator[tuple[int, int]]:
    """Neighbouring steps that can take turns on each sample, with a product among them."""
    first = 0
    for i in range(len(steps) + 1):
        extent = samples[steps[i]] if i < len(steps) else None
        begun = samples[steps[first]] if first < i else extent
        made = {v for step in steps[first:i] for v in step.writes}
        if i < len(steps) and extent is not None and begun is not None and same(extent, begun) and all(
                by_sample(schedule, steps[i], v, extent) for v in made.intersection(steps[i].reads)):  # fmt: skip
            continue
        if any(isinstance(step, Call) for step in steps[first:i]) and begun is not None:
            yield first, i
        first = i if extent is not None else i + 1


def local_values(schedule: Schedule, steps: tuple[Step, ...]) -> set[Value]:
    """What the steps make in the workspace, sample after sample."""
    made = {v for step in steps for v in step.writes}
    return {v for v in made if own(v).strides == contiguous_strides(v.type.shape)
            and all(home.kind == TEMP for home in schedule.homes[v])}  # fmt: skip


def read_outside(steps: tuple[Step, ...], spans: list[tuple[int, int]]) -> set[Value]:
    """What some step reads that does not stand in the stretch in which it was last made."""
    span_of = {i: number for number, (first, stop) in enumerate(spans) for i in range(first, stop)}
    found: set[Value] = set()
    made_in: dict[Value, int] = {}
    for i, step in enumerate(steps):
        here = span_of.get(i, -1)
        found |= {v for v in step.reads if here < 0 or made_in.get(v, here) != here}
        made_in.update((v, here) for v in step.writes)
    return found


def pays(steps: tuple[Step, ...], local: set[Value], extent: int) -> bool:
    """Whether what is kept to one sample is not little beside the samples that pass: the same for all batch sizes."""
    passing = {v for step in steps for v in (*step.reads, *step.writes)
               if v not in local and v.type.ndim and same(v.type.shape[0], extent)}  # fmt: skip
    return 2 * size(tuple(local)) >= size(tuple(passing))


def size(values: tuple[Value, ...]) -> int:
    """Bytes of values."""
    return sum(int(v.type.nbytes) for v in values)
