"""A Program: everything known about one signature of a function, from trace to emitted source."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from symgrad.capture.trace import Traced
from symgrad.compiler.backends import Executable, build
from symgrad.compiler.paths import deferring
from symgrad.compiler.recall import key_of, recalled, remembered
from symgrad.compiler.results import Layout
from symgrad.ir.graph import BACKWARD, FORWARD, Eqn, Graph, Value
from symgrad.ops.gradients import gradients
from symgrad.tensor.core import Tensor

if TYPE_CHECKING:
    from symgrad.passes.partition import Split
    from symgrad.passes.pipeline import Stage


@dataclass(frozen=True)
class Asked:
    """All that is asked of a trace: with cotangents, and the gradients of `leaves`, where the backward runs outside."""

    graph: Graph
    cotangents: tuple[Value, ...] = ()
    leaves: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class Optimized:
    """What the passes made of a trace."""

    graph: Graph
    split: "Split | None"
    stages: "list[Stage]"


@dataclass
class Program:
    """One signature, compiled.

    `graph` is the joint graph after all passes; `passes` the graph after each pass with its time;
    `source` the emitted Python; `kernels` the fused kernels as (name, equations). All of these are
    made when asked for: a program that the cache knows runs without a single pass. `shared` names kernels
    to be written as tasks whatever their size: a smaller batch then has the text of a larger one before.
    """

    traced: Traced
    backend: str
    exact: bool
    shared: frozenset[str] = frozenset()

    @cached_property
    def asked(self) -> Asked:
        """The trace, with the gradients that a backward outside would want of it."""
        traced = self.traced
        wanted = [traced.outputs[i].index for i in traced.differentiable]
        return with_cotangents(traced, wanted) if wanted else Asked(traced.graph)

    @cached_property
    def joint(self) -> "list[Stage]":
        """The trace, then forward and backward in one graph, nothing simplified."""
        from symgrad.passes import pipeline
        from symgrad.passes.differentiate import differentiate

        traced = self.traced
        stages = [pipeline.Stage("trace", traced.graph, traced.seconds)]
        pipeline.run(self.asked.graph, (partial(differentiate, lift=traced.lift, attend=traced.attend),), stages)
        return stages

    @cached_property
    def optimized(self) -> Optimized:
        """The joint graph simplified, and split where a backward is to run outside."""
        from symgrad.passes import pipeline
        from symgrad.passes.partition import partition

        traced, cotangents = self.traced, self.asked.cotangents
        stages = list(self.joint)
        nested = any(eqn.graphs for eqn in stages[-1].graph.eqns)
        loops = self.backend in ("numba", "cupy")
        graph = pipeline.run(stages[-1].graph, pipeline.optimize(self.exact, nested, loops=loops), stages)
        known = set(graph.cells)
        graph = graph.replace(cells=(*graph.cells, *(c.entry for c in traced.cells if c.entry not in known)))
        split = None
        if cotangents:
            start = time.perf_counter()
            split = partition(graph, cotangents, len(traced.graph.outputs))
            stages.append(pipeline.Stage("partition", graph, time.perf_counter() - start))
        return Optimized(graph, split, stages)

    @property
    def graph(self) -> Graph:
        """The joint graph after all passes."""
        return self.optimized.graph

    @property
    def passes(self) -> "list[Stage]":
        """The graph after each pass, with its name and seconds."""
        return self.optimized.stages

    @property
    def split(self) -> "Split | None":
        """Forward and backward apart, where backward runs outside the compiled function."""
        return self.optimized.split if self.traced.differentiable else None

    @property
    def seam(self) -> "Split | None":
        """`split` as what runs needs it: a program that the cache knows has no equations in it."""
        return self.executable.split or self.split

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """The tensors that a split program's backward gives gradients for."""
        return self.asked.leaves

    @property
    def notes(self) -> list[str]:
        """What the module's header says of the user's program: everything the trace read, and how it is treated."""
        traced = self.traced
        lines = []
        for name, (holder, _) in traced.hosts.items():
            where = "an argument" if holder == "argument" else "read at each call"
            lines.append(f"{name}: host scalar, {where}")
        for read in traced.reads:
            if read.seen[0] == "scalar":
                lines.append(f"{read.text} = {read.seen[1]!r}: checked, {read.loc}")
        for condition in traced.conditions:
            lines.append(f"holds while {condition}")
        for number, branch in enumerate(traced.branches):
            lines.append(f"holds where output {traced.first_branch + number} is {branch.outcome}: {branch.where}")
        if traced.branches and traced.graph.effects:
            lines.append("the last outputs are the new values of cells, to be copied once that is known")
        return lines

    @cached_property
    def emitted(self) -> Any:
        """The emitted module's text and schedules; needs no GPU."""
        from symgrad.compiler.emitted import emit_program

        return emit_program(self)

    @cached_property
    def executable(self) -> Executable:
        """The loaded code: what the cache has for this trace, else what is emitted now."""
        key = key_of(self)  # before the passes: they name values anew
        return recalled(self, key) or remembered(self, key, build(self))

    def interface(self, entry: str) -> Graph:
        """Inputs, cells and outputs of an entry (its equations only if they were needed)."""
        return self.executable.interfaces.get(entry) or self.parts[entry]

    @cached_property
    def layout(self) -> Layout:
        """Which outputs of a whole step are pooled: gradients, and scalars the user gets."""
        graph, outputs = self.traced.graph, self.traced.outputs
        if self.traced.differentiable or self.traced.branches:
            return Layout(graph.outputs, (), ())
        scalars = [o.index for o in outputs if o.kind == "value" and graph.outputs[o.index].type.size == 1]
        grads = [index for _, index in self.traced.grads if index >= 0]
        return Layout(graph.outputs, grads, scalars)

    @property
    def parts(self) -> dict[str, Graph]:
        """The graphs that are emitted, by entry name."""
        split = self.split
        defer = deferring if self.traced.branches else (lambda graph: graph)
        if split is None:
            return {"run": defer(self.graph)}
        return {"forward": defer(split.forward), "backward": split.backward}

    @property
    def forward(self) -> Graph:
        """The forward part (of a whole step: the equations of phase forward)."""
        return self.split.forward if self.split is not None else phase_of(self.graph, FORWARD)

    @property
    def backward(self) -> Graph:
        """The backward part, its inputs the residuals and cotangents."""
        return self.split.backward if self.split is not None else phase_of(self.graph, BACKWARD)

    @property
    def source(self) -> str:
        """The emitted Python module."""
        return str(self.emitted.source)

    @property
    def schedule(self) -> Any:
        """The fused schedule of each emitted entry."""
        return self.emitted.schedules

    @property
    def kernels(self) -> list[tuple[str, tuple[Eqn, ...]]]:
        """Fused kernels as (name, equations)."""
        return self.emitted.kernels  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return str(self.graph)


def with_cotangents(traced: Traced, wanted: list[int]) -> Asked:
    """The trace with cotangent inputs for its differentiable outputs and the leaves' gradients as outputs."""
    graph = traced.graph
    roots = [graph.outputs[i] for i in wanted]
    assert all(isinstance(r, Value) for r in roots)
    cotangents = tuple(Value(r.type, "g") for r in roots)
    reached = {t for i in traced.differentiable for t in traced.outputs[i].reaches}
    targets = [v for v, t in traced.leaf_of.items() if id(t) in reached and id(t) not in traced.made]
    outs = tuple(Value(v.type.with_shape(v.type.shape), f"g_{v.hint}") for v in targets)
    params = dict(roots=len(roots), stops=(True,) * len(targets), hooks=())
    eqn = Eqn(gradients, (*roots, *cotangents, *targets), params, outs, None, BACKWARD)
    joint = graph.replace(
        inputs=(*graph.inputs, *cotangents), eqns=(*graph.eqns, eqn), outputs=(*graph.outputs, *outs))  # fmt: skip
    return Asked(joint, cotangents, tuple(traced.leaf_of[v] for v in targets))


def phase_of(graph: Graph, phase: str) -> Graph:
    """The equations of one phase as a graph; what they read from others becomes inputs."""
    eqns = tuple(e for e in graph.eqns if e.phase == phase)
    made = {v for e in eqns for v in e.outputs}
    sources = [a for e in eqns for a in e.inputs if isinstance(a, Value) and a not in made]
    cells = tuple(c for c in graph.cells if c in sources)
    inputs = tuple(dict.fromkeys(v for v in sources if v not in cells))
    used_later = {a for e in graph.eqns if e.phase != phase for a in e.inputs} | set(graph.results())
    outputs = tuple(v for e in eqns for v in e.outputs if v in used_later)
    return Graph(f"{graph.name}_{phase}", inputs, eqns, outputs, cells, graph.hosts)
