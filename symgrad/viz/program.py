"""A graph as a picture: forward runs down, backward runs up beside it, the update closes below.

Turning backward's edges round puts each gradient equation at the height of the equation it came
from, so what backward takes over from forward (a residual) is a short horizontal edge. A node is one
equation, written as the IR text writes it and named alike; fused kernels are rounded boxes.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any, Iterable, Sequence

from symgrad.ir.graph import BACKWARD, FORWARD, UPDATE, Atom, Eqn, Graph, Literal, Value
from symgrad.ir.text import Namer, print_param
from symgrad.viz.render import drawing

if TYPE_CHECKING:
    import graphviz

Kernels = Sequence[tuple[str, Sequence[Eqn]]]

INK, QUIET, LINE = "#1f2933", "#66717d", "#8a949e"
# fill, border, cluster fill of each phase: Okabe and Ito's blue, vermilion and green, lightened
PHASES = {
    FORWARD: ("#d9e9f6", "#0072b2", "#f4f9fd"),
    BACKWARD: ("#fde3d2", "#d55e00", "#fef8f4"),
    UPDATE: ("#d5eee5", "#009e73", "#f3fbf8"),
}
INPUT, CELL, RESULT, KERNEL = "#ffffff", "#fff3b8", "#e4e7eb", "#3b4754"
_FONT = "Helvetica,Arial,sans-serif"
_WIDEST = 30  # characters of an equation's arguments


def draw_graph(graph: Graph, kernels: Kernels | None = None) -> "graphviz.Digraph":
    """The picture of `graph`; `kernels` (name, its equations) are drawn as boxes around them."""
    return _Picture(graph, kernels or ()).draw()


class _Picture:
    """One drawing in the making: names, places and what is drawn already."""

    def __init__(self, graph: Graph, kernels: Kernels):
        self.graph = graph
        self.number = {eqn: number for number, eqn in enumerate(graph.eqns)}
        self.maker = {value: eqn for eqn in graph.eqns for value in eqn.outputs}
        self.phases = [p for p in PHASES if any(eqn.phase == p for eqn in graph.eqns)]
        self.upward = {BACKWARD} if {FORWARD, BACKWARD} <= set(self.phases) else set()
        self.name = Namer(("return", "host"))
        for value in (*graph.sources(), *(v for eqn in graph.eqns for v in eqn.outputs)):
            self.name(value)
        self.kernels = [(name, tuple(eqns)) for name, eqns in kernels]
        for name, eqns in self.kernels:
            if any(eqn not in self.number for eqn in eqns):
                raise ValueError(f"draw_graph: kernel {name!r} has an equation that is not in the graph")
        self.kernel_of = {eqn: k for k, (_, eqns) in enumerate(self.kernels) for eqn in eqns}
        self.edges: list[tuple[str, str, dict[str, str]]] = []
        self.sources: dict[str, dict[str, str]] = {phase: {} for phase in PHASES}
        self.results: dict[str, list[tuple[str, str, str]]] = {phase: [] for phase in PHASES}

    def draw(self) -> "graphviz.Digraph":
        dot = drawing(
            name=self.graph.name,
            graph_attr=dict(rankdir="TB", newrank="true", nodesep="0.22", ranksep="0.34", bgcolor="white",
                            fontname=_FONT, fontsize="11", fontcolor=INK, pad="0.2", labelloc="b",
                            label=self.legend(), tooltip=self.graph.name),
            node_attr=dict(shape="box", style="filled", fontname=_FONT, fontsize="11", fontcolor=INK,
                           margin="0.09,0.04", height="0.3", penwidth="1.1"),
            edge_attr=dict(color=LINE, arrowsize="0.6", fontname=_FONT, fontsize="8", fontcolor=QUIET),
        )  # fmt: skip
        for eqn in self.graph.eqns:
            self.connect(eqn)
        self.leave()
        self.trace_origins()
        self.place(dot)
        if self.upward and UPDATE in self.phases:
            last = [e for e in self.graph.eqns if e.phase == FORWARD][-1]
            for node in self.sources[UPDATE]:
                self.edges.append((self.id(last), node, dict(style="invis", minlen="2", weight="0")))
        for tail, head, attributes in self.edges:
            dot.edge(tail, head, **attributes)
        return dot

    # -- edges ------------------------------------------------------------------------------------

    def id(self, eqn: Eqn) -> str:
        return f"e{self.number[eqn]}"

    def flow(self, tail: str, head: str, phase: str, **attributes: str) -> None:
        """An edge inside a phase: drawn against the ranks where the phase runs upward."""
        if phase in self.upward:
            self.edges.append((head, tail, dict(attributes, dir="back")))
        else:
            self.edges.append((tail, head, attributes))

    def connect(self, eqn: Eqn) -> None:
        """The edges into one equation."""
        for atom in dict.fromkeys(eqn.inputs):
            if isinstance(atom, Literal):
                for host in self.hosts_in(atom):
                    self.flow(self.source(host, host, eqn.phase, "host"), self.id(eqn), eqn.phase, style="dashed")
                continue
            maker = self.maker.get(atom)
            if maker is None:
                self.flow(self.outside(atom, eqn.phase), self.id(eqn), eqn.phase)
                continue
            label = self.name(atom) if len(maker.outputs) > 1 else ""
            if maker.phase == eqn.phase:
                self.flow(self.id(maker), self.id(eqn), eqn.phase, **(dict(label=label) if label else {}))
            elif maker.phase == FORWARD and eqn.phase == BACKWARD:
                self.residual(atom, maker, eqn)
            else:
                self.flow(self.source(self.name(atom), f"{self.name(atom)}: {atom.type}", eqn.phase, "grad"), self.id(eqn), eqn.phase, color=PHASES[maker.phase][1])

    def residual(self, value: Value, maker: Eqn, eqn: Eqn) -> None:
        tip = f"{self.name(value)}: {value.type}, {value.type.nbytes} bytes kept for backward"
        self.edges.append((self.id(maker), self.id(eqn), dict(
            color=PHASES[FORWARD][1], penwidth="1.6", minlen="0", tooltip=tip,
            **{"class": "residual"})))  # fmt: skip

    def outside(self, value: Value, phase: str) -> str:
        """The node of an input or cell in the phase that reads it: each phase has its own."""
        kind = "cell" if value in self.graph.cells else "input"
        return self.source(self.name(value), f"{self.name(value)}: {value.type}", phase, kind)

    def source(self, name: str, text: str, phase: str, kind: str) -> str:
        node = f"{kind}_{name}_{phase}"
        self.sources[phase][node] = _source_line(kind, name, text.partition(": ")[2])
        return node

    def hosts_in(self, literal: Literal) -> list[str]:
        words = set(re.findall(r"\w+", literal.expr or ""))
        return [host for host in self.graph.hosts if host in words]

    def leave(self) -> None:
        """Nodes for what leaves the graph: outputs, then new values of cells."""
        for place, atom in enumerate(self.graph.outputs):
            self.result(f"output_{place}", "return", atom, "output")
        for cell, atom in self.graph.effects:
            self.result(f"effect_{self.name(cell)}", f"{self.name(cell)}[...] =", atom, "effect")

    def result(self, node: str, text: str, atom: Atom, kind: str) -> None:
        maker = self.maker.get(atom) if isinstance(atom, Value) else None
        phase = maker.phase if maker is not None else self.phases[-1] if self.phases else FORWARD
        shown = self.name(atom) if isinstance(atom, Value) else repr(atom)
        self.results[phase].append((node, kind, f"{text} {shown}"))
        if isinstance(atom, Value):
            tail = self.id(maker) if maker is not None else self.outside(atom, phase)
            self.flow(tail, node, phase)

    def trace_origins(self) -> None:
        """A dotted edge to each backward equation from the forward equation it came from."""
        for eqn, origin in origins(self.graph).items():
            self.edges.append((self.id(origin), self.id(eqn), dict(
                style="dotted", arrowhead="none", color=LINE, minlen="0", weight="2",
                **{"class": "origin"})))  # fmt: skip

    # -- nodes ------------------------------------------------------------------------------------

    def place(self, dot: Any) -> None:
        """All nodes, in clusters: phases around kernels, unless some kernel spans phases."""
        for phase in PHASES:
            with dot.subgraph(name=f"cluster_{phase}") as cluster:
                cluster.attr(label=phase, labeljust="l", labelloc="t", style="rounded,filled",
                             color=PHASES[phase][2], fillcolor=PHASES[phase][2],
                             fontcolor=PHASES[phase][1], margin="10")
                for node, line in self.sources[phase].items():
                    self.draw_source(cluster, node, line)
                for eqn in self.graph.eqns:
                    if eqn.phase == phase:
                        cluster.node(self.id(eqn), self.label(eqn), fillcolor=PHASES[phase][0], color=PHASES[phase][1])
                for node, kind, text in self.results[phase]:
                    cluster.node(node, text, shape="cylinder" if kind == "effect" else "box", fillcolor=RESULT if kind == "output" else CELL)

    def draw_source(self, dot, node, line):
        kind = node.split("_")[0]
        shape = dict(cell="cylinder", input="box", host="box", grad="box")[kind]
        dot.node(node, line, shape=shape, fillcolor=CELL if kind == "cell" else INPUT, style="filled,rounded,dashed" if kind == "host" else "filled,rounded" if kind in ("input","grad") else "filled", color=PHASES[BACKWARD][1] if kind == "grad" else LINE)

    def label(self, eqn: Eqn) -> str:
        args = [self.name(a) if isinstance(a, Value) else a.expr or f"{a.value!r}" for a in eqn.inputs]
        args += [f"{k}={print_param(v)}" for k, v in sorted(eqn.params.items()) if k not in ("shape", "dtype")]
        text = ", ".join(args)
        text = text if len(text) <= _WIDEST else text[:_WIDEST - 1] + "…"
        outs = ", ".join(f"{self.name(v)}: {v.type}" for v in eqn.outputs)
        rows = [f"<b>{escape(eqn.prim.name)}</b>({escape(text)})", f'<font point-size="9">{escape(outs)}</font>']
        if eqn.loc:
            rows.append(f'<font point-size="8" color="{QUIET}">{escape(str(eqn.loc))}</font>')
        return f"<{'<br/>'.join(rows)}>"

    def legend(self) -> str:
        return self.graph.name


def _source_line(kind, name, type):
    return f"<<b>{escape(name)}</b><br/><font point-size='9'>{escape(type)}</font>>" if type else f"<<b>{escape(name)}</b>>"


def origins(graph: Graph) -> dict[Eqn, Eqn]:
    """For each backward equation the forward equation its rule was applied to, as far as can be told."""
    made = {value: eqn for eqn in graph.eqns for value in eqn.outputs}
    forward = [eqn for eqn in graph.eqns if eqn.phase == FORWARD]
    found: dict[Eqn, Eqn] = {}
    claimed: set[Eqn] = set()
    for eqn in graph.eqns:
        if eqn.phase != BACKWARD or not eqn.origin:
            continue
        options = [f for f in reversed(forward) if f.prim.name == eqn.origin
                   and (f.loc is None or eqn.loc is None or f.loc == eqn.loc)]
        if not options:
            continue
        read = {a for a in eqn.inputs if isinstance(a, Value)}
        shared = {f: len(read & {*f.inputs, *f.outputs}) for f in options}
        before = [found[m] for m in map(made.get, eqn.inputs) if m in found and found[m] in options]
        best = max(options, key=lambda f: (shared[f], f in before, f not in claimed))
        found[eqn] = best
        claimed.add(best)
    return found
