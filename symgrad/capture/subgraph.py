"""A capture inside a capture: the graph of a branch or of a loop's body.

What a function uses from outside becomes an operand: the first use of an outer tensor makes a symbol
inside that stands for it. Nothing may be changed in there but what is made there, so the equation that
holds the graph is as pure as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from symgrad.capture.capture import Capture
from symgrad.capture.values import SymbolicNode
from symgrad.errors import TraceError
from symgrad.ir.builder import Builder
from symgrad.ir.graph import Eqn, Graph, Value
from symgrad.ir.primitive import Primitive
from symgrad.ir.types import TensorType
from symgrad.ops.arithmetic import mul_p
from symgrad.ops.creation import full
from symgrad.ops.functional import contiguous_p
from symgrad.ops.nested import plain
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind
from symgrad.tensor.host import HostScalar
from symgrad.tensor.pytree import flatten
from symgrad.tensor.views import detached

_HINT = "do it outside, on what it returns"


@dataclass
class Region:
    """A captured function: its equations, results, and which of these require grad."""

    name: str
    given: tuple[Value, ...]
    eqns: tuple[Eqn, ...]
    outputs: tuple[Value, ...]
    structure: Any
    grads: list[bool]

    @property
    def types(self) -> list[TensorType]:
        """The results' types."""
        return [v.type for v in self.outputs]


class Inner(Capture):
    """Captures the functions of one control-flow call; they share the operands they close over."""

    def __init__(self, parent: Any, what: str):
        super().__init__([], [])
        self.parent = parent
        self.what = what
        self.born, self.extents = parent.born, parent.extents
        self.lifted: dict[tuple[Value, bool], tuple[Tensor, Value]] = {}
        self.numbers: dict[tuple[str, Any], Tensor] = {}
        self.given: list[Tensor] = []

    # -- graphs -------------------------------------------------------------------------------

    def region(self, name: str, function: Callable[..., Any], args: Sequence[Any]) -> Region:
        """What `function(*args)` does, as equations of their own."""
        self.builder = Builder()
        self.known, self.stopped, self.leaf_values, self.view_values = {v for _, v in self.lifted.values()}, {}, {}, {}
        self.known.update(t._data for t in self.given)
        old = state.enter_capture(self)
        try:
            leaves, structure = flatten(function(*args))
            other = next((x for x in leaves if not isinstance(x, Tensor)), None)
            if other is not None:
                raise TraceError(f"{self.what}: the function gives {type(other).__name__}, not a tensor",
                                 hint="sg.tensor() makes one")  # fmt: skip
            values = tuple(self._dense(self.value_of(x)) for x in leaves)
        finally:
            state.enter_capture(old)
        given = tuple(t._data for t in self.given)
        return Region(name, given, tuple(self.builder.eqns), values, structure, [bool(x._rg) for x in leaves])

    def loop(
        self, carries: list[Tensor], rows: list[Tensor], functions: Sequence[tuple[str, Any, Any]],
        names: Sequence[str],
    ) -> list[Region]:  # fmt: skip
        """The functions of a loop over fresh symbols for carries and slices, called `names`.

        A carry requires grad if it does before the first step or after any: until that is settled the
        functions are captured again. Each is (name, function, how many first results are carries).
        """
        grads = [x._rg for x in carries]
        while True:
            kinds = [(plain(x.type_), g) for x, g in zip(carries, grads)]
            kinds += [(plain(x.type_.with_shape(x.shape[1:])), x._rg) for x in rows]
            self.given = [self._symbol(*kind, name) for kind, name in zip(kinds, names)]
            regions = [self.region(name, function, (list(self.given),)) for name, function, _ in functions]
            after = list(grads)
            for region, (_, _, count) in zip(regions, functions):
                after = [a or b for a, b in zip(after, region.grads[:count])] if count is not None else after
            if after == grads:
                return regions
            grads = after

    def bind(self, prim: Primitive, first: list[Tensor], regions: list[Region], grads: list[bool], params: Any) -> Any:
        """The equation outside; its results require grad where the functions' do."""
        extras = [value for _, value in self.lifted.values()]
        graphs = {r.name: Graph(r.name, (*r.given, *extras), r.eqns, r.outputs) for r in regions}
        if "states" in params:
            body = graphs["body"]
            kept = regions[0].given[: params["states"]]
            graphs["body"] = body.replace(outputs=(*body.outputs, *kept))
        operands = (*first, *(tensor for tensor, _ in self.lifted.values()))
        outs = bind(prim, operands, {**graphs, **params})
        getattr(self.parent, "saves", {}).pop(outs[0]._data, None)
        for out, wanted in zip(outs, grads):
            if not wanted:
                out._rg, out._node = False, None
        return outs[: len(grads)]

    def _symbol(self, kind: TensorType, grad: bool, hint: str) -> Tensor:
        value = Value(kind, hint)
        self.known.add(value)
        out = wrap(value)
        if grad:
            self.connected.add(value)
            out._rg, out._node = True, SymbolicNode(mul_p)
        return out

    def _dense(self, value: Value) -> Value:
        return value if value.type.strides is None else self.emit(contiguous_p, (value,), {})[0]  # type: ignore[no-any-return]

    # -- what comes from outside --------------------------------------------------------------

    def value_of(self, tensor: Tensor) -> Value:
        """The Value inside; of an outer tensor, the operand that stands for it."""
        if type(tensor._data) is Value and tensor._data in self.known:
            return super().value_of(tensor)
        with self._outside():
            outer = self.parent.value_of(tensor)
        key = (outer, tensor._rg)
        if key not in self.lifted:
            value = Value(plain(outer.type), outer.hint)
            self.lifted[key] = (tensor, value)
            self.known.add(value)
            if tensor._rg:
                self.connected.add(value)
        return self.lifted[key][1]

    def record(self, prim: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """As the outer capture; a number read anew at each call is an operand too."""
        if any(type(p) is HostScalar for p in params.values()):
            raise TraceError(f"{self.what}: {prim.name} of a float argument inside", hint="make the tensor outside")
        if any(type(x) is HostScalar for x in inputs):
            dtype = next(x.dtype for x in reversed(inputs) if isinstance(x, Tensor))
            inputs = tuple(self._number(x, dtype) if type(x) is HostScalar else x for x in inputs)
        return super().record(prim, inputs, params)

    def _number(self, number: HostScalar, dtype: Any) -> Tensor:
        key = (number.expr, dtype)
        if key not in self.numbers:
            with self._outside():
                self.numbers[key] = self.parent.record(mul_p, (full((), 1, dtype=dtype), number), {})
        return self.numbers[key]

    @contextmanager
    def _outside(self) -> Any:
        old = state.enter_capture(self.parent)
        try:
            yield
        finally:
            state.enter_capture(old)

    def _version(self, base: Tensor) -> int:
        return base.owner._version

    # -- what may not be done here ------------------------------------------------------------

    def assign(self, target: Tensor, value: Tensor, *, recorded: bool = True) -> None:
        """In place only on what was made here."""
        base = target._view.base if target._view is not None else target.owner
        inside = type(base._data) is Value and base._data in self.known
        if not inside or any(base is t for t in self.given) or base._data in {v for _, v in self.lifted.values()}:
            raise TraceError(f"{self.what}: a tensor from outside is changed in place inside", hint=_HINT)
        super().assign(target, value, recorded=recorded)

    def draw(self, prim: Primitive, generator: Any, counters: int, params: dict[str, Any]) -> Tensor:
        """Refused: how often it would draw is not known."""
        raise TraceError(f"{self.what}: random numbers are drawn inside", hint="draw outside and pass the numbers in")

    def write_grad(self, tensor: Tensor, value: Tensor | None) -> None:
        """Refused: an effect."""
        raise TraceError(f"{self.what}: .grad is assigned inside", hint=_HINT)

    def gradients(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: differentiate the whole instead."""
        raise TraceError(f"{self.what}: a gradient is taken inside", hint="differentiate what it returns")

    def hooks_of(self, tensor: Tensor) -> dict[int, Any]:
        """Refused."""
        raise TraceError(f"{self.what}: a hook is registered inside", hint=_HINT)

    def retain(self, tensor: Tensor) -> None:
        """Refused."""
        raise TraceError(f"{self.what}: retain_grad() inside", hint=_HINT)

    def note_requires_grad(self, tensor: Tensor) -> None:
        """Refused."""
        raise TraceError(f"{self.what}: requires_grad is changed inside", hint=_HINT)

    # -- what the outer capture answers -------------------------------------------------------

    def detach(self, tensor: Tensor) -> Tensor:
        """The same value outside the graph."""
        return detached(tensor)

    def read_grad(self, tensor: Tensor) -> Tensor | None:
        """`.grad` of a tensor outside."""
        with self._outside():
            return self.parent.read_grad(tensor)  # type: ignore[no-any-return]

    def note_names(self, module: Any, registry: str, names: tuple[str, ...]) -> None:
        """Names were asked for: a guard of the whole trace."""
        self.parent.note_names(module, registry, names)

    def note_member(self, module: Any, name: str, value: Any) -> None:
        """A module's parameter, buffer or submodule was read."""
        self.parent.note_member(module, name, value)

    def assume(self, condition: str) -> None:
        """A condition over host names."""
        self.parent.assume(condition)

    def host(self, name: str, value: float, holder: Any, key: Any) -> HostScalar:
        """A number read anew at each call."""
        return self.parent.host(name, value, holder, key)  # type: ignore[no-any-return]

    def on_abort(self, undo: Any) -> None:
        """Call `undo()` if the trace fails."""
        self.parent.on_abort(undo)


