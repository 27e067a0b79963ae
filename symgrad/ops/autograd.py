"""What users call to differentiate: `Tensor.backward`, `grad`, `backward`, hooks on tensors, `detach`."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from symgrad.errors import GradError
from symgrad.ops.engine import accumulate, seed
from symgrad.ops.engine import backward as walk
from symgrad.ops.joining import stack
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, fresh_node
from symgrad.tensor.hooks import Hooks, RemovableHandle, add_hook
from symgrad.tensor.node import leaf_hooks


def tensor_backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add to the `.grad` of every leaf (or of `inputs`) the gradient of this tensor, times `gradient`.

    Frees the graph unless `retain_graph`; with `create_graph` the gradients can themselves be
    differentiated. Nothing is changed when it raises.

    >>> x = sg.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    _accumulate([self], [seed(self, gradient)], retain_graph, create_graph, inputs)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """`Tensor.backward` for several roots in one pass: gradients of the sum of their products.

    >>> x = sg.ones(2, requires_grad=True)
    >>> sg.autograd.backward([x.sum(), x * 3], [None, sg.tensor([1.0, 2.0])])
    >>> x.grad
    tensor([4., 7.])
    """
    if grad_variables is not None:
        warnings.warn("`grad_variables` is deprecated. Use `grad_tensors` instead.", FutureWarning, stacklevel=2)
        if grad_tensors is not None:
            raise GradError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. "
                            "Please only use `grad_tensors`.")  # fmt: skip
        grad_tensors = grad_variables
    roots = _list(tensors)
    _accumulate(roots, _seeds(roots, grad_tensors), retain_graph, create_graph, inputs)


def _accumulate(roots: Any, grads: Any, retain_graph: bool | None, create_graph: bool, inputs: Any) -> None:
    wanted = None if inputs is None else _list(inputs)
    if wanted is not None and not wanted:
        raise GradError("`inputs` argument to `backward()` cannot be empty.")
    for x in wanted or ():
        retain_grad(x)
    retain = create_graph if retain_graph is None else retain_graph
    active = state.capture()
    if active is not None:
        active.backward(roots, grads, retain_graph=retain, create_graph=create_graph, inputs=wanted)
        return
    mode = state.set_grad(create_graph)
    try:
        found = walk(roots, grads, retain_graph=retain, create_graph=create_graph, inputs=wanted)
        accumulate({t: g for t, g in found.items() if t._node is None} if wanted else found, create_graph)
    finally:
        state.set_grad(mode)


def _list(tensors: Any) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _seeds(roots: list[Tensor], given: Any) -> list[Tensor]:
    grads = [given] if isinstance(given, Tensor) else [None] * len(roots) if given is None else list(given)
    if len(grads) != len(roots):
        raise GradError(f"got {len(roots)} tensors and {len(grads)} gradients")
    return [seed(root, g, place) for place, (root, g) in enumerate(zip(roots, grads))]


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of `outputs` with respect to `inputs`, without touching any `.grad`.

    An input that no output depends on is an error; with `allow_unused` its gradient is None, with
    `materialize_grads` zeros. `is_grads_batched` takes a first dimension of many `grad_outputs`.

    >>> x = sg.tensor(3.0, requires_grad=True)
    >>> (g,) = sg.autograd.grad(x**3, x, create_graph=True)
    >>> sg.autograd.grad(g, x)
    (tensor(18.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, "
                         "but got: allow_unused=False.")  # fmt: skip
    outs, ins = _list(outputs), _list(inputs)
    if not ins:
        raise GradError("`inputs` argument to `grad()` cannot be empty.")
    for x in ins:
        if not x._rg:
            raise GradError("One of the differentiated Tensors does not require grad")
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(outs, ins, _list(grad_outputs), retain, create_graph, allow_unused, materialize_grads)
    grads = _seeds(outs, grad_outputs)
    active = state.capture()
    if active is not None:
        found = active.gradients(outs, grads, ins, retain_graph=retain, create_graph=create_graph)
    else:
        found = walk(outs, grads, retain_graph=retain, create_graph=create_graph, inputs=ins)
    if materialize_grads:
        from symgrad.ops.creation import zeros_like

        return tuple([found[x] if x in found else zeros_like(x) for x in ins])
    for place, x in enumerate(ins):
        if not allow_unused and x not in found:
            raise GradError(f"The differentiated Tensor at index {place} appears to not have been used in the graph. "
                            "Set allow_unused=True if this is the desired behavior.")  # fmt: skip
    return tuple([found.get(x) for x in ins])


def _batched(outs: Any, ins: Any, batches: list[Tensor], retain: bool, create_graph: bool, allow_unused: Any,
             materialize: bool) -> tuple[Tensor | None, ...]:  # fmt: skip
    count = len(batches[0])
    rows = [grad(outs, ins, [g[i] for g in batches], retain or i + 1 < count, create_graph, allow_unused, False,
                 materialize) for i in range(count)]  # fmt: skip
    return tuple([None if column[0] is None else stack(column) for column in zip(*rows)])


def register_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> RemovableHandle:
    """Call `hook(grad)` when this tensor's gradient is complete; what it returns replaces it.

    >>> x = sg.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 10)
    >>> x.sum().backward()
    >>> x.grad
    tensor([10., 10.])
    """
    if not self._rg:
        raise GradError("cannot register a hook on a tensor that doesn't require gradient")
    active = state.capture()
    return add_hook(active.hooks_of(self) if active is not None else _hooks_of(self).tensor, hook)


def _hooks_of(tensor: Tensor) -> Hooks:
    node = fresh_node(tensor)
    if node is None:
        return leaf_hooks(tensor)
    found: Hooks = node.hook_table()
    return found


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Call `hook(tensor)` when this leaf's `.grad` has been updated: where an optimizer may step at once."""
    if not self._rg:
        raise GradError("cannot register a hook on a tensor that doesn't require gradient")
    if fresh_node(self) is not None:
        raise GradError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    active = state.capture()
    if active is not None:
        active.refuse("registering a hook on a leaf")
    return add_hook(leaf_hooks(self).accumulated, hook)


def retain_grad(self: Tensor) -> None:
    """Keep this non-leaf tensor's gradient in `.grad` too."""
    if not self._rg:
        raise GradError("can't retain_grad on Tensor that has requires_grad=False")
    active = state.capture()
    if active is not None:
        active.retain(self)
    elif fresh_node(self) is not None:
        self._node.hook_table().retained = weakref.ref(self)


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
