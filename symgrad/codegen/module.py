"""The emitted module: what its entries are called with, its header, `check`, and its main block.

The text stands alone (NumPy, and the backend's library), holds nothing of the user's data, and is
the same byte for byte for the same program, whatever the batch size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symgrad.codegen.equations import numpy_name, param
from symgrad.codegen.names import Names
from symgrad.codegen.numba import wrap_call
from symgrad.dtypes import DType, float64, int64, uint8
from symgrad.ir.access import reordered, strides_of
from symgrad.ir.dims import is_tagged
from symgrad.ir.extents import show
from symgrad.ir.types import TensorType
from symgrad.passes.schedule import CELL, INPUT, OUT, Home, Plan, Step

Packs = Mapping[Any, tuple[str, int]]

WORKSPACE = "workspace"
"""What entries call the memory for what lives between steps: bytes, of which each value is a part seen as its dtype."""


@dataclass(frozen=True)
class Param:
    """One argument of an entry.

    `kind`: input, cell, out (`index` says which), host (`expr`, to be computed for each call), ws
    (`size` elements of workspace), pack, task (see `codegen.tasks`). `shape` is the shape of the
    array to pass; a result whose type has strides of its own is passed as the flat memory behind it.
    """

    name: str
    kind: str
    dtype: DType
    shape: tuple[int, ...] = ()
    index: int = -1
    expr: str = ""
    size: int = 0
    strided: bool = False


@dataclass(frozen=True)
class Entry:
    """A function of the module to call, positionally, with `params`."""

    name: str
    params: tuple[Param, ...]


@dataclass(frozen=True)
class Module:
    """An emitted module: its source text, its entries, and which kernels are done as tasks."""

    source: str
    entries: Mapping[str, Entry]
    backend: str
    shared: frozenset[str] = frozenset()


def entry_params(plan: Plan, names: Names, packs: Packs, nbytes: int) -> tuple[Param, ...]:
    """The arguments of the entry that runs `plan`: inputs, cells, hosts, outs, `nbytes` of workspace, packs."""
    graph = plan.schedule.graph
    found: list[Param] = []
    packed: dict[str, Param] = {}

    def pack(key: Any, dtype: DType) -> bool:
        if key not in packs:
            return False
        packed.setdefault(packs[key][0], Param(packs[key][0], "pack", dtype))
        return True

    for kind, values in ((INPUT, graph.inputs), (CELL, graph.cells)):
        for i, value in enumerate(values):
            if not pack(value, value.type.dtype):
                name = names.homes[Home(kind, i)]
                found.append(Param(name, kind, value.type.dtype, value.type.shape, i,
                                   strided=value.type.strides is not None))  # fmt: skip
    seen: set[str] = set()
    for (expr, _), literal in plan.schedule.hosts().items():
        name = names.hosts[expr, literal.type.dtype.name]
        if name not in seen:
            seen.add(name)
            wide = float64 if literal.type.dtype.is_inexact else int64
            found.append(Param(name, "host", wide, expr=expr))
    for i, atom in enumerate(graph.outputs):
        if not pack(i, atom.type.dtype):
            shape = (atom.type.size,) if reordered(atom.type) else atom.type.shape
            found.append(Param(names.homes[Home(OUT, i)], OUT, atom.type.dtype, shape, i))
    if is_tagged(nbytes) or nbytes:
        found.append(Param(WORKSPACE, "ws", uint8, (nbytes,), size=nbytes))
    return (*found, *packed.values())


def pack_of(home: Home, plan: Plan, packs: Packs) -> tuple[str, int] | None:
    """Where a packed external lies, or None."""
    graph = plan.schedule.graph
    key: Any = home.index if home.kind == OUT else None
    if home.kind == CELL:
        key = graph.cells[home.index]
    elif home.kind == INPUT:
        key = graph.inputs[home.index]
    return packs.get(key)


def external_type(home: Home, plan: Plan) -> TensorType:
    """The type of what lies at a home outside the workspace."""
    graph = plan.schedule.graph
    kinds: dict[str, Any] = {INPUT: graph.inputs, CELL: graph.cells, OUT: graph.outputs}
    return kinds[home.kind][home.index].type  # type: ignore[no-any-return]


def symbolic(type: TensorType) -> str:
    """A type with its extents as the program names them: f32[n0,1000]."""
    text = f"{type.dtype.short}[{','.join(map(show, type.shape))}]"
    if type.strides is not None:
        text += "{" + ",".join(map(show, strides_of(type))) + "}"
    return text


def nbytes(size: int, dtype: DType) -> str:
    """A number of bytes as text, over named extents where it has them."""
    return f"{show(size * dtype.itemsize)} bytes"


# -- header -------------------------------------------------------------------------------------


def header(title: str, backend: str, plans: Mapping[str, Plan], names: Mapping[str, Names],
           params: Mapping[str, tuple[Param, ...]], notes: list[str]) -> str:  # fmt: skip
    """The module's docstring: what goes in and out, what was decided, what it costs."""
    lines = [f'"""{clean(title)}: generated by symgrad for {backend}. Stands alone; edit at will.', ""]
    lines += [clean(note) for note in notes] + ([""] if notes else [])
    for entry, plan in plans.items():
        lines += entry_lines(entry, plan, names[entry], params[entry], backend)
    return "\n".join([line.rstrip() for line in lines]).rstrip() + '\n"""\n'


def entry_lines(
    entry: str, plan: Plan, names: Names, params: tuple[Param, ...], backend: str
) -> list[str]:
    """What one entry takes, gives, needs and does."""
    graph = plan.schedule.graph
    lines = [f"{entry}:"]
    for kind, values in ((INPUT, graph.inputs), (CELL, graph.cells), (OUT, graph.outputs)):
        for i, atom in enumerate(values):
            name = names.homes[Home(kind, i)]
            mark = "written" if kind == CELL and any(c is atom for c, _ in graph.effects) else ""
            text = f"  {kind:<6} {name}: {symbolic(atom.type)}{'  ' + mark if mark else ''}"
            lines.append(text if len(text) <= 98 else text[:95] + "...")
    for p in params:
        if p.kind == "host":
            lines.append(f"  host   {p.name} = {clean(p.expr)}")
        if p.kind == "ws":
            lines.append(f"  ws     {p.name}: {show(p.size)} elements")
    used = plan.every if plan.every is not None and backend == "numpy" else plan
    if int(used.peak_nbytes):
        lines.append(f"  needs  {show(used.peak_nbytes)} bytes of workspace; "
                     f"{show(used.unplanned_nbytes)} if none were used twice")  # fmt: skip
    return [*lines, *step_lines(plan), ""]


def step_lines(plan: Plan) -> list[str]:
    """Each step with the bytes it moves."""
    lines = []
    for step in plan.schedule.steps:
        lines.append(f"  {step.name}: {moved(step, plan)}")
    return lines


def moved(step: Step, plan: Plan) -> str:
    """What a step reads from and writes to memory."""
    parts = []
    for word, values in (("reads", step.reads), ("writes", step.writes)):
        total: int = 0
        for value in values:
            total = total + value.type.size * value.type.dtype.itemsize
        parts.append(f"{word} {show(total)}")
    return f"{', '.join(parts)} bytes"


def clean(text: str) -> str:
    """Text that is safe and plain inside a docstring."""
    text = text.encode("ascii", "replace").decode().replace("\\", "/").replace('"""', "'''")
    return "".join(c for c in text if c.isprintable())


# -- check and main -----------------------------------------------------------------------------

_CHECK_TAIL = '''\
    for name, array, dtype, shape in wanted:
        if not isinstance(array, np.ndarray) or array.dtype != dtype:
            found = getattr(array, "dtype", type(array).__name__)
            return f"{name}: expected an array of {dtype}, got {found}"
        if array.shape != shape:
            return f"{name}: expected shape {shape}, got {array.shape}"
        if not array.flags.c_contiguous@EXCEPT:
            return f"{name}: expected a contiguous array"
    return None
'''


def check_function(
    name: str, params: tuple[Param, ...], extents: Mapping[str, tuple[int, int]], inputs: int
) -> str:
    """`check(*args)`: None, or the reason why the arguments do not fit.

    `extents` has the external (inputs first) and the axis each named extent is read from.
    """
    lines = wrap_call(f"def {name}(", [p.name for p in params], "):")
    lines.append('    """None, or the reason why these arguments do not fit."""')
    given = {p.index + (inputs if p.kind == CELL else 0): p.name for p in params
             if p.kind in (INPUT, CELL)}  # fmt: skip
    for extent, (number, axis) in extents.items():
        if number in given:
            source = given[number]
            lines.append(f"    {extent} = {source}.shape[{axis}] if np.ndim({source}) > {axis} else -1")
    lines.append("    wanted = (")
    for p in params:
        if p.kind not in ("host", "task"):
            shape = f"np.shape({p.name})" if p.kind == "pack" else param(p.shape)
            lines.append(f'        ("{p.name}", {p.name}, "{p.dtype.np}", {shape}),')
    lines.append("    )")
    strided = [p.name for p in params if p.strided]
    exempt = f" and name not in {tuple(strided)!r}".replace("'", '"') if strided else ""
    return "\n".join(lines) + "\n" + _CHECK_TAIL.replace("@EXCEPT", exempt)


def main_block(entries: Mapping[str, Entry], extents: list[str], pack_sizes: Mapping[str, int]) -> str:
    """Build arguments by type, run each entry, print milliseconds."""
    lines = ['if __name__ == "__main__":', "    import time", ""]
    if extents:
        lines.append(f"    {' = '.join(extents)} = 64")
    lines.append("    rng = np.random.default_rng(0)")
    for entry in entries.values():
        lines.append("    args = (")
        for p in entry.params:
            lines.append(f"        {example(p, pack_sizes)},  # {p.name}")
        lines.append("    )")
        lines += [
            f"    {entry.name}(*args)  # compiles where there is something to compile",
            "    begin = time.perf_counter()",
            "    for _ in range(100):",
            f"        {entry.name}(*args)",
            f'    print(f"{entry.name}: {{(time.perf_counter() - begin) * 10:.4f}} ms")',
        ]
    return "\n".join(lines) + "\n"


def example(p: Param, pack_sizes: Mapping[str, int]) -> str:
    """An argument of a parameter's type."""
    if p.kind == "task":
        return "-1" if p.name == "task" else "0"
    if p.kind == "host":
        return "0.001" if p.dtype.is_floating_point else "1"
    shape = param(p.shape) if p.kind != "pack" else f"({pack_sizes[p.name]},)"
    if p.kind in (OUT, "ws", "pack") or not p.dtype.is_floating_point:
        return f"np.zeros({shape}, {numpy_name(p.dtype)})"
    return f"rng.normal(size={shape}).astype({numpy_name(p.dtype)})"
