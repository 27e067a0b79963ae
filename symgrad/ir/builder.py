"""Making graphs: a list that grows by inferred equations, and a copier for passes that rewrite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symgrad.errors import Loc
from symgrad.ir.graph import FORWARD, Atom, Eqn, Graph, Value
from symgrad.ir.primitive import Primitive


class Builder:
    """Appends equations, giving each output the type its primitive infers."""

    def __init__(self) -> None:
        self.eqns: list[Eqn] = []

    def emit(
        self,
        prim: Primitive,
        inputs: tuple[Atom, ...],
        params: Mapping[str, Any],
        *,
        loc: Loc | None = None,
        phase: str = FORWARD,
        origin: str = "",
        hints: tuple[str, ...] = (),
    ) -> tuple[Value, ...]:
        """Append `prim(inputs, **params)` and return its outputs."""
        types = prim.infer(*(a.type for a in inputs), **params)
        types = types if isinstance(types, tuple) else (types,)
        hints = hints if len(hints) == len(types) else (prim.name,) * len(types)
        outputs = tuple(Value(t, h) for t, h in zip(types, hints))
        self.eqns.append(Eqn(prim, inputs, params, outputs, loc, phase, origin))
        return outputs


def rewrite(graph: Graph, visit: Callable[[Eqn, "Rewriter"], tuple[Atom, ...] | None]) -> Graph:
    """Rebuild `graph`, letting `visit` replace equations.

    `visit(eqn, rewriter)` sees the equation with inputs already mapped and returns the atoms that
    stand for its outputs, or None to keep it. The same graph object comes back when nothing changed.
    """
    rewriter = Rewriter()
    plain = {eqn.prim.name for eqn in graph.eqns}
    for eqn in graph.eqns:
        mapped = rewriter.map_inputs(eqn)
        made = len(rewriter.eqns)
        replacement = visit(mapped, rewriter)
        if replacement is None:
            rewriter.eqns.append(mapped)
        else:
            rewriter.changed = True
            plain.update(fresh.prim.name for fresh in rewriter.eqns[made:])
            for old, new in zip(eqn.outputs, replacement):
                rewriter.env[old] = new
                if isinstance(new, Value) and new.hint in plain and old.hint not in plain:
                    new.hint = old.hint  # a name of the user's is better than an operation's
    if not rewriter.changed:
        return graph
    return graph.replace(
        eqns=tuple(rewriter.eqns),
        outputs=tuple(rewriter.atom(a) for a in graph.outputs),
        effects=tuple((cell, rewriter.atom(new)) for cell, new in graph.effects),
    )


class Rewriter(Builder):
    """A builder with an environment from old values to the atoms that replace them."""

    def __init__(self) -> None:
        super().__init__()
        self.env: dict[Value, Atom] = {}
        self.changed = False

    def atom(self, atom: Atom) -> Atom:
        """What now stands for `atom`."""
        return self.env.get(atom, atom) if isinstance(atom, Value) else atom

    def map_inputs(self, eqn: Eqn) -> Eqn:
        """`eqn` reading replaced values (the same object when none is)."""
        inputs = tuple(self.atom(a) for a in eqn.inputs)
        if all(a is b for a, b in zip(inputs, eqn.inputs)):
            return eqn
        self.changed = True
        return Eqn(eqn.prim, inputs, eqn.params, eqn.outputs, eqn.loc, eqn.phase, eqn.origin)

    def emit_like(self, eqn: Eqn, prim: Primitive, inputs: tuple[Atom, ...], **params: Any) -> tuple[Value, ...]:
        """Append an equation that takes `eqn`'s place and provenance."""
        return self.emit(prim, inputs, params, loc=eqn.loc, phase=eqn.phase, origin=eqn.origin)
