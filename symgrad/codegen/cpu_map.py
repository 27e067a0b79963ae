"""Nests as CPU loops: which accumulator is added where, and in what precision.

A float sum over the innermost axes runs in blocks of 1,024 elements, added in the element's dtype
(where vector units reorder freely) and combined in float64 in block order: fast, accurate, and the
same for every run. A reduction over axes outside those it keeps has many sums under way at once;
they lie in a buffer, in float64 where the elements are float32. The largest of floats is found among
integers that are in the same order, where nan comes last and vector units can compare.
"""

from __future__ import annotations

from dataclasses import replace

from symgrad.codegen import loops
from symgrad.codegen.loops import (
    INDEX,
    Assign,
    Const,
    Expr,
    For,
    Let,
    Load,
    Nest,
    Op,
    Reduction,
    Stmt,
    Store,
    Var,
)  # fmt: skip
from symgrad.codegen.scalars import convert
from symgrad.dtypes import BOOL, FLOATING, DType, float32, float64, int32, int64

BLOCK = 1024
ZERO, ONE = loops.index(0), loops.index(1)
RANKS = {float32: int32, float64: int64}
FOLDS = {"add": "fold_add", "mul": "fold_mul", "max": "maximum", "min": "minimum"}


def cpu_map(body: tuple[Stmt, ...]) -> tuple[Stmt, ...]:
    """The statements with every nest replaced by loops."""
    out: list[Stmt] = []
    for stmt in body:
        out.extend(_Map(stmt).stmts() if isinstance(stmt, Nest) else [stmt])
    return tuple(out)


def start_value(op: str, dtype: DType) -> Const:
    """What a fold begins with."""
    if op in ("add", "mul"):
        return Const(dtype.np.type(op == "mul").item(), dtype)
    if dtype.category == FLOATING:
        return Const(float("-inf") if op == "max" else float("inf"), dtype)
    if dtype.category == BOOL:
        return Const(op == "min", dtype)
    import numpy as np

    info = np.iinfo(dtype.np)
    return Const(int(info.min if op == "max" else info.max), dtype)


def ranked(r: Reduction) -> Reduction:
    """A float maximum or minimum as one of integers in the same order."""
    if r.op not in ("max", "min") or r.value.dtype.category != FLOATING:
        return r
    return replace(r, value=Op(f"rank_{r.op}", (r.value,), RANKS[r.value.dtype]))


def fold(op: str, total: Expr, value: Expr) -> Expr:
    """total op value."""
    if total.dtype.category == BOOL:
        return Op({"add": "or", "mul": "and", "max": "or", "min": "and"}[op], (total, value), total.dtype)
    fn = FOLDS[op]
    if total.dtype.category != FLOATING:
        fn = {"fold_add": "add", "fold_mul": "mul", "maximum": "max", "minimum": "min"}[fn]
    return Op(fn, (total, value), total.dtype)


class _Map:
    def __init__(self, nest: Nest):
        self.original = {r.name: r for r in nest.reductions}
        self.nest = nest = replace(nest, reductions=tuple(
            ranked(r) if not self.kept_within(nest, r) else r for r in nest.reductions))  # fmt: skip
        self.rank = len(nest.axes)
        self.parts = {stmt: _Map(stmt) for stmt in nest.body if isinstance(stmt, Nest)}
        self.inner = [r for r in nest.reductions if self.first(r) < self.rank]
        self.outer = [r for r in nest.reductions if self.first(r) == self.rank]

    @staticmethod
    def kept_within(nest: Nest, r: Reduction) -> bool:
        """Whether `r` keeps an axis inside one it folds."""
        return any(n not in r.over for n in range(min(r.over), len(nest.axes)))

    def first(self, r: Reduction) -> int:
        """The axis from which on `r` folds all axes (the rank if it keeps the innermost)."""
        at = self.rank
        while at > 0 and at - 1 in r.over:
            at -= 1
        return at

    @staticmethod
    def blocked(r: Reduction) -> bool:
        """Whether `r` is a float sum, whose blocks are combined in float64."""
        return r.op in ("add", "mul") and r.value.dtype.category == FLOATING

    def scattered(self, r: Reduction) -> bool:
        """Whether many results are under way at once."""
        return any(axis < self.first(r) for axis in r.over)

    def total_dtype(self, r: Reduction) -> DType:
        """The dtype sums of blocks are combined in."""
        return float64 if self.blocked(r) and (self.several_blocks() or self.first(r) < self.rank - 1
                                               or self.scattered(r)) else r.value.dtype  # fmt: skip

    def several_blocks(self) -> bool:
        extent = self.nest.axes[-1].extent
        return not (isinstance(extent, Const) and extent.value <= BLOCK)

    def stmts(self) -> list[Stmt]:
        """Initial values, the loops, final values."""
        maps = (self, *self.parts.values())
        scattered = [(m, r) for m in maps for r in m.nest.reductions if m.scattered(r)]
        out = [s for m, r in scattered for s in m.over_kept(r, m.initial(r))]
        out.extend(self.level(0))
        for m, r in scattered:
            if r.scratch:
                index = r.stores[0][1]
                total = convert(Load(r.scratch, (m.packed(r),), float64), r.value.dtype)
                out.extend(m.over_kept(r, [Store(b, (index,), total) for b, _ in r.stores]))
        return out

    def initial(self, r: Reduction) -> list[Stmt]:
        if r.scratch:
            return [Store(r.scratch, (self.packed(r),), start_value(r.op, float64))]
        return [Store(b, (i,), start_value(r.op, r.value.dtype)) for b, i in r.stores]

    def packed(self, r: Reduction) -> Expr:
        """The position in the scratch buffer: row-major over the axes kept."""
        total: Expr = ZERO
        for n, axis in enumerate(self.nest.axes):
            if n not in r.over:
                total = loops.add(loops.mul(total, axis.extent), Var(axis.name, INDEX))
        return total

    def over_kept(self, r: Reduction, body: list[Stmt]) -> list[Stmt]:
        """Loops over the axes `r` keeps."""
        for n in reversed(range(self.rank)):
            if n not in r.over:
                axis = self.nest.axes[n]
                body = [For(axis.name, ZERO, axis.extent, ONE, tuple(body), "lanes")]
        return body

    def level(self, n: int) -> list[Stmt]:
        """The loop over axis n, with the accumulators that begin and end around it."""
        if n == self.rank:
            return self.point()
        axis = self.nest.axes[n]
        starting = [(m, r) for m in (self, *self.parts.values()) for r in m.inner if m.first(r) == n]
        out: list[Stmt] = [Assign(m.total(r), start_value(r.op, m.total_dtype(r))) for m, r in starting]
        if n < self.rank - 1:
            out.append(For(axis.name, ZERO, axis.extent, ONE, tuple(self.level(n + 1))))
        else:
            out.extend(self.innermost(axis.name, axis.extent))
        for m, r in starting:
            out.extend(m.finish(r))
        return out

    def total(self, r: Reduction) -> str:
        """The variable sums of blocks go to: the result's own where no conversion follows."""
        return r.name if self.total_dtype(r) is self.original[r.name].value.dtype else f"{r.stem}_total"

    def innermost(self, var: str, extent: Expr) -> list[Stmt]:
        sums = [r for r in self.inner if self.blocked(r)]
        parts = [r for r in sums if self.partial(r)]
        zeros = [Assign(f"{r.stem}_block", start_value(r.op, r.value.dtype)) for r in parts]
        combine = [
            Assign(self.total(r), self.combined(r, Var(f"{r.stem}_block", r.value.dtype))) for r in parts]  # fmt: skip
        body = tuple(self.level(self.rank))
        if self.parts:
            return [For(var, ZERO, extent, ONE, body)]
        if not sums or not self.several_blocks():
            return [*zeros, For(var, ZERO, extent, ONE, body, "lanes"), *combine]
        start = Var("start", INDEX)
        stop = Op("min", (Op("add", (start, loops.index(BLOCK)), INDEX), extent), INDEX)
        lanes = For(var, start, stop, ONE, body, "lanes")
        return [For("start", ZERO, extent, loops.index(BLOCK), (*zeros, lanes, *combine), "block")]

    def partial(self, r: Reduction) -> bool:
        """Whether blocks of `r` have an accumulator apart from the total."""
        return not self.parts and (self.several_blocks() or self.total_dtype(r) is not r.value.dtype)

    def combined(self, r: Reduction, block: Expr) -> Expr:
        dtype = self.total_dtype(r)
        return Op(r.op, (Var(self.total(r), dtype), convert(block, dtype)), dtype)

    def point(self) -> list[Stmt]:
        out: list[Stmt] = []
        for stmt in self.nest.body:
            out.extend(self.parts[stmt].level(stmt.inside) if isinstance(stmt, Nest) else [stmt])
        for r in self.inner:
            dtype = r.value.dtype
            name = f"{r.stem}_block" if self.blocked(r) and self.partial(r) else self.total(r)
            if self.blocked(r) and self.parts:  # one value a row
                out.append(Assign(name, self.combined(r, r.value), r.note))
            else:
                out.append(Assign(name, fold(r.op, Var(name, dtype), r.value), r.note))
        for r in self.outer:
            out.extend(self.scatter(r, r.value))
        return out

    def scatter(self, r: Reduction, value: Expr) -> list[Stmt]:
        """Fold one value into the buffer of results."""
        if r.scratch:
            place = (self.packed(r),)
            old = Load(r.scratch, place, float64)
            return [Store(r.scratch, place, Op(r.op, (old, convert(value, float64)), float64))]
        value = convert(value, r.value.dtype)
        out: list[Stmt] = []
        for buffer, index in r.stores:
            old = Load(buffer, (index,), value.dtype)
            new = Op(r.op, (old, value), value.dtype) if self.blocked(r) else fold(r.op, old, value)
            out.append(Store(buffer, (index,), new))
        return out

    def finish(self, r: Reduction) -> list[Stmt]:
        """What becomes of a total once its loops are done."""
        dtype = self.total_dtype(r)
        total: Expr = Var(self.total(r), dtype)
        wanted = self.original[r.name].value.dtype
        if wanted is not r.value.dtype:
            total = Op("unrank", (total,), wanted)
        if self.scattered(r):
            return self.scatter(r, total)
        if self.first(r) in (0, self.nest.inside):
            out: list[Stmt] = [] if total == Var(r.name, wanted) else [Let(r.name, convert(total, wanted))]
            return [*out, *(Store(b, (index,), Var(r.name, wanted)) for b, index in r.stores)]
        return [Store(buffer, (index,), convert(total, wanted)) for buffer, index in r.stores]
