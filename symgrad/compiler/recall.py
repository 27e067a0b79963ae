"""A warm start: a trace met before goes straight to its module, without a pass or an emitter.

The key is the graph as traced, its backend and flags; `runtime.cache` adds the versions, the CPU and
the package's own files. A graph that holds the user's Python (hooks, custom Functions) has no text
that identifies it before its backward is expanded, and none at all where some of it stays; nor is a
program recalled whose backward runs outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symgrad import dtypes
from symgrad.compiler.backends import Entry, Executable, Param
from symgrad.ir.graph import Graph, Value
from symgrad.ir.types import TensorType
from symgrad.runtime import cache

if TYPE_CHECKING:
    from symgrad.compiler.program import Program


def key_of(program: "Program") -> str | None:
    """The text that identifies a program, or None."""
    traced = program.traced
    if traced.differentiable or program.backend not in ("numba", "numpy"):
        return None
    text = str(traced.graph)
    if "opaque(" in text:
        from symgrad.passes.erase import erase

        text = str(erase(program.joint.graph))
        if "opaque(" in text:
            return None
    # Not in the text: which extents have which names, and which outputs lie in the arena.
    names, places = sorted(traced.dims.items()), sorted(program.layout.places.items())
    return "\n".join([program.backend, str(program.exact), text, *program.notes, str(names), str(places)])


def recalled(program: "Program", key: str | None) -> Executable | None:
    """The executable that an earlier process (or trace) left for the program with this key."""
    payload = cache.recall(key) if key is not None else None
    if payload is None:
        return None
    from symgrad.compiler.load import bind_entries

    params = {name: tuple(_param(p) for p in entry) for name, entry in payload["params"].items()}
    module = cache.load(cache.locate(payload["module"]))
    traced = program.traced.graph
    outputs = tuple(Value(_type(*kind)) for kind in payload["outputs"])
    interface = Graph(traced.name, traced.inputs, (), outputs, traced.cells, traced.hosts)
    entries: dict[str, Entry] = bind_entries(module, params)
    return Executable("", entries, module=module, interfaces={"run": interface},
                      shared=frozenset(payload["shared"]))  # fmt: skip


def remembered(program: "Program", key: str | None, executable: Executable) -> Executable:
    """Leave a program's executable for later processes."""
    if key is None or executable.module is None or len(program.graph.cells) != len(program.traced.graph.cells):
        return executable
    params = {
        name: [[p.kind, p.index, p.name, p.expr, p.dtype.name if p.dtype else "", int(p.size)] for p in entry.params]
        for name, entry in executable.entries.items()
    }
    outputs = [
        [[int(e) for e in a.type.shape], a.type.dtype.name,
         None if a.type.strides is None else [int(s) for s in a.type.strides]]
        for a in program.parts["run"].outputs
    ]  # fmt: skip
    name = executable.module.__file__.rpartition("/")[2]
    cache.remember(key, {"module": name, "params": params, "outputs": outputs, "shared": sorted(executable.shared)})
    return executable


def _param(fields: list[Any]) -> Param:
    kind, index, name, expr, dtype, size = fields
    return Param(kind, index, name, expr, dtypes.BY_NAME.get(dtype), size)


def _type(shape: list[int], dtype: str, strides: list[int] | None) -> TensorType:
    return TensorType(tuple(shape), dtypes.BY_NAME[dtype], None if strides is None else tuple(strides))
