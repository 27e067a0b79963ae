"""The ahead-of-time backward of a compiled forward, as one node on the eager tape.

Its gradient rule runs the emitted `backward` on what `forward` saved. Under `create_graph` the forward
graph is replayed through `bind` instead, so that derivatives of derivatives work as in eager mode.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.compiler.replay import replay
from symgrad.errors import GradError, VersionError
from symgrad.ir.graph import Value
from symgrad.ir.primitive import Alias, Primitive
from symgrad.ops.engine import backward as tape_backward
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import record_multiple
from symgrad.tensor.views import detached

if TYPE_CHECKING:
    from symgrad.compiler.variant import Variant

compiled_call = Primitive(
    "compiled_call", ("*xs",), lambda *xs, call: call.types, "None",
    dict(xs=lambda g, call: call.pull(g)), Alias(), params=("call",), multiple=True,
    doc="A compiled forward; its gradient is the ahead-of-time backward.",
)  # fmt: skip


class Call:
    """One execution of a compiled forward, for outputs that share a graph: what it saved, and when."""

    def __init__(
        self, variant: "Variant", leaves: list[Any], wanted: list[Tensor], saved: list[Any],
        heads: list[int], outs: list[Tensor], hosts: dict[str, Any],
    ):  # fmt: skip
        self.variant = variant
        self.leaves = leaves
        self.wanted = wanted
        self.saved = saved
        self.heads = heads
        self.hosts = hosts
        self.when = state.tick()
        split = variant.program.seam
        assert split is not None
        kept = {split.forward.outputs.index(v) for v in split.saved if v in split.forward.outputs}
        places = [variant.traced.outputs[h].index for h in heads]
        self.watched = [weakref.ref(out) for out, place in zip(outs, places) if place in kept]

    def __repr__(self) -> str:
        return "CompiledFunction"  # as PyTorch calls it: the node is CompiledFunctionBackward

    def pull(self, g: dict[int, Tensor]) -> tuple[Any, ...]:
        """Cotangents of the leaves from those of the outputs; None for a leaf they do not lead to."""
        if state.is_grad_enabled():
            return self._replay(g)
        from symgrad.compiler.variant import allocate, invoke

        program, traced = self.variant.program, self.variant.traced
        split = program.seam
        assert split is not None
        self._check_versions(split.saved)
        entry = program.executable.entries["backward"]
        graph = split.backward
        arrived = {self.heads[i]: part for i, part in g.items()}
        sources = list(self.saved)
        for head in traced.differentiable:
            kind = split.forward.outputs[traced.outputs[head].index].type
            if head in arrived:
                part = arrived[head]._data
            else:
                part = self.variant.arrays.zeros(tuple(map(int, kind.shape)), kind.dtype.np)
            sources.append(np.ascontiguousarray(part, kind.dtype.np).reshape(part.shape))
        memory, outs = allocate(graph, {}, self.variant.arrays)
        given: list[Any] = []
        for param in entry.params:
            if param.kind == "input":
                given.append(sources[param.index])
            elif param.kind == "host":
                value = eval(param.expr, {"__builtins__": {}, "abs": abs}, self.hosts)
                given.append(param.dtype.np.type(value))
            elif param.kind == "out":
                given.append(memory[param.index])
            elif param.kind == "ws":
                given.append(self.variant.arrays.empty(param.size, param.dtype.np))
        invoke(entry, given)
        reached = {t for head in arrived for t in traced.outputs[head].reaches}
        return tuple(wrap(out) if id(t) in reached else None for out, t in zip(outs, program.leaves))

    def _check_versions(self, saved: Any) -> None:
        holders = [place for place in map(self.variant.sources.get, saved) if place is not None]
        changed = [self.leaves[place] if isinstance(place, int) else place for place in holders]
        changed += [out for ref in self.watched if (out := ref()) is not None]
        for holder in changed:
            if isinstance(holder, Tensor) and holder.owner._modified > self.when:
                raise VersionError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: [{holder.type_}], which the compiled forward saved",
                    hint="call backward() before changing it")

    def _replay(self, g: dict[int, Tensor]) -> tuple[Any, ...]:
        """The forward graph again, op by op and recorded; then an ordinary backward through it."""
        variant, traced = self.variant, self.variant.traced
        self._check_versions(variant.sources)
        if traced.graph.effects:
            raise GradError(f"create_graph=True through the compiled {traced.graph.name}, which writes state",
                            hint="call the function itself, without compile, for higher derivatives")  # fmt: skip
        tensors = {}
        for value, place in variant.sources.items():
            holder = self.leaves[place] if isinstance(place, int) else place
            tensors[value] = detached(holder) if isinstance(holder, Tensor) else wrap(holder)
        for value, leaf in traced.leaf_of.items():
            if id(leaf) not in traced.made:
                place = traced.argument_of.get(id(leaf))
                tensors[value] = leaf if place is None else self.leaves[place]
        with state.enable_grad():
            outs = replay(traced.graph, tensors, self.hosts)
        pairs = [(outs[traced.outputs[self.heads[i]].index], part) for i, part in g.items()]
        found = tape_backward([h for h, _ in pairs], [p for _, p in pairs], retain_graph=True,
                              create_graph=True, inputs=self.wanted)  # fmt: skip
        return tuple(found.pop(leaf, None) for leaf in self.wanted)


def attach_backward(
    variant: "Variant", leaves: list[Any], results: list[Any], outs: list[Any], arrays: dict[Value, Any],
    hosts: dict[str, Any],
) -> None:  # fmt: skip
    """Put the compiled call on the tape: a node for each group of outputs, a port for each output."""
    program, traced = variant.program, variant.traced
    split = program.seam
    assert split is not None
    computed = iter(outs[len(outs) - split.kept :]) if split.kept else iter(())
    sources = set(variant.graph.sources())
    written = {cell for cell, _ in split.forward.effects}
    saved = [arrays[v] if v in sources and v not in written else next(computed) for v in split.saved]
    saved += [arrays[v] for v in split.shapes]
    wanted = []
    for leaf in program.leaves:
        place = traced.argument_of.get(id(leaf))
        wanted.append(leaf if place is None else leaves[place])
    groups: dict[int, list[int]] = {}
    for head in traced.differentiable:
        groups.setdefault(traced.outputs[head].group, []).append(head)
    for heads in groups.values():
        given = [results[head] for head in heads]
        call = Call(variant, leaves, wanted, saved, heads, given, hosts)
        record_multiple(compiled_call, wanted, {"call": call}, tuple(given))
        node = given[0]._node.edges[0]
        node.saved = (call,)  # something to free, so that a second backward is the error it is in eager mode
