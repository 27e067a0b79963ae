"""Custom differentiable operations: `autograd.Function`, eager and traced.

`forward` runs without recording; what it returns then gets the history in which `backward` is the
gradient. A result that is an input, or a view of one, becomes a tensor on the same memory that may not
be changed in place; an input marked dirty is returned itself, with its new history.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable
from typing import Any

from symgrad.errors import GradError, InplaceError, UnwrittenError
from symgrad.ops.custom import Call, history, only_once
from symgrad.ops.inplace import original
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.tape import unpack
from symgrad.tensor.views import MADE_IN_FUNCTION, detached, rebase


class FunctionCtx:
    """What `forward` leaves for `backward`; also an application's `grad_fn` answers for it."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self._live: tuple[Any, ...] | None = None
        self._node: Any = None
        self.needs_input_grad: tuple[bool, ...] = ()
        self.non_differentiable: tuple[Any, ...] = ()
        self.dirty_tensors: tuple[Any, ...] = ()
        self.materialize_grads = True

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward; changing them in place afterwards is then an error."""
        for place, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Tensor):
                raise TypeError(f"save_for_backward can only save variables, but argument {place} is of type "
                                f"{type(tensor).__name__}")  # fmt: skip
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What `save_for_backward` kept; an error once backward has freed it."""
        if self._live is not None:
            return self._live
        node = self._node() if self._node is not None else None
        if node is None:
            return self._saved
        values = unpack(node)
        return node.params["call"].live(values.get("saved"), values.get("outs"))  # type: ignore[no-any-return]

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare outputs no gradient flows through."""
        self.non_differentiable = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Declare inputs that forward changed in place; they must be among the outputs."""
        self.dirty_tensors = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients arrive as zeros (True) or None."""
        self.materialize_grads = value


class Function:
    """Base of custom operations; call them by `apply`.

    Either `forward(ctx, ...)`, or `forward(...)` and `setup_context(ctx, inputs, output)`; and
    `backward(ctx, *grad_outputs)`, which gives a gradient (or None) for each argument.

    >>> class Cube(sg.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, grad_output):
    ...         (x,) = ctx.saved_tensors
    ...         return grad_output * 3 * x * x
    >>> x = sg.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        warnings.warn(f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so "
                      "you should invoke them on the class itself.", DeprecationWarning, stacklevel=2)  # fmt: skip

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise GradError("Legacy autograd function with non-static forward method is deprecated. Please use new-style "
                        "autograd function with static forward method.", hint="call it by .apply()")  # fmt: skip

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the result; override."""
        raise UnwrittenError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Say what backward needs, when `forward` takes no ctx; override."""
        raise UnwrittenError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient formula; override."""
        raise UnwrittenError("You must implement either the backward or vjp method for your custom "
                             "autograd.Function to use it with backward mode AD.")  # fmt: skip

    vjp = backward

    @classmethod
    def _pullback(cls) -> Callable[..., Any]:
        if cls.vjp is Function.vjp:
            return cls.backward
        if cls.backward is not Function.backward:
            raise GradError("Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should "
                            "only implement one of them.")  # fmt: skip
        return cls.vjp

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and let gradients flow through `backward`."""
        ctx = FunctionCtx()
        split = cls.setup_context is not Function.setup_context
        if kwargs:
            given = args if split else (ctx, *args)
            bound = inspect.signature(cls.forward).bind(*given, **kwargs)
            bound.apply_defaults()
            args = bound.args if split else bound.args[1:]
        positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple([isinstance(a, Tensor) and a._rg for a in args])
        recorded = any(ctx.needs_input_grad) and state.is_grad_enabled()
        traced = state.capture() is not None
        ins = [original(args[i]) if traced and recorded else args[i] for i in positions]
        with state.no_grad():
            result = cls.forward(*args) if split else cls.forward(ctx, *args)
            if split:
                cls.setup_context(ctx, args, result)
        outs = result if isinstance(result, tuple) else (result,)
        if any(not any(d is o for o in outs) for d in ctx.dirty_tensors):
            raise GradError("Some elements marked as dirty during the forward method were not returned as output. The "
                            "inputs that are modified inplace must all be outputs of the Function.")  # fmt: skip
        if not recorded:
            return result
        call = Call(cls, ctx, positions, len(args))
        call.shapes = [tuple(x.shape) for x in ins]
        made = _results(call, ctx, outs, [args[i] for i in positions], ins)
        return tuple(made) if isinstance(result, tuple) else made[0]


def _results(call: Call, ctx: FunctionCtx, outs: Any, args: list[Tensor], ins: list[Tensor]) -> list[Any]:
    """What `apply` returns for what `forward` returned."""
    made: list[Any] = list(outs)
    numbers = [i for i, out in enumerate(outs) if isinstance(out, Tensor)]
    if not numbers:
        return made
    fresh = [_fresh(outs[i], args) for i in numbers]
    call.kinds = [None] * len(outs)
    for port, i in enumerate(numbers):
        call.kinds[i] = (port, outs[i].shape, outs[i].dtype)
    kept: list[Tensor] = []
    for entry in ctx._saved:
        port = next((p for p, i in enumerate(numbers) if outs[i] is entry), -1)
        call.saves.append(("none", 0) if entry is None else ("out", port) if port >= 0 else ("saved", len(kept)))
        if call.saves[-1][0] == "saved":
            kept.append(next((x for x, a in zip(ins, args) if a is entry), entry))
    followed = [f.dtype.is_inexact and not any(outs[i] is n for n in ctx.non_differentiable)
                for f, i in zip(fresh, numbers)]  # fmt: skip
    if not any(followed):
        for i, out in zip(numbers, fresh):
            made[i] = out
        return made
    results = history(call, fresh, ins, kept, any(kind == "out" for kind, _ in call.saves))
    node = results[followed.index(True)]._node
    if state.capture() is None:
        ctx._node = weakref.ref(node.edges[0])
        ctx._saved = ()
    for i, out, follow in zip(numbers, results, followed):
        if not follow:
            out = detached(out) if state.capture() is None else out.detach()
        elif any(outs[i] is d for d in ctx.dirty_tensors):
            out = _overwrite(outs[i], out)
        made[i] = out
    return made


def _fresh(out: Tensor, args: list[Tensor]) -> Tensor:
    """A result as a tensor that can take a history: itself if new, else one on the same memory."""
    if state.capture() is not None:
        return out.detach() if out._rg or any(out is a for a in args) else out
    if out._base is None and not out._rg and not any(out is a for a in args):
        return out
    alias = detached(out)
    alias._view = None
    alias.__dict__[MADE_IN_FUNCTION] = True
    return alias


def _overwrite(target: Tensor, value: Tensor) -> Tensor:
    """An input that forward changed in place: its content is there already, its history is new."""
    if target._rg and target._node is None:
        raise InplaceError("a leaf Variable that requires grad has been used in an in-place operation.",
                           hint="clone() it before passing it")  # fmt: skip
    active = state.capture()
    if active is not None:
        active.assign(target, value)
        return target
    value.__dict__.pop(MADE_IN_FUNCTION, None)
    rebase(target, value)
    return target


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a `backward` that is not made of differentiable operations: differentiating it is an error."""

    @functools.wraps(function)
    def backward(ctx: Any, *grads: Any) -> Any:
        with state.no_grad():
            result = function(ctx, *grads)
        asked = state.is_grad_enabled() and any(isinstance(g, Tensor) and g._rg for g in grads)
        if not asked and state.capture() is None:
            return result
        if not isinstance(result, tuple):
            return only_once(result) if isinstance(result, Tensor) else result
        return tuple([only_once(r) if isinstance(r, Tensor) else r for r in result])

    return backward

