"""Insert the copies that memory layouts demand, so that later steps need not think of them.

Arguments that are not contiguous are gathered once (fused with whoever reads them first), and a
matrix product gets operands whose rows or columns are dense. The equations keep their own types:
layouts are the results' business, values do not change.
"""

from __future__ import annotations

from symgrad.dtypes import float32, float64
from symgrad.ir.access import accesses, is_dense
from symgrad.ir.graph import Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Gemm, Primitive
from symgrad.ops.registry import PRIMITIVES


def make_multipliable(graph: Graph) -> tuple[Graph, frozenset[Eqn]]:
    """`graph` with `contiguous` equations where layouts need them, and the set of those."""
    contiguous = PRIMITIVES["contiguous"]
    eqns: list[Eqn] = []
    added: list[Eqn] = []
    stands_for: dict[Value, Value] = {}

    def copy_of(value: Value, like: Eqn | None) -> Value:
        made = _copy(contiguous, value, like)
        eqns.append(made)
        added.append(made)
        return made.out

    for value in graph.sources():
        if value.type.strides is not None:
            stands_for[value] = copy_of(value, None)
    found = accesses(graph)
    copies: dict[Value, Value] = {}
    for eqn in graph.eqns:
        inputs: list[Atom] = [stands_for.get(a, a) if isinstance(a, Value) else a for a in eqn.inputs]
        if isinstance(eqn.prim.lower, Gemm) and eqn.out.type.dtype in (float32, float64):
            for i, atom in enumerate(inputs):
                if isinstance(atom, Value) and atom in found and not is_dense(found[atom]):
                    copies[atom] = copies.get(atom) or copy_of(atom, eqn)
                    inputs[i] = copies[atom]
        if any(a is not b for a, b in zip(inputs, eqn.inputs)):
            changed = Eqn(eqn.prim, tuple(inputs), eqn.params, eqn.outputs, eqn.loc, eqn.phase, eqn.origin)
            eqns.append(changed)
        else:
            eqns.append(eqn)
    if not added:
        return graph, frozenset()
    return graph.replace(eqns=tuple(eqns)), frozenset(added)


def _copy(prim: Primitive, value: Value, like: Eqn | None) -> Eqn:
    out = Value(value.type.with_shape(value.type.shape), value.hint)
    if like is None:
        return Eqn(prim, (value,), {}, (out,))
    return Eqn(prim, (value,), {}, (out,), like.loc, like.phase, like.origin)
