"""Running user-level formulas inside a pass: a capture that only appends equations.

Gradient rules and the replacements of rewrite rules are written in public tensor ops. While a
`Recorder` is the thread's capture, those ops append to a `Rewriter` instead of computing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.errors import Loc, TraceError
from symgrad.ir.builder import Rewriter
from symgrad.ir.graph import BACKWARD, Atom, Literal, Value
from symgrad.ir.primitive import Primitive
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, concretization, wrap
from symgrad.tensor.host import HostScalar
from symgrad.tensor.views import detached


class Recorder:
    """Appends to `rewriter` what tensor ops do, with the provenance set on it at the moment."""

    def __init__(self, rewriter: Rewriter, lift: Callable[[Tensor], Value] | None = None):
        self.rewriter = rewriter
        self.lift = lift
        self.loc: Loc | None = None
        self.phase = BACKWARD
        self.origin = ""
        self.born: dict[int, Any] = {}

    def __enter__(self) -> "Recorder":
        self._old = state.enter_capture(self)
        return self

    def __exit__(self, *exc: object) -> None:
        state.enter_capture(self._old)

    def record(self, prim: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation."""
        dtype = next((x.dtype for x in reversed(inputs) if isinstance(x, Tensor)), None)
        atoms: list[Atom] = []
        for x in inputs:
            if isinstance(x, Tensor):
                atoms.append(self.value_of(x))
            elif isinstance(x, Literal):
                atoms.append(x)
            else:
                assert dtype is not None, f"{prim.name}: no tensor operand to type {x!r}"
                atoms.append(Literal(getattr(x, "value", x), dtype, getattr(x, "expr", None)))
        outs = self.rewriter.emit(
            prim, tuple(atoms), params, loc=self.loc, phase=self.phase, origin=self.origin)
        tensors = tuple(wrap(value) for value in outs)
        return tensors if prim.multiple else tensors[0]

    def value_of(self, tensor: Tensor) -> Value:
        """The Value under a symbol; a concrete tensor is lifted to a cell."""
        if type(tensor._data) is Value:
            return tensor._data
        if self.lift is None:
            raise TraceError("a concrete tensor is used where a pass runs a formula")
        return self.lift(tensor)

    def shape_of(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape of a concrete tensor."""
        return tensor._data.shape  # type: ignore[no-any-return]

    def note_born(self, module: Any) -> None:
        """A module is made here, as a hook may do."""
        self.born[id(module)] = module

    def note_member(self, module: Any, name: str, value: Any) -> None:
        """A module's parameter, buffer or submodule is read: too late for a guard, unless it was made here."""
        if id(module) not in self.born:
            raise TraceError(f"{name!r} of a {type(module).__name__} is used inside a gradient formula or hook while "
                             "tracing")  # fmt: skip

    def note_names(self, module: Any, registry: str, names: tuple[str, ...]) -> None:
        """The names of a module's members are asked for."""
        self.note_member(module, registry, names)

    def note_setattr(self, module: Any, name: str, old: Any, new: Any) -> None:
        """A module attribute is about to be set."""
        self.note_member(module, name, new)

    def detach(self, tensor: Tensor) -> Tensor:
        """No gradient is recorded here: the tensor itself."""
        return detached(tensor)

    def assign(self, target: Tensor, value: Tensor) -> None:
        """In-place changes inside a formula rebind the symbol."""
        target._data = self.value_of(value)

    def concretize(self, tensor: Tensor, what: str) -> None:
        """A formula asked a symbol's value."""
        raise concretization(what)

    def decide(self, tensor: Tensor) -> bool:
        """A formula branched on a symbol."""
        raise concretization("a branch on a tensor's value")

    def item(self, tensor: Tensor) -> Any:
        """A formula asked a symbol's number."""
        raise concretization(".item()")

    def inside(self, what: str) -> Any:
        """Control flow in a formula would need a capture of its own."""
        raise TraceError(f"{what}() inside a gradient formula or hook while tracing")

    def read_grad(self, tensor: Tensor) -> Any:
        """`.grad` has no meaning inside a formula."""
        raise TraceError(".grad is read inside a gradient formula or hook while tracing")

    def refuse(self, what: str) -> None:
        """Something a compiled program could not repeat."""
        raise TraceError(f"inside a gradient formula or hook: {what}")

    def assume(self, condition: str) -> None:
        """Conditions on host scalars cannot be added once the trace has ended."""
        raise TraceError(f"a gradient formula branches on a host scalar ({condition})")


def as_operand(atom: Atom) -> Any:
    """An atom as what a formula can compute with: a symbol, a Python number, or a host scalar."""
    if isinstance(atom, Value):
        return wrap(atom)
    if atom.expr is not None:
        return HostScalar(atom.value, atom.expr)
    return atom.value
