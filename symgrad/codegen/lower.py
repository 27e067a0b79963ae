"""A fused kernel as loop IR: every element access becomes an index, every equation a typed formula.

Axes whose elements all accesses step through evenly are collapsed into one, so that contiguous
tensors of any rank become one long loop; an axis that some reduction folds and another keeps
stays apart.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any, Iterator

from symgrad.codegen import loops
from symgrad.codegen.loops import (
    INDEX, Axis, Const, Expr, Function, Let, Load, Nest, Op, Param, Reduction, Stmt, Store, Var,
)  # fmt: skip
from symgrad.codegen.names import Names
from symgrad.codegen.scalars import constant, convert, formula
from symgrad.dtypes import DType, bool_, int64
from symgrad.errors import BackendError
from symgrad.ir.access import Access, broadcast_strides, is_identity, is_scalar, own, squeezed, strides_of
from symgrad.ir.extents import Poly, poly, same
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.primitive import Draw, Reduce, Scalar, View, Write
from symgrad.ir.types import Shape, contiguous_strides
from symgrad.passes import schedule as sch
from symgrad.passes.schedule import Home, Kernel, Plan

AXIS_NAMES = "ijklmnpq"


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


@dataclass(frozen=True)
class Touch:
    """One access of a nest to memory: strides along its axes, in their logical order."""

    strides: Shape
    stored: bool = False


def lower(kernel: Kernel, plan: Plan, names: Names) -> Lowered:
    """The loop IR of `kernel`."""
    return _Kernel(kernel, plan, names).lower()


def extent_expr(extent: int) -> Expr:
    """An extent as an index expression over the named extents."""
    return poly_expr(poly(extent))


def poly_expr(terms: Poly) -> Expr:
    """A polynomial as an index expression, highest degree first."""
    total: Expr = loops.index(0)
    for monomial, factor in sorted(terms, key=lambda t: (-len(t[0]), t[0])):
        product: Expr = loops.index(1)
        for name in monomial:
            product = loops.mul(product, _atom(ast.parse(name, mode="eval").body))
        scaled = loops.mul(product, loops.index(abs(factor)))
        total = loops.add(total, scaled) if factor > 0 else Op("sub", (total, scaled), INDEX)
    return total


def _atom(node: ast.expr) -> Expr:
    if isinstance(node, ast.Name):
        return Var(node.id, INDEX)
    if isinstance(node, ast.Constant):
        return loops.index(node.value)
    if isinstance(node, ast.BinOp):
        fn = {"Add": "add", "Sub": "sub", "Mult": "mul", "FloorDiv": "floordiv", "Mod": "mod"}
        return Op(fn[type(node.op).__name__], (_atom(node.left), _atom(node.right)), INDEX)
    raise BackendError(f"an extent may not say {ast.unparse(node)!r}")


@dataclass
class _Body:
    """Statements under construction, with the elements already at hand."""

    stmts: list[Stmt] = field(default_factory=list)
    values: dict[Any, Expr] = field(default_factory=dict)


class _Kernel:
    def __init__(self, kernel: Kernel, plan: Plan, names: Names):
        self.kernel, self.plan, self.names = kernel, plan, names
        self.schedule = plan.schedule
        self.local = names.local()
        self.buffers: dict[str, Argument] = {}
        self.scalars: dict[tuple[Atom, Poly], Expr] = {}
        self.stored: list[Store] = []
        self.loads: list[Stmt] = []
        self.samplers: dict[str, None] = {}
        self.made = {v for eqn in kernel.eqns for v in eqn.outputs}

    def lower(self) -> Lowered:
        """Loads of scalars, prologue, nests, epilogue, stores of scalars."""
        prologue, middle = _Body(), []
        for eqn in self.kernel.prologue:
            self.scalar_equation(eqn, prologue)
        for nest in self.kernel.nests:
            middle.extend(self.nest(nest))
        late, self.loads_before = _Body(), list(self.loads)
        self.loads.clear()
        for eqn in self.kernel.epilogue:
            self.scalar_equation(eqn, late)
        body = (*self.loads_before, *prologue.stmts, *middle, *self.loads, *late.stmts, *self.stored)
        used = {n.name for s in body for n in loops.walk(s) if isinstance(n, Var) and n.dtype is INDEX}
        extents = [Argument(Param(n, "extent", INDEX), n) for n in self.names.extents if n in used]
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

    def scratch(self, value: Value) -> str:
        name = self.names.scratch[value]
        slot = self.plan.scratch[value]
        self.buffers.setdefault(name, Argument(Param(name, "array", slot.dtype), value))
        return name

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
            index = (extent_expr(seen.offset),)
            if self.strided(home):
                index = (loops.index(0),) * root.type.ndim
            load = Load(self.buffer(home, root), index, root.type.dtype)
            self.loads.append(Let(name, load))
            self.scalars[key] = Var(name, root.type.dtype)
        return self.scalars[key]

    def scalar_equation(self, eqn: Eqn, body: _Body) -> None:
        """A 0-d equation as a formula on scalars."""
        value = eqn.out
        inputs = eqn.inputs
        if isinstance(eqn.prim.lower, Write):  # the one element is written, or nothing is
            inputs = inputs[1:] if int(inputs[1].type.size) else inputs[:1]
        operands = [self.scalar(self.schedule.seen(a)) for a in inputs]
        result = self.compute(eqn, operands, body, loops.index(0))
        self.define_scalar(value, result, body, note(eqn))

    def define_scalar(self, value: Value, result: Expr, body: _Body, note: str) -> None:
        name = self.local.fresh(value.hint or "t") if not isinstance(result, Var) else result.name
        if not isinstance(result, Var):
            body.stmts.append(Let(name, result, note))
        self.scalars[value, ()] = Var(name, value.type.dtype)
        for home in self.schedule.homes.get(value, ()):
            self.stored.append(Store(self.buffer(home, value), (loops.index(0),), Var(name, value.type.dtype)))

    def compute(self, eqn: Eqn, operands: list[Expr], body: _Body, linear: Expr) -> Expr:
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
        return _NestLowering(self, nest).lower()


class _NestLowering:
    def __init__(self, kernel: _Kernel, nest: sch.Nest):
        self.k, self.nest = kernel, nest
        self.schedule = kernel.schedule
        kept = squeezed(nest.space)
        self.extents = tuple(nest.space[i] for i in kept)
        self.inside = {v for eqn in nest.eqns for v in eqn.outputs}
        self.body = _Body()

    def lower(self) -> list[Stmt]:
        self.order = self.memory_order()
        self.extents = tuple(self.extents[i] for i in self.order)
        self.groups = self.collapse()
        axes = tuple(
            Axis(AXIS_NAMES[n], extent_expr(_product(self.extents[i] for i in group)))
            for n, group in enumerate(self.groups)
        )
        self.vars = [Var(axis.name, INDEX) for axis in axes]
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
            return self.body.stmts
        return [Nest(axes, tuple(self.body.stmts), tuple(reductions))]

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
        if rank < 2 or partial or not touches or self.rigid():
            return straight
        leader = max(touches, key=lambda t: t.stored)
        return tuple(sorted(straight, key=lambda axis: -int(leader.strides[axis])))

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
            if even and not rigid:
                groups[-1] += (axis,)
            else:
                groups.append((axis,))
        return groups

    def touches_strided(self) -> bool:
        homes = [self.schedule.homes[self.schedule.seen(a).root][0] for e in self.nest.eqns for a in e.inputs
                 if self.schedule.seen(a).root in self.schedule.homes]  # fmt: skip
        homes += [self.schedule.homes[self.schedule.seen(c.source).root][0] for c in self.nest.copies
                  if self.schedule.seen(c.source).root in self.schedule.homes]  # fmt: skip
        return any(self.k.strided(h) for h in (*homes, *(c.home for c in self.nest.copies)))

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
                yield self.touch(contiguous_strides(shape), shape)
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
        strides = broadcast_strides(seen, shape)
        home = self.schedule.homes[seen.root][0]
        index: tuple[Expr, ...] = (self.index(strides, shape, seen.offset),)
        if self.k.strided(home):
            index = self.subscripts(seen, shape)
        load = Load(self.k.buffer(home, seen.root), index, seen.root.type.dtype)
        if load not in self.body.values:
            name = self.k.local.fresh(f"{seen.root.hint or 't'}_{AXIS_NAMES[len(self.vars) - 1]}")
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
            linear = self.index(contiguous_strides(shape), shape)
            result = self.k.compute(eqn, operands, self.body, linear)
        homes = self.schedule.homes.get(eqn.out, ())
        hint = eqn.out.hint or "t"
        if homes or eqn.out.hint in self.k.names.homes.values():
            hint = f"{hint}_{AXIS_NAMES[len(self.vars) - 1]}"
        if not isinstance(result, (Var, Const)):
            name = self.k.local.fresh(hint)
            self.body.stmts.append(Let(name, result, note(eqn)))
            result = Var(name, eqn.out.type.dtype)
        self.body.values[eqn.out] = result
        for home in homes:
            self.store(home, eqn.out, shape, store_strides(eqn), result)

    def store(self, home: Home, value: Value, shape: Shape, strides: Shape, result: Expr) -> None:
        index: tuple[Expr, ...] = (self.index(strides, shape),)
        if self.k.strided(home):
            index = self.subscripts(Access(value, shape, strides), shape)
        self.body.stmts.append(Store(self.k.buffer(home, value), index, result))

    def written(self, eqn: Eqn) -> Expr:
        """x with a part replaced: v where the point is inside the slice, else x."""
        x, v = eqn.inputs
        shape = eqn.out.type.shape
        axis_of = {p: n for n, p in enumerate(squeezed(shape))}
        seen = self.schedule.seen(v)
        inside: Expr | None = None
        place = extent_expr(seen.offset)
        axis, part = 0, 0
        for item in eqn.params["index"]:
            if item is None:
                part += 1
                continue
            point: Expr = self.vars[axis_of[axis]] if axis in axis_of else loops.index(0)
            extent = shape[axis]
            tests: list[Expr] = []
            if not isinstance(item, slice):
                tests = [Op("eq", (point, loops.index(item + extent if item < 0 else item)), bool_)]
            else:
                if item != slice(None):
                    first, stop, step = item.indices(int(extent))
                    if first:
                        tests.append(Op("ge", (point, loops.index(first)), bool_))
                        point = Op("sub", (point, loops.index(first)), INDEX)
                    if stop < int(extent):
                        tests.append(Op("lt", (self.vars[axis_of[axis]] if axis in axis_of else loops.index(0),
                                               loops.index(max(stop, 0))), bool_))  # fmt: skip
                    if step != 1:
                        tests.append(Op("eq", (Op("mod", (point, loops.index(step)), INDEX), loops.index(0)), bool_))
                        point = Op("floordiv", (point, loops.index(step)), INDEX)
                if not isinstance(seen.root, Literal):
                    place = loops.add(place, loops.mul(point, extent_expr(seen.strides[part])))
                part += 1
            axis += 1
            for test in tests:
                inside = test if inside is None else Op("both", (inside, test), bool_)
        if isinstance(seen.root, Literal) or is_scalar(seen.root.type.shape):
            new = self.k.scalar(Access(seen.root, (), (), seen.offset))
        else:
            home = self.schedule.homes[seen.root][0]
            new = Load(self.k.buffer(home, seen.root), (place,), seen.root.type.dtype)
        if inside is None:
            return new
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
        if len(over) == len(self.groups):
            self.k.scalars[out, ()] = Var(name, out.type.dtype)
            for home in homes:
                self.k.stored.append(Store(self.k.buffer(home, out), (loops.index(0),), Var(name, out.type.dtype)))
            return Reduction(name, stem, eqn.prim.lower.op, value, over, note=note(eqn))
        index = self.index(store_strides(eqn), shape)
        stores = tuple((self.k.buffer(home, out), index) for home in homes)
        scratch = self.k.scratch(out) if out in self.k.plan.scratch else ""
        return Reduction(name, stem, eqn.prim.lower.op, value, over, stores, scratch, note(eqn))


# -- facts about equations ----------------------------------------------------------------------


def eqn_space(eqn: Eqn) -> Shape:
    """The shape an equation loops over."""
    return eqn.inputs[0].type.shape if isinstance(eqn.prim.lower, (Reduce, View)) else eqn.out.type.shape


def folded_axes(eqn: Eqn) -> set[int]:
    """Numbers, among the axes that are not plainly 1, of those a reduction folds."""
    kept = squeezed(eqn.inputs[0].type.shape)
    return {n for n, axis in enumerate(kept) if axis in eqn.params["axis"]}


def folded(eqn: Eqn) -> bool:
    """Whether the equation folds more than one element into one."""
    return isinstance(eqn.prim.lower, Reduce) and bool(folded_axes(eqn))


def store_strides(eqn: Eqn) -> Shape:
    """Strides, along the extents the equation loops over, of where its result is stored."""
    if isinstance(eqn.prim.lower, View):  # a reshape by copy: row-major in the operand's extents
        return contiguous_strides(eqn.inputs[0].type.shape)
    full = strides_of(eqn.out.type)
    if not isinstance(eqn.prim.lower, Reduce):
        return full
    kept = iter(full)
    return tuple(0 if i in eqn.params["axis"] else next(kept) for i in range(eqn.inputs[0].type.ndim))


def note(eqn: Eqn) -> str:
    """The user's line an equation comes from: `file:line`, where the full path can be looked up."""
    return f"{eqn.loc.file}:{eqn.loc.line}" if eqn.loc is not None else ""


def _product(extents: Any) -> int:
    total = 1
    for extent in extents:
        total = total * extent
    return total


__all__ = ["Argument", "DType", "Lowered", "constant", "is_identity", "lower"]
