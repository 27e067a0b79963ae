"""Decide which values live in memory, and where: results straight in their places if possible.

A cell's new value is written by the kernel that computes it only if nothing reads the old value
afterwards and nothing that may raise comes later; otherwise it goes through the workspace and is
copied at the end, the commit point. Copies of old values come before those writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from symgrad.ir.access import Access, access, is_identity, is_scalar, own, squeezed, strides_of
from symgrad.ir.extents import poly
from symgrad.ir.graph import Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Reduce, Write
from symgrad.ir.types import TensorType
from symgrad.passes.rows import plan_turns
from symgrad.passes.schedule import (
    CELL,
    INPUT,
    OUT,
    TEMP,
    Call,
    Copy,
    Home,
    Kernel,
    Nest,
    Schedule,
    Step,
    last_raise,
)

Place = tuple[int, int]  # step number, nest number (-1: prologue, epilogue or a call)
Read = tuple[Place, bool]  # and whether it is at the reader's own index


def assign_homes(
    graph: Graph, steps: tuple[Step, ...], found: dict[Value, Access], synthetic: frozenset[Eqn]
) -> Schedule:
    """The schedule whose steps are `steps`, completed by copies, homes, reads and writes."""
    return _Homes(graph, steps, found).schedule(synthetic)


def placed(step: Step) -> Iterator[tuple[int, Eqn]]:
    """Each equation of a step with the number of its nest (-1 outside any)."""
    if isinstance(step, Call):
        yield -1, step.eqn
        return
    for eqn in (*step.prologue, *step.epilogue):
        yield -1, eqn
    for number, nest in enumerate(step.nests):
        for eqn in nest.eqns:
            yield number, eqn


class _Homes:
    def __init__(self, graph: Graph, steps: tuple[Step, ...], found: dict[Value, Access]):
        self.graph = graph
        self.steps = list(steps)
        self.access = found
        self.homes: dict[Value, tuple[Home, ...]] = {}
        self.temps: list[Value] = []
        self.made: dict[Value, Place] = {}
        self.folds = {e.out for s in steps for e in s.eqns if isinstance(e.prim.lower, Reduce)}
        self.reads: dict[Value, list[Read]] = {}
        for number, step in enumerate(steps):
            for nest, eqn in placed(step):
                for value in eqn.outputs:
                    self.made[value] = (number, nest)
                for position, atom in enumerate(eqn.inputs):
                    seen = access(atom, found)
                    if isinstance(seen.root, Value):
                        at_index = is_identity(seen) and not (
                            isinstance(eqn.prim.lower, Write) and position == 1)  # fmt: skip
                        self.reads.setdefault(seen.root, []).append(((number, nest), at_index))
        self.last_raise = last_raise(steps)

    def schedule(self, synthetic: frozenset[Eqn]) -> Schedule:
        for kind, values in ((INPUT, self.graph.inputs), (CELL, self.graph.cells)):
            for i, value in enumerate(values):
                self.homes[value] = (Home(kind, i),)
        early, late = self.place_results()
        for value in self.made:
            if value not in self.homes and self.needs_memory(value):
                self.homes[value] = (self.new_temp(value),)
        for copies, name in ((early, "collect"), (late, "commit")):
            if copies:
                nests = tuple(Nest(self.seen(c.source).shape, copies=(c,)) for c in copies)
                self.steps.append(Kernel(f"k{len(self.steps)}_{name}", nests=nests,
                                         reason="results that are not computed in place"))  # fmt: skip
        steps = tuple(self.with_traffic(step) for step in self.steps)
        return Schedule(self.graph, steps, self.homes, tuple(self.temps), self.access, synthetic)

    def seen(self, atom: Atom) -> Access:
        return access(atom, self.access)

    def new_temp(self, value: Value) -> Home:
        self.temps.append(value)
        return Home(TEMP, len(self.temps) - 1)

    # -- results --------------------------------------------------------------------------------

    def place_results(self) -> tuple[list[Copy], list[Copy]]:
        """Homes for what can be written in place; copies for the rest, early and late ones."""
        early: list[Copy] = []
        late: list[Copy] = []
        written = {cell for cell, new in self.graph.effects if self.seen(new).root is not cell}
        kept = {self.seen(a).root for a in self.graph.outputs} | {
            self.seen(new).root for cell, new in self.graph.effects if self.seen(new).root is not cell}  # fmt: skip
        for i, atom in enumerate(self.graph.outputs):
            home = Home(OUT, i)
            like = atom if isinstance(atom, Value) else Value(atom.type, "out")
            if not self.settle(atom, home, like):
                early.append(Copy(atom, home, like))
        for cell, new in self.graph.effects:
            seen = self.seen(new)
            if seen.root is cell and is_identity(seen):
                continue
            home = self.homes[cell][0]
            if cell not in kept and self.in_place(cell, seen.root) and self.settle(new, home, cell):
                continue
            if seen.root in written:
                snapshot = Value(cell.type.with_shape(cell.type.shape), f"{cell.hint}_old")
                self.access[snapshot] = own(snapshot)
                self.homes[snapshot] = (self.new_temp(snapshot),)
                early.append(Copy(new, self.homes[snapshot][0], snapshot))
                new = snapshot
            late.append(Copy(new, home, cell))
        return early, late

    def settle(self, atom: Atom, home: Home, like: Value) -> bool:
        """Let the step that computes `atom` write it to `home`; False if it cannot."""
        seen = self.seen(atom)
        root = seen.root
        if not isinstance(root, Value) or root not in self.made or not is_identity(seen):
            return False
        if home.kind == CELL and like.type.strides is not None:
            return False
        if int(root.type.size) and layout_key(like.type) != layout_key(root.type):
            return False
        if root in self.homes and isinstance(self.steps[self.made[root][0]], Call):
            return False
        self.homes[root] = (*self.homes.get(root, ()), home)
        return True

    def in_place(self, cell: Value, root: Atom) -> bool:
        """Whether the step that makes `root` may overwrite `cell`."""
        if not isinstance(root, Value) or root not in self.made:
            return False
        step, nest = self.made[root]
        if step < self.last_raise:
            return False
        kernel = self.steps[step]
        if isinstance(kernel, Kernel) and nest >= 0 and kernel.nests[nest].rows:
            return False  # a later turn may read it
        for (reader, reader_nest), at_index in self.reads.get(cell, ()):
            if reader < step:
                continue
            if reader > step or isinstance(self.steps[step], Call):
                return False
            if not is_scalar(cell.type.shape) and not (reader_nest == nest and at_index):
                return False
            if not is_scalar(cell.type.shape) and root in self.folds:
                return False  # a fold stores while other points of its nest still read
        return True

    # -- memory and traffic ---------------------------------------------------------------------

    def needs_memory(self, value: Value) -> bool:
        """Whether someone reads `value` who cannot have it in a register."""
        step, nest = self.made[value]
        if isinstance(self.steps[step], Call) or value in self.result_roots:
            return True
        for (reader, reader_nest), _ in self.reads.get(value, ()):
            if reader != step:
                return True
            if reader_nest != nest and not is_scalar(value.type.shape):
                return True
        return False

    @cached_property
    def result_roots(self) -> set[Atom]:
        """The roots of all that leaves the graph."""
        return {self.seen(a).root for a in self.graph.results()}

    def with_traffic(self, step: Step) -> Step:
        """The step with the values it reads from and writes to memory."""
        made = {value for eqn in step.eqns for value in eqn.outputs}
        roots = [self.seen(a).root for eqn in step.eqns for a in eqn.inputs]
        writes = [v for eqn in step.eqns for v in eqn.outputs if v in self.homes]
        if isinstance(step, Kernel):
            roots += [self.seen(c.source).root for c in step.copies]
            writes += [c.like for c in step.copies]
            step = replace(step, nests=tuple(map(self.with_turns, step.nests)))
        reads = dict.fromkeys(r for r in roots if isinstance(r, Value) and r not in made)
        return replace(step, reads=tuple(reads), writes=tuple(dict.fromkeys(writes)))

    def with_turns(self, nest: Nest) -> Nest:
        """The nest with the turns its loops over rows take."""
        if not nest.rows:
            return nest
        roots = {e: [r for r in (self.seen(a).root for a in e.inputs) if isinstance(r, Value)] for e in nest.eqns}
        turns, kept = plan_turns(nest.space, nest.eqns, nest.rows, self.homes, roots)
        return replace(nest, turns=turns, kept=kept)


def layout_key(type: TensorType) -> tuple[object, ...]:
    """Element strides as polynomials, extents of 1 left out."""
    strides = strides_of(type)
    return tuple(poly(strides[i]) for i in squeezed(type.shape))
