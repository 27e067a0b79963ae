"""A warm start: a trace met before goes straight to its module, without a pass or an emitter.

The key is the graph as traced, its backend and flags; `runtime.cache` adds the versions, the CPU and
the package's own files. A graph that holds the user's Python (hooks, custom Functions) has no text
that identifies it before its backward is expanded, and none at all where some of it stays. Of a program
whose backward runs outside, what each side takes from the other is kept too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from symgrad import dtypes
from symgrad.compiler.backends import Entry, Executable, Param
from symgrad.ir.graph import Atom, Graph, Value
from symgrad.ir.types import TensorType
from symgrad.runtime import cache

if TYPE_CHECKING:
    from symgrad.compiler.program import Program


def key_of(program: "Program") -> str | None:
    """The text that identifies a program, or None."""
    traced = program.traced
    if program.backend not in ("numba", "numpy"):
        return None
    text = str(program.asked.graph)
    if "opaque(" in text:
        from symgrad.passes.erase import erase

        text = str(erase(program.joint[-1].graph))
        if "opaque(" in text:
            return None
    # Not in the text: which extents have which names, what lies in the arena, what a larger batch had as tasks.
    names, places = sorted(traced.dims.items()), sorted(program.layout.places.items())
    besides = map(str, (names, places, sorted(program.shared)))
    return "\n".join([program.backend, str(program.exact), text, *program.notes, *besides])


def recalled(program: "Program", key: str | None) -> Executable | None:
    """The executable that an earlier process (or trace) left for the program with this key."""
    payload = cache.recall(key) if key is not None else None
    if payload is None:
        return None
    from symgrad.compiler.load import bind_entries

    params = {name: tuple(_param(p) for p in entry) for name, entry in payload["params"].items()}
    module = cache.load(cache.locate(payload["module"]))
    graph = program.traced.graph
    parts: dict[str, Graph] = {}
    for name, part in payload["parts"].items():
        outputs: list[Value] = []
        for place in part["outputs"]:
            outputs.append(_value(place, graph, outputs) if place[0] in PLACES else Value(_type(*place)))
        effects = tuple((graph.cells[i], graph.cells[i]) for i in part["effects"])
        parts[name] = graph.replace(eqns=(), outputs=tuple(outputs), effects=effects)
    split = None
    if "split" in payload:
        from symgrad.passes.partition import Split

        fields, forward = payload["split"], parts["forward"]
        forward = forward.replace(outputs=forward.outputs[: fields["count"]])
        saved, shapes = (
            tuple(_value(place, forward, forward.outputs) for place in fields[what]) for what in ("saved", "shapes"))
        split = Split(forward, parts["backward"], saved, fields["kept"], shapes)
    entries: dict[str, Entry] = bind_entries(module, params)
    return Executable("", entries, module=module, interfaces=parts, shared=frozenset(payload["shared"]), split=split,
                      half_written=payload["half_written"])  # fmt: skip


def remembered(program: "Program", key: str | None, executable: Executable) -> Executable:
    """Leave a program's executable for later processes."""
    traced, parts = program.traced.graph, program.parts
    first = next(iter(parts.values()))
    if key is None or executable.module is None or (first.inputs, first.cells) != (traced.inputs, traced.cells):
        return executable
    params = {
        name: [[p.kind, p.index, p.name, p.expr, p.dtype.name if p.dtype else "", int(p.size)] for p in entry.params]
        for name, entry in executable.entries.items()
    }
    payload: dict[str, Any] = {
        "module": executable.module.__file__.rpartition("/")[2], "params": params, "parts": {},
        "shared": sorted(executable.shared), "half_written": executable.half_written,
    }  # fmt: skip
    for name, part in parts.items():
        known, numbers = _places(first, part.outputs), {cell: i for i, cell in enumerate(part.cells)}
        outputs = [known[a] if a in known and known[a] != ("output", i) else _fields(a.type)
                   for i, a in enumerate(part.outputs)]  # fmt: skip
        payload["parts"][name] = {"outputs": outputs, "effects": [numbers[cell] for cell, _ in part.effects]}
    split = program.split
    if split is not None:
        known = _places(first, split.forward.outputs)
        payload["split"] = {
            "saved": [known[v] for v in split.saved], "shapes": [known[v] for v in split.shapes],
            "kept": split.kept, "count": len(split.forward.outputs),
        }  # fmt: skip
    cache.remember(key, payload)
    return executable


PLACES = ("input", "cell", "output")


def _places(graph: Graph, outputs: Sequence[Atom]) -> dict[Atom, tuple[str, int]]:
    """Where values lie first among a graph's inputs, its cells and `outputs`."""
    found: dict[Atom, tuple[str, int]] = {}
    for what, atoms in zip(PLACES, (graph.inputs, graph.cells, outputs)):
        for number, atom in enumerate(atoms):
            if isinstance(atom, Value):
                found.setdefault(atom, (what, number))
    return found


def _value(place: Sequence[Any], graph: Graph, outputs: Sequence[Any]) -> Any:
    """The value that lies there."""
    return dict(zip(PLACES, (graph.inputs, graph.cells, outputs)))[place[0]][place[1]]


def _param(fields: list[Any]) -> Param:
    kind, index, name, expr, dtype, size = fields
    return Param(kind, index, name, expr, dtypes.BY_NAME.get(dtype), size)


def _fields(type: TensorType) -> list[Any]:
    strides = None if type.strides is None else [int(s) for s in type.strides]
    return [[int(e) for e in type.shape], type.dtype.name, strides]


def _type(shape: list[int], dtype: str, strides: list[int] | None) -> TensorType:
    return TensorType(tuple(shape), dtypes.BY_NAME[dtype], None if strides is None else tuple(strides))
