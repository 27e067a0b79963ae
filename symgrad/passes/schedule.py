"""What fusion decides and memory planning completes: steps over values, and homes for values.

A step is a `Kernel` (loops) or a `Call` (a matrix product, or an array form nothing fuses with).
A kernel runs its 0-d prologue, then its nests, which do not depend on each other, then its 0-d
epilogue, which may use what the nests reduced. A backend without barriers can therefore run the
nests in any order.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.dtypes import DType
from symgrad.ir.access import Access
from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value
from symgrad.ir.primitive import ArrayCall, View
from symgrad.ir.types import Shape

WORD = 8
"""Bytes that every part of the workspace is aligned to, whatever a named extent is."""

INPUT, CELL, OUT, TEMP = "input", "cell", "out", "temp"


@dataclass(frozen=True)
class Home:
    """A place in memory: the i-th input, cell, output or workspace buffer."""

    kind: str
    index: int


@dataclass(frozen=True, eq=False)
class Copy:
    """Move the elements of `source` into a home laid out as `like`."""

    source: Atom
    home: Home
    like: Value


@dataclass(frozen=True, eq=False)
class Nest:
    """Equations over one iteration space; `copies` write results that nothing computes here.

    With `rows` it is a loop over the first so many extents (those of 1 left out), in which loops over
    the others take turns (`passes.rows`): `turns` says in which a value is computed (where it is
    read, if it is not said), and `kept` are those that a buffer of one row keeps for later turns.
    """

    space: Shape
    eqns: tuple[Eqn, ...] = ()
    rows: int = 0
    turns: Mapping[Value, int] = field(default_factory=dict)
    kept: tuple[Value, ...] = ()
    copies: tuple[Copy, ...] = ()


@dataclass(frozen=True, eq=False)
class Kernel:
    """Fused loops. `reason` says why its first equation did not join an earlier step."""

    name: str
    prologue: tuple[Eqn, ...] = ()
    nests: tuple[Nest, ...] = ()
    epilogue: tuple[Eqn, ...] = ()
    reads: tuple[Value, ...] = ()
    writes: tuple[Value, ...] = ()
    reason: str = ""

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        """All equations, in an order that computes them."""
        return (*self.prologue, *(e for n in self.nests for e in n.eqns), *self.epilogue)

    @property
    def copies(self) -> tuple[Copy, ...]:
        """All copies of all nests."""
        return tuple(c for n in self.nests for c in n.copies)


@dataclass(frozen=True, eq=False)
class Call:
    """One equation done by a library or by its array form."""

    name: str
    eqn: Eqn
    reads: tuple[Value, ...] = ()
    writes: tuple[Value, ...] = ()
    reason: str = ""

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        """The equation, as a kernel has them."""
        return (self.eqn,)


Step = Kernel | Call


def last_raise(steps: Sequence[Step]) -> int:
    """The number of the last step that may find its operands unfit (an index out of range, say), or -1."""
    return max((number for number, step in enumerate(steps)
                if isinstance(step, Call) and isinstance(step.eqn.prim.lower, ArrayCall)), default=-1)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Run:
    """Steps from `first` to before `stop` that take turns on each of `extent` samples (`passes.samples`).

    `local` values are only theirs: memory holds one sample of them.
    """

    first: int
    stop: int
    extent: int
    local: frozenset[Value]


@dataclass(frozen=True, eq=False)
class Schedule:
    """Ordered steps over a graph; `homes[v]` are the places v is written to, the first read from.

    Values without a home stay in registers. `synthetic` equations were added by fusion (a copy that
    a matrix product needs); array backends pass over them. A step may stand in `steps` twice: a copy that is
    made again. Native code does the steps of a run for one sample after the other.
    """

    graph: Graph
    steps: tuple[Step, ...]
    homes: Mapping[Value, tuple[Home, ...]]
    temps: tuple[Value, ...]
    access: Mapping[Value, Access]
    synthetic: frozenset[Eqn] = frozenset()
    runs: tuple[Run, ...] = ()

    def seen(self, atom: Atom) -> Access:
        """The root of an atom and how it is seen."""
        from symgrad.ir.access import own

        return self.access[atom] if isinstance(atom, Value) else own(atom)

    def half_written(self, outputs: Collection[int]) -> bool:
        """Whether a step may still raise when another has written to one of these outputs (by their numbers)."""
        return any(home.kind == OUT and home.index in outputs
                   for step in self.steps[: last_raise(self.steps) + 1]
                   for value in step.writes for home in self.homes.get(value, ()))  # fmt: skip

    def turns(self) -> Iterator[tuple[tuple[Step, ...], Run | None]]:
        """What is done one after the other: a step by itself, or the steps of a run."""
        done = 0
        for run in self.runs:
            yield from (((step,), None) for step in self.steps[done : run.first])
            yield self.steps[run.first : run.stop], run
            done = run.stop
        yield from (((step,), None) for step in self.steps[done:])

    def held(self, value: Value) -> int:
        """How many elements of a value memory holds at a time: all, or those of one sample."""
        local = any(value in run.local for run in self.runs)
        return math.prod(value.type.shape[1:]) if local else value.type.size

    def whole_output(self, value: Value) -> Home | None:
        """The output that is `value` in its own shape and is written by its equation, if any."""
        for home in self.homes.get(value, ()):
            if home.kind == OUT:
                type = self.graph.outputs[home.index].type
                if (type.shape, type.strides) == (value.type.shape, value.type.strides):
                    return home
        return None

    @staticmethod
    def may_alias(eqn: Eqn) -> bool:
        """Whether the array form may give back its operand's own memory."""
        return isinstance(eqn.prim.lower, View) or eqn.prim.name in ("contiguous", "clamp", "pow")

    def hosts(self) -> dict[tuple[str, str], Literal]:
        """Literals the host computes, by (expression, dtype name), in order of first use."""
        found: dict[tuple[str, str], Literal] = {}
        for literal in self.literals():
            if literal.expr is not None:
                found.setdefault((literal.expr, literal.type.dtype.name), literal)
        return found

    def literals(self) -> Iterator[Literal]:
        """Every literal that steps or results read."""
        for step in self.steps:
            for eqn in step.eqns:
                for atom in eqn.inputs:
                    if isinstance(root := self.seen(atom).root, Literal):
                        yield root
            if isinstance(step, Kernel):
                for copy in step.copies:
                    if isinstance(root := self.seen(copy.source).root, Literal):
                        yield root


@dataclass(frozen=True)
class Slot:
    """Where a workspace buffer of `size` elements lies: `offset` bytes into the workspace."""

    dtype: DType
    offset: int
    size: int


@dataclass(frozen=True, eq=False)
class Plan:
    """A schedule with memory: a slot per workspace value, and the workspace's bytes (`peak_nbytes`).

    `scratch` are accumulators of partial reductions, by the reducing equation's output. No placement
    needs less than `live_nbytes`: what is in use at one time, where that is most.
    """

    schedule: Schedule
    slots: Mapping[Value, Slot]
    scratch: Mapping[Value, Slot]
    peak_nbytes: int
    live_nbytes: int
    unplanned_nbytes: int
    every: "Plan | None" = field(default=None, repr=False)
