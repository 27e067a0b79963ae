"""Module hooks: what is called before and after a module's forward, and with the gradients of both ends.

A backward hook stands on two identities put around the forward: the one on the outputs sees their
gradients and hands them to `backward_pre` hooks, the one on the inputs sees theirs and runs the hooks.
They are custom Functions, so a trace records them and the hooks run once, on symbols.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar

from symgrad.errors import GradError
from symgrad.ops.function import Function
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.hooks import RemovableHandle, add_hook

KINDS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


class Hooked:
    """The part of Module that registers and runs hooks. A hook is kept as (function, with kwargs, always, full)."""

    _global_hooks: ClassVar[dict[int, tuple[str, Any]]] = {}
    _hooked: bool
    _forward_pre_hooks: dict[int, Any]
    _forward_hooks: dict[int, Any]
    _backward_pre_hooks: dict[int, Any]
    _backward_hooks: dict[int, Any]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output; override."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked or self._global_hooks:
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    # -- registering --------------------------------------------------------------------------

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> RemovableHandle:  # fmt: skip
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`; with `always_call` it runs (with
        output None) even if forward raised.
        """
        return self._add("_forward_hooks", hook, prepend, with_kwargs, always_call)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, prepend: bool = False,
                                  with_kwargs: bool = False) -> RemovableHandle:  # fmt: skip
        """Call `hook(module, args)` before forward; what it returns replaces the arguments."""
        return self._add("_forward_pre_hooks", hook, prepend, with_kwargs)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when both are there; a tuple replaces grad_input."""
        self._only_kind(True)
        return self._add("_backward_hooks", hook, prepend, full=True)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the module's backward; a tuple replaces grad_output."""
        return self._add("_backward_pre_hooks", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The old kind: `hook(module, grad_input, grad_output)` of the last operation of forward only."""
        self._only_kind(False)
        return self._add("_backward_hooks", hook, False)

    def _only_kind(self, full: bool) -> None:
        if any(entry[3] != full for entry in self.__dict__["_backward_hooks"].values()):
            raise GradError("Cannot use both regular backward hooks and full backward hooks on a single Module. Please "
                            "use only one of them.")  # fmt: skip

    def _add(self, kind: str, hook: Any, prepend: bool, kwargs: bool = False, always: bool = False,
             full: bool = False) -> RemovableHandle:  # fmt: skip
        object.__setattr__(self, "_hooked", True)
        return add_hook(self.__dict__[kind], (hook, kwargs, always, full), prepend)

    # -- calling ------------------------------------------------------------------------------

    def _hooks(self, kind: str, own: dict[int, Any]) -> list[Any]:
        """The global hooks of a kind, then this module's."""
        return [entry for k, entry in self._global_hooks.values() if k == kind] + list(own.values())

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        after = self._hooks("_forward_hooks", self._forward_hooks)
        done: list[Any] = []
        try:
            return self._hooked_forward(args, kwargs, after, done)
        except BaseException:
            for entry in after:
                if entry[2] and entry not in done:
                    _call_forward_hook(self, entry, args, kwargs, None)
            raise

    def _hooked_forward(self, args: tuple[Any, ...], kwargs: dict[str, Any], after: list[Any], done: list[Any]) -> Any:
        for hook, with_kwargs, _, _ in self._hooks("_forward_pre_hooks", self._forward_pre_hooks):
            if with_kwargs:
                changed = hook(self, args, kwargs)
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise GradError("forward pre-hook must return None or a tuple of (new_args, new_kwargs), but "
                                        f"got {changed}.")  # fmt: skip
                    args, kwargs = changed
            elif (changed := hook(self, args)) is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        backward = self._hooks("_backward_hooks", self._backward_hooks)
        full = [hook for hook, _, _, is_full in backward if is_full]
        pre = [hook for hook, _, _, _ in self._hooks("_backward_pre_hooks", self._backward_pre_hooks)]
        ends = Ends(self, full, pre) if full or pre else None
        if ends is not None:
            args = ends.around_inputs(args)
        out = self.forward(*args, **kwargs)
        for entry in after:
            done.append(entry)
            changed = _call_forward_hook(self, entry, args, kwargs, out)
            out = out if changed is None else changed
        if ends is not None:
            out = ends.around_outputs(out)
        old = [hook for hook, _, _, is_full in backward if not is_full]
        if old:
            self._watch_last_node(out, old)
        return out

    def _watch_last_node(self, out: Any, hooks: list[Any]) -> None:
        while not isinstance(out, Tensor):
            out = next(v for v in out.values() if isinstance(v, Tensor)) if isinstance(out, dict) else out[0]
        node = out.grad_fn
        for hook in hooks if node is not None else ():
            node.register_hook(lambda grad_in, grad_out, hook=hook: hook(self, grad_in, grad_out))


def _call_forward_hook(module: Any, entry: Any, args: Any, kwargs: Any, out: Any) -> Any:
    hook, with_kwargs, _, _ = entry
    return hook(module, args, kwargs, out) if with_kwargs else hook(module, args, out)


class Ends:
    """One call of a module with backward hooks: what its two identities tell each other."""

    def __init__(self, module: Any, hooks: list[Any], pre: list[Any]):
        self.module = module
        self.hooks = hooks
        self.pre = pre
        self.grad_outputs: Any = None
        self.inputs: list[int] | None = None
        self.count = 0
        self.outputs: list[int] = []
        self.width = 0

    def around_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments, through the identity that sees their gradients."""
        self.count = len(args)
        places, args = _identity(args, self.input_gradients)
        self.inputs = places or None
        return args

    def around_outputs(self, out: Any) -> Any:
        """The results, through the identity that sees theirs."""
        several = isinstance(out, tuple)
        if not several and not isinstance(out, Tensor):
            warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                          f"received {type(out)}", stacklevel=4)  # fmt: skip
            return out
        self.width = len(out) if several else 1
        self.outputs, outs = _identity(out if several else (out,), self.output_gradients)
        return outs if several else outs[0]

    def output_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs' gradients have arrived: run the pre hooks and, where no input needs one, the hooks."""
        self.grad_outputs = _spread(self.outputs, grads, self.width)
        for hook in self.pre:
            changed = hook(self.module, self.grad_outputs)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != self.width:
                    raise GradError("Backward pre hook returned an invalid number of grad_output, got "
                                    f"{len(changed)}, but expected {self.width}")  # fmt: skip
                self.grad_outputs = changed
        given = self.grad_outputs
        if self.inputs is None:
            if self.hooks:
                warnings.warn("Full backward hook is firing when gradients are computed with respect to module outputs "
                              "since no inputs require gradients.", stacklevel=2)  # fmt: skip
            for hook in self.hooks:
                result = hook(self.module, (None,) * self.count, given)
                if result is not None and not (isinstance(result, tuple) and all(g is None for g in result)):
                    raise GradError("Backward hook for Modules where no input requires gradient should always return "
                                    "None or None for all gradients.")  # fmt: skip
            self.grad_outputs = None
        return tuple([given[i] for i in self.outputs])

    def input_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """The inputs' gradients are complete: run the hooks."""
        if self.grad_outputs is None:  # a path around the outputs, as in a second derivative
            return grads
        assert self.inputs is not None
        found = _spread(self.inputs, grads, self.count)
        for hook in self.hooks:
            changed = hook(self.module, found, self.grad_outputs)
            if changed is not None:
                changed = changed if isinstance(changed, tuple) else (changed,)
                if len(changed) != len(found):
                    raise GradError(f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but "
                                    f"expected {len(found)}")  # fmt: skip
                found = changed
        self.grad_outputs = None
        return tuple([found[i] for i in self.inputs])


def _spread(places: list[int], grads: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """Gradients at the places of the tensors, None elsewhere."""
    given = dict(zip(places, grads))
    return tuple([given.get(i) for i in range(count)])


def _identity(values: tuple[Any, ...], seen: Callable[..., Any]) -> tuple[list[int], tuple[Any, ...]]:
    """The values with their tensors passed through an identity; the tensors' places (none: nothing to see)."""
    places = [i for i, v in enumerate(values) if isinstance(v, Tensor)]
    if not state.is_grad_enabled() or not any(values[i].requires_grad for i in places):
        return [], values
    passed = dict(zip(places, BackwardHookFunction.apply(seen, *[values[i] for i in places])))
    return places, tuple([passed.get(i, v) for i, v in enumerate(values)])


class BackwardHookFunction(Function):
    """The identity; its gradient is what `seen` makes of the gradients that arrive."""

    @staticmethod
    def forward(ctx: Any, seen: Any, *tensors: Any) -> Any:
        """The tensors unchanged."""
        ctx.seen = seen
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """What the hooks make of them."""
        return (None, *ctx.seen(grads))


def _register_global(kind: str, hook: Any, always: bool = False, full: bool = False) -> RemovableHandle:
    return add_hook(Hooked._global_hooks, (kind, (hook, False, always, full)))


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module."""
    return _register_global("_forward_pre_hooks", hook)


def register_module_forward_hook(hook: Callable[..., Any], *, always_call: bool = False) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module."""
    return _register_global("_forward_hooks", hook, always_call)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` before the backward of every module."""
    return _register_global("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` after the backward of every module."""
    return _register_global("_backward_hooks", hook, full=True)
