"""Emit a program's graphs as one Python module, keep it in the cache, import it, bind its entries."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from symgrad.codegen.emit import emit
from symgrad.compiler.backends import Entry, Executable, Param
from symgrad.errors import BackendError
from symgrad.ir.graph import Eqn
from symgrad.passes.fuse import fuse
from symgrad.passes.plan_memory import plan_memory

if TYPE_CHECKING:
    from symgrad.compiler.program import Program


@dataclass(frozen=True)
class Emitted:
    """The module's text, its entries' parameters, and the schedules behind it."""

    source: str
    params: dict[str, tuple[Param, ...]]
    schedules: dict[str, Any]
    plans: dict[str, Any]
    kernels: list[tuple[str, tuple[Eqn, ...]]]


def emit_program(program: "Program") -> Emitted:
    """The source for a program's backend; needs neither that backend nor a GPU."""
    schedules = {name: fuse(graph) for name, graph in program.parts.items()}
    plans = {name: plan_memory(schedule) for name, schedule in schedules.items()}
    packs = program.layout.packs
    title = program.traced.graph.name
    module = emit(plans, backend=program.backend, title=title, notes=notes(program), packs=packs)
    params = {
        name: tuple(
            Param(p.kind, p.index, p.name, getattr(p, "expr", "") or "", getattr(p, "dtype", None),
                  getattr(p, "size", 0) or 0)
            for p in entry.params)
        for name, entry in module.entries.items()
    }
    kernels = [(step.name, step.eqns) for schedule in schedules.values() for step in schedule.steps]
    return Emitted(module.source, params, schedules, plans, kernels)


def notes(program: "Program") -> list[str]:
    """What the header says of the user's program: everything the trace read, and how it is treated."""
    traced = program.traced
    lines = []
    for name, (holder, _) in traced.hosts.items():
        where = "an argument" if holder == "argument" else "read at each call"
        lines.append(f"{name}: host scalar, {where}")
    for read in traced.reads:
        if read.seen[0] == "scalar":
            lines.append(f"{read.text} = {read.seen[1]!r}: checked, {read.loc}")
    for condition in traced.conditions:
        lines.append(f"holds while {condition}")
    return lines


def build_executable(program: "Program", emitted: Emitted) -> Executable:
    """Store the module, import it, compile what is native."""
    if program.backend == "cupy":
        _require_gpu()
    module = load_module(emitted.source, program.backend, program.traced.graph.name)
    entries = {}
    for name, params in emitted.params.items():
        function = getattr(module, name)
        entries[name] = Entry(function, params, _direct(module, function, name))
    return Executable(emitted.source, entries, emitted.schedules, emitted.kernels, module)


def load_module(source: str, backend: str, name: str) -> ModuleType:
    """The emitted module, from the user's cache where it is there already."""
    from symgrad.runtime import cache

    return cache.load(cache.store(source, backend=backend, name=name))


def _direct(module: ModuleType, function: Any, name: str) -> Any:
    """The compiled function under a numba dispatcher: callable with exactly typed arguments only."""
    signature = getattr(module, f"{name.upper()}_SIGNATURE", None)
    if signature is None or not hasattr(function, "overloads"):
        return None
    if not function.overloads:
        function.compile(signature)
        function.disable_compile()
    (overload,) = function.overloads.values()
    return overload.entry_point


def _require_gpu() -> None:
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except ImportError as error:
        raise BackendError("backend 'cupy' needs CuPy", hint="pip install 'symgrad[cuda13]'") from error
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendError(f"backend 'cupy' found no usable GPU: {error}",
                           hint="program(...).source shows the code without one") from error  # fmt: skip
