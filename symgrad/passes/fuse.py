"""Group equations into kernels: one pass over the graph, in order, each joining a step that exists.

An equation may join the step at position q only if q is not before any step that makes its
operands; it may join *the* step that makes one only if it reads that operand at its own index (or
the operand is a scalar). Steps are never reordered, so the result cannot have a cycle, and each
equation looks at two candidates, so the time is linear in the size of the graph.

An equation that gives a cell its new value also waits for every reader of the old one. Where `rows` are
allowed, reductions of rows do not end a nest: see `passes.rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from symgrad.ir.access import (
    Access,
    access,
    accesses,
    is_identity,
    is_scalar,
    iteration_space,
    space_key,
)
from symgrad.ir.graph import UPDATE, Eqn, Graph, Value
from symgrad.ir.primitive import ArrayCall, Gemm, View, Write
from symgrad.ir.types import Shape
from symgrad.passes.apart import components
from symgrad.passes.homes import assign_homes
from symgrad.passes.layouts import make_multipliable
from symgrad.passes.recompute import recompute
from symgrad.passes.rows import Key, OpenNest, is_reduction, level
from symgrad.passes.schedule import Call, Kernel, Nest, Schedule, Step

PROLOGUE, EPILOGUE, REDUCED, STORED = "prologue", "epilogue", "reduced", "stored"


def fuse(graph: Graph, rows: bool = True, loops: bool = True) -> Schedule:
    """The schedule of `graph`: kernels, calls, and where every value that needs memory lives.

    Without `rows` no nest reads what it reduces, which threads that cannot wait for each other need. `loops`:
    what is computed again costs no call and no memory, so backward may do that (`passes.recompute`).
    """
    graph, synthetic = make_multipliable(graph)
    fuser = Fuser(graph, rows)
    if loops:
        graph, copies = recompute(graph, fuser.access, [step.eqns for step in fuser.steps])
        if copies:
            added = {eqn.out for eqn in synthetic}
            synthetic = frozenset(eqn for eqn in graph.eqns if added.intersection(eqn.outputs))
            fuser = Fuser(graph, rows, copies)
    steps = tuple(step.freeze(i, fuser.touched) for i, step in enumerate(fuser.steps))
    return assign_homes(graph, steps, fuser.access, synthetic)


@dataclass
class OpenStep:
    """A kernel that still accepts equations, or a call that does not.

    `stage` says where in the kernel a value comes to be: in the prologue, in a nest (the nest
    itself), as a reduction's result, stored in another shape, or in the epilogue. `readers` has
    the nest of each read of a value.
    """

    reason: str
    call: Eqn | None = None
    prologue: list[Eqn] = field(default_factory=list)
    nests: dict[Key, OpenNest] = field(default_factory=dict)
    epilogue: list[Eqn] = field(default_factory=list)
    stage: dict[Value, str | OpenNest] = field(default_factory=dict)
    readers: dict[Value, list[OpenNest]] = field(default_factory=dict)

    @property
    def eqns(self) -> list[Eqn]:
        """All equations."""
        looped = [*self.prologue, *(e for n in self.nests.values() for e in n.eqns), *self.epilogue]
        return looped if self.call is None else [self.call]

    def freeze(self, number: int, touched: Callable[[Eqn], list[Value]]) -> Step:
        """The finished step (its reads and writes come with the homes)."""
        if self.call is not None:
            return Call(f"c{number}_{self.call.prim.name}", self.call, reason=self.reason)
        kernel = Kernel(
            "", tuple(self.prologue),
            tuple(Nest(*n.part(part)) for n in self.nests.values() for part in components(n.eqns, touched)),
            tuple(self.epilogue), reason=self.reason,
        )  # fmt: skip
        return Kernel(
            f"k{number}_{kernel_label(kernel.eqns)}", kernel.prologue, kernel.nests, kernel.epilogue,
            reason=self.reason,
        )  # fmt: skip


def kernel_label(eqns: tuple[Eqn, ...]) -> str:
    """A short name from what is computed: the first few distinct primitives."""
    quiet = ("cast", "clone", "contiguous", "view", "full")
    names = list(dict.fromkeys(e.prim.name for e in eqns if e.prim.name not in quiet))
    return "_".join(names[:4]) or "copy"


class Fuser:
    """The walk over a graph: steps, and where each root was made. `waiting` wait for their first reader."""

    def __init__(self, graph: Graph, rows: bool, waiting: Collection[Eqn] = ()):
        self.graph, self.rows = graph, rows
        self.waiting = {eqn: number for number, eqn in enumerate(waiting)}
        self.access = accesses(graph)
        self.steps: list[OpenStep] = []
        self.made_at: dict[Value, int] = {}
        self.last_read: dict[Value, int] = {}
        self.newest: dict[Key, int] = {}
        self.deferred: dict[Value, Eqn] = {}
        self.updates: dict[Value, list[Value]] = {}
        for cell, new in graph.effects:
            root = access(new, self.access).root
            if isinstance(root, Value):
                self.updates.setdefault(root, []).append(cell)
        for eqn in graph.eqns:
            self.visit(eqn)
        self.finish()

    def visit(self, eqn: Eqn) -> None:
        """Place one equation; those without operands wait for their first reader too."""
        if all(self.access[value].root is not value for value in eqn.outputs):
            return
        if isinstance(eqn.prim.lower, (Gemm, ArrayCall)):
            self.place_call(eqn)
        elif eqn in self.waiting or (
                not any(isinstance(a, Value) for a in eqn.inputs) and not is_scalar(eqn.out.type.shape)):  # fmt: skip
            self.deferred[eqn.out] = eqn
        else:
            self.place(eqn)

    def finish(self) -> None:
        """Place what is a result though nothing read it."""
        for atom in self.graph.results():
            root = access(atom, self.access).root
            if root in self.deferred:
                self.place(self.deferred.pop(root))  # type: ignore[arg-type]

    # -- one equation ---------------------------------------------------------------------------

    def operands(self, eqn: Eqn) -> list[Access]:
        """How the equation sees each of its operands that is a value."""
        seen = [access(a, self.access) for a in eqn.inputs]
        return [a for a in seen if isinstance(a.root, Value)]

    def touched(self, eqn: Eqn) -> list[Value]:
        """What the equation reads and makes element by element, and cells that get their new value by it."""
        values = [a.root for a in self.operands(eqn) if not is_scalar(a.root.type.shape)]
        return [*values, *eqn.outputs, *(c for v in eqn.outputs for c in self.updates.get(v, ()))]  # type: ignore[list-item]

    def place_call(self, eqn: Eqn) -> None:
        for seen in self.operands(eqn):
            if seen.root in self.deferred:
                self.place(self.deferred.pop(seen.root))  # type: ignore[arg-type]
        self.steps.append(OpenStep(f"{eqn.prim.name} is not a loop of ours", call=eqn))
        self.settle(eqn, len(self.steps) - 1)

    def place(self, eqn: Eqn) -> None:
        space = iteration_space(eqn)
        key = space_key(space)
        group = [*self.inlined(eqn, key), eqn]
        made = {value for e in group for value in e.outputs}
        operands = [seen for e in group for seen in self.operands(e) if seen.root not in made]
        earliest = max((self.made_at[a.root] for a in operands if a.root in self.made_at), default=-1)  # type: ignore[index]
        for cell in self.updates.get(eqn.outputs[0], ()):
            earliest = max(earliest, self.last_read.get(cell, -1))
        position, reason = self.choose(group, key, operands, earliest)
        if position is None:
            self.steps.append(OpenStep(reason))
            position = len(self.steps) - 1
        nest = self.host(self.steps[position], eqn, key, operands)
        for member in group:
            self.add(member, key, space, position, nest)

    def inlined(self, eqn: Eqn, key: Key) -> list[Eqn]:
        """Deferred equations to compute beside `eqn`, operands first; those it sees otherwise get a place now."""
        found = [eqn]
        for reader in found:  # grows as it is walked
            part = reader.inputs[1] if isinstance(reader.prim.lower, Write) else None
            for seen in self.operands(reader):
                waiting = self.deferred.pop(seen.root, None)  # type: ignore[arg-type]
                if waiting is None:
                    continue
                whole = part is None or access(part, self.access).root is not seen.root
                if whole and is_identity(seen) and space_key(seen.shape) == key:
                    found.append(waiting)
                else:
                    self.place(waiting)
        return sorted(found[1:], key=lambda member: self.waiting.get(member, -1))

    def choose(
        self, group: list[Eqn], key: Key, operands: list[Access], earliest: int
    ) -> tuple[int | None, str]:
        """The step to join, or None and the reason for a new one."""
        eqn = group[-1]
        candidates = [earliest] if earliest >= 0 else []
        if key:
            candidates += [p for p in (self.newest.get(key, -1),) if p > earliest]
        if not key or eqn.phase == UPDATE or earliest < 0:
            candidates.append(len(self.steps) - 1)
        reason = "first of its extents"
        for position in dict.fromkeys(candidates):
            if position >= max(earliest, 0):
                reason = self.obstacle(self.steps[position], group, key, operands)
                if not reason:
                    return position, ""
        return None, reason

    def obstacle(self, step: OpenStep, group: list[Eqn], key: Key, operands: list[Access]) -> str:
        """Why the last of `group`, and the others for it, cannot be computed in `step`; empty if it can."""
        eqn = group[-1]
        if step.call is not None:
            return f"after {step.call.prim.name}"
        for cell in self.updates.get(eqn.outputs[0], ()):
            if key and any(nest is not step.nests.get(key) for nest in step.readers.get(cell, ())):
                return f"another loop still reads {cell.hint or 'the cell'}"
        if not key:
            return ""
        nest = self.host(step, eqn, key, operands)
        if nest is None and step.nests:
            updating = eqn.phase == UPDATE and all(
                e.phase == UPDATE for n in step.nests.values() for e in n.eqns)  # fmt: skip
            if not updating:
                return "other extents"
        part = eqn.inputs[1] if isinstance(eqn.prim.lower, Write) else None
        for seen in operands:
            stage = step.stage.get(seen.root)  # type: ignore[arg-type]
            if stage is None or stage == PROLOGUE:
                continue
            if stage is not nest:
                return f"needs all of {seen.root.hint or 'a result'} first"  # type: ignore[union-attr]
            if part is not None and access(part, self.access).root is seen.root:
                return "a part is written at other indices"
        rows = 0
        for member in group if nest is not None else ():
            found = nest.rows_with(member, key, self.operands(member), rows)  # type: ignore[union-attr]
            if isinstance(found, str):
                return found
            rows = found
        return ""

    def host(self, step: OpenStep, eqn: Eqn, key: Key, operands: list[Access]) -> OpenNest | None:
        """The nest of `step` that a loop over `key` can be part of.

        One that does not go by rows starts to only for the sake of what `eqn` reads of it.
        """
        if key in step.nests or not self.rows or len(step.nests) != 1:
            return step.nests.get(key)
        (nest,) = step.nests.values()
        wanted = any(a.root in nest.levels for a in operands) or nest.rows and eqn.phase != UPDATE
        return nest if wanted and nest.hosts(key) else None

    def add(self, eqn: Eqn, key: Key, space: Shape, position: int, nest: OpenNest | None) -> None:
        """Put `eqn` into the step at `position`, into `nest` if that hosts it."""
        step = self.steps[position]
        if key:
            nest = nest or step.nests.get(key)
            if nest is None:
                nest = step.nests[key] = OpenNest(space, key)
            nest.add(eqn, key, self.operands(eqn))
            if key not in step.nests and nest.key == key:  # it has become a loop over rows
                step.nests = {key: nest}
            for seen in self.operands(eqn):
                step.readers.setdefault(seen.root, []).append(nest)  # type: ignore[arg-type]
            self.newest[key] = max(position, self.newest.get(key, -1))
            stage: str | OpenNest = nest
            above = level(eqn)
            if is_reduction(eqn) and not (self.rows and above):
                stage = REDUCED
            elif isinstance(eqn.prim.lower, View):
                stage = STORED
            else:
                nest.levels[eqn.out] = above or 0
        else:
            made = [step.stage.get(a.root) for a in self.operands(eqn)]  # type: ignore[arg-type]
            stage = PROLOGUE if all(s in (None, PROLOGUE) for s in made) else EPILOGUE
            (step.prologue if stage == PROLOGUE else step.epilogue).append(eqn)
        for value in eqn.outputs:
            step.stage[value] = stage
        self.settle(eqn, position)

    def settle(self, eqn: Eqn, position: int) -> None:
        """Remember who made and who read what."""
        for value in eqn.outputs:
            self.made_at[value] = position
        for seen in self.operands(eqn):
            root = seen.root
            self.last_read[root] = max(position, self.last_read.get(root, -1))  # type: ignore[index, arg-type]

