"""Custom differentiable operations: `autograd.Function`, eager and traced.

The forward runs without recording; its results then pass through the primitive `custom`, an identity
whose gradient rule calls the user's `backward`. In a trace that rule runs on symbols, so the user's
formula becomes equations like any other.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import GradError
from symgrad.ir.primitive import Alias
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind


class FunctionCtx:
    """What `forward` leaves for `backward`."""

    def __init__(self) -> None:
        self._saved: tuple[Any, ...] = ()
        self._live: tuple[Any, ...] | None = None
        self.needs_input_grad: tuple[bool, ...] = ()
        self._non_differentiable: tuple[Tensor, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for backward; changing them in place afterwards is then an error."""
        self._saved = tensors

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        return self._saved if self._live is None else self._live

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Declare outputs no gradient flows through."""
        self._non_differentiable = tensors

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Declare inputs that forward changed in place."""
        self._dirty = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether missing gradients arrive as zeros (True) or None."""
        self._materialize = value


def _infer_custom(*xs: Any, outs: int, call: Any, ins: int) -> Any:
    return tuple(xs[:outs])


def _custom_grad(g: Any, xs: Any, outs: int, call: "Call", ins: int) -> tuple[Any, ...]:
    got = call.backward(g, xs[:outs], xs[outs + ins :])
    return (None,) * outs + tuple(got) + (None,) * (len(xs) - outs - ins)


custom = primitive(
    "custom", "*xs", params=("outs", "call", "ins"), infer=_infer_custom, array="tuple(xs[:outs])",
    lower=Alias(), grad=dict(xs=_custom_grad), multiple=True,
    doc="The first operands unchanged; their gradient is the user's.", gradient="Function.backward",
)  # fmt: skip


class Call:
    """One application of a Function: its class, context and which arguments were tensors."""

    __slots__ = ("cls", "ctx", "positions", "count", "saved_positions")

    def __init__(self, cls: type["Function"], ctx: FunctionCtx, positions: list[int], count: int):
        self.cls = cls
        self.ctx = ctx
        self.positions = positions
        self.count = count
        self.saved_positions: list[int] = []

    def __repr__(self) -> str:
        return self.cls.__name__

    def backward(self, g: dict[int, Tensor] | Tensor, outs: Any, saved: Any) -> list[Any]:
        """Call the user's backward; one cotangent (or None) per tensor argument."""
        given = g if isinstance(g, dict) else {0: g}
        grads = [given[i] if i in given else o.detach() * 0 for i, o in enumerate(outs)]
        live = list(self.ctx._saved)
        for place, tensor in zip(self.saved_positions, saved):
            live[place] = tensor
        self.ctx._live = tuple(live)
        try:
            result = self.cls.backward(self.ctx, *grads)
        finally:
            self.ctx._live = None
        result = result if isinstance(result, tuple) else (result,)
        if len(result) < self.count and any(p >= len(result) for p in self.positions):
            raise GradError(
                f"function {self.cls.__name__}Backward returned an incorrect number of gradients "
                f"(expected {self.count}, got {len(result)})")
        return [result[p] for p in self.positions]


class KeepHistory:
    """Call of `custom(new, old)`: memory overwritten behind autograd's back keeps the history of `old`."""

    def backward(self, g: Any, outs: Any, saved: Any) -> list[Any]:
        """The cotangent passes unchanged."""
        return [g[0] if isinstance(g, dict) else g]

    def __repr__(self) -> str:
        return "keep_history"


class Function:
    """Base of custom operations: static `forward(ctx, …)` and `backward(ctx, *grads)`; use `apply`."""

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the result; override."""
        raise GradError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradient formula; override."""
        raise GradError("You must implement either the backward or vjp method for your custom "
                        "autograd.Function to use it with backward mode AD.")  # fmt: skip

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` and let gradients flow through `backward`."""
        ctx = FunctionCtx()
        positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._rg for a in args)
        with state.no_grad():
            result = cls.forward(ctx, *args, **kwargs)
        single = not isinstance(result, tuple)
        outs = (result,) if single else result
        if not any(ctx.needs_input_grad) or not state.is_grad_enabled():
            return result
        call = Call(cls, ctx, positions, len(args))
        call.saved_positions = [i for i, s in enumerate(ctx._saved) if isinstance(s, Tensor)]
        ins = [args[i] for i in positions]
        fresh = [o.detach() if any(o is x for x in ins) else o for o in outs]
        saved = [ctx._saved[i] for i in call.saved_positions]
        saved = [next((f for f, o in zip(fresh, outs) if o is s), s) for s in saved]
        results = list(bind(custom, (*fresh, *ins, *saved), dict(outs=len(outs), call=call, ins=len(ins))))
        for i, (out, old) in enumerate(zip(results, outs)):
            if any(old is x for x in ctx._non_differentiable):
                results[i] = out.detach()
        return results[0] if single else tuple(results)

