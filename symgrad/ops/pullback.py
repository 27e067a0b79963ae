"""Reverse-mode differentiation, written once and used three ways.

`Cotangents` accumulates what arrives for each place a gradient can go, un-broadcast and cast to that
place's own shape and dtype. `backward` walks the eager tape with it; the `differentiate` pass walks
equations with `pull_rules`; either may itself be recorded, which gives derivatives of derivatives.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

from symgrad import dtypes
from symgrad.errors import GradError
from symgrad.ops.functional import sum_to
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import ndarray
from symgrad.tensor.tape import FREED, Node, Port, call_rule, unpack


def fit(g: Tensor, shape: Any, dtype: Any) -> Tensor:
    """`g` summed to `shape` and cast to `dtype`: the cotangent of what was broadcast or promoted.

    Of a complex cotangent a real operand gets the real part.
    """
    data = g._data
    if type(data) is ndarray and data.dtype is dtype.np and data.shape == shape:
        return g
    if tuple(g.shape) != tuple(shape):
        g = sum_to(g, tuple(shape))
    if g.dtype.is_complex and not dtype.is_complex:
        g = g.real
    return g if g.dtype is dtype else g.to(dtype)


def pull_rules(rules: Any, g: Any, values: dict[str, Any], params: Any) -> Iterable[tuple[int, Any]]:
    """Call each rule; yield (operand position, its cotangent)."""
    for positions, rule, args in rules:
        got = call_rule(rule, args, g, values, params)
        if len(positions) == 1 and not isinstance(got, tuple):
            yield positions[0], got
        else:
            yield from enumerate(got) if len(positions) == 1 else zip(positions, got)


def backward(
    roots: list[Tensor],
    grads: list[Tensor],
    *,
    retain_graph: bool,
    create_graph: bool,
    inputs: list[Tensor] | None = None,
) -> dict[Tensor, Tensor]:
    """Cotangents of the leaves (or of `inputs`) under `roots`; nothing is written to `.grad`.

    Walks the tape from the youngest node back, so every consumer is done before its producer.
    """
    arrived: dict[Any, Tensor] = {}
    queue: list[tuple[int, Node]] = []
    found: dict[Tensor, Tensor] = {}
    wanted_nodes: dict[Any, Tensor] = {}
    for tensor in inputs or ():
        if tensor._node is not None:
            wanted_nodes[tensor._node] = tensor
    leaves_only = {id(t) for t in inputs} if inputs is not None else None

    def send(edge: Any, g: Tensor) -> None:
        if isinstance(edge, Tensor):
            g = fit(g, edge._data.shape, dtypes.from_numpy(edge._data.dtype))
            found[edge] = found[edge] + g if edge in found else g
            return
        g = fit(g, edge.shape, dtypes.from_numpy(edge.dtype))
        before = arrived.get(edge)
        if before is None:
            arrived[edge] = g
            heapq.heappush(queue, (-edge.seq, edge))
        else:
            arrived[edge] = before + g

    with state.set_grad_enabled(create_graph):
        for root, given in zip(roots, grads):
            send(_edge(root), given)
        multi: dict[Node, dict[int, Tensor]] = {}
        while queue:
            _, node = heapq.heappop(queue)
            g: Any
            if isinstance(node, Port):
                g = arrived.pop(node)
                g = run_hooks(node.hooks, g)
                if node in wanted_nodes:
                    found[wanted_nodes[node]] = g
                parent = node.edges[0]
                if parent not in multi:
                    multi[parent] = {}
                    heapq.heappush(queue, (-parent.seq, parent))
                before = multi[parent].get(node.index)
                multi[parent][node.index] = g if before is None else before + g
                continue
            if node in multi:
                g = multi.pop(node)
            else:
                g = run_hooks(node.hooks, arrived.pop(node))
                if node in wanted_nodes:
                    found[wanted_nodes[node]] = g
            values = unpack(node)
            for position, part in pull_rules(node.plan.rules, g, values, node.params):
                edge = node.edges[position]
                if edge is not None and part is not None:
                    send(edge, part)
            if not retain_graph and node.saved:
                node.saved = FREED
    for leaf in found:
        if leaf._hooks and leaf._node is None:
            found[leaf] = run_hooks(leaf._hooks, found[leaf])
    if leaves_only is not None:
        return {t: g for t, g in found.items() if id(t) in leaves_only}
    return found


def run_hooks(hooks: Any, g: Tensor) -> Tensor:
    """Pass a completed cotangent through its hooks; a hook may return a replacement."""
    if hooks:
        for hook in list(hooks.values()):
            replaced = hook(g)
            if replaced is not None:
                g = replaced
    return g


def _edge(root: Tensor) -> Any:
    from symgrad.tensor.tape import edge_of

    return edge_of(root)


def seed(root: Tensor, gradient: Tensor | None) -> Tensor:
    """The cotangent a backward pass starts from."""
    if gradient is None:
        if root.numel() != 1:
            raise GradError("grad can be implicitly created only for scalar outputs",
                            hint="pass gradient=, or reduce with .sum() or .mean() first")  # fmt: skip
        from symgrad.ops.creation import ones_like

        return ones_like(root)
    if not isinstance(gradient, Tensor):
        raise TypeError(f"gradients can be either Tensors or None, but got {type(gradient).__name__}")
    if tuple(gradient.shape) != tuple(root.shape):
        raise GradError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has a "
            f"shape of {root.shape}.")
    return gradient
