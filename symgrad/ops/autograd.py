"""What users call to differentiate: `Tensor.backward`, `grad`, tensor hooks, custom Functions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from symgrad.errors import GradError
from symgrad.ops.pullback import backward, seed
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, fresh_node


def tensor_backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of every leaf the gradient of this tensor (times `gradient`).

    Frees the graph unless `retain_graph`; with `create_graph` the gradients can themselves be
    differentiated. Nothing is changed when it raises.
    """
    if not self._rg:
        raise GradError("element 0 of tensors does not require grad and does not have a grad_fn",
                        hint="set requires_grad=True on what the gradient is wanted for")  # fmt: skip
    g = seed(self, gradient)
    wanted = [inputs] if isinstance(inputs, Tensor) else inputs
    retain = create_graph if retain_graph is None else retain_graph
    active = state.capture()
    if active is not None:
        active.backward([self], [g], retain_graph=retain, create_graph=create_graph, inputs=wanted)
        return
    found = backward([self], [g], retain_graph=retain, create_graph=create_graph, inputs=wanted)
    accumulate(found, create_graph)


def accumulate(found: dict[Tensor, Tensor], create_graph: bool) -> None:
    """Add cotangents (emptying `found`) into `.grad`: in place into one that exists, else as a new tensor."""
    traced = state.capture() is not None
    with state.set_grad_enabled(create_graph):
        for leaf in list(found):
            g = found.pop(leaf)
            old = leaf.grad
            if old is None:
                shared = g._base is not None or (not create_graph and g._rg) or not g.is_contiguous()
                if not traced and sys.getrefcount(g) > 2:  # another leaf's gradient, or the user's own tensor
                    shared = True
                leaf.grad = own(g) if shared else g
            elif create_graph:
                leaf.grad = old + g
            else:
                old.add_(g)


def own(g: Tensor) -> Tensor:
    """A cotangent as a contiguous tensor with memory of its own."""
    g = g.contiguous() if not g.is_contiguous() else g.clone()
    return g if g._rg else g.detach()


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of `outputs` with respect to `inputs`, without touching any `.grad`."""
    outs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    ins = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    given = [grad_outputs] if grad_outputs is None or isinstance(grad_outputs, Tensor) else list(grad_outputs)
    given += [None] * (len(outs) - len(given))
    for x in ins:
        if not x._rg:
            raise GradError("One of the differentiated Tensors does not require grad")
    grads = [seed(o, g) for o, g in zip(outs, given)]
    retain = create_graph if retain_graph is None else retain_graph
    active = state.capture()
    if active is not None:
        found = active.gradients(outs, grads, ins, retain_graph=retain, create_graph=create_graph)
    else:
        found = backward(outs, grads, retain_graph=retain, create_graph=create_graph, inputs=ins)
    if not allow_unused and any(x not in found for x in ins):
        raise GradError("One of the differentiated Tensors appears to not have been used in the graph.",
                        hint="set allow_unused=True if this is the desired behavior")  # fmt: skip
    return tuple(found.get(x) for x in ins)


class RemovableHandle:
    """What registering a hook gives: `.remove()` takes the hook away."""

    def __init__(self, hooks: dict[int, Any]):
        self._hooks = hooks
        self.id = state.tick()

    def remove(self) -> None:
        """Take the hook away; doing so twice is harmless."""
        self._hooks.pop(self.id, None)
        state.bump_epoch()


def register_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """Call `hook(grad)` when this tensor's gradient is complete; what it returns replaces it."""
    if not self._rg:
        raise GradError("cannot register a hook on a tensor that doesn't require gradient")
    active = state.capture()
    if active is not None:
        hooks = active.hooks_of(self)
    elif fresh_node(self) is None:
        hooks = self._hooks = self._hooks if self._hooks is not None else {}
    else:
        node = self._node
        hooks = node.hooks = node.hooks if node.hooks is not None else {}
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    state.bump_epoch()
    return handle


def retain_grad(self: Tensor) -> None:
    """Keep this non-leaf tensor's gradient in `.grad` too."""
    if not self._rg:
        raise GradError("can't retain_grad on Tensor that has requires_grad=False")
    active = state.capture()
    if active is not None:
        active.retain(self)
        return
    if fresh_node(self) is None:
        return

    def keep(g: Tensor) -> None:
        self._grad = g.clone() if self._grad is None else self._grad + g

    register_hook(self, keep)


def detach(self: Tensor) -> Tensor:
    """The same memory outside the graph; in-place changes are seen by both."""
    from symgrad.tensor.views import detached

    active = state.capture()
    return active.detach(self) if active is not None else detached(self)


def detach_(self: Tensor) -> Tensor:
    """Take this tensor itself out of the graph."""
    if self._view is not None:
        raise GradError("Can't detach views in-place. Use detach() instead.")
    if state.capture() is not None:
        self._data = detach(self)._data
    self._rg, self._node = False, None
    return self


