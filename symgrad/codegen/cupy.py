"""Schedules as CuPy modules: one CUDA text, compiled when the module is imported, and its launches.

The kernels are one string, so that device functions are shared and the compiler runs once. The
entry computes how many blocks to launch from the extents; products are CuPy's, into planned memory.
Kernels and products run in order on the caller's stream. Host numbers are arguments of the kernels;
a block of them on the device, as CUDA graphs want, would take their place in `argument`. Counters
of finished blocks belong to the module, so two streams must not run one module at the same time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from symgrad.codegen.cuda import CudaPrinter, helper_order
from symgrad.codegen.equations import Equations, numpy_name, param
from symgrad.codegen.gpu_loops import CHUNK, Launch
from symgrad.codegen.gpu_map import gpu_map
from symgrad.codegen.loops import Const, Expr, Op, Var
from symgrad.codegen.loops import Param as KernelParam
from symgrad.codegen.lower import Argument, lower
from symgrad.codegen.module import WORKSPACE, Packs, Param, entry_params, external_type, pack_of
from symgrad.codegen.names import Names, words
from symgrad.codegen.numba import wrap_call
from symgrad.codegen.numpy import comment_lines, part_of, strided, view_of
from symgrad.codegen.random_helpers import source as sampler_source
from symgrad.codegen.tidy import tidy
from symgrad.dtypes import DType
from symgrad.ir.dims import is_tagged
from symgrad.ir.extents import show
from symgrad.ir.graph import Literal, Value
from symgrad.passes.schedule import CELL, INPUT, TEMP, WORD, Call, Home, Kernel, Plan, Step

PYTHON = '''\
def _blocks(count, each):
    """Blocks to launch for `count` elements, `each` to a block. More elements: the kernels loop."""
    return min(-(-count // each), 4096)


def _lanes(extent, limit):
    """Threads that share a sum of `extent` elements: a power of two, about four elements each."""
    return min(1 << (max(extent - 1, 0) // 4).bit_length(), limit)


def _launch(kernel, grid, threads, *args):
    """Start a kernel, if there is anything to do."""
    if grid:
        kernel((grid,), (threads,), args)
'''


@dataclass
class CudaText:
    """The CUDA text of a module: device functions and kernels, equal kernels once."""

    helpers: dict[str, str] = field(default_factory=dict)
    samplers: dict[str, None] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    arrays: dict[str, str] = field(default_factory=dict)

    def add(self, launch: Launch) -> str:
        """Print a kernel unless an equal one is there; the name to launch."""
        printer = CudaPrinter()
        name = launch.function.name
        text = printer.function(launch.function)
        if launch.counter:
            text = f"static __device__ unsigned int {launch.counter};  // blocks that are done\n{text}"
        key = re.sub(rf"\b{name}(?=\(|_done\b)", "", text)
        if key in self.bodies:
            return self.bodies[key]
        self.bodies[key] = name
        self.kernels[name] = text
        self.helpers.update(printer.helpers)
        self.samplers.update(printer.samplers)
        return name


def cupy_entry(
    name: str, plan: Plan, names: Names, packs: Packs, used: CudaText, prefix: str = ""
) -> tuple[str, tuple[Param, ...]]:
    """The entry's text and its parameters; its kernels go to `used`."""
    entry = _Entry(plan, names, packs, used, prefix)
    steps = [line for step in plan.schedule.steps for line in entry.step(step)]
    params = entry_params(plan, names, packs, entry.nbytes)
    return entry.text(name, params, steps), params


class _Entry:
    def __init__(self, plan: Plan, names: Names, packs: Packs, used: CudaText, prefix: str):
        self.plan, self.names, self.packs, self.used = plan, names, packs, used
        self.prefix = prefix
        self.schedule, self.graph = plan.schedule, plan.schedule.graph
        self.local = names.local()
        self.nbytes = plan.peak_nbytes
        self.maker = {v: e for e in self.graph.eqns for v in e.outputs}
        sources = self.graph.sources()
        self.extents = {n: sources[i].type.shape[axis] for n, (i, axis) in names.extents.items()}

    # -- the function ---------------------------------------------------------------------------

    def text(self, name: str, params: tuple[Param, ...], steps: list[str]) -> str:
        """Extents, parts of the workspace and of packs, then the steps."""
        lines = wrap_call(f"def {name}(", [p.name for p in params], "):")
        lines.append('    """Run the program: results go to the arrays given for them."""')
        setup = self.views(words("\n".join(steps)))
        said = words("\n".join([*setup, *steps]))
        for extent, (number, axis) in self.names.extents.items():
            if extent in said:
                lines.append(f"    {extent} = {self.external(number)}.shape[{axis}]")
        body = [f"    {line}".rstrip() for line in [*setup, *steps]]
        return "\n".join([*lines, *(body or ["    pass"])]) + "\n"

    def external(self, number: int) -> str:
        inputs = len(self.graph.inputs)
        home = Home(INPUT, number) if number < inputs else Home(CELL, number - inputs)
        return self.names.homes[home]

    def views(self, said: set[str]) -> list[str]:
        """Lines that name parts of the workspace and of packs."""
        lines: list[str] = []
        for home, name in self.names.homes.items():
            if name not in said:
                continue
            if home.kind == TEMP:
                value = self.schedule.temps[home.index]
                lines.append(f"{name} = {part_of(self.plan.slots[value], value.type)}")
            elif (packed := pack_of(home, self.plan, self.packs)) is not None:
                type = external_type(home, self.plan)
                lines.append(f"{name} = {view_of(packed[0], packed[1], type)}")
        return [on_device(line) for line in lines]

    def room(self, dtype: DType, size: int) -> str:
        """A part of the workspace behind all that the plan has placed."""
        start = self.nbytes
        self.nbytes = start + (size if is_tagged(size) else max(1, size)) * max(dtype.itemsize, WORD)
        return f"{WORKSPACE}[{show(start)}:{show(start + size * dtype.itemsize)}].view({numpy_name(dtype)})"

    # -- steps ----------------------------------------------------------------------------------

    def step(self, step: Step) -> list[str]:
        """The lines of one step; its kernels go to the CUDA text."""
        if isinstance(step, Call):
            return self.call(step)
        return self.array_step(step) if foreign(step) else self.kernel(step)

    def kernel(self, step: Kernel) -> list[str]:
        lowered = lower(step, self.plan, self.names)
        if not lowered.function.body:
            return []
        arguments = {a.param.name: a for a in lowered.arguments}
        ranks = {a.param.name: external_type(a.what, self.plan).ndim for a in lowered.arguments
                 if isinstance(a.what, Home) and self.has_strides(a.what)}  # fmt: skip
        body = tidy(lowered.function.body)
        function = replace(lowered.function, body=body, name=f"{self.prefix}{step.name}")
        lines: list[str] = []
        for launch in gpu_map(function, ranks):
            lines += self.launch(launch, arguments)
        return lines

    def has_strides(self, home: Home) -> bool:
        return home.kind in (INPUT, CELL) and external_type(home, self.plan).strides is not None

    def launch(self, launch: Launch, arguments: dict[str, Argument]) -> list[str]:
        """The call that starts a kernel, after what it needs to know of extents."""
        lines, shared = [], {}
        for name, wanted in launch.lanes.items():
            shared[name] = self.local.fresh("share")
            lines.append(f"{shared[name]} = _lanes({show(self.value(wanted.extent))}, {wanted.limit})")
        grids = []
        for share in launch.shares:
            each = f"{share.each} // {shared[share.lanes]}" if share.lanes else f"{share.each}"
            grids.append(f"_blocks({show(self.value(share.count))}, {each})")
        grids = list(dict.fromkeys(grids))
        if launch.always and (not grids or not self.surely(launch)):
            grids.append("1")
        grid = grids[0] if len(grids) == 1 else f"max({', '.join(grids)})"
        args = [self.argument(p, launch, arguments, shared) for p in launch.function.params]
        name = self.used.add(launch)
        call = wrap_call("_launch(", [name, grid, str(launch.threads), *args], ")", "    ")
        return [*lines, *(line[4:] for line in call)]

    def surely(self, launch: Launch) -> bool:
        """Whether some count is a number above 0, whatever the extents."""
        return any(isinstance(s.count, Const) and s.count.value > 0 for s in launch.shares)

    def argument(
        self, p: KernelParam, launch: Launch, arguments: dict[str, Argument], shared: dict[str, str]
    ) -> str:
        """What the entry passes for a kernel's parameter."""
        if p.name in launch.rooms:
            room = launch.rooms[p.name]
            chunks = (self.value(room.elements) + (CHUNK - 1)) // CHUNK
            return self.room(room.dtype, chunks * room.reductions)
        if p.name in launch.lanes:
            return f"np.int64({shared[p.name]})"
        if p.name in launch.strides:
            buffer, axis = launch.strides[p.name]
            home = arguments[buffer].what
            assert isinstance(home, Home)
            return f"np.int64({self.names.homes[home]}.strides[{axis}] // {self.itemsize(home)})"
        what = arguments[p.name].what
        if isinstance(what, Home):
            return self.names.homes[what]
        if isinstance(what, Literal):
            return f"{numpy_name(what.type.dtype)}({self.names.host(what)})"
        return f"np.int64({what})"

    def itemsize(self, home: Home) -> int:
        return external_type(home, self.plan).dtype.itemsize

    def value(self, expr: Expr) -> int:
        """An index expression as an extent, named where it depends on named ones."""
        match expr:
            case Const(value):
                return int(value)
            case Var(name):
                return self.extents[name]
            case Op(fn, (left, right)):
                a, b = self.value(left), self.value(right)
                found = {"add": a + b, "sub": a - b, "mul": a * b}
                return found[fn] if fn in found else a // b if fn == "floordiv" else a % b
        raise AssertionError(expr)

    # -- array calls ----------------------------------------------------------------------------

    def call(self, step: Call) -> list[str]:
        """A product into the memory of its result."""
        if not step.eqn.prim.is_ufunc:
            return self.array_step(step)
        run = self.equations(step)
        (home,) = self.schedule.homes[step.eqn.out]
        run.equation(step.eqn, self.array(home, step.eqn.out))
        return [on_device(line) for line in comment_lines(run.lines, "")]

    def array_step(self, step: Step) -> list[str]:
        """A step as lines of CuPy: complex and 16-bit floats, and what no loop of ours computes."""
        run = self.equations(step)
        run.whole_step(step, self.schedule.homes, self.array)
        return [on_device(line) for line in comment_lines(run.lines, "")]

    def equations(self, step: Step) -> Equations:
        """A printer of equations that knows the arrays of all other steps."""
        run = Equations(self.local, self.maker, self.names.host, self.used.arrays,
                        self.schedule.synthetic)  # fmt: skip
        made = {v for e in step.eqns for v in e.outputs}
        for value, homes in self.schedule.homes.items():
            if value not in made:
                run.env[value] = self.array(homes[0], value)
        return run

    def array(self, home: Home, value: Value) -> str:
        """A home as an array of its value's shape."""
        name, type = self.names.homes[home], value.type
        if home.kind == TEMP:
            type = self.schedule.temps[home.index].type
        elif pack_of(home, self.plan, self.packs) is None and type.strides is not None:
            return name if self.has_strides(home) else strided(name, type)
        else:
            type = external_type(home, self.plan)
        return name if type.shape == value.type.shape else f"{name}.reshape({param(value.type.shape)})"


def foreign(step: Step) -> bool:
    """Whether a step has complex or 16-bit floats, which CUDA C has no operators for without a header."""
    values = (*step.reads, *step.writes, *(v for e in step.eqns for v in e.outputs))
    return any(not v.type.dtype.is_native for v in values)


def on_device(line: str) -> str:
    """A line of NumPy as CuPy; scalars of `np` serve both."""
    return re.sub(r"(?<![\w.])np\b(?!\.(?:bool_|u?int\d+|float\d+|complex\d+)\b)", "cp", line)


def unit(used: CudaText) -> list[str]:
    """The parts of the module before its entries: array helpers, CUDA text, kernels, launching."""
    parts = [on_device(text) for text in used.arrays.values()]
    if used.kernels:
        code = helper_order(used.helpers)
        if used.samplers:
            code.append(sampler_source(sorted(used.samplers), "cuda").rstrip() + "\n")
        code += used.kernels.values()
        names = [f'{name} = _module.get_function("{name}")\n' for name in used.kernels]
        text = "\n".join(code)
        parts += [f"_module = cp.RawModule(code=r'''\n{text}''')\n{''.join(names)}", PYTHON]
    return parts


def device_text(text: str) -> str:
    """`check` and the main block, written for NumPy, for arrays on the device."""
    text = text.replace("np.ndarray", "cp.ndarray").replace("np.zeros(", "cp.zeros(")
    text = re.sub(r"(rng\.normal\(.*\.astype\(np\.\w+\)),  #", r"cp.asarray(\1),  #", text)
    wait = "    cp.cuda.Device().synchronize()\n"
    text = text.replace("    begin = time", f"{wait}    begin = time")
    return re.sub(r"^    print\(f", f"{wait}    print(f", text, flags=re.MULTILINE)
