"""Memory for time: a part of a model whose intermediate values are computed again in the backward pass.

The part runs once to give its results and to tell which leaves they depend on; what it recorded is then
dropped, and one node takes its place that runs the part again when gradients arrive. In a trace there is
nothing to do: what the backward keeps and what it computes again is the compiler's choice.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from symgrad.errors import GradError
from symgrad.ops.autograd import grad
from symgrad.ops.function import Function
from symgrad.ops.generators import fork_rng, get_rng_state, set_rng_state
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.node import AccumulateGrad
from symgrad.tensor.pytree import flatten, unflatten

__all__ = ["checkpoint", "checkpoint_sequential", "noop_context_fn"]

IMPLICIT = (
    "the use_reentrant parameter should be passed explicitly. {} use_reentrant=False is recommended, but if you need "
    "to preserve the current default behavior, you can pass use_reentrant=True. Refer to docs for more details on the "
    "differences between the two variants."
)


def noop_context_fn() -> tuple[Any, Any]:
    """No context for the first run, none for the second."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(function: Callable[..., Any], *args: Any, use_reentrant: bool | None = None,
               context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn, determinism_check: str = "default",
               debug: bool = False, early_stop: bool = True, preserve_rng_state: bool = True,
               **kwargs: Any) -> Any:  # fmt: skip
    """`function(*args)`, computed again in backward instead of keeping what it needs.

    Random numbers are the same both times, unless `preserve_rng_state` is False. `context_fn` gives a
    context for each of the two runs. With `use_reentrant`, results require grad only where an argument does.

    >>> x = sg.tensor([1.0, 2.0], requires_grad=True)
    >>> sg.utils.checkpoint.checkpoint(lambda x: (x * x).sum(), x, use_reentrant=False).backward()
    >>> x.grad
    tensor([2., 4.])
    """
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint: " + IMPLICIT.format(
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception."), stacklevel=2)
        use_reentrant = True
    if use_reentrant and kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if use_reentrant and (context_fn is not noop_context_fn or debug):
        raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
    first, second = context_fn()
    if use_reentrant and not any(isinstance(x, Tensor) and x.requires_grad for x in args):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        with state.no_grad():
            return function(*args)
    if state.capture() is not None or not state.is_grad_enabled():
        with first:
            return function(*args, **kwargs)
    return Part(function, (args, kwargs), second, preserve_rng_state).run(first)


class Part:
    """A checkpointed call: how to run it, now and again."""

    def __init__(self, function: Callable[..., Any], given: Any, again: Any, preserve: bool):
        self.function = function
        self.values, self.structure = flatten(given)
        self.places = [i for i, v in enumerate(self.values) if isinstance(v, Tensor) and v.requires_grad]
        self.again = again
        self.random = get_rng_state() if preserve else None
        self.leaves: list[Tensor] = []

    def call(self, inputs: Any) -> Any:
        """The function of the arguments, with `inputs` for those that require grad."""
        values = list(self.values)
        for place, x in zip(self.places, inputs, strict=True):
            values[place] = x
        args, kwargs = unflatten(self.structure, values)
        return self.function(*args, **kwargs)

    def run(self, context: Any) -> Any:
        """The results, with one node for their history."""
        inputs = [self.values[i] for i in self.places]
        with context:
            fresh = [x.detach().requires_grad_() for x in inputs]
            results, structure = flatten(self.call(fresh))
        found = [t for t in results if isinstance(t, Tensor) and t.requires_grad]
        if not found:
            return unflatten(structure, results)
        own = {id(x) for x in fresh}
        self.leaves = [leaf for leaf in leaves_of(found) if id(leaf) not in own]
        outs = iter(Recomputed.apply(self, [wrap(t._data) for t in found], *inputs, *self.leaves))
        return unflatten(structure, [
            next(outs) if isinstance(t, Tensor) and t.requires_grad else t for t in results])  # fmt: skip

    def gradients(self, inputs: Any, grads: Any) -> tuple[Any, ...]:
        """Run again and differentiate."""
        higher = state.is_grad_enabled()
        with fork_rng(enabled=self.random is not None), state.enable_grad(), self.again:
            if self.random is not None:
                set_rng_state(self.random)
            fresh = [x.view_as(x) if higher else x.detach().requires_grad_() for x in inputs]
            found = [t for t in flatten(self.call(fresh))[0] if isinstance(t, Tensor) and t.requires_grad]
        if [t.shape for t in found] != [g.shape for g in grads]:
            raise GradError("checkpoint: the function gave other results when it was run again",
                            hint="it must depend on its arguments and the random state only")  # fmt: skip
        return grad(found, [*fresh, *self.leaves], grads, retain_graph=True, create_graph=higher, allow_unused=True)


class Recomputed(Function):
    """The results as they are; their gradients come from running the part again."""

    @staticmethod
    def forward(ctx: Any, part: Part, results: list[Tensor], *tensors: Tensor) -> tuple[Tensor, ...]:
        """The results."""
        ctx.part = part
        ctx.save_for_backward(*tensors[: len(part.places)])
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Gradients of the arguments and of the leaves."""
        return (None, None, *ctx.part.gradients(ctx.saved_tensors, grads))


def leaves_of(tensors: list[Tensor]) -> Iterator[Tensor]:
    """The leaves in the history of `tensors`, each once."""
    seen: set[Any] = set()
    pending: list[Any] = [t.grad_fn for t in tensors if t.grad_fn is not None]
    known = {id(t) for t in tensors if t.grad_fn is None}
    yield from (t for t in tensors if t.grad_fn is None)
    while pending:
        node = pending.pop()
        if isinstance(node, AccumulateGrad):
            if id(node.variable) not in known:
                known.add(id(node.variable))
                yield node.variable
        elif node not in seen:
            seen.add(node)
            pending += [before for before, _ in node.next_functions if before is not None]


def checkpoint_sequential(functions: Any, segments: int, input: Any, use_reentrant: bool | None = None,
                          **kwargs: Any) -> Any:  # fmt: skip
    """The functions (or modules) one after the other, in `segments` parts of which all but the last are checkpointed.

    >>> chain = sg.nn.Sequential(sg.nn.Tanh(), sg.nn.Tanh(), sg.nn.Tanh())
    >>> sg.utils.checkpoint.checkpoint_sequential(chain, 2, sg.zeros(1, requires_grad=True), use_reentrant=False)
    tensor([0.], grad_fn=<TanhBackward0>)
    """
    if use_reentrant is None:
        warnings.warn("torch.utils.checkpoint.checkpoint_sequential: " + IMPLICIT.format(
            "In version 2.9 we will raise an exception if use_reentrant is not passed."), stacklevel=2)  # fmt: skip
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments
    for start in range(0, size * (segments - 1), size):
        part = chained(steps[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return chained(steps[size * (segments - 1) :])(input)


def chained(steps: list[Any]) -> Callable[[Any], Any]:
    """One function of several called in turn."""

    def run(x: Any) -> Any:
        for step in steps:
            x = step(x)
        return x

    return run
