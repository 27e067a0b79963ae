"""Emit a program's graphs as one Python module: fuse, plan memory, print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from symgrad.codegen.emit import emit
from symgrad.codegen.native import all_native
from symgrad.compiler.backends import Param
from symgrad.ir.graph import Eqn, Graph
from symgrad.passes.fuse import fuse
from symgrad.passes.plan_memory import plan_memory
from symgrad.passes.samples import by_samples
from symgrad.passes.schedule import Plan

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
    shared: frozenset[str] = frozenset()
    half_written: bool = False


def emit_program(program: "Program") -> Emitted:
    """The source for a program's backend; needs neither that backend nor a GPU."""
    plans = {name: planned(graph, program.backend) for name, graph in program.parts.items()}
    schedules = {name: plan.schedule for name, plan in plans.items()}
    packs = program.layout.packs
    title = program.traced.graph.name
    module = emit(plans, backend=program.backend, title=title, notes=program.notes, packs=packs,
                  shared=program.shared)  # fmt: skip
    params = {
        name: tuple(
            Param(p.kind, p.index, p.name, getattr(p, "expr", "") or "", getattr(p, "dtype", None),
                  getattr(p, "size", 0) or 0)
            for p in entry.params)
        for name, entry in module.entries.items()
    }
    kernels = [(step.name, step.eqns) for schedule in schedules.values() for step in schedule.steps]
    pooled = set(program.layout.pooled)
    half_written = any(schedule.half_written(pooled) for schedule in schedules.values())
    return Emitted(module.source, params, schedules, plans, kernels, module.shared, half_written)


def planned(graph: Graph, backend: str) -> Plan:
    """A graph's steps and memory, as a backend can have them."""
    schedule = fuse(graph, rows=backend != "cupy", loops=backend != "numpy")
    native = backend == "numba" and all_native(schedule)
    return plan_memory(by_samples(schedule) if native else schedule, scratch=backend != "cupy", native=native)
