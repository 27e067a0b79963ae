"""Schedules as Numba modules: one native entry that calls one native function per kernel.

If every step can be native, `run` itself is compiled and a call is one dispatch. Otherwise `run` is
Python that goes from native kernel to array call and back.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from typing import Any

from symgrad.codegen import blas, loops
from symgrad.codegen.cpu_map import cpu_map
from symgrad.codegen.cuts import cut_loops
from symgrad.codegen.draws import stage_draws
from symgrad.codegen.equations import Equations, numpy_name, param
from symgrad.codegen.loops import Expr, Function
from symgrad.codegen.lower import SAMPLE, Argument, extent_expr, lower
from symgrad.codegen.module import WORKSPACE, Packs, Param, entry_params, external_type, pack_of
from symgrad.codegen.names import Names, words
from symgrad.codegen.numba import NumbaPrinter, wrap_call
from symgrad.codegen.numpy import comment_lines, strided
from symgrad.codegen.random_helpers import HELPERS as SAMPLERS
from symgrad.codegen.tasks import by_columns, scatters, tasked
from symgrad.codegen.tidy import tidy
from symgrad.codegen.unroll import unrolled
from symgrad.codegen.work import work
from symgrad.dtypes import DType, float64, int64
from symgrad.ir.access import is_identity, reordered
from symgrad.ir.dims import is_tagged
from symgrad.ir.graph import Literal, Value
from symgrad.ir.primitive import Check, Gemm
from symgrad.passes.schedule import (
    CELL,
    INPUT,
    OUT,
    TEMP,
    Call,
    Home,
    Kernel,
    Plan,
    Run,
    Schedule,
    Slot,
    Step,
)  # fmt: skip
from symgrad.runtime.threads import BESIDE_PRODUCTS, TASKS, THRESHOLD

KERNEL_NATIVE = '''\
kernel = njit(
    fastmath={"contract"}, error_model="numpy", nogil=True,
    no_cpython_wrapper=True, no_cfunc_wrapper=True,
)
'''
KERNEL_PYTHON = '''\
kernel = njit(fastmath={"contract"}, error_model="numpy", nogil=True, cache=True)
'''
CHECK_NATIVE = '@njit(error_model="numpy", nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)\n'


@dataclass
class Used:
    """What a module must define or import for its kernels."""

    helpers: set[str] = field(default_factory=set)
    indices: set[int] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    products: set[DType] = field(default_factory=set)
    samplers: set[str] = field(default_factory=set)
    arrays: dict[str, str] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)
    native: bool = True
    shared: set[str] = field(default_factory=set)
    """Kernels done as tasks; those that are there from the start are so whatever their size."""


def is_native(step: Step) -> bool:
    """Whether a step needs no Python."""
    values = (*step.reads, *step.writes, *(v for e in step.eqns for v in e.outputs))
    if any(not v.type.dtype.is_native for v in values):
        return False
    return isinstance(step, Kernel) or isinstance(step.eqn.prim.lower, Gemm) and blas.native(step.eqn)


def is_check(schedule: Schedule, step: Step) -> bool:
    """Whether a step is a check of what lies in memory in order, which native code can do."""
    if not isinstance(step, Call) or not isinstance(step.eqn.prim.lower, Check):
        return False
    seen = schedule.seen(step.eqn.inputs[0])
    home = schedule.homes[seen.root][0] if isinstance(seen.root, Value) else None
    strided = home is not None and home.kind in (INPUT, CELL) and seen.root.type.strides is not None
    return is_identity(seen) and home is not None and not strided


def all_native(schedule: Schedule) -> bool:
    """Whether the entry needs no Python."""
    given = (*schedule.graph.sources(), *schedule.graph.outputs)
    return all(atom.type.dtype.is_native for atom in given) and all(
        is_native(step) or is_check(schedule, step) for step in schedule.steps)  # fmt: skip


def numba_entry(
    name: str, plan: Plan, names: Names, packs: Packs, used: Used, prefix: str = ""
) -> tuple[list[str], str, tuple[Param, ...]]:
    """The kernels' texts, the entry's text, and its parameters."""
    params = entry_params(plan, names, packs, plan.peak_nbytes)
    entry = _Entry(plan, names, packs, used, prefix, params)
    text = entry.text(name)
    return entry.kernels, text, entry.params


class _Entry:
    def __init__(self, plan: Plan, names: Names, packs: Packs, used: Used, prefix: str,
                 params: tuple[Param, ...]):  # fmt: skip
        self.plan, self.names, self.packs, self.used = plan, names, packs, used
        self.prefix, self.params = prefix, params
        self.schedule, self.graph = plan.schedule, plan.schedule.graph
        self.kernels: list[str] = []
        self.local = names.local()
        self.bodies: dict[str, str] = {}
        self.native = all_native(self.schedule)
        self.maker = {v: e for e in self.graph.eqns for v in e.outputs}
        used.native = used.native and self.native
        steps = self.schedule.steps
        self.alone = self.native and len(steps) == 1 and isinstance(steps[0], Kernel)
        self.sums: list[int] = []
        self.work: list[int] = []
        products = any(isinstance(step, Call) and isinstance(step.eqn.prim.lower, Gemm) for step in steps)
        self.threshold = BESIDE_PRODUCTS if products else THRESHOLD

    # -- entry ----------------------------------------------------------------------------------

    def text(self, name: str) -> str:
        """The function that is called: extents, flat views, steps."""
        steps = self.regions()
        lines: list[str] = []
        if self.native:
            lines += self.signature()
        lines += wrap_call(f"def {name}(", [p.name for p in self.params], "):")
        lines.append('    """Run the program: results go to the arrays given for them."""')
        setup = self.views(words("\n".join(steps)))
        said = words("\n".join([*setup, *steps]))
        inputs = len(self.graph.inputs)
        for extent, (number, axis) in self.names.extents.items():
            if extent in said:
                home = Home(INPUT, number) if number < inputs else Home(CELL, number - inputs)
                value = f"{self.names.homes[home]}.shape[{axis}]"
                lines.append(f"    {extent} = {self.cast_index(value)}")
        body = [f"    {line}" for line in [*setup, *steps]]
        tail = ["", "", *self.types(name)] if self.native else []
        return "\n".join([*lines, *(body or ["    pass"]), *tail]) + "\n"

    def regions(self) -> list[str]:
        """The steps; where some are done as tasks, by regions that begin with those."""
        parts: list[list[str]] = [[]]
        after: list[list[str]] = [[]]
        for steps, run in self.schedule.turns():
            shared = len(self.sums)
            lines = self.by_samples(steps, run) if run is not None else self.step(steps[0])
            if len(self.sums) > shared:
                parts.append(lines)
                after.append([])
            else:
                after[-1] += lines
        if not self.sums:
            return after[0]
        first = 1 if after[0] else 0
        regions = [after[0]] * first
        for lines, rest in zip(parts[1:], after[1:]):
            regions.append([*lines, *(["if task < 0:"] if rest else []), *(f"    {line}" for line in rest)])
        size = TASKS * max(self.sums)
        self.params += (
            Param("sums", "ws", float64, (size,), size=size), Param("task", "task", int64, index=first),
            Param("region", "task", int64, index=len(regions), size=max(self.work)))  # fmt: skip
        if len(regions) == 1:
            return regions[0]
        out: list[str] = []
        for number, lines in enumerate(regions):
            out += [f"if task == -1 or region == {number}:", *(f"    {line}" for line in lines)]
        return out

    def cast_index(self, text: str) -> str:
        self.used.types.add("uint64")
        return f"uint64({text})" if self.native else text

    def signature(self) -> list[str]:
        """The decorator; which types to compile for is said below the function."""
        return ['@njit(error_model="numpy", nogil=True, cache=True)']

    def types(self, name: str) -> list[str]:
        """The one signature the entry is meant for."""
        lines = [f"{name.upper()}_SIGNATURE = types.void("]
        lines += [f"    {numba_type(p)},  # {p.name}" for p in self.params]
        return [*lines, ")"]

    def views(self, said: set[str]) -> list[str]:
        """Lines that name flat views: of arguments with several extents, of workspace and packs."""
        lines: list[str] = []
        for home, name in self.names.homes.items():
            if name not in said:
                continue
            if home.kind == TEMP:
                lines.append(f"{name} = {self.room(self.plan.slots[self.schedule.temps[home.index]])}")
                continue
            type = external_type(home, self.plan)
            packed = pack_of(home, self.plan, self.packs)
            if packed is not None:
                lines.append(f"{name} = {self.part(packed[0], packed[1], type.size)}")
            elif type.ndim != 1 and (home.kind == OUT and not reordered(type) or type.strides is None):
                lines.append(f"{name} = {name}.ravel()")
        for value, name in self.names.scratch.items():
            if name in said:
                lines.append(f"{name} = {self.room(self.plan.scratch[value])}")
        return lines

    def room(self, slot: Slot) -> str:
        """A part of the workspace."""
        part = self.part(WORKSPACE, slot.offset, slot.size * slot.dtype.itemsize)
        if not self.native:
            return f"{part}.view({numpy_name(slot.dtype)})"
        name = NumbaPrinter().typed(slot.dtype)
        self.used.types.add(name)
        return f"{part}.view({name})"

    def part(self, buffer: str, offset: int, size: int) -> str:
        """A slice of a flat buffer."""
        start, stop = self.index(extent_expr(offset)), self.index(extent_expr(offset + size))
        return f"{buffer}[{start}:{stop}]"

    def index(self, expr: Expr) -> str:
        """An index expression as the entry writes it: typed where it is compiled."""
        if self.native:
            printer = NumbaPrinter()
            text = printer.expr(expr)
            self.used.indices |= printer.indices
            return text
        return PlainPrinter().expr(expr)

    # -- steps ----------------------------------------------------------------------------------

    def step(self, step: Step) -> list[str]:
        """The lines of one step in the entry; its function, if any, goes to `kernels`."""
        if isinstance(step, Kernel):
            return self.kernel(step) if self.native or is_native(step) else self.array_step(step)
        if self.native:
            return self.check(step) if is_check(self.schedule, step) else self.gemm(step)
        return self.array_step(step)

    def by_samples(self, steps: tuple[Step, ...], run: Run) -> list[str]:
        """The steps of a run in one loop over the samples."""
        body: list[str] = []
        for step in steps:
            body += self.kernel(step, run) if isinstance(step, Kernel) else self.gemm(step, run)
        names = ", ".join(sorted(self.names.homes[self.schedule.homes[v][0]] for v in run.local))
        said = f"Sample by sample: of {names} memory holds one sample, which is in cache when it is read."
        note = textwrap.wrap(said, 92)
        loop = f"for {SAMPLE.name} in range({self.index(extent_expr(run.extent))}):"
        return [*(f"# {line}" for line in note), loop, *(f"    {line}" for line in body)]

    def check(self, step: Call) -> list[str]:
        """A check as a call of its own function, which is printed from the declaration."""
        eqn, lower = step.eqn, step.eqn.prim.lower
        assert isinstance(lower, Check)
        self.used.checks[eqn.prim.name] = CHECK_NATIVE + lower.native
        self.used.types.add("int64")
        homes = [self.schedule.homes[self.schedule.seen(a).root][0] for a in (eqn.inputs[0], eqn.out)]  # type: ignore[index]
        arguments = [self.names.homes[h] for h in homes]
        for value in (eqn.params[p] for p in eqn.prim.params):
            arguments.append(f"int64({self.index(extent_expr(value))})" if is_tagged(value) else repr(value))
        note = f"{eqn.loc.file}:{eqn.loc.line}" if eqn.loc else ""
        lines = comment_lines([("", note)], "")[:-1] if note else []
        return [*lines, *wrap_call(f"_{eqn.prim.name}(", arguments, ")")]

    def kernel(self, step: Kernel, run: Run | None = None) -> list[str]:
        lowered = lower(step, self.plan, self.names, run)
        if not lowered.function.body:
            return []
        arguments = [self.argument(a) for a in lowered.arguments]
        body, params = cpu_map(tidy(lowered.function.body)), lowered.function.params
        size = work(step)
        name = f"{self.prefix}{step.name}"
        worth = self.alone or self.native and (size >= self.threshold or name in self.used.shared)
        cut = by_columns if scatters(lowered.function.body) else tasked
        shared = cut(body) if worth and run is None else None
        if shared is not None:
            self.used.shared.add(name)
            body, params = shared.body, (*params, *TASK_PARAMS)
            arguments += [p.name for p in TASK_PARAMS]
            self.sums.append(shared.sums)
            self.work.append(size)
        body = stage_draws(unrolled(cut_loops(body)))
        name = self.print(Function(name, params, body, lowered.function.doc))
        return wrap_call(f"{name}(", arguments, ")")

    def print(self, function: Function) -> str:
        """Print the function unless an equal one is there; the name to call."""
        printer = NumbaPrinter()
        text = printer.function(function)
        self.used.helpers |= printer.helpers
        self.used.indices |= printer.indices
        self.used.types |= printer.types
        called = {n.fn for s in function.body for n in loops.walk(s) if isinstance(n, loops.Op)}
        self.used.samplers |= called & set(SAMPLERS)
        key = text.replace(f"def {function.name}(", "def (", 1)
        if key in self.bodies:
            return self.bodies[key]
        self.bodies[key] = function.name
        self.kernels.append(text)
        return function.name

    def argument(self, argument: Argument) -> str:
        """What the entry passes for a kernel's parameter."""
        what = argument.what
        if isinstance(what, Home):
            return self.names.homes[what]
        if isinstance(what, Value):
            return self.names.scratch[what]
        if isinstance(what, Literal):
            name = NumbaPrinter().typed(what.type.dtype)
            self.used.types.add(name)
            if what.type.dtype.name in ("float64", "int64"):
                return self.names.host(what)
            return f"{name}({self.names.host(what)})"
        return what if self.native else f"uint64({what})"

    def gemm(self, step: Call, run: Run | None = None) -> list[str]:
        """A product as one call, or a kernel of calls where there is a batch."""
        eqn, dtype = step.eqn, step.eqn.out.type.dtype
        self.used.products.add(dtype)
        self.used.types |= {"int64", dtype.name}
        found = blas.product(eqn, self.schedule.seen, run)
        homes = [self.schedule.homes[self.schedule.seen(a).root][0] for a in eqn.inputs]  # type: ignore[index]
        homes.append(self.schedule.homes[eqn.out][0])
        buffers = [self.names.homes[h] for h in homes]
        parts = [b if self.index(o) == "_0" else f"{b}[{self.index(o)}:]"
                 for b, o in zip(buffers, found.offsets)]  # fmt: skip
        leads = [self.index(e) for e in found.leads]
        sizes = [self.index(e) for e in found.sizes]
        arguments = [str(found.flips[0]), str(found.flips[1]), *sizes]
        for part, lead in zip(parts, leads):
            arguments += [part, lead]
        note = f"{eqn.loc.file}:{eqn.loc.line}" if eqn.loc else ""
        lines = comment_lines([("", note)], "")[:-1] if note else []
        indent = ""
        for axis, extent in zip("ijklpq", found.batch):
            lines.append(f"{indent}for {axis} in range({self.index(extent)}):")
            indent += "    "
        return [*lines, *wrap_call(f"matmul_{dtype.name}(", arguments, ")", indent)]

    # -- array calls ----------------------------------------------------------------------------

    def array_step(self, step: Step) -> list[str]:
        """A step as lines of NumPy in a Python entry."""
        run = Equations(self.local, self.maker, self.names.host, self.used.arrays, self.schedule.synthetic)
        for value, homes in self.schedule.homes.items():
            if value not in {v for e in step.eqns for v in e.outputs}:
                run.env[value] = self.array(homes[0], value)
        run.whole_step(step, self.schedule.homes, self.array)
        lines = comment_lines(run.lines, "    ")
        return ['with np.errstate(all="ignore"):', *lines]

    def array(self, home: Home, value: Value) -> str:
        """A home as an array of its value's shape."""
        name, type = self.names.homes[home], value.type
        if home.kind in (INPUT, CELL):
            type = external_type(home, self.plan)
            if type.strides is not None:
                return name
        if reordered(type):
            return strided(name, type)
        return name if type.ndim == 1 else f"{name}.reshape({param(type.shape)})"


TASK_PARAMS = (
    loops.Param("sums", "array", float64), loops.Param("task", "scalar", int64),
)  # fmt: skip


class PlainPrinter(NumbaPrinter):
    """Index arithmetic where Python's ints do."""

    def const(self, const: Any) -> str:
        return repr(const.value)


def numba_type(p: Param) -> str:
    """A parameter's Numba type as the signature writes it."""
    scalar = "boolean" if p.dtype.name == "bool" else p.dtype.name
    if p.kind in ("host", "task"):
        return f"types.{scalar}"
    if p.kind in ("ws", "pack") or len(p.shape) == 1 and not p.strided:
        return f"types.{scalar}[::1]"
    if not p.shape:
        return f'types.Array(types.{scalar}, 0, "C")'
    if p.strided:
        return f"types.{scalar}[{', '.join(':' * len(p.shape))}]"
    return f"types.{scalar}[{':, ' * (len(p.shape) - 1)}::1]"


