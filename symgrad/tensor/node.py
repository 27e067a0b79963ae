"""The nodes of the eager tape: PyTorch's `grad_fn`.

A node is one recorded operation, a port one output of a node that has several, an AccumulateGrad the
end of a path. Users get them as instances of classes named like PyTorch's (`MulBackward0`); the class
is set when a node is first looked at, so recording pays nothing for the name.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from symgrad.tensor.core import Tensor
from symgrad.tensor.hooks import Hooks, RemovableHandle, add_hook
from symgrad.tensor.state import tick

NAMES: dict[str, str | Callable[["Node"], str]] = {}
"""PyTorch's node name by primitive, where it is not the primitive's own name. Filled by `symgrad.ops`."""

_OLD_STYLE = ("AccumulateGrad", "CopySlices", "CopyBackwards")


class Node:
    """One recorded operation."""

    __slots__ = ("prim", "params", "edges", "plan", "saved", "shape", "dtype", "seq", "hooks",
                 "count", "_metadata", "__weakref__")  # fmt: skip

    count: int

    def __init__(self, prim: Any, params: Any, edges: Any, plan: Any, saved: Any, out: Any):
        self.prim = prim
        self.params = params
        self.edges = edges
        self.plan = plan
        self.saved = saved
        self.shape = out.shape
        self.dtype = out.dtype
        self.seq = tick()
        self.hooks: Hooks | None = None

    # -- what it is ---------------------------------------------------------------------------

    def kind(self) -> str:
        """PyTorch's class name, e.g. MulBackward0; a custom Function's is its class name + Backward."""
        if "call" in self.params:
            return f"{self.params['call']}Backward"
        special = getattr(self.params, "node_name", None) or NAMES.get(self.prim.name)
        if special is not None:
            return special if isinstance(special, str) else special(self)
        words = str(self.prim.name).split("_")
        return "".join(w[:1].upper() + w[1:] for w in words) + "Backward0"

    def name(self) -> str:
        """PyTorch's spelling of this operation's gradient."""
        kind = self.kind()
        return f"torch::autograd::{kind}" if kind in _OLD_STYLE else kind

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes of the inputs: an AccumulateGrad for a leaf, None where no gradient flows."""
        return tuple([link(self.edges[i]) for i in self.positions()])

    def positions(self) -> tuple[int, ...]:
        """The operands a gradient may flow to: what `next_functions` and node hooks list."""
        places = getattr(self.params.get("call"), "places", None)
        if places is not None:
            return tuple(places)
        if self.prim is None or self.prim.variadic:
            return tuple(range(len(self.edges)))
        return tuple(sorted({p for ps, _, _ in self.prim.rules for p in ps}))

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for remarks; anomaly mode keeps the forward's stack in it."""
        try:
            return self._metadata
        except AttributeError:
            self._metadata: dict[str, Any] = {}
            return self._metadata

    @property
    def requires_grad(self) -> bool:
        return True

    def _sequence_nr(self) -> int:
        return self.seq

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_saved_") and self.plan is not None:
            from symgrad.tensor.tape import unpack

            wanted = {"self": self.prim.names[0], "other": self.prim.names[-1], "result": "out"}.get(
                name[7:], name[7:])  # fmt: skip
            values = {**self.params, **unpack(self)}
            if wanted in values:
                return values[wanted]
        elif "call" in self.params:
            return getattr(self.params["call"].ctx, name)
        raise AttributeError(f"'{self.kind()}' object has no attribute '{name}'")

    @property
    def outputs(self) -> int:
        """How many outputs the operation has."""
        return self.count if self.prim.multiple else 1

    # -- hooks --------------------------------------------------------------------------------

    def hook_table(self) -> Hooks:
        """This node's hooks, made when first asked for."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` when this node has run; a tuple replaces grad_inputs."""
        return add_hook(self.hook_table().post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node runs; a tuple replaces them."""
        return add_hook(self.hook_table().pre, hook)

    def __repr__(self) -> str:
        return f"<{self.kind()} object at {id(self):#x}>"


_NO_PARAMS: dict[str, Any] = {}


class Port(Node):
    """One output of a node that has several."""

    __slots__ = ("index",)

    def __init__(self, node: Node, index: int, out: Any):
        self.prim = node.prim
        self.params = _NO_PARAMS
        self.edges = (node,)
        self.plan = None
        self.saved = ()
        self.shape = out.shape
        self.dtype = out.dtype
        self.seq = tick()
        self.hooks = None
        self.index = index

    def kind(self) -> str:
        """The node's own name: a port is no step of its own to a user."""
        return str(self.edges[0].kind())


class AccumulateGrad:
    """The end of a path: adds into a leaf's `.grad`. One for each leaf, as long as somebody holds it."""

    __slots__ = ("variable", "_metadata", "__weakref__")

    def __init__(self, variable: Tensor):
        self.variable = variable
        self._metadata: dict[str, Any] = {}

    next_functions = ()
    requires_grad = True

    @property
    def metadata(self) -> dict[str, Any]:
        """A dictionary for remarks."""
        return self._metadata

    def name(self) -> str:
        """PyTorch's spelling."""
        return "torch::autograd::AccumulateGrad"

    def register_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook((), grad_outputs)` when the gradient has been accumulated."""
        return add_hook(self._held().post, hook)

    def register_prehook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(grad_outputs)` before the gradient is accumulated; a tuple replaces it."""
        return add_hook(self._held().pre, hook)

    def _held(self) -> Hooks:
        hooks = leaf_hooks(self.variable)
        hooks.node = self
        return hooks

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {id(self):#x}>"


def leaf_hooks(leaf: Tensor) -> Hooks:
    """A leaf's hooks, made when first asked for."""
    if leaf._hooks is None:
        leaf._hooks = Hooks()
    found: Hooks = leaf._hooks
    return found


def accumulator(leaf: Tensor) -> AccumulateGrad:
    """The one AccumulateGrad of a leaf."""
    hooks = leaf_hooks(leaf)
    node = hooks.node() if isinstance(hooks.node, weakref.ref) else hooks.node
    if node is None:
        node = AccumulateGrad(leaf)
        hooks.node = weakref.ref(node)
    return node  # type: ignore[no-any-return]


_classes: dict[str, type[Node]] = {}


def shown(node: Any) -> Any:
    """A node as users see it: of a class with PyTorch's name; a port as the node it belongs to."""
    if isinstance(node, Port):
        node = node.edges[0]
    if type(node) is Node:
        kind = node.kind()
        node.__class__ = _classes.get(kind) or _classes.setdefault(kind, type(kind, (Node,), {"__slots__": ()}))
    return node


def link(edge: Any) -> tuple[Any, int]:
    """An edge as an entry of `next_functions`."""
    if isinstance(edge, Tensor):
        return accumulator(edge), 0
    return shown(edge), edge.index if isinstance(edge, Port) else 0


_plain_init = Node.__init__
_watchers: list[Callable[[Node], None]] = []


def watch_nodes(watcher: Callable[[Node], None], on: bool = True) -> None:
    """Show every new node to `watcher`, or no longer do so. Without watchers nodes are made at full speed."""
    if on and watcher not in _watchers:
        _watchers.append(watcher)
    elif not on and watcher in _watchers:
        _watchers.remove(watcher)
    made: Any = _watched_init if _watchers else _plain_init
    Node.__init__ = made  # type: ignore[method-assign]


def _watched_init(self: Node, *given: Any) -> None:
    _plain_init(self, *given)
    for watcher in tuple(_watchers):
        watcher(self)
