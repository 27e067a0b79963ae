"""The invariants every pass must keep, checked after each pass in tests and on `graph.verify()`.

Every value is defined once and before its uses; every equation has its primitive's operands and
parameters, and outputs of the types it infers; effects name cells, each at most once, with a value of
the cell's shape and dtype; names of hosts are distinct.
"""

from __future__ import annotations

from typing import NoReturn

from symgrad.errors import SymgradError, VerifyError
from symgrad.ir.graph import BACKWARD, FORWARD, UPDATE, Atom, Eqn, Graph, Value
from symgrad.ir.types import TensorType


def verify(graph: Graph) -> Graph:
    """Raise VerifyError, with the graph's text and a mark at the guilty line, or return `graph`."""
    defined: set[Value] = set()
    for value in graph.sources():
        if value in defined:
            _fail(graph, f"{value} is given twice", 0)
        defined.add(value)
    if len(set(graph.hosts)) != len(graph.hosts):
        _fail(graph, f"two hosts have one name: {', '.join(graph.hosts)}", 0)
    line = 0
    for eqn in graph.eqns:
        line += 1 + sum(len(str(nested).splitlines()) for nested in eqn.graphs.values())
        for nested in eqn.graphs.values():
            verify(nested)
            if nested.cells or nested.hosts or nested.effects:
                _fail(graph, f"{eqn.prim}: a nested graph has cells, hosts or effects", line)
        for atom in eqn.inputs:
            _check_defined(graph, atom, defined, line)
        _check_types(graph, eqn, line)
        for value in eqn.outputs:
            if value in defined:
                _fail(graph, f"{value} is defined twice", line)
            defined.add(value)
    written: set[Value] = set()
    for cell, new in graph.effects:
        line += 1
        _check_defined(graph, new, defined, line)
        if cell not in graph.cells or cell in written:
            _fail(graph, f"effect on {cell}, which is no cell or written twice", line)
        if _logical(cell.type) != _logical(new.type):
            _fail(graph, f"effect of {new.type} on a cell of {cell.type}", line)
        written.add(cell)
    for atom in graph.outputs:
        _check_defined(graph, atom, defined, 1 + line)
    return graph


def _check_types(graph: Graph, eqn: Eqn, line: int) -> None:
    prim = eqn.prim
    if eqn.phase not in (FORWARD, BACKWARD, UPDATE):
        _fail(graph, f"{prim}: unknown phase {eqn.phase!r}", line)
    if not prim.takes(len(eqn.inputs)):
        _fail(graph, f"{prim}: takes {len(prim.names)} operands, not {len(eqn.inputs)}", line)
    unknown = set(eqn.params).difference(prim.params)
    if unknown:
        _fail(graph, f"{prim}: has no parameter {', '.join(sorted(unknown))}", line)
    try:
        inferred = prim.infer(*(a.type for a in eqn.inputs), **eqn.params)
    except SymgradError as error:
        _fail(graph, f"{prim}: {error.message}", line)
    inferred = inferred if isinstance(inferred, tuple) else (inferred,)
    actual = tuple(v.type for v in eqn.outputs)
    if tuple(map(_logical, inferred)) != tuple(map(_logical, actual)):
        wanted, got = (", ".join(map(str, types)) for types in (inferred, actual))
        _fail(graph, f"{prim}: infers {wanted}, but the graph says {got}", line)


def _logical(type: TensorType) -> tuple[object, ...]:
    return (tuple(int(d) for d in type.shape), type.dtype, type.device)


def _check_defined(graph: Graph, atom: Atom, defined: set[Value], line: int) -> None:
    if isinstance(atom, Value) and atom not in defined:
        _fail(graph, f"{atom} is used before it is defined", line)


def _fail(graph: Graph, message: str, line: int) -> NoReturn:
    """Raise, showing the graph with line `line` of its text (0: the header) marked."""
    lines = str(graph).splitlines()
    lines[line] += "   <-- here"
    raise VerifyError("\n".join((f"graph {graph.name}: {message}", *lines)))
