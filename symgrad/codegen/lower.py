"""A fused kernel as loop IR: loads of scalars, prologue, nests, epilogue, stores of scalars.

Every equation becomes a typed formula; what lives in memory becomes a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symgrad.codegen import loops
from symgrad.codegen.extents import extent_expr
from symgrad.codegen.facts import note
from symgrad.codegen.loops import (
    INDEX,
    Const,
    Expr,
    Function,
    Let,
    Load,
    Local,
    Op,
    Param,
    Stmt,
    Store,
    Var,
)  # fmt: skip
from symgrad.codegen.names import Names
from symgrad.codegen.nests import SAMPLE, Body, NestLowering
from symgrad.codegen.row_loops import RowLowering
from symgrad.codegen.scalars import convert, formula
from symgrad.dtypes import int64
from symgrad.ir.access import Access
from symgrad.ir.extents import Poly, poly
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.primitive import Draw, Reduce, Scalar, View, Write
from symgrad.ir.types import Shape
from symgrad.passes import schedule as sch
from symgrad.passes.schedule import Home, Kernel, Plan


@dataclass(frozen=True)
class Argument:
    """What the entry passes for a parameter: a home, a scratch buffer, a host number, an extent."""

    param: Param
    what: Home | Value | Literal | str


@dataclass
class Lowered:
    """A kernel's function and its arguments; `samplers` are the random helpers it calls."""

    function: Function
    arguments: tuple[Argument, ...]
    samplers: tuple[str, ...] = ()


def lower(kernel: Kernel, plan: Plan, names: Names, run: sch.Run | None = None) -> Lowered:
    """The loop IR of `kernel`; in a `run`, of what it does for one sample."""
    return KernelLowering(kernel, plan, names, run).lower()


class KernelLowering:
    """A kernel on its way to a function: its buffers, scalars and names."""

    def __init__(self, kernel: Kernel, plan: Plan, names: Names, run: sch.Run | None = None):
        self.kernel, self.plan, self.names, self.run = kernel, plan, names, run
        self.schedule = plan.schedule
        self.local = names.local()
        self.buffers: dict[str, Argument] = {}
        self.scalars: dict[tuple[Atom, Poly], Expr] = {}
        self.stored: list[Store] = []
        self.loads: list[Stmt] = []
        self.rows: dict[Value, Local] = {}
        self.samplers: dict[str, None] = {}
        self.made = {v for eqn in kernel.eqns for v in eqn.outputs}

    def lower(self) -> Lowered:
        """Loads of scalars, prologue, nests, epilogue, stores of scalars."""
        prologue, middle = Body(), []
        for eqn in self.kernel.prologue:
            self.scalar_equation(eqn, prologue)
        for nest in self.kernel.nests:
            middle.extend(self.nest(nest))
        late, self.loads_before = Body(), list(self.loads)
        self.loads.clear()
        for eqn in self.kernel.epilogue:
            self.scalar_equation(eqn, late)
        before = (*self.rows.values(), *self.loads_before, *prologue.stmts)
        body = (*before, *middle, *self.loads, *late.stmts, *self.stored)
        used = {n.name for s in body for n in loops.walk(s) if isinstance(n, Var) and n.dtype is INDEX}
        counts = (*([SAMPLE.name] if self.run else []), *self.names.extents)
        extents = [Argument(Param(n, "extent", INDEX), n) for n in counts if n in used]
        arguments = (*self.buffers.values(), *extents)
        arrays = [a for a in arguments if a.param.kind == "array"]
        ordered = (*arrays, *(a for a in arguments if a.param.kind != "array"))
        function = Function(self.kernel.name, tuple(a.param for a in ordered), tuple(body))
        return Lowered(function, ordered, tuple(self.samplers))

    # -- memory and names -----------------------------------------------------------------------

    def buffer(self, home: Home, value: Value) -> str:
        """The parameter through which the kernel reaches a home."""
        name = self.names.homes[home]
        if name not in self.buffers:
            ndim = value.type.ndim if self.strided(home) else 1
            self.buffers[name] = Argument(Param(name, "array", value.type.dtype, ndim), home)
        return name

    def strided(self, home: Home) -> bool:
        """Whether the home is an argument with strides of its own, reached by several indices."""
        if home.kind not in (sch.INPUT, sch.CELL):
            return False
        graph = self.schedule.graph
        values = graph.inputs if home.kind == sch.INPUT else graph.cells
        return values[home.index].type.strides is not None

    def held_strides(self, root: Atom, strides: Shape) -> Shape:
        """The strides in memory, where a run may hold one sample only."""
        return (0, *strides[1:]) if self.run and root in self.run.local else strides

    def scratch(self, value: Value) -> str:
        name = self.names.scratch[value]
        slot = self.plan.scratch[value]
        self.buffers.setdefault(name, Argument(Param(name, "array", slot.dtype), value))
        return name

    def row(self, value: Value, size: int) -> str:
        """Memory for one row of a value."""
        if value not in self.rows:
            name = self.local.fresh(f"{value.hint or 't'}_row")
            self.rows[value] = Local(name, value.type.dtype, size)
        return self.rows[value].name

    def literal(self, literal: Literal) -> Expr:
        """A constant, or the parameter of a host number."""
        dtype = literal.type.dtype
        if literal.expr is None:
            return Const(literal.value, dtype)
        name = self.names.host(literal)
        key = f"{name}:{dtype.name}"
        if key not in self.buffers:
            taken = any(a.param.name == name for a in self.buffers.values())
            local = self.local.fresh(f"{name}_{dtype.short}") if taken else name
            self.buffers[key] = Argument(Param(local, "scalar", dtype), literal)
        return Var(self.buffers[key].param.name, dtype)

    def scalar(self, seen: Access) -> Expr:
        """The one element of a scalar access."""
        if isinstance(seen.root, Literal):
            return self.literal(seen.root)
        key = (seen.root, poly(seen.offset))
        if key not in self.scalars:
            root = seen.root
            name = self.local.fresh(f"{root.hint or 't'}_0")
            home = self.schedule.homes[root][0]
            index: tuple[Expr, ...] = (extent_expr(seen.offset),)
            if self.strided(home):
                index = (loops.index(0),) * root.type.ndim
            load = Load(self.buffer(home, root), index, root.type.dtype)
            self.loads.append(Let(name, load))
            self.scalars[key] = Var(name, root.type.dtype)
        return self.scalars[key]

    def scalar_equation(self, eqn: Eqn, body: Body) -> None:
        """A 0-d equation as a formula on scalars."""
        value = eqn.out
        inputs = eqn.inputs
        if isinstance(eqn.prim.lower, Write):  # the one element is written, or nothing is
            inputs = inputs[1:] if int(inputs[1].type.size) else inputs[:1]
        operands = [self.scalar(self.schedule.seen(a)) for a in inputs]
        result = self.compute(eqn, operands, body, loops.index(0))
        self.define_scalar(value, result, body, note(eqn))

    def define_scalar(self, value: Value, result: Expr, body: Body, note: str) -> None:
        name = self.local.fresh(value.hint or "t") if not isinstance(result, Var) else result.name
        if not isinstance(result, Var):
            body.stmts.append(Let(name, result, note))
        self.scalars[value, ()] = Var(name, value.type.dtype)
        for home in self.schedule.homes.get(value, ()):
            self.stored.append(Store(self.buffer(home, value), (loops.index(0),), Var(name, value.type.dtype)))

    def compute(self, eqn: Eqn, operands: list[Expr], body: Body, linear: Expr) -> Expr:
        """The formula of a scalar (or trivially reduced, or copied) equation."""
        lower, dtype = eqn.prim.lower, eqn.out.type.dtype
        if isinstance(lower, (Reduce, View, Write)):
            return operands[0]
        if isinstance(lower, Draw):
            drawn = int64 if lower.sampler == "randint" else dtype
            fn = f"{lower.sampler}_{drawn.short}"
            self.samplers[fn] = None
            extra = tuple(Const(int(eqn.params[p]), drawn) for p in ("low", "high") if p in eqn.params)
            return convert(Op(fn, (*operands, linear, *extra), drawn), dtype)
        assert isinstance(lower, Scalar)
        named: dict[Expr, Expr] = {}

        def name(value: Expr) -> Expr:
            if isinstance(value, (Var, Const)):
                return value
            if value not in named:
                text = self.local.fresh(f"{eqn.out.hint or 't'}_root")
                body.stmts.append(Let(text, value, note(eqn)))
                named[value] = Var(text, value.dtype)
            return named[value]

        params: dict[str, Any] = {
            k: self.literal(Literal(v, dtype)) if hasattr(v, "expr") else v for k, v in eqn.params.items()
        }
        if "index" in lower.expr:
            params["index"] = convert(linear, dtype)
        return formula(lower.expr, dict(zip(eqn.prim.names, operands)), params, dtype, name)

    def stem(self, hint: str) -> str:
        """A prefix for names of accumulators that no local begins with yet."""
        stem = self.local.fresh(f"{hint}_block").removesuffix("_block")
        return stem if "_block" not in stem else stem.replace("_block", "")

    # -- nests ----------------------------------------------------------------------------------

    def nest(self, nest: sch.Nest) -> list[Stmt]:
        """One iteration space as a `Nest` statement."""
        return (RowLowering if nest.rows else NestLowering)(self, nest).lower()


__all__ = ["SAMPLE", "Argument", "Lowered", "extent_expr", "lower"]
