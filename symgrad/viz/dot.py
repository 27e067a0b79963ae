"""An eager tensor's history as torchviz draws it: what `backward()` walks, from leaf to output.

Backward functions are grey, leaves that get a `.grad` blue, outputs green, the base of an output
that is a view dark green with a dotted edge, saved tensors orange. Nodes are numbered in the order
they are met, so the same history always gives the same text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from symgrad.ir.graph import Graph
from symgrad.ops.custom import custom
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.node import AccumulateGrad, Node
from symgrad.tensor.tape import FREED
from symgrad.viz.program import draw_graph
from symgrad.viz.render import drawing

if TYPE_CHECKING:
    import graphviz  # type: ignore[import-untyped, unused-ignore]

LEAF, OUTPUT, BASE, SAVED = "lightblue", "darkolivegreen1", "darkolivegreen3", "orange"

_NODES = dict(style="filled", shape="box", align="left", fontsize="10", ranksep="0.1", height="0.2",
              fontname="monospace")  # fmt: skip


def make_dot(
    var: Any,
    params: Mapping[str, Tensor] | Iterable[tuple[str, Tensor]] | None = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
) -> "graphviz.Digraph":
    """A picture of how `var` was computed; torchviz's function, signature and colours.

    `var` is a tensor, a tuple of tensors, an `ir.Graph`, or what has a `.graph` and its `.kernels`
    (a compiled program). `params` names leaves, e.g. `dict(model.named_parameters())`.
    `show_attrs` lists what a function knows besides tensors, each cut at `max_attr_chars`;
    `show_saved` adds the tensors it keeps for backward.
    """
    if isinstance(var, Graph):
        return draw_graph(var)
    graph = None if isinstance(var, (Tensor, tuple, list)) else getattr(var, "graph", None)
    if isinstance(graph, Graph):
        return draw_graph(graph, getattr(var, "kernels", None))
    outputs = list(var) if isinstance(var, (tuple, list)) else [var]
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(f"make_dot: cannot draw a {type(output).__name__}; give it a Tensor, a "
                            "tuple of Tensors, a Graph or a compiled program")  # fmt: skip
    picture = _Picture(_names(params), show_attrs, show_saved, max_attr_chars)
    for output in outputs:
        picture.output(output, OUTPUT)
    resize_graph(picture.dot)
    return picture.dot


def resize_graph(
    dot: "graphviz.Digraph", size_per_element: float = 0.15, min_size: float = 12
) -> None:
    """Let the picture grow with its content: so many inches for each line of DOT."""
    size = max(min_size, len(dot.body) * size_per_element)
    dot.graph_attr.update(size=f"{size},{size}")


def _names(params: Any) -> dict[int, str]:
    """The name of each tensor in `params`, by identity."""
    if params is None:
        return {}
    pairs = list(params.items() if isinstance(params, Mapping) else params)
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError("make_dot: params must be a dict, or pairs (name, Tensor)")
        if not isinstance(pair[1], Tensor):
            found = type(pair[1]).__name__
            raise AssertionError(f"make_dot: params must name Tensors; {pair[0]!r} is a {found}")
    return {id(tensor): str(name) for name, tensor in pairs}


class _Picture:
    """The drawing and what is in it already."""

    def __init__(
        self, names: dict[int, str], show_attrs: bool, show_saved: bool, max_attr_chars: int
    ):
        self.dot = drawing(node_attr=_NODES, graph_attr=dict(size="12,12"))
        self.names = names
        self.show_attrs = show_attrs
        self.show_saved = show_saved
        self.max_attr_chars = max(max_attr_chars, 3)
        self.ids: dict[Any, str] = {}
        self.seen: set[Any] = set()
        self.alive: list[Any] = []  # keys hold id()s: nothing drawn may be collected meanwhile

    def id(self, thing: Any) -> str:
        """The node of a tensor (by identity) or of a function (leaf functions by their leaf)."""
        key = id(thing) if isinstance(thing, Tensor) else thing
        if key not in self.ids:
            self.ids[key] = f"n{len(self.ids)}"
            self.alive.append(thing)
        return self.ids[key]

    def node(self, thing: Any, label: str, **attributes: str) -> None:
        self.dot.node(self.id(thing), _escape(label), **attributes)

    def edge(self, tail: Any, head: Any, **attributes: str) -> None:
        self.dot.edge(self.id(tail), self.id(head), **attributes)

    def tensor(self, tensor: Tensor, color: str, name: str = "") -> None:
        """The box of a tensor: its name and shape."""
        shape = ", ".join(str(int(extent)) for extent in tensor.shape)
        self.node(tensor, f"{name or self.names.get(id(tensor), '')}\n ({shape})", fillcolor=color)

    def output(self, tensor: Tensor, color: str) -> None:
        """A result with its whole history, and the tensor it is a view of."""
        if id(tensor) in self.seen:
            return
        self.seen.add(id(tensor))
        self.tensor(tensor, color)
        function = tensor.grad_fn
        if function is not None:
            self.history(function)
            self.edge(function, tensor)
        if tensor._view is not None:
            self.output(tensor._view.base, BASE)
            self.edge(tensor._view.base, tensor, style="dotted")

    def history(self, function: Any) -> None:
        """Every function behind `function`, depth first, without recursion."""
        stack = [self.visit(function)] if function not in self.seen else []
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
            elif following not in self.seen:
                stack.append(self.visit(following))

    def visit(self, function: Any) -> Iterator[Any]:
        """Draw one function; yields those before it at the moment torchviz would draw them."""
        self.seen.add(function)
        own = isinstance(function, Node) and function.prim is custom
        if self.show_saved and not own:
            for name, tensor in _saved_tensors(function):
                self.seen.add(id(tensor))
                self.edge(function, tensor, dir="none")
                self.tensor(tensor, SAVED, name)
        if isinstance(function, AccumulateGrad):
            self.seen.add(id(function.variable))
            self.tensor(function.variable, LEAF)
            self.edge(function.variable, function)
        self.node(function, self.title(function))
        for before in _inputs(function):
            self.edge(before, function)
            yield before
        if own and function.saved is not FREED:
            for tensor in function.params["call"].ctx.saved_tensors:
                if isinstance(tensor, Tensor):
                    self.seen.add(id(tensor))
                    self.edge(tensor, function, dir="none")
                    self.tensor(tensor, SAVED)

    def title(self, function: Any) -> str:
        """The function's name and, where asked for, a table of its attributes."""
        name = type(function).__name__
        attributes = _attributes(function) if self.show_attrs else {}
        if not attributes:
            return name
        left = max(map(len, attributes))
        right = min(max(map(len, attributes.values())), self.max_attr_chars)
        rows = [f"{key:<{left}}: {_cut(text, right):>{right}}" for key, text in attributes.items()]
        return "\n".join([name, "-" * max(left + right + 2, len(name)), *rows])


def _escape(label: str) -> str:
    return label.replace("\\", "\\\\")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."


def _inputs(function: Any) -> list[Any]:
    """The functions before this one that a gradient reaches."""
    return [before for before, _ in function.next_functions if before is not None]


def _saved(function: Any) -> Iterator[tuple[str, Any]]:
    """What a function keeps for backward, by name: read as it stands, freed or outdated alike."""
    if not isinstance(function, Node) or function.plan is None or function.saved is FREED:
        return
    for name, value in zip(function.plan.saves, function.saved):
        yield ("result", wrap(value[1])) if name == "out" else (name, value)


def _saved_tensors(function: Any) -> Iterator[tuple[str, Tensor]]:
    for name, value in _saved(function):
        several = isinstance(value, tuple)
        for place, item in enumerate(value if several else (value,)):
            if isinstance(item, Tensor):
                yield (f"{name}[{place}]" if several else name), item


def _attributes(function: Any) -> dict[str, str]:
    """Static parameters and saved values as text, sorted by name."""
    if not isinstance(function, Node) or function.prim is custom:
        return {}
    found: dict[str, str] = {}
    for name, value in itertools.chain(function.params.items(), _saved(function)):
        if isinstance(value, Tensor):
            found[name] = "[saved tensor]"
        elif isinstance(value, tuple) and any(isinstance(item, Tensor) for item in value):
            found[name] = "[saved tensors]"
        else:
            found[name] = str(tuple(value) if isinstance(value, tuple) else value)
    return dict(sorted(found.items()))
