"""The ahead-of-time backward of a compiled forward, as one node on the eager tape.

Its gradient rule runs the emitted `backward` on what `forward` saved. Under `create_graph` the forward
graph is replayed through `bind` instead, so that derivatives of derivatives work as in eager mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.errors import VersionError
from symgrad.ir.graph import Graph, Value
from symgrad.ir.primitive import Alias, Primitive
from symgrad.ops.elementwise import stop_gradient
from symgrad.ops.pullback import backward as tape_backward
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind, record_multiple

if TYPE_CHECKING:
    from symgrad.compiler.variant import Variant

compiled_call = Primitive(
    "compiled_call", ("*xs",), lambda *xs, call: call.types, "None",
    dict(xs=lambda g, call: call.pull(g)), Alias(), params=("call",), multiple=True,
    doc="A compiled forward; its gradient is the ahead-of-time backward.",
)  # fmt: skip


class Call:
    """One execution of a compiled forward: what it saved, and when."""

    def __init__(self, variant: "Variant", leaves: list[Any], wanted: list[Tensor], saved: list[Any], heads: list[Any]):
        self.variant = variant
        self.leaves = leaves
        self.wanted = wanted
        self.saved = saved
        self.heads = heads
        self.when = state.tick()

    def pull(self, g: dict[int, Tensor]) -> tuple[Any, ...]:
        """Cotangents of the leaves from those of the outputs."""
        if state.is_grad_enabled():
            return self._replay(g)
        from symgrad.compiler.variant import allocate

        split = self.variant.program.split
        assert split is not None
        self._check_versions(split.saved)
        entry = self.variant.program.executable.entries["backward"]
        given_g = []
        for number, (shape, dtype) in enumerate(self.heads):
            part = g[number]._data if number in g else np.zeros(shape, dtype)
            given_g.append(np.ascontiguousarray(part, dtype))
        sources = [*self.saved, *given_g]
        graph = split.backward
        memory, outs = allocate(graph, {})
        hosts = self.variant.host_values(self.leaves)
        given: list[Any] = []
        for param in entry.params:
            if param.kind == "input":
                given.append(sources[param.index])
            elif param.kind == "host":
                value = eval(param.expr, {"__builtins__": {}, "abs": abs}, hosts)
                given.append(param.dtype.np.type(value))
            elif param.kind == "out":
                given.append(memory[param.index])
            else:
                given.append(np.empty(param.size, param.dtype.np))
        (entry.direct or entry.function)(*given)
        return tuple(wrap(out) for out in outs)

    def _check_versions(self, saved: tuple[Value, ...]) -> None:
        for value in saved:
            place = self.variant.sources.get(value)
            if place is None:
                continue
            holder = self.leaves[place] if isinstance(place, int) else place
            if isinstance(holder, Tensor) and holder.owner._modified > self.when:
                raise VersionError(
                    "one of the variables needed for gradient computation has been modified by an "
                    f"inplace operation: [{holder.type_}], which the compiled forward saved",
                    hint="call backward() before changing it")

    def _replay(self, g: dict[int, Tensor]) -> tuple[Any, ...]:
        """The forward graph again, op by op and recorded; then an ordinary backward through it."""
        variant = self.variant
        tensors = {}
        for value, place in variant.sources.items():
            holder = self.leaves[place] if isinstance(place, int) else place
            tensors[value] = holder if isinstance(holder, Tensor) else wrap(holder)
        outs = replay(variant.traced.graph, tensors)
        heads = [outs[variant.traced.outputs[i].index] for i in variant.traced.differentiable]
        pairs = [(heads[i], part) for i, part in g.items()]
        found = tape_backward([h for h, _ in pairs], [p for _, p in pairs], retain_graph=True,
                              create_graph=True, inputs=self.wanted)  # fmt: skip
        return tuple(found.get(leaf) for leaf in self.wanted)


def replay(graph: Graph, tensors: dict[Value, Tensor]) -> list[Tensor]:
    """Run a traced graph through `bind`, so that it is recorded like eager code."""
    env: dict[Any, Any] = dict(tensors)
    for eqn in graph.eqns:
        inputs = tuple(env[a] if isinstance(a, Value) else a.value for a in eqn.inputs)
        if eqn.prim is stop_gradient:
            results: Any = inputs[0].detach()
        else:
            results = bind(eqn.prim, inputs, dict(eqn.params))
        for value, result in zip(eqn.outputs, results if eqn.prim.multiple else (results,)):
            env[value] = result
    return [env[a] if isinstance(a, Value) else wrap(np.asarray(a.value)) for a in graph.outputs]


def attach_backward(
    variant: "Variant", leaves: list[Any], results: list[Tensor], outs: list[Any], arrays: dict[Value, Any]
) -> list[Tensor]:
    """Put the compiled call on the tape; its outputs get ports."""
    program = variant.program
    split = program.split
    assert split is not None
    computed = iter(outs[len(outs) - split.kept :]) if split.kept else iter(())
    sources = set(variant.graph.sources())
    written = {cell for cell, _ in program.graph.effects}
    saved = [arrays[v] if v in sources and v not in written else next(computed) for v in split.saved]
    places = {id(t): variant.sources.get(v) for v, t in variant.traced.leaf_of.items()}
    wanted = []
    for leaf in program.leaves:
        place = places.get(id(leaf))
        wanted.append(leaves[place] if isinstance(place, int) else leaf)
    heads = [(r._data.shape, r._data.dtype) for r in results]
    call = Call(variant, leaves, wanted, saved, heads)
    record_multiple(compiled_call, wanted, {"call": call}, tuple(results))
    node = results[0]._node.edges[0]
    node.saved = (call,)  # something to free, so that a second backward is the error it is in eager mode
    return results
