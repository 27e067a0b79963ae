"""An iteration space as a `Nest`: which axes, in which order, and what happens at each point.

Axes whose elements all accesses step through evenly are collapsed into one, so that contiguous
tensors of any rank become one long loop; an axis that some reduction folds and another keeps
stays apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from symgrad.codegen import loops
from symgrad.codegen.extents import extent_expr
from symgrad.codegen.facts import eqn_space, folded, folded_axes, note, store_strides
from symgrad.codegen.loops import (
    INDEX,
    Axis,
    Const,
    Expr,
    Let,
    Load,
    Nest,
    Op,
    Reduction,
    Stmt,
    Store,
    Var,
)  # fmt: skip
from symgrad.codegen.writes import inside_slice
from symgrad.dtypes import bool_
from symgrad.ir.access import Access, broadcast_strides, is_scalar, own, squeezed, strides_of
from symgrad.ir.extents import same
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.primitive import Draw, Reduce, Write
from symgrad.ir.types import Shape, contiguous_strides
from symgrad.passes import schedule as sch
from symgrad.passes.schedule import Home

if TYPE_CHECKING:
    from symgrad.codegen.lower import KernelLowering

AXIS_NAMES = "ijklmnpq"
SAMPLE = Var("sample", INDEX)
"""Which sample the steps of a run have got to."""


@dataclass(frozen=True)
class Touch:
    """One access of a nest to memory: strides along its axes, in their logical order."""

    strides: Shape
    stored: bool = False


@dataclass
class Body:
    """Statements under construction, with the elements already at hand."""

    stmts: list[Stmt] = field(default_factory=list)
    values: dict[Any, Expr] = field(default_factory=dict)


class NestLowering:
    """One iteration space of a kernel, on its way to a `Nest` statement."""

    def __init__(self, kernel: KernelLowering, nest: sch.Nest):
        self.k, self.nest = kernel, nest
        self.schedule = kernel.schedule
        self.given = 1 if kernel.run else 0  # the first axis is not gone through here: a run does
        kept = squeezed(nest.space)
        self.extents = tuple(nest.space[i] for i in kept)
        self.inside = {v for eqn in nest.eqns for v in eqn.outputs}
        self.body = Body()
        self.stores: list[Stmt] = []  # last: a cell's old value may be read anywhere in the nest

    def prepare(self) -> tuple[Axis, ...]:
        """Decide on the axes; their variables."""
        self.order = self.memory_order()
        self.extents = tuple(self.extents[i] for i in self.order)
        self.groups = self.collapse()
        axes = tuple(
            Axis(AXIS_NAMES[n], extent_expr(math.prod(self.extents[i] for i in group)))
            for n, group in enumerate(self.groups[self.given :])
        )
        self.vars = [*[SAMPLE][: self.given], *(Var(axis.name, INDEX) for axis in axes)]
        self.depth = len(axes)
        return axes

    def lower(self) -> list[Stmt]:
        """The statements that do it: a nest, or just its body where there is nothing to iterate."""
        axes = self.prepare()
        reductions: list[Reduction] = []
        for eqn in self.nest.eqns:
            if folded(eqn):
                reductions.append(self.reduction(eqn))
            else:
                self.equation(eqn)
        for copy in self.nest.copies:
            value = self.element(copy.source, copy.like.type.shape)
            self.store(copy.home, copy.like, copy.like.type.shape, strides_of(copy.like.type), value)
        if not axes:
            return [*self.body.stmts, *self.stores]
        return [Nest(axes, (*self.body.stmts, *self.stores), tuple(reductions))]

    # -- axes -----------------------------------------------------------------------------------

    def rigid(self) -> bool:
        """Whether axes must stay as they are, because something counts along each."""
        return any(isinstance(e.prim.lower, Write) for e in self.nest.eqns) or self.touches_strided()

    def memory_order(self) -> tuple[int, ...]:
        """The order of loops that walks through memory: longest strides outermost.

        What is stored decides, else what is loaded. Reductions that keep some axes run in logical
        order, which the memory plan has counted on.
        """
        rank = len(self.extents)
        straight = tuple(range(rank))
        partial = any(folded(e) and len(folded_axes(e)) < rank for e in self.nest.eqns)
        touches = [t for t in self.touches() if all(map(int, t.strides))]
        if rank < 2 or partial or not touches or self.nest.rows or self.rigid():
            return straight
        leader = max(touches, key=lambda t: t.stored)
        return (*straight[: self.given], *sorted(straight[self.given :], key=lambda axis: -int(leader.strides[axis])))

    def collapse(self) -> list[tuple[int, ...]]:
        """Runs of axes that every access steps through evenly."""
        rank = len(self.extents)
        touches = [Touch(tuple(t.strides[i] for i in self.order)) for t in self.touches()]
        folds = [self.folded(e) for e in self.nest.eqns if folded(e)]
        rigid = self.rigid()
        groups: list[tuple[int, ...]] = [(0,)] if rank else []
        for axis in range(1, rank):
            even = all(
                same(t.strides[axis - 1], t.strides[axis] * self.extents[axis]) for t in touches
            ) and all((axis in f) == (axis - 1 in f) for f in folds)
            if even and not rigid and axis != self.nest.rows and axis != self.given:
                groups[-1] += (axis,)
            else:
                groups.append((axis,))
        return groups

    def touches_strided(self) -> bool:
        """Whether some argument with strides of its own is read or written here."""
        roots = [self.schedule.seen(a).root for e in self.nest.eqns for a in e.inputs]
        roots += [self.schedule.seen(c.source).root for c in self.nest.copies]
        homes = [c.home for c in self.nest.copies]
        homes += [self.schedule.homes[r][0] for r in roots
                  if isinstance(r, Value) and r in self.schedule.homes]  # fmt: skip
        return any(map(self.k.strided, homes))

    def touches(self) -> Iterator[Touch]:
        """The strides along this nest's axes of everything read and written."""
        for eqn in self.nest.eqns:
            shape = eqn_space(eqn)
            for position, atom in enumerate(eqn.inputs):
                seen = self.schedule.seen(atom)
                if isinstance(eqn.prim.lower, Write) and position == 1:
                    continue
                if isinstance(seen.root, Value) and seen.root not in self.inside:
                    yield self.touch(broadcast_strides(seen, shape), shape)
            if isinstance(eqn.prim.lower, Draw) or "index" in getattr(eqn.prim.lower, "expr", ""):
                yield self.touch(counted(eqn, shape), shape)
            if eqn.out in self.schedule.homes and not folded(eqn):
                yield self.touch(store_strides(eqn), shape, stored=True)
            elif eqn.out in self.schedule.homes:
                yield self.touch(store_strides(eqn), shape)
        for copy in self.nest.copies:
            shape = copy.like.type.shape
            yield self.touch(broadcast_strides(self.schedule.seen(copy.source), shape), shape)
            yield self.touch(strides_of(copy.like.type), shape, stored=True)

    @staticmethod
    def touch(strides: Shape, shape: Shape, stored: bool = False) -> Touch:
        return Touch(tuple(strides[i] for i in squeezed(shape)), stored)

    def folded(self, eqn: Eqn) -> set[int]:
        """The axes, in the order of the loops, that a reduction folds."""
        over = folded_axes(eqn)
        return {place for place, axis in enumerate(self.order) if axis in over}

    def index(self, strides: Shape, shape: Shape, offset: int = 0) -> Expr:
        """offset + sum of axis variable times stride."""
        along = self.touch(strides, shape).strides
        total = extent_expr(offset)
        for var, group in zip(self.vars, self.groups):
            total = loops.add(total, loops.mul(var, extent_expr(along[self.order[group[-1]]])))
        return total

    # -- elements -------------------------------------------------------------------------------

    @property
    def suffix(self) -> str:
        """What ends the names of elements: the variable of the innermost loop around them."""
        return f"_{AXIS_NAMES[self.depth - 1]}" if self.depth else "_0"

    def element(self, atom: Atom, shape: Shape) -> Expr:
        """The operand's element at the current point of the space."""
        seen = self.schedule.seen(atom)
        if isinstance(seen.root, Literal):
            return self.k.literal(seen.root)
        if seen.root in self.body.values:
            return self.body.values[seen.root]
        if is_scalar(seen.shape):
            return self.k.scalar(seen)
        if is_scalar(seen.root.type.shape):  # one element, however often it is repeated
            return self.k.scalar(own(seen.root))
        strides = self.k.held_strides(seen.root, broadcast_strides(seen, shape))
        home = self.schedule.homes[seen.root][0]
        index: tuple[Expr, ...] = (self.index(strides, shape, seen.offset),)
        if self.k.strided(home):
            index = self.subscripts(seen, shape)
        load = Load(self.k.buffer(home, seen.root), index, seen.root.type.dtype)
        if load not in self.body.values:
            name = self.k.local.fresh(f"{seen.root.hint or 't'}{self.suffix}")
            self.body.stmts.append(Let(name, load))
            self.body.values[load] = Var(name, load.dtype)
        return self.body.values[load]

    def subscripts(self, seen: Access, shape: Shape) -> tuple[Expr, ...]:
        """One index per extent of an argument that has strides of its own."""
        axis_of = {p: n for n, p in enumerate(squeezed(shape))}
        pad = len(shape) - len(seen.shape)
        return tuple(
            self.vars[axis_of[pad + p]] if pad + p in axis_of and p in squeezed(seen.shape) else loops.index(0)
            for p in range(len(seen.shape))
        )

    def equation(self, eqn: Eqn) -> None:
        """An elementwise equation: its formula, a name, and stores where it has homes."""
        shape = eqn_space(eqn)
        if isinstance(eqn.prim.lower, Write):
            result = self.written(eqn)
        else:
            operands = [self.element(a, shape) for a in eqn.inputs]
            linear = self.index(counted(eqn, shape), shape)
            result = self.k.compute(eqn, operands, self.body, linear)
        homes = self.schedule.homes.get(eqn.out, ())
        hint = eqn.out.hint or "t"
        if homes or eqn.out.hint in self.k.names.places:
            hint = f"{hint}{self.suffix}"
        if not isinstance(result, (Var, Const)):
            name = self.k.local.fresh(hint)
            self.body.stmts.append(Let(name, result, note(eqn)))
            result = Var(name, eqn.out.type.dtype)
        self.body.values[eqn.out] = result
        for home in homes:
            self.store(home, eqn.out, shape, store_strides(eqn), result)

    def store(self, home: Home, value: Value, shape: Shape, strides: Shape, result: Expr) -> None:
        index: tuple[Expr, ...] = (self.index(self.k.held_strides(value, strides), shape),)
        if self.k.strided(home):
            index = self.subscripts(Access(value, shape, strides), shape)
        self.stores.append(Store(self.k.buffer(home, value), index, result))

    def written(self, eqn: Eqn) -> Expr:
        """x with a part replaced: v where the point is inside the slice, else x."""
        x, v = eqn.inputs
        shape = eqn.out.type.shape
        axis_of = {p: n for n, p in enumerate(squeezed(shape))}
        points: list[Expr] = [self.vars[axis_of[a]] if a in axis_of else loops.index(0)
                              for a in range(len(shape))]  # fmt: skip
        tests, places = inside_slice(eqn.params["index"], shape, points)
        seen = self.schedule.seen(v)
        if isinstance(seen.root, Literal) or is_scalar(seen.root.type.shape):
            new = self.k.scalar(Access(seen.root, (), (), seen.offset))
        else:
            place = extent_expr(seen.offset)
            for position, stride in zip(places, self.k.held_strides(seen.root, seen.strides)):
                place = loops.add(place, loops.mul(position, extent_expr(stride)))
            home = self.schedule.homes[seen.root][0]
            new = Load(self.k.buffer(home, seen.root), (place,), seen.root.type.dtype)
        if not tests:
            return new
        inside = tests[0]
        for test in tests[1:]:
            inside = Op("both", (inside, test), bool_)
        return Op("select", (inside, new, self.element(x, shape)), eqn.out.type.dtype)

    def reduction(self, eqn: Eqn) -> Reduction:
        """A fold over some of the axes."""
        assert isinstance(eqn.prim.lower, Reduce)
        shape = eqn.inputs[0].type.shape
        value = self.element(eqn.inputs[0], shape)
        over_axes = self.folded(eqn)
        over = tuple(n for n, group in enumerate(self.groups) if group[0] in over_axes)
        out, homes = eqn.out, self.schedule.homes.get(eqn.out, ())
        stem = self.k.stem(out.hint or "t")
        name = self.k.local.fresh(f"{out.hint or 't'}_0" if homes else out.hint or "t")
        if len(over) == self.depth:
            self.k.scalars[out, ()] = Var(name, out.type.dtype)
            for home in homes:
                self.k.stored.append(Store(self.k.buffer(home, out), (loops.index(0),), Var(name, out.type.dtype)))
            return Reduction(name, stem, eqn.prim.lower.op, value, over, note=note(eqn))
        index = self.index(store_strides(eqn), shape)
        stores = tuple((self.k.buffer(home, out), index) for home in homes)
        scratch = self.k.scratch(out) if out in self.k.plan.scratch else ""
        return Reduction(name, stem, eqn.prim.lower.op, value, over, stores, scratch, note(eqn))


def counted(eqn: Eqn, shape: Shape) -> Shape:
    """The strides by which an equation counts its elements: all of them in order, or along its `axis`."""
    if "axis" not in eqn.prim.params:
        return contiguous_strides(shape)
    return tuple(int(d == eqn.params["axis"]) for d in range(len(shape)))
