"""A Program: everything known about one signature of a function, from trace to emitted source."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from symgrad.capture.trace import Traced
from symgrad.compiler.backends import Executable, build
from symgrad.compiler.results import Layout
from symgrad.ir.graph import BACKWARD, FORWARD, Eqn, Graph, Value
from symgrad.ops.gradients import gradients
from symgrad.passes import pipeline
from symgrad.passes.differentiate import differentiate
from symgrad.passes.partition import Split, partition
from symgrad.passes.pipeline import Stage
from symgrad.tensor.core import Tensor


@dataclass
class Program:
    """One signature, compiled.

    `graph` is the joint graph after all passes; `passes` the graph after each pass with its time;
    `source` the emitted Python; `kernels` the fused kernels as (name, equations).
    """

    traced: Traced
    backend: str
    exact: bool
    passes: list[Stage] = field(default_factory=list)
    graph: Graph = field(init=False)
    split: Split | None = field(init=False, default=None)
    leaves: list[Tensor] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        traced = self.traced
        graph = traced.graph
        self.passes.append(Stage("trace", graph, 0.0))
        outputs = len(graph.outputs)
        cotangents: tuple[Value, ...] = ()
        wanted = [traced.outputs[i].index for i in traced.differentiable]
        if wanted:
            graph, cotangents, self.leaves = with_cotangents(traced, graph, wanted)
        steps: tuple[pipeline.Pass, ...] = (partial(differentiate, lift=traced.lift), *pipeline.optimize(self.exact))
        graph = pipeline.run(graph, steps, self.passes)
        known = set(graph.cells)
        extra = tuple(c.entry for c in traced.cells if c.entry not in known)
        graph = graph.replace(cells=(*graph.cells, *extra))
        self.graph = graph
        if cotangents:
            self.split = partition(graph, cotangents, outputs)
            self.passes.append(Stage("partition", graph, 0.0))

    @cached_property
    def emitted(self) -> Any:
        """The emitted module's text and schedules; needs no GPU."""
        from symgrad.compiler.emitted import emit_program

        return emit_program(self)

    @cached_property
    def executable(self) -> Executable:
        """The emitted, loaded code."""
        return build(self)

    @cached_property
    def layout(self) -> Layout:
        """Which outputs of a whole step are pooled: gradients, and scalars the user gets."""
        if self.split is not None:
            return Layout(self.graph.outputs, (), ())
        graph, outputs = self.graph, self.traced.outputs
        scalars = [o.index for o in outputs if o.kind == "value" and graph.outputs[o.index].type.size == 1]
        grads = [index for _, index in self.traced.grads if index >= 0]
        return Layout(graph.outputs, grads, scalars)

    @property
    def parts(self) -> dict[str, Graph]:
        """The graphs that are emitted, by entry name."""
        if self.split is None:
            return {"run": self.graph}
        return {"forward": self.split.forward, "backward": self.split.backward}

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


def with_cotangents(
    traced: Traced, graph: Graph, wanted: list[int]
) -> tuple[Graph, tuple[Value, ...], list[Tensor]]:
    """`graph` with cotangent inputs for its differentiable outputs and the leaves' gradients as outputs."""
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
    return joint, cotangents, [traced.leaf_of[v] for v in targets]


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
