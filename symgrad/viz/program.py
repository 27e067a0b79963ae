"""A graph as a picture: forward runs down, backward runs up beside it, the update stands below.

Ranking backward's edges against their direction puts a gradient equation beside the equation it
came from, so what backward takes over from forward (a residual) is a short edge. Every phase has
its own node for an input, a cell or another phase's value it reads. A node is one equation, named
as in the IR text; a fused kernel is a rounded box.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from symgrad.ir.graph import BACKWARD, FORWARD, UPDATE, Atom, Eqn, Graph, Literal, Value
from symgrad.ir.text import namer_of, print_param
from symgrad.viz.origins import origins
from symgrad.viz.render import drawing
from symgrad.viz.style import (
    EDGE,
    GRAPH,
    KERNEL,
    KINDS,
    LINE,
    NODE,
    PHASES,
    cut,
    kernel_box,
    legend,
    phase_box,
    rows,
    size_text,
    stroke,
    swatch,
    type_text,
)  # fmt: skip

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped, unused-ignore]

Kernels = Sequence[tuple[str, Sequence[Eqn]]]

_REACH = 16
"""Equations after which an input gets another node: edges stay short, layout time near-linear."""


def draw_graph(graph: Graph, kernels: Kernels | None = None) -> "graphviz.Digraph":
    """The picture of `graph`; each of `kernels` (a name, its equations) is a box around them."""
    return _Picture(graph, kernels or ()).draw()


class _Picture:
    """One drawing in the making: names, nodes by the phase they stand in, edges."""

    def __init__(self, graph: Graph, kernels: Kernels):
        self.graph = graph
        self.number = {eqn: number for number, eqn in enumerate(graph.eqns)}
        self.maker = {value: eqn for eqn in graph.eqns for value in eqn.outputs}
        self.phases = [p for p in PHASES if any(eqn.phase == p for eqn in graph.eqns)] or [FORWARD]
        self.joint = {FORWARD, BACKWARD} <= set(self.phases)
        self.name = namer_of(graph)
        for value in (*graph.sources(), *self.maker):
            self.name(value)
        self.kernel_of: dict[Eqn, int] = {}  # the first, where an equation is computed in several
        for number, (name, eqns) in enumerate(kernels):
            for eqn in eqns:
                if eqn not in self.number:
                    raise ValueError(
                        f"draw_graph: kernel {name!r} has an equation that is not in the graph"
                    )
                self.kernel_of.setdefault(eqn, number)
        self.kernels: list[tuple[str, list[Eqn]]] = [(name, []) for name, _ in kernels]
        for eqn in graph.eqns:
            if eqn in self.kernel_of:
                self.kernels[self.kernel_of[eqn]][1].append(eqn)
        self.nodes: dict[str, list[str]] = {phase: [] for phase in PHASES}
        self.sources_of: dict[Eqn, list[str]] = {eqn: [] for eqn in graph.eqns}
        self.edges: list[tuple[str, str, dict[str, str]]] = []
        self.residuals: dict[Value, None] = {}
        self.others: dict[str, tuple[str, str]] = {}
        self.copies: dict[str, tuple[int, int]] = {}
        self.drawn: set[str] = set()

    def draw(self) -> "graphviz.Digraph":
        """Edges first, for they say which nodes stand where; then nodes, clusters, key."""
        for eqn in self.graph.eqns:
            for atom in dict.fromkeys(eqn.inputs):
                self.read(atom, eqn)
        self.leave()
        self.tie()
        dot = drawing(name=self.graph.name, graph_attr=dict(GRAPH, tooltip=self.graph.name),
                      node_attr=NODE, edge_attr=EDGE)  # fmt: skip
        self.place(dot)
        for tail, head, attributes in self.edges:
            dot.edge(tail, head, **attributes)
        dot.attr(label=self.legend(), labelloc="b")
        return dot

    # -- edges, and the nodes they begin or end at -----------------------------------------------

    def id(self, eqn: Eqn) -> str:
        return f"e{self.number[eqn]}"

    def flow(self, tail: str, head: str, phase: str, **attributes: str) -> None:
        """An edge inside a phase, against the ranks where the phase runs upward."""
        if self.joint and phase == BACKWARD:
            self.edges.append((head, tail, dict(attributes, dir="back")))
        else:
            self.edges.append((tail, head, attributes))

    def read(self, atom: Atom, eqn: Eqn) -> None:
        """The edge by which `eqn` gets one operand."""
        here = self.id(eqn)
        if isinstance(atom, Literal):
            words = set(re.findall(r"\w+", atom.expr or ""))
            for host in self.graph.hosts:
                if host in words:
                    self.flow(self.stand("host", host, "", eqn), here, eqn.phase, style="dashed")
            return
        maker = self.maker.get(atom)
        if maker is None or (self.joint and maker.phase != eqn.phase and eqn.phase != BACKWARD):
            kind = "carried" if maker else "cell" if atom in self.graph.cells else "input"
            self.flow(self.stand(kind, self.name(atom), type_text(atom.type), eqn), here, eqn.phase)
        elif self.joint and maker.phase == FORWARD and eqn.phase == BACKWARD:
            self.residuals[atom] = None
            size = size_text(atom.type.nbytes)
            tip = f"{self.name(atom)}: {type_text(atom.type)}, {size} kept for backward"
            self.edges.append((self.id(maker), here, {
                "color": PHASES[FORWARD][1], "penwidth": "1.6", "minlen": "0", "class": "residual",
                "edgetooltip": tip}))  # fmt: skip
        else:
            which = {"taillabel": f" {self.name(atom)} "} if len(maker.outputs) > 1 else {}
            self.flow(self.id(maker), here, eqn.phase, **which)

    def stand(self, kind: str, name: str, type: str, eqn: Eqn) -> str:
        """The node of what `eqn` reads from outside its phase, or from outside its kernel."""
        node = f"{kind}_{name}_{eqn.phase}_{self.kernel_of.get(eqn, '')}".rstrip("_")
        copy, first = self.copies.get(node, (0, self.number[eqn]))
        if self.number[eqn] - first > _REACH:
            copy, first = copy + 1, self.number[eqn]
        self.copies[node] = copy, first
        node = f"{node}_copy{copy}" if copy else node
        if node not in self.others:
            self.others[node] = (kind, rows(f"<b>{escape(name)}</b>", type))
            self.nodes[eqn.phase].append(node)
            self.sources_of[eqn].append(node)
        return node

    def leave(self) -> None:
        """What leaves the graph: outputs, then new values of cells."""
        leaving = [("output", "return ", atom) for atom in self.graph.outputs]
        leaving += [("effect", f"{self.name(cell)} ← ", new) for cell, new in self.graph.effects]
        for place, (kind, text, atom) in enumerate(leaving):
            maker = self.maker.get(atom) if isinstance(atom, Value) else None
            phase = maker.phase if maker is not None else self.phases[-1]
            node = f"{kind}_{place}"
            title = f"{escape(text)}<b>{escape(self.shown(atom))}</b>"
            self.others[node] = (kind, rows(title, type_text(atom.type)))
            self.nodes[phase].append(node)
            if maker is not None:
                self.flow(self.id(maker), node, phase)

    def tie(self) -> None:
        """Dotted edges from forward equations to their gradients; the update below both."""
        for eqn, origin in origins(self.graph).items():
            self.edges.append((self.id(origin), self.id(eqn), {
                "style": "dotted", "arrowhead": "none", "minlen": "0", "weight": "2",
                "class": "origin", "edgetooltip": f"gradient of {origin.prim.name}"}))  # fmt: skip
        if self.joint and UPDATE in self.phases:
            last = [eqn for eqn in self.graph.eqns if eqn.phase == FORWARD][-1]
            for eqn in self.graph.eqns:
                if eqn.phase == UPDATE and self.sources_of[eqn]:
                    below = dict(style="invis", minlen="3", weight="0")
                    self.edges.append((self.id(last), self.id(eqn), below))

    # -- nodes ------------------------------------------------------------------------------------

    def place(self, dot: Any) -> None:
        """All nodes: phases around kernels; where a kernel spans phases, kernels around phases."""
        spanning = any(len({eqn.phase for eqn in eqns}) > 1 for _, eqns in self.kernels)
        if not spanning:
            for phase in self.phases:
                with dot.subgraph(name=f"cluster_{phase}") as cluster:
                    cluster.attr(**phase_box(phase))
                    self.fill(cluster, [eqn for eqn in self.graph.eqns if eqn.phase == phase])
                    self.stand_in(cluster, self.nodes[phase])
            return
        self.fill(dot, self.graph.eqns)
        for phase in self.phases:
            self.stand_in(dot, self.nodes[phase])

    def fill(self, dot: Any, eqns: Iterable[Eqn]) -> None:
        """Nodes of `eqns` in their order, a kernel's together where its first one stands."""
        boxed: set[int] = set()
        for eqn in eqns:
            number = self.kernel_of.get(eqn)
            if number is None:
                self.equation(dot, eqn)
            if number is None or number in boxed:
                continue
            boxed.add(number)
            name, inside = self.kernels[number]
            with dot.subgraph(name=f"cluster_kernel{number}") as box:
                box.attr(**kernel_box(name))
                phases = [p for p in self.phases if any(one.phase == p for one in inside)]
                for phase in phases:
                    inner = f"cluster_kernel{number}_{phase}" if phases[1:] else None
                    with box.subgraph(name=inner) as part:
                        part.attr(**(phase_box(phase) if phases[1:] else {}))
                        for one in inside:
                            if one.phase == phase:
                                self.equation(part, one)

    def stand_in(self, dot: Any, names: Iterable[str]) -> None:
        """The nodes of these names that are no equations, unless they are drawn."""
        for name in names:
            if name not in self.drawn:
                self.drawn.add(name)
                kind, label = self.others[name]
                shape, style, fill, line, _ = KINDS[kind]
                dot.node(name, label, shape=shape, style=style, fillcolor=fill, color=line,
                         **{"class": kind})  # fmt: skip

    def equation(self, dot: Any, eqn: Eqn) -> None:
        """An equation's node, after those of what it is the first to read."""
        self.stand_in(dot, self.sources_of[eqn])
        args = [self.shown(atom) for atom in eqn.inputs]
        args += [f"{key}={print_param(value)}" for key, value in sorted(eqn.params.items())
                 if key not in ("shape", "dtype")]  # fmt: skip
        text = ", ".join(args)
        call = f"<b>{escape(eqn.prim.name)}</b>({escape(cut(text))})"
        made = ", ".join(f"{self.name(value)}: {type_text(value.type)}" for value in eqn.outputs)
        outs = ", ".join(self.name(value) for value in eqn.outputs)
        where = f"\n{eqn.loc.file}:{eqn.loc.line}" if eqn.loc is not None else ""
        fill, line, _ = PHASES[eqn.phase]
        label = rows(call, cut(made), str(eqn.loc or ""))
        tip = f"{outs} = {eqn.prim.name}({text}){where}".replace("\\", "\\\\")
        dot.node(self.id(eqn), label, fillcolor=fill, color=line, tooltip=tip,
                 **{"class": eqn.phase, "id": f"eqn-{self.number[eqn]}"})  # fmt: skip

    def shown(self, atom: Atom) -> str:
        if isinstance(atom, Value):
            return self.name(atom)
        return atom.expr or str(atom.type.dtype.np.type(atom.value))

    def legend(self) -> str:
        """Title and key of what occurs in the picture."""
        kinds = {kind for kind, _ in self.others.values()}
        keys = [swatch(*PHASES[phase][:2], phase) for phase in self.phases]
        keys += [swatch(*look[2:], dashed="dashed" in look[1])
                 for kind, look in KINDS.items() if kind in kinds]  # fmt: skip
        if self.kernels:
            keys.append(swatch("white", KERNEL, "fused kernel"))
        if self.residuals:
            kept = size_text(sum(value.type.nbytes for value in self.residuals))
            words = f"kept for backward ({len(self.residuals)}: {kept})"
            keys.append(stroke("━▸", PHASES[FORWARD][1], words))
        if any(attributes.get("class") == "origin" for _, _, attributes in self.edges):
            keys.append(stroke("┄┄", LINE, "to its gradient"))
        count = len(self.graph.eqns)
        return legend(self.graph.name, f"{count} equation{'s' * (count != 1)}", keys)
