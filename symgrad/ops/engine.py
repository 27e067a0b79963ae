"""The walk over the eager tape: from the youngest node back, so every consumer is done before its producer.

`backward` gives the cotangents of the leaves, or of chosen tensors, and writes nothing; `accumulate` adds
them into `.grad`. When `inputs` are given only what lies between them and the roots runs, and is freed.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import GradError
from symgrad.ops.pullback import fit, pull_rules
from symgrad.tensor import anomaly, state
from symgrad.tensor.core import Tensor, fresh_node, wrap
from symgrad.tensor.dispatch import ndarray
from symgrad.tensor.hooks import Hooks, run_hooks, run_node_hooks
from symgrad.tensor.node import Node, Port
from symgrad.tensor.tape import FREED, edge_of, kept, result, unpack

_accumulating = threading.Lock()


def backward(
    roots: list[Tensor],
    grads: list[Tensor],
    *,
    retain_graph: bool,
    create_graph: bool,
    inputs: Iterable[Tensor] | None = None,
) -> dict[Tensor, Tensor]:
    """Cotangents of the leaves (or of `inputs`) under `roots`; nothing is written to `.grad`."""
    arrived: dict[Any, Tensor] = {}
    parts: dict[Node, dict[int, Tensor]] = {}
    queue: list[tuple[int, Node]] = []
    found: dict[Tensor, Tensor] = {}
    edges: Any = [edge_of(root) for root in roots]
    wanted = None if inputs is None else Wanted(inputs, edges)

    pending: Iterable[tuple[int, Any]] = enumerate(grads)
    mode = state.set_grad(create_graph)
    try:
        while True:
            for position, part in pending:
                edge = edges[position]
                if edge is None or part is None or wanted is not None and edge not in wanted.reached:
                    continue
                ends_here = isinstance(edge, Tensor)
                like = edge._data if ends_here else edge
                data = part._data
                if type(data) is not ndarray or data.dtype is not like.dtype or data.shape != like.shape:
                    part = fit(part, like.shape, dtypes.from_numpy(like.dtype))
                places: Any = found if ends_here else arrived
                before = places.get(edge)
                if before is not None:
                    places[edge] = before + part
                    continue
                places[edge] = part
                if not ends_here:
                    heappush(queue, (-edge.seq, edge))
            if not queue:
                break
            _, node = heappop(queue)
            pending = ()
            g: Any = arrived.pop(node, None)
            if g is None:
                g = parts.pop(node)
            else:
                if node.hooks is not None:
                    g = complete(node.hooks, g)
                if wanted is not None:
                    for tensor in wanted.at.get(node, ()):
                        found[tensor] = g
                    if node not in wanted.through:
                        continue
                if type(node) is Port:
                    parent = node.edges[0]
                    if parent not in parts:
                        parts[parent] = {}
                        heappush(queue, (-parent.seq, parent))
                    before = parts[parent].get(node.index)
                    parts[parent][node.index] = g if before is None else before + g
                    continue
            pending = pull(node, g) if node.hooks is None and not anomaly.enabled else pull_watched(node, g)
            edges = node.edges
            if not retain_graph and node.saved:
                node.saved = FREED
        for leaf in found:
            if leaf._hooks is not None and leaf._node is None:
                found[leaf] = complete(leaf._hooks, found[leaf])
    finally:
        state.set_grad(mode)
    return found


SPENT = "_spent"
"""Marks a leaf that a function transform made for itself, once that is done."""


def leads_beyond(tensor: Tensor, leaves: Iterable[Tensor]) -> bool:
    """Whether the history of `tensor` ends in any leaf but these (and spent ones)."""
    own = set(leaves)
    active = state.capture()
    if active is not None:
        reached, _ = active.reach([active.value_of(tensor)])
        ends = [active.leaf_of[v] for v in reached if v in active.leaf_of]
        return any(end not in own and SPENT not in end.__dict__ for end in ends)
    seen: set[Any] = set()
    stack = [edge_of(tensor)]
    while stack:
        edge = stack.pop()
        if isinstance(edge, Tensor):
            if edge not in own and SPENT not in edge.__dict__:
                return True
        elif edge is not None and edge not in seen:
            seen.add(edge)
            stack += edge.edges
    return False


class Wanted:
    """What a walk for chosen `inputs` visits: `reached` leads to them, `through` goes on behind itself."""

    def __init__(self, inputs: Iterable[Tensor], roots: list[Any]):
        self.at: dict[Any, list[Tensor]] = {}
        self.reached: set[Any] = set()
        self.through: set[Any] = set()
        for tensor in dict.fromkeys(inputs):
            node = fresh_node(tensor)
            self.reached.add(tensor if node is None else node)
            if node is not None:
                self.at.setdefault(node, []).append(tensor)
        seen: set[Node] = set()
        stack = [edge for edge in roots if isinstance(edge, Node)]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack += [edge for edge in node.edges if isinstance(edge, Node)]
        for node in sorted(seen, key=lambda n: n.seq):
            if any([edge in self.reached for edge in node.edges if edge is not None]):
                self.reached.add(node)
                self.through.add(node)


def complete(hooks: Hooks, g: Tensor) -> Tensor:
    """A completed cotangent, after the hooks of its tensor."""
    if hooks.tensor:
        g = run_hooks(hooks.tensor, g)
    tensor = hooks.retained() if hooks.retained is not None else None
    if tensor is not None:
        tensor._grad = g.clone() if tensor._grad is None else tensor._grad + g
    return g


def pull(node: Node, g: Any) -> Iterable[tuple[int, Any]]:
    """Run a node's rules: (operand position, cotangent) pairs."""
    plan, saved = node.plan, node.saved
    if saved is FREED:
        unpack(node)  # raises
    if plan.pull is None:
        plan.pull = _puller(plan, node.prim)
    return plan.pull(g, node, saved, node.params)  # type: ignore[no-any-return]


def _puller(plan: Any, prim: Any) -> Callable[..., Any]:
    """The rules of a plan as one function of cotangent, node, what it saved, and parameters."""
    if prim.multiple or any(len(positions) > 1 or name == prim.tail for positions, _, args in plan.rules
                            for name in args) or prim.variadic:  # fmt: skip
        return lambda g, node, saved, params: tuple(pull_rules(plan.rules, g, unpack(node), params))

    def given(name: str) -> str:
        if name == "g":
            return name
        if name not in plan.saves:
            return f"params.get({name!r})"
        value = f"saved[{plan.saves.index(name)}]"
        if name == "out":
            return f"result(node, {value})"
        return f"kept(node, {value})" if name in prim.names else value

    scope: dict[str, Any] = {"kept": kept, "result": result}
    calls = []
    for number, (positions, rule, args) in enumerate(plan.rules):
        scope[f"rule{number}"] = rule
        calls.append(f"({positions[0]}, rule{number}({', '.join(map(given, args))}))")
    return eval(f"lambda g, node, saved, params: ({', '.join(calls)},)", scope)  # type: ignore[no-any-return]


def pull_watched(node: Node, g: Any) -> Iterable[tuple[int, Any]]:
    """`pull` with the node's own hooks around it, under the eyes of anomaly mode if that is on."""
    hooks = node.hooks
    if hooks is not None and hooks.pre:
        g = _outputs(node, run_node_hooks(hooks.pre, _tuple(node, g)))
    with anomaly.watching(node):
        results = [(p, part) for p, part in pull(node, g) if part is not None and node.edges[p] is not None]
        anomaly.check(node, results)
    if hooks is None or not hooks.post:
        return results
    places = node.positions()
    fitted: dict[int, Tensor | None] = {}
    for position, part in results:
        edge = node.edges[position]
        like = edge._data if isinstance(edge, Tensor) else edge
        fitted[position] = fit(part, like.shape, dtypes.from_numpy(like.dtype))
    given = tuple([fitted.get(p) for p in places])
    return zip(places, run_node_hooks(hooks.post, given, _tuple(node, g)))


def _tuple(node: Node, g: Any) -> tuple[Tensor | None, ...]:
    """The cotangents of a node's outputs, None where none arrived."""
    if not isinstance(g, dict):
        return (g,)
    return tuple([g.get(i) for i in range(node.outputs)])


def _outputs(node: Node, values: tuple[Any, ...]) -> Any:
    if not node.prim.multiple:
        return values[0]
    return {i: g for i, g in enumerate(values) if g is not None}


def accumulate(found: dict[Tensor, Tensor], create_graph: bool) -> None:
    """Add cotangents (emptying `found`) into `.grad`: in place into one that exists, else as a new tensor."""
    traced = state.capture() is not None
    mode = state.set_grad(create_graph)
    try:
        for leaf in list(found):
            g = found.pop(leaf)
            hooks = leaf._hooks if leaf._node is None else None
            if hooks is not None and hooks.pre:
                (g,) = run_node_hooks(hooks.pre, (g,))
            if traced:
                _add(leaf, g, create_graph, False)
            else:  # another leaf's gradient, or the user's own tensor?
                with _accumulating:
                    _add(leaf, g, create_graph, sys.getrefcount(g) > 3)
            if hooks is not None:
                for hook in list(hooks.accumulated.values()):
                    hook(leaf)
                if hooks.post:
                    run_node_hooks(hooks.post, (), (g,))
    finally:
        state.set_grad(mode)


def _add(leaf: Tensor, g: Tensor, create_graph: bool, shared: bool) -> None:
    old = leaf._grad
    if type(old) is not Tensor and old is not None or state.captures:
        old = leaf.grad
    if old is None:
        shared = shared or g._base is not None or (not create_graph and g._rg) or not g.is_contiguous()
        g = own(g) if shared else g
        if leaf._hooks is None and not state.captures:
            leaf._grad = g  # it was made to fit
        else:
            leaf.grad = g
    elif create_graph:
        leaf.grad = old + g
    else:
        old.add_(g)


def own(g: Tensor) -> Tensor:
    """A cotangent as a contiguous tensor with memory of its own."""
    g = g.contiguous() if not g.is_contiguous() else g.clone()
    return g if g._rg else g.detach()


def seed(root: Tensor, gradient: Tensor | None, place: int = 0) -> Tensor:
    """The cotangent a backward pass starts from, at the root number `place`."""
    if not root._rg:
        raise GradError(f"element {place} of tensors does not require grad and does not have a grad_fn",
                        hint="set requires_grad=True on what the gradient is wanted for")  # fmt: skip
    if gradient is None:
        if root.numel() != 1:
            raise GradError("grad can be implicitly created only for scalar outputs",
                            hint="pass gradient=, or reduce with .sum() or .mean() first")  # fmt: skip
        if not root.dtype.is_floating_point:
            raise GradError(f"grad can be implicitly created only for real scalar outputs but got {root.dtype}",
                            hint="pass gradient=, or take .real or .abs() first")  # fmt: skip
        if type(root._data) is ndarray:
            shape, dtype = root._data.shape, root._data.dtype
            return wrap(np.ones(shape, dtype) if shape else np.array(1, dtype))
        from symgrad.ops.creation import ones_like

        return ones_like(root)
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if tuple(gradient.shape) != tuple(root.shape):
        raise GradError(f"Mismatch in shape: grad_output[{place}] has a shape of {gradient.shape} and "
                        f"output[{place}] has a shape of {root.shape}.")  # fmt: skip
    if gradient.dtype.is_complex != root.dtype.is_complex:
        raise GradError("For complex Tensors, both grad_output and output are required to have the same dtype. "
                        f"Mismatch in dtype: grad_output[{place}] has a dtype of {gradient.dtype} and "
                        f"output[{place}] has a dtype of {root.dtype}.")  # fmt: skip
    return gradient


def run_node(node: Node, *grads: Tensor) -> Any:
    """`grad_fn(*grads)`: the cotangents of a node's inputs from those of its outputs."""
    found = dict(pull_watched(node, _outputs(node, grads)))
    given = tuple([found.get(p) for p in node.positions()])
    return given[0] if len(given) == 1 else given


setattr(Node, "__call__", run_node)
