"""A nest that goes by rows (`passes.rows`) as a `Nest` over rows with one nest for each turn inside it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from symgrad.codegen import loops
from symgrad.codegen.extents import extent_expr
from symgrad.codegen.facts import eqn_space, folded, note
from symgrad.codegen.loops import Expr, Let, Load, Nest, Reduction, Stmt, Store, Var
from symgrad.codegen.nests import Body, NestLowering, Touch
from symgrad.ir.access import broadcast_strides, is_scalar, squeezed
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.types import Shape, contiguous_strides


class Turn:
    """What a row does before a loop over its elements, in it, and the reductions of that loop."""

    def __init__(self, row: Body):
        self.head = Body(values=row.values)
        self.body = Body()
        self.stores: list[Stmt] = []
        self.reductions: list[Reduction] = []


class RowLowering(NestLowering):
    """An iteration space of a kernel that is gone through row by row."""

    def lower(self) -> list[Stmt]:
        axes = self.prepare()
        self.rows = sum(group[0] < self.nest.rows for group in self.groups[self.given :])
        self.maker = {v: e for e in self.nest.eqns for v in e.outputs}
        row, over_rows = Body(), list[Reduction]()
        self.row = row.values
        done: list[Stmt] = []
        timed = [e for e in self.nest.eqns if e.out in self.nest.turns]
        for number in range(1 + max(self.nest.turns.values())):
            self.turn = number
            self.current = turn = Turn(row)
            here = [e for e in timed if self.nest.turns[e.out] == number]
            for eqn in [e for e in here if self.of_row(e)]:
                self.enter(turn.head, self.rows)
                if folded(eqn):
                    over_rows.append(self.reduction(eqn))
                else:
                    self.equation(eqn)
            for eqn in [e for e in here if not self.of_row(e)]:
                self.enter(turn.body, len(axes))
                if folded(eqn):
                    turn.reductions.append(self.reduction(eqn))
                else:
                    self.equation(eqn)
            done += turn.head.stmts
            body = (*turn.body.stmts, *turn.stores)
            if body or turn.reductions:
                done.append(Nest(axes, body, tuple(turn.reductions), self.rows))
        return [Nest(axes[: self.rows], tuple(done), tuple(over_rows))]

    def of_row(self, eqn: Eqn) -> bool:
        """Whether the equation is over rows, not over their elements."""
        return len(squeezed(eqn_space(eqn))) == self.nest.rows

    def enter(self, body: Body, depth: int) -> None:
        """Go on in `body`, inside so many loops."""
        self.body, self.depth = body, depth
        self.stores = body.stmts if depth == self.rows else self.current.stores

    def touches(self) -> Iterator[Touch]:
        for touch in super().touches():
            missing = len(self.extents) - len(touch.strides)
            yield Touch((*touch.strides, *[0] * missing), touch.stored)

    def index(self, strides: Shape, shape: Shape, offset: int = 0) -> Expr:
        along = self.touch(strides, shape).strides
        total = extent_expr(offset)
        for var, group in zip(self.vars, self.groups):
            if group[-1] < len(along):
                total = loops.add(total, loops.mul(var, extent_expr(along[group[-1]])))
        return total

    def place(self) -> Expr:
        """The number of the current element in its row."""
        steps = contiguous_strides(tuple(self.extents[self.nest.rows :]))
        total: Expr = loops.index(0)
        first = self.given + self.rows
        for var, group in zip(self.vars[first:], self.groups[first:]):
            total = loops.add(total, loops.mul(var, extent_expr(steps[group[-1] - self.nest.rows])))
        return total

    def kept(self, value: Value) -> str:
        """The memory in which a row of `value` is kept."""
        return self.k.row(value, math.prod(map(int, self.extents[self.nest.rows :])))

    def element(self, atom: Atom, shape: Shape) -> Expr:
        seen = self.schedule.seen(atom)
        root = seen.root
        if isinstance(root, Literal) or is_scalar(root.type.shape):
            return super().element(atom, shape)
        if root in self.row:
            return self.row[root]
        if root in self.maker and root not in self.body.values:
            return self.again(root)
        if root not in self.maker and self.depth > self.rows:
            strides = self.touch(broadcast_strides(seen, shape), shape).strides
            if not any(map(int, strides[self.nest.rows :])) and not is_scalar(seen.shape):
                return self.before(atom, shape)
        return super().element(atom, shape)

    def before(self, atom: Atom, shape: Shape) -> Expr:
        """What is the same for all elements of a row, read before the loop over them."""
        body, depth = self.body, self.depth
        self.enter(self.current.head, self.rows)
        try:
            return super().element(atom, shape)
        finally:
            self.enter(body, depth)

    def again(self, value: Value) -> Expr:
        """An element made in this nest that is not at hand: read where a turn has left it, or computed."""
        if self.nest.turns.get(value, self.turn) == self.turn:
            self.equation(self.maker[value])
            return self.body.values[value]
        if value not in self.nest.kept:
            return super().element(value, value.type.shape)
        name = self.k.local.fresh(f"{value.hint or 't'}{self.suffix}")
        self.body.stmts.append(Let(name, Load(self.kept(value), (self.place(),), value.type.dtype)))
        self.body.values[value] = Var(name, value.type.dtype)
        return self.body.values[value]

    def reduction(self, eqn: Eqn) -> Reduction:
        found = super().reduction(eqn)
        if self.depth > self.rows and found.over == tuple(range(self.rows, self.depth)):
            self.row[eqn.out] = Var(found.name, eqn.out.type.dtype)
        return found

    def equation(self, eqn: Eqn) -> None:
        if eqn.out in self.body.values:
            return
        super().equation(eqn)
        if eqn.out in self.nest.kept:
            self.stores.append(
                Store(self.kept(eqn.out), (self.place(),), self.body.values[eqn.out], note(eqn)))
