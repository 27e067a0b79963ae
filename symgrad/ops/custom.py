"""The primitive behind custom Functions: an identity whose gradient rule calls the user's `backward`.

The eager tape gets a node that holds what the user saved and nothing else. In a trace the equation's
operands are the results, the inputs and what was saved; its rule runs on symbols, so the user's formula
becomes equations like any other.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from symgrad.errors import GradError
from symgrad.ir.primitive import Alias
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind
from symgrad.tensor.node import Node, Port
from symgrad.tensor.tape import edge_of


def _infer_custom(*xs: Any, count: int, call: Any, ins: int) -> Any:
    return tuple(xs[:count])


def _custom_grad(g: Any, xs: Any, outs: Any, count: int, call: Any, ins: int) -> tuple[Any, ...]:
    got = call.backward(g, xs[count + ins :], outs)
    return (None,) * count + tuple(got) + (None,) * (len(xs) - count - ins)


custom = primitive(
    "custom", "*xs", params=("count", "call", "ins"), infer=_infer_custom, array="tuple(xs[:count])",
    lower=Alias(), grad=dict(xs=_custom_grad), multiple=True,
    doc="The first operands unchanged; their gradient is the user's.", gradient="Function.backward",
)  # fmt: skip


class _Plan:
    """How the tape differentiates a custom node: by its call, from what that saved."""

    def __init__(self, *saves: str):
        self.saves = saves
        self.saves_out = "outs" in saves
        self.pull: Any = None
        names = ("g", "saved", "outs", "call")
        self.rules = (((0,), lambda g, saved, outs, call: tuple(call.backward(g, saved, outs)), names),)


_NOTHING, _PLAIN, _WITH_OUTS = _Plan(), _Plan("saved"), _Plan("saved", "outs")


def history(call: Any, outs: Sequence[Tensor], ins: Sequence[Tensor], saved: Sequence[Tensor] = (),
            saves_outs: bool = False) -> list[Tensor]:  # fmt: skip
    """Tensors like `outs` whose gradient to `ins` is `call.backward(g, saved, outs)`.

    Eagerly these are `outs` themselves, put on the tape; in a trace, results of a new equation.
    """
    if state.capture() is not None:
        return list(bind(custom, (*outs, *ins, *saved), dict(count=len(outs), call=call, ins=len(ins))))
    edges = tuple([edge_of(x) if x._rg else None for x in ins])
    plan = _WITH_OUTS if saves_outs else _PLAIN if saved else _NOTHING
    node = Node(custom, {"call": call}, edges, plan, (tuple(saved),) if saved else (), outs[0]._data)
    node.count = len(outs)
    if saves_outs:
        node.saved = (tuple(saved), [(weakref.ref(out), out._data) for out in outs])
    for index, out in enumerate(outs):
        if out.dtype.is_inexact:
            out._rg, out._node = True, Port(node, index, out._data)
    return list(outs)


class Call:
    """One application of a Function: its context, which arguments and results were tensors, what it saved.

    `saves` says of each saved entry what it is: ("out", i) a result, ("saved", k) the k-th other tensor,
    ("none", 0) not a tensor.
    """

    def __init__(self, cls: Any, ctx: Any, positions: list[int], count: int):
        self.cls = cls
        self.ctx = ctx
        self.positions = positions
        self.count = count
        self.kinds: list[tuple[int, Any, Any] | None] = []
        self.shapes: list[tuple[int, ...]] = []
        self.saves: list[tuple[str, int]] = []

    def __repr__(self) -> str:
        return str(self.cls.__name__)

    def live(self, saved: Any, outs: Any) -> tuple[Any, ...]:
        """The saved tensors in the user's order, from what node or equation kept."""
        given = {"out": outs, "saved": saved, "none": (None,)}
        return tuple([given[kind][place] for kind, place in self.saves])

    def backward(self, g: dict[int, Tensor], saved: Any, outs: Any) -> list[Any]:
        """Call the user's backward; one cotangent (or None) per tensor argument."""
        grads: list[Any] = []
        for kind in self.kinds:
            if kind is None:
                grads.append(None)
                continue
            port, shape, dtype = kind
            grads.append(g.get(port))
            if grads[-1] is None and self.ctx.materialize_grads:
                from symgrad.ops.creation import zeros

                grads[-1] = zeros(shape, dtype=dtype)
        self.ctx._live = self.live(saved, outs)
        try:
            result = self.cls._pullback()(self.ctx, *grads)
        finally:
            self.ctx._live = None
        return self._checked(result if isinstance(result, tuple) else (result,))

    def _checked(self, result: tuple[Any, ...]) -> list[Any]:
        """The cotangents of the tensor arguments; an error where the user's do not fit."""
        name = f"{self.cls.__name__}Backward"
        while len(result) > self.count and result[-1] is None:
            result = result[:-1]
        if len(result) != self.count:
            raise GradError(f"function {name} returned an incorrect number of gradients "
                            f"(expected {self.count}, got {len(result)})")  # fmt: skip
        for place, part in enumerate(result):
            if part is None:
                continue
            if place not in self.positions:
                raise GradError(f"function {name} returned a gradient different than None at position {place + 1}, "
                                "but the corresponding forward input was not a Variable")  # fmt: skip
            if not isinstance(part, Tensor):
                raise GradError(f"expected Variable or None (got {type(part).__name__})")
        found = [result[p] for p in self.positions]
        for place, (part, shape) in enumerate(zip(found, self.shapes)):
            if part is not None and not _reduces_to(tuple(part.shape), shape):
                raise GradError(f"Function {name} returned an invalid gradient at index {place} - got "
                                f"{list(part.shape)} but expected shape compatible with {list(shape)}")  # fmt: skip
        return found


def _reduces_to(given: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a gradient of shape `given` can be summed to `wanted`, as that of something broadcast."""
    pad = len(given) - len(wanted)
    return pad >= 0 and all(w in (1, g) for g, w in zip(given[pad:], wanted))


class KeepHistory:
    """Call of `custom(new, old)`: memory overwritten behind autograd's back keeps the history of `old`."""

    def backward(self, g: Any, saved: Any, outs: Any) -> list[Any]:
        """The cotangent passes unchanged."""
        return [g[0]]

    def __repr__(self) -> str:
        return "keep_history"


class OnlyOnce:
    """Call on the results of a `once_differentiable` backward: differentiating those is an error."""

    def backward(self, g: Any, saved: Any, outs: Any) -> list[Any]:
        """Nobody has said what the second derivative is."""
        raise GradError("trying to differentiate twice a function that was marked with @once_differentiable",
                        hint="write backward in tensor operations and drop the decorator")  # fmt: skip

    def __repr__(self) -> str:
        return "once_differentiable"


def only_once(result: Tensor) -> Tensor:
    """`result` with the history that refuses to be differentiated."""
    plain = result.detach()
    if state.capture() is not None:
        return history(OnlyOnce(), [plain], [result])[0]
    source = wrap(plain._data)
    source._rg = True
    return history(OnlyOnce(), [plain], [source])[0]
