"""Replace composite primitives by the operations their formulas are made of.

Requires: no `gradients` equation (a composite has a gradient rule of its own). Guarantees: no equation
lowers to `Composite`. Values are the same to the last bit: the array form is the formula in one call.
Where loops are written (`loops`), an array call that has a formula for them is replaced as well.
"""

from __future__ import annotations

from symgrad.ir.builder import Rewriter, rewrite
from symgrad.ir.graph import Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Alias, Choice, Composite, Reduce, Scalar, View
from symgrad.passes.recorder import Recorder, as_operand
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


def decompose(graph: Graph, loops: bool = False) -> Graph:
    """The graph in primitives that code generators know."""
    kinds = (Composite, Choice) if loops else Composite
    makers: dict[Value, Eqn] = {}

    def visit(eqn: Eqn, rewriter: Rewriter) -> tuple[Atom, ...] | None:
        if not isinstance(eqn.prim.lower, kinds):
            return None
        if isinstance(eqn.prim.lower, Choice) and eqn.prim.lower.beside and not looped(eqn.inputs[0], makers):
            return None
        recorder = Recorder(rewriter)
        recorder.loc, recorder.phase, recorder.origin = eqn.loc, eqn.phase, eqn.origin
        with recorder, state.no_grad():
            result = eqn.prim.lower.formula(*map(as_operand, eqn.inputs), **eqn.params)
        if result is None:
            return None
        results = result if eqn.prim.multiple else (result,)
        return tuple([value_of(x) for x in results])

    before: Graph | None = None
    while graph is not before:
        makers.update((value, eqn) for eqn in graph.eqns for value in eqn.outputs)
        before, graph = graph, rewrite(graph, visit)  # a formula may use composites again: a variance is made of means
    return graph


def looped(atom: Atom, makers: dict[Value, Eqn]) -> bool:
    """Whether a loop computes `atom`, or what it is a view of (what a pass has made counts)."""
    while isinstance(atom, Value) and (eqn := makers.get(atom)) is not None:
        if not isinstance(eqn.prim.lower, (Alias, View)):
            return isinstance(eqn.prim.lower, (Scalar, Reduce, Composite))
        atom = eqn.inputs[eqn.outputs.index(atom) if isinstance(eqn.prim.lower, Alias) else 0]
    return not isinstance(atom, Value)


def value_of(result: Tensor) -> Value:
    """The value under a formula's result."""
    assert isinstance(result, Tensor) and isinstance(result._data, Value)
    return result._data
