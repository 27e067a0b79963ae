"""Compute again in backward what forward would otherwise have to keep.

What a later step reads lies in memory till then, even if it is an elementwise function of something else that does
(a GELU keeps the erfc and the exponential of its operand beside the operand). Here steps that only go backward
read copies of such equations instead, computed where they are read; a minimum cut (`passes.cut`) says what to keep.

Requires: the steps that equations form, in order. Guarantees: what is computed twice is elementwise and is read
at its own index by loops, and what is kept for it is smaller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from symgrad.ir.access import Access, access, at_own_index, is_scalar
from symgrad.ir.analysis import definitions
from symgrad.ir.costs import VECTOR, weight
from symgrad.ir.graph import BACKWARD, FORWARD, Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Reduce, Scalar
from symgrad.passes.cut import HEADER, cheapest
from symgrad.passes.dce import dce


def recompute(
    graph: Graph, found: Mapping[Value, Access], steps: Sequence[Sequence[Eqn]]
) -> tuple[Graph, list[Eqn]]:
    """The graph with copies of equations for the steps that only go backward, and these copies in order."""
    late = {eqn for step in steps if all(e.phase != FORWARD for e in step) for eqn in step}
    if not late:
        return graph, []
    copies = _Copies(graph, found, late)
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        last = copies.reading(eqn) if eqn in late else eqn
        eqns += [*copies.pending, last]
        copies.pending.clear()
    return (dce(graph.replace(eqns=tuple(eqns))) if copies.made else graph), copies.made


class _Copies:
    """What to keep (`kept`, roots of accesses), and the copies of equations for what is not."""

    def __init__(self, graph: Graph, found: Mapping[Value, Access], late: set[Eqn]):
        self.found, self.late = dict(found), late
        self.makers = definitions(graph)
        self.copied: dict[Atom, Atom] = {}
        self.made: list[Eqn] = []
        self.pending: list[Eqn] = []
        written = {cell for cell, _ in graph.effects}
        self.kept = {v for v in graph.sources() if v not in written}
        self.kept.update(v for v in self.makers if is_scalar(v.type.shape))
        self.kept.update(r for a in graph.results() if isinstance(r := access(a, self.found).root, Value))
        self.elsewhere: set[Value] = set()
        self.early = {root for eqn in graph.eqns if eqn not in late for root in self.roots(eqn)}
        wanted: dict[Value, None] = {}
        for eqn in graph.eqns:
            for atom in eqn.inputs:
                root = access(atom, self.found).root
                if not isinstance(root, Value):
                    continue
                here = self.at_index(eqn, atom)
                if eqn in late and self.makers.get(root) not in late:
                    wanted[root] = None
                    self.kept.update(() if here else (root,))
                elif not here and isinstance(eqn.prim.lower, Scalar):
                    self.elsewhere.add(root)
        self.kept.update(cheapest((v for v in wanted if v not in self.kept), self.feeds, self.cost, self.toll))

    def at_index(self, eqn: Eqn, atom: Atom) -> bool:
        """Whether a copy of what makes the operand could be computed in the loop of `eqn`."""
        return isinstance(eqn.prim.lower, (Scalar, Reduce)) and at_own_index(eqn, access(atom, self.found))

    def feeds(self, value: Value) -> list[Value] | None:
        """What a value can be computed from again."""
        maker = self.makers.get(value)
        if maker is None or not isinstance(maker.prim.lower, Scalar) or value in self.elsewhere:
            return None
        return self.roots(maker)

    def roots(self, eqn: Eqn) -> list[Value]:
        """The values whose memory an equation reads."""
        roots = (access(atom, self.found).root for atom in eqn.inputs)
        return [root for root in roots if isinstance(root, Value)]

    def cost(self, value: Value) -> int:
        """Bytes that keeping a value takes."""
        return 0 if value in self.kept else int(value.type.nbytes) + HEADER

    def toll(self, value: Value) -> int:
        """Bytes that may be kept rather than compute a value twice that no vector unit computes."""
        maker = self.makers.get(value)
        twice = maker is not None and value in self.early
        return max(0, weight(maker) - VECTOR) * int(value.type.nbytes) if twice else 0  # type: ignore[arg-type]

    def reading(self, eqn: Eqn) -> Eqn:
        """The equation with operands computed again where they are not kept."""
        inputs = tuple(map(self.of, eqn.inputs))
        if inputs == eqn.inputs:
            return eqn
        return Eqn(eqn.prim, inputs, eqn.params, eqn.outputs, eqn.loc, eqn.phase, eqn.origin)

    def of(self, atom: Atom) -> Atom:
        """The atom, or a copy of it, made in `pending` after what it is made of."""
        waiting = [atom]
        while waiting:
            value = waiting[-1]
            maker = self.maker(value)
            missing = [a for a in maker.inputs if self.maker(a) is not None and a not in self.copied] if maker else []
            if maker is None or value in self.copied or not missing:
                waiting.pop()
                if maker is not None and value not in self.copied:
                    self.copy(maker)
            waiting += missing
        return self.copied.get(atom, atom)

    def maker(self, atom: Atom) -> Eqn | None:
        """The equation to be copied for an atom that is not kept."""
        root = access(atom, self.found).root
        if not isinstance(atom, Value) or not isinstance(root, Value) or root in self.kept:
            return None
        maker = self.makers.get(atom)
        return None if maker in self.late or self.makers.get(root) in self.late else maker

    def copy(self, maker: Eqn) -> None:
        """A copy of an equation whose operands are there."""
        inputs = tuple(self.copied.get(a, a) for a in maker.inputs)
        outputs = tuple(Value(v.type, v.hint) for v in maker.outputs)
        self.copied.update(zip(maker.outputs, outputs))
        self.pending.append(Eqn(maker.prim, inputs, maker.params, outputs, maker.loc, BACKWARD, maker.origin))
        if access(maker.outputs[0], self.found).root is maker.outputs[0]:
            self.made.append(self.pending[-1])
