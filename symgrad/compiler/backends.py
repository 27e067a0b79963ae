"""Choosing a backend and turning a program's graphs into loaded, callable entries.

Every backend gives the same thing: an `Entry` is a function of flat positional arguments described by
`params`. `reference` interprets the graph, equation by equation; the others emit a module.
"""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.config import BACKENDS
from symgrad.errors import BackendError, LinAlgError
from symgrad.ir.access import reordered
from symgrad.ir.graph import Eqn, Graph
from symgrad.ir.interpret import host_expressions, interpret

if TYPE_CHECKING:
    from symgrad.compiler.program import Program
    from symgrad.passes.partition import Split

_warned = False


@dataclass(frozen=True)
class Param:
    """One positional argument of an entry: an input, cell, host, out, pack (arena) or ws (workspace)."""

    kind: str
    index: int
    name: str = ""
    expr: str = ""
    dtype: Any = None
    size: int = 0


@dataclass
class Entry:
    """A callable part of a program."""

    function: Callable[..., Any]
    params: tuple[Param, ...]
    direct: Any = None

    @property
    def work(self) -> int | None:
        """How much work the largest loops are (`codegen.work`) if they can be done as tasks, else None."""
        last = self.params[-1] if self.params else None
        return last.size if last is not None and last.kind == "task" else None

    @property
    def regions(self) -> range:
        """The numbers of the regions whose loops are done as tasks; what is numbered less comes before."""
        first, count = (p.index for p in self.params[-2:])
        return range(first, count)


@dataclass
class Executable:
    """Entries by name, the source they came from, what was fused, and which kernels are done as tasks.

    `interfaces` and `split` have no equations: a program that the cache knows is run by them. `half_written`:
    a run that fails may have written some of the outputs that lie in an arena.
    """

    source: str
    entries: dict[str, Entry]
    schedules: dict[str, Any] = field(default_factory=dict)
    kernels: list[tuple[str, tuple[Eqn, ...]]] = field(default_factory=list)
    module: Any = None
    interfaces: dict[str, Graph] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    split: "Split | None" = None
    half_written: bool = False


def array_module(backend: str) -> Any:
    """Where a backend's arrays are made: NumPy, or CuPy for the device's."""
    return importlib.import_module("cupy") if backend == "cupy" else np


def resolve_backend(name: str) -> str:
    """The backend that `name` ('auto' included) means on this machine."""
    global _warned
    if name not in (*BACKENDS, "reference"):
        raise BackendError(f"unknown backend {name!r}", hint=f"one of {', '.join(BACKENDS)}")
    if name != "auto":
        return name
    if importlib.util.find_spec("llvmlite") is not None:
        return "numba"
    if not _warned:
        _warned = True
        warnings.warn("llvmlite cannot be imported; backend='auto' is 'numpy'", stacklevel=4)
    return "numpy"


def build(program: "Program") -> Executable:
    """Store, load and bind what was emitted for a program."""
    if program.backend == "reference":
        return Executable("", {name: reference_entry(graph) for name, graph in program.parts.items()})
    from symgrad.compiler.load import build_executable

    return build_executable(program, program.emitted)


def reference_entry(graph: Graph) -> Entry:
    """An entry that interprets `graph`."""
    hosts = host_expressions(graph)
    counts = (len(graph.inputs), len(graph.cells), len(hosts))
    params = [Param("input", i) for i in range(counts[0])]
    params += [Param("cell", i) for i in range(counts[1])]
    params += [Param("host", i, "", h.expr or "", h.type.dtype) for i, h in enumerate(hosts)]
    params += [Param("out", i) for i in range(len(graph.outputs))]
    place = {cell: i for i, cell in enumerate(graph.cells)}

    def run(*given: Any) -> None:
        inputs, given = given[: counts[0]], given[counts[0] :]
        cells, given = given[: counts[1]], given[counts[1] :]
        values = {h.expr or "": v for h, v in zip(hosts, given)}
        try:
            with np.errstate(all="ignore"):
                outs, effects = interpret(graph, inputs, cells, values)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(str(error)) from None
        for target, value, atom in zip(given[counts[2] :], outs, graph.outputs):
            kind = atom.type
            if reordered(kind):
                strides = tuple(int(s) * kind.dtype.itemsize for s in kind.strides or ())
                target = np.lib.stride_tricks.as_strided(target, np.shape(value), strides)
            target[...] = value
        for (cell, _), value in zip(graph.effects, effects):
            cells[place[cell]][...] = value

    return Entry(run, tuple(params))
