"""The invariants every pass must keep, checked after each pass in tests and on `graph.verify()`.

Every value is defined once and before its uses; every output type equals what the primitive infers;
effects name cells, each at most once, with a value of the cell's shape and dtype.
"""

from __future__ import annotations

from symgrad.errors import VerifyError
from symgrad.ir.graph import Atom, Graph, Value
from symgrad.ir.types import TensorType


def verify(graph: Graph) -> Graph:
    """Raise VerifyError, with the graph's text and a mark at the guilty line, or return `graph`."""
    defined: set[Value] = set()
    for value in graph.sources():
        if value in defined:
            raise _error(graph, f"{value} is given twice")
        defined.add(value)
    for number, eqn in enumerate(graph.eqns):
        for atom in eqn.inputs:
            _check_defined(graph, atom, defined, number)
        inferred = eqn.prim.infer(*(a.type for a in eqn.inputs), **eqn.params)
        inferred = inferred if isinstance(inferred, tuple) else (inferred,)
        actual = tuple(v.type for v in eqn.outputs)
        if tuple(map(_logical, inferred)) != tuple(map(_logical, actual)):
            raise _error(graph, f"{eqn.prim}: infers {inferred}, but the graph says {actual}", number)
        for value in eqn.outputs:
            if value in defined:
                raise _error(graph, f"{value} is defined twice", number)
            defined.add(value)
    for atom in graph.results():
        _check_defined(graph, atom, defined, None)
    written: set[Value] = set()
    for cell, new in graph.effects:
        if cell not in graph.cells or cell in written:
            raise _error(graph, f"effect on {cell}, which is no cell or written twice")
        if _logical(cell.type) != _logical(new.type):
            raise _error(graph, f"effect of {new.type} on a cell of {cell.type}")
        written.add(cell)
    return graph


def _logical(type: TensorType) -> tuple[object, ...]:
    return (tuple(int(d) for d in type.shape), type.dtype, type.device)


def _check_defined(graph: Graph, atom: Atom, defined: set[Value], number: int | None) -> None:
    if isinstance(atom, Value) and atom not in defined:
        raise _error(graph, f"{atom} is used before it is defined", number)


def _error(graph: Graph, message: str, number: int | None = None) -> VerifyError:
    error = VerifyError(f"graph {graph.name}: {message}")
    lines = str(graph).splitlines()
    if number is not None:
        lines[number + 1] += "   <-- here"
    error.add_note("\n".join(lines)) if hasattr(error, "add_note") else None
    return error
