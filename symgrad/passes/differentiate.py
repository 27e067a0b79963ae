"""Expand `gradients` equations into the equations of the backward pass.

Requires: a verified graph. Guarantees: no `gradients` equation remains; every new one carries phase
`backward`, the user's line and the primitive of the forward equation it came from. The rules are the
ones the eager tape runs, called on symbols.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from symgrad.ir.builder import Rewriter
from symgrad.ir.graph import BACKWARD, Atom, Eqn, Graph, Value
from symgrad.ir.primitive import OUTPUTS
from symgrad.ops.creation import full, zeros
from symgrad.ops.elementwise import stop_gradient
from symgrad.ops.gradients import gradients
from symgrad.ops.pullback import fit, pull_rules
from symgrad.ops.registry import PRIMITIVES
from symgrad.passes.recorder import Recorder, as_operand
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.tape import plan_for


def differentiate(
    graph: Graph, *, lift: Callable[[Tensor], Value] | None = None, attend: Callable[[], Any] = nullcontext
) -> Graph:
    """The joint graph: forward, backward and whatever uses the gradients.

    User code (hooks, custom Functions) runs within `attend()`.
    """
    if not any(eqn.prim is gradients or eqn.graphs for eqn in graph.eqns):
        return graph
    rewriter = Rewriter()
    recorder = Recorder(rewriter, lift)
    for eqn in graph.eqns:
        mapped = rewriter.map_inputs(eqn)
        if eqn.prim is not gradients:
            rewriter.eqns.append(mapped)
            continue
        with attend(), recorder, state.no_grad():
            outs = expand(mapped, recorder)
        for old, new in zip(eqn.outputs, outs):
            rewriter.env[old] = new
            if new.hint in PRIMITIVES:  # no name but its operation's: the gradient's is better
                new.hint = old.hint
    return graph.replace(
        eqns=tuple(map(expand_inside, rewriter.eqns)),
        outputs=tuple(rewriter.atom(a) for a in graph.outputs),
        effects=tuple((c, rewriter.atom(v)) for c, v in graph.effects),
    )


def expand_inside(eqn: Eqn) -> Eqn:
    """`eqn` with the gradients expanded that are taken in its nested graphs."""
    graphs = eqn.graphs
    after = {name: differentiate(graph) for name, graph in graphs.items()}
    if all(after[name] is graph for name, graph in graphs.items()):
        return eqn
    return replace(eqn, params={**eqn.params, **after})


def expand(eqn: Eqn, recorder: Recorder) -> list[Value]:
    """Emit the backward pass that one `gradients` equation stands for; return its results."""
    count = eqn.params["roots"]
    roots, seeds = eqn.inputs[:count], eqn.inputs[count : 2 * count]
    targets = tuple(a for a in eqn.inputs[2 * count :] if isinstance(a, Value))
    stops = {v for v, stop in zip(targets, eqn.params["stops"]) if stop}
    hooks = {targets[i]: functions for i, functions in eqn.params.get("hooks", ())}
    before = list(recorder.rewriter.eqns)
    depends = _depends_on(before, targets)
    cotangents: dict[Atom, Any] = {}

    def send(atom: Atom, g: Tensor) -> None:
        g = fit(g, atom.type.shape, atom.type.dtype)
        cotangents[atom] = cotangents[atom] + g if atom in cotangents else g

    def complete(value: Value) -> Tensor:
        g: Tensor = cotangents[value]
        for hook in hooks.pop(value, ()):
            replaced = hook(g)
            g = g if replaced is None else replaced
        cotangents[value] = g
        return g

    for root, seed in zip(roots, seeds):
        send(root, _symbol(seed))
    for source in reversed(before):
        arrived = {i: out for i, out in enumerate(source.outputs) if out in cotangents}
        if not arrived or source.prim is stop_gradient:
            continue
        recorder.loc, recorder.origin, recorder.phase = source.loc, source.prim.name, BACKWARD
        ready = {i: complete(out) for i, out in arrived.items()}
        live = {i: g for i, g in ready.items() if source.outputs[i] not in stops and source.outputs[i] in depends}
        if not live:
            continue
        for position, part in _pull(source, live, depends):
            atom = source.inputs[position]
            if part is not None and isinstance(atom, Value) and atom in depends:
                send(atom, part)
    recorder.loc, recorder.origin = eqn.loc, ""
    results = []
    for value in targets:
        if value not in cotangents:
            cotangents[value] = zeros(value.type.shape, dtype=value.type.dtype)
        g = complete(value) if value in hooks else cotangents[value]
        results.append(recorder.value_of(g.contiguous()))  # type: ignore[attr-defined]
    return results


def _symbol(atom: Atom) -> Tensor:
    """An atom as a tensor."""
    return wrap(atom) if isinstance(atom, Value) else full((), atom.value, dtype=atom.type.dtype)


def _pull(eqn: Eqn, live: dict[int, Tensor], depends: set[Any]) -> Any:
    prim = eqn.prim
    needs = tuple(a in depends for a in eqn.inputs)
    rules = plan_for(prim, needs).rules
    values: dict[str, Any] = {}
    if prim.variadic:
        values[prim.names[0]] = tuple(as_operand(a) for a in eqn.inputs)
        values["outs"] = tuple(map(wrap, eqn.outputs))
    else:
        for name, atom in eqn.operands().items():
            if name == prim.tail:
                values[name] = tuple(wrap(a) if isinstance(a, Value) else a for a in atom)
                continue
            values[name] = as_operand(atom)
            values[f"{name}_shape"] = atom.type.shape
            values[f"{name}_dtype"] = atom.type.dtype
    values["outs" if prim.multiple else "out"] = (
        tuple(map(wrap, eqn.outputs)) if prim.multiple else wrap(eqn.out))  # fmt: skip
    if prim.multiple:
        values.update((name, wrap(eqn.outputs[i])) for name, i in OUTPUTS.items() if i < len(eqn.outputs))
    return pull_rules(rules, live if prim.multiple else live[0], values, eqn.params)


def _depends_on(eqns: list[Eqn], targets: Any) -> set[Any]:
    """Values through which a gradient can reach `targets`."""
    found = set(targets)
    for eqn in eqns:
        if eqn.prim is stop_gradient:
            continue
        if eqn.prim.variadic:
            ways: Any = eqn.inputs
        else:
            ways = [eqn.inputs[p] for ps, _, _ in eqn.prim.rules for p in ps]
        if any(a in found for a in ways):
            found.update(eqn.outputs)
    return found

