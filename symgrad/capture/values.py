"""Tensors as Values: what a capture records, and which Value stands for a tensor at each moment.

A concrete tensor becomes a cell when first met; a view is replayed on its base after every change; a
leaf on memory that others share has a Value of its own, so that each leaf has its own gradient.
"""

from __future__ import annotations

from typing import Any

from symgrad.capture.cells import Cell, GradSlot, memory_of, overlap, same_memory
from symgrad.capture.hints import assigned_name
from symgrad.errors import TraceError, location_of, user_frame
from symgrad.ir.builder import Builder
from symgrad.ir.graph import FORWARD, UPDATE, Atom, Eqn, Literal, Value
from symgrad.ir.primitive import OUTPUTS, Primitive
from symgrad.ops.custom import custom
from symgrad.ops.elementwise import stop_gradient
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, array_type, leaked, wrap
from symgrad.tensor.host import HostScalar
from symgrad.tensor.tape import plan_for
from symgrad.tensor.views import replay


class SymbolicNode:
    """`grad_fn` of a symbol: says which primitive made it."""

    __slots__ = ("prim", "hooks")

    def __init__(self, prim: Primitive):
        self.prim = prim
        self.hooks = None

    def name(self) -> str:
        """PyTorch's spelling."""
        return str(self.prim.name).title().replace("_", "") + "Backward0"

    def __getattr__(self, name: str) -> Any:
        raise TraceError(f"grad_fn.{name} of a symbol: the recorded graph is not there while tracing",
                         hint="use hooks on tensors (Tensor.register_hook)")  # fmt: skip


class Values:
    """What a trace knows of tensors: which Value stands for each now, and the equations so far."""

    def __init__(self, arguments: list[Tensor], places: list[int]):
        self.builder = Builder()
        self.cells: dict[int, Cell] = {}
        self.by_memory: dict[int, list[Cell]] = {}
        self.shared: list[tuple[Cell, Cell]] = []
        self.grads: dict[int, GradSlot] = {}
        self.leaf_of: dict[Value, Tensor] = {}
        self.touched: dict[int, Tensor] = {}
        self.plain: set[Value] = set()
        self.uses: dict[Value, set[Value]] = {}
        self.leaf_values: dict[tuple[int, Value], Value] = {}
        self.connected: set[Value] = set()
        self.known: set[Value] = set()
        self.stopped: dict[Value, Value] = {}
        self.view_values: dict[int, tuple[int, Value, Tensor]] = {}
        self.hooks: dict[Value, dict[int, Any]] = {}
        self.leaf_hooks: dict[int, tuple[Tensor, tuple[Any, ...]]] = {}
        self.retained: list[Tensor] = []
        self.saves: dict[Value, tuple[int, list[Tensor]]] = {}
        self.holding: set[Value] = set()
        self.freed: set[Eqn] = set()
        self.conditions: dict[str, None] = {}
        self.hosts: dict[str, tuple[Any, Any]] = {}
        self.host_names: dict[tuple[int, Any], str] = {}
        self.members: dict[tuple[int, str], tuple[Any, str, Any]] = {}
        self.names: dict[tuple[int, str], tuple[Any, str, tuple[str, ...]]] = {}
        self.born: dict[int, Any] = {}
        self.extents: dict[int, Any] = {}
        self.draws: dict[int, list[Any]] = {}
        self.stepped: list[Tensor] = []
        self.undo: list[Any] = []
        self.keep: list[Any] = []
        self.updating = False
        self.arguments = {id(t): i for t, i in zip(reversed(arguments), reversed(places))}
        self.keep += arguments
        for tensor in arguments:
            self.value_of(tensor)

    # -- values -------------------------------------------------------------------------------

    def value_of(self, tensor: Tensor) -> Value:
        """What stands for `tensor` now; a concrete tensor is lifted to a cell."""
        if type(tensor._data) is not Value and id(tensor) not in self.arguments:
            self.touched.setdefault(id(tensor), tensor)
        value = self._memory_value(tensor)
        if tensor._rg and (tensor._view is None or type(tensor._data) is not Value and tensor._node is None):
            if type(tensor._data) is not Value:
                return self._leaf_value(tensor, value)
            if tensor._base is not None:
                return self._own_history(tensor, value)
        if not tensor._rg:
            self.plain.add(value)
        return value

    def _memory_value(self, tensor: Tensor) -> Value:
        if id(tensor) in self.arguments:
            return self.cell(tensor).now
        base = tensor._base
        if base is not None and tensor._view is None:
            if type(tensor._data) is Value:
                return self._memory_value(base)
        if type(tensor._data) is Value:
            view = tensor._view
            if view is not None and view.version != self._version(view.base):
                self._replay(tensor)
            value: Value = tensor._data
            if value not in self.known:
                raise leaked(tensor)
            return value
        if tensor._view is not None and type(tensor._view.base._data) is not Value:
            return self._view_value(tensor)
        return self.cell(tensor).now

    def _leaf_value(self, tensor: Tensor, value: Value) -> Value:
        """The value of memory as one leaf sees it: two leaves on one memory have a gradient each."""
        owner = self.leaf_of.get(value)
        if owner is None and value not in self.plain:
            owner = self.leaf_of[value] = tensor
        if owner is not tensor:
            own = self.leaf_values.get((id(tensor), value))
            if own is None:
                (own,) = self.emit(stop_gradient, (value,), {})
                self.leaf_values[id(tensor), value] = own
                self.leaf_of[own] = tensor
            value = own
        self.connected.add(value)
        return value

    def _own_history(self, tensor: Tensor, value: Value) -> Value:
        """The value of shared memory for a symbol that became a leaf: its own until the memory changes."""
        if tensor._modified != self._version(tensor):
            self._begin_leaf(tensor, value)
        own: Value = tensor._data
        return own

    def _begin_leaf(self, tensor: Tensor, value: Value) -> None:
        tensor._data = own = self._fresh(value)
        self.leaf_of[own] = tensor
        self.connected.add(own)
        if tensor._base is not None:
            tensor._modified = self._version(tensor)

    def _version(self, base: Tensor) -> int:
        owner = base.owner
        return owner._version if type(owner._data) is Value else self.cell(owner).version

    def _replay(self, tensor: Tensor) -> None:
        view = tensor._view
        assert view is not None
        replay(tensor)
        view.version = self._version(view.base)

    def _view_value(self, tensor: Tensor) -> Value:
        """A view, made before the trace, of concrete memory: its steps on the base's value now."""
        view = tensor._view
        assert view is not None
        version = self.cell(view.base).version
        cached = self.view_values.get(id(tensor))
        if cached is None or cached[0] != version:
            out: Any = view.base
            for prim, params in view.steps:
                out = self.record(prim, (out,), params)
            cached = self.view_values[id(tensor)] = (version, out._data, tensor)
        return cached[1]

    def cell(self, tensor: Tensor) -> Cell:
        """The cell for the memory of a concrete tensor."""
        owner = tensor
        found = self.cells.get(id(owner))
        if found is not None:
            return found
        memory = memory_of(owner)
        for other in self.by_memory.get(memory, ()):
            if same_memory(owner, other.tensor):
                self.cells[id(owner)] = other
                self.keep.append(owner)
                return other
        kind = array_type(owner._data)
        argument = self.arguments.get(id(owner))
        entry = Value(kind, "")
        found = self.cells[id(owner)] = Cell(owner, entry, argument)
        for other in self.by_memory.get(memory, ()):
            if overlap(owner, other.tensor):
                self.shared.append((found, other))
        self.by_memory.setdefault(memory, []).append(found)
        self.known.add(entry)
        return found

    # -- equations ----------------------------------------------------------------------------

    @state.unwatched
    def record(self, prim: Primitive, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Append an equation; the result is a symbol."""
        grad_on = state.is_grad_enabled()
        dtype = next((x.dtype for x in reversed(inputs) if isinstance(x, Tensor)), None)
        atoms: list[Atom] = []
        for x in inputs:
            if isinstance(x, Tensor):
                value = self.value_of(x)
                if grad_on and not x._rg and value in self.connected:
                    value = self._stop(value)
                atoms.append(value)
            elif isinstance(x, Literal):
                atoms.append(x)
            elif type(x) is HostScalar:
                assert dtype is not None
                atoms.append(Literal(x.value, dtype, x.expr))
            else:
                assert dtype is not None, f"{prim.name}: no tensor operand to type {x!r}"
                atoms.append(Literal(x, dtype))
        outs = self.emit(prim, tuple(atoms), params)
        needs = grad_on and prim.differentiable and any(isinstance(x, Tensor) and x._rg for x in inputs)
        tensors = tuple(wrap(value) for value in outs)
        if needs:
            mask = tuple(isinstance(x, Tensor) and x._rg for x in inputs)
            plan = plan_for(prim, mask)
            if plan.rules:
                for out in tensors:
                    if out.dtype.is_inexact:
                        out._rg, out._node = True, SymbolicNode(prim)
                self._note_saves(prim, plan, inputs, outs, tensors, params)
        return tensors if prim.multiple else tensors[0]

    @state.unwatched
    def emit(self, prim: Primitive, atoms: tuple[Atom, ...], params: dict[str, Any], phase: str = "") -> Any:
        """Append an equation over values, with the user's line and variable name."""
        frame = user_frame()
        loc = location_of(frame) if frame is not None else None
        name = assigned_name(frame)
        if not phase:
            phase = UPDATE if self.updating and not state.is_grad_enabled() else FORWARD
        outs = self.builder.emit(prim, atoms, params, loc=loc, phase=phase, hints=(name,) if name else ())
        self.known.update(outs)
        if prim is not stop_gradient and any(a in self.connected for a in atoms if isinstance(a, Value)):
            self.connected.update(outs)
        return outs

    def _stop(self, value: Value) -> Value:
        stopped = self.stopped.get(value)
        if stopped is None:
            (stopped,) = self.emit(stop_gradient, (value,), {})
            stopped.hint = value.hint
            self.stopped[value] = stopped
        return stopped

    def _note_saves(self, prim: Primitive, plan: Any, inputs: Any, outs: Any, tensors: Any, params: Any) -> None:
        """Remember what eager would save, so that a later change in place is the same error."""
        saved = []
        names = plan.saves
        if prim is custom:  # what its user says
            names = getattr(params["call"], "saves", ())
            saved += [x.owner for x in inputs[params["count"] + params["ins"] :] if isinstance(x, Tensor)]
            saved += [tensors[place] for kind, place in names if kind == "out"]
        if names:
            self.holding.add(outs[0])
        for name in plan.saves if prim is not custom else ():
            if name in ("out", "outs"):
                saved.extend(tensors)
            elif name in OUTPUTS and prim.multiple:
                saved.append(tensors[OUTPUTS[name]])
            elif name in prim.names and not prim.variadic:
                x = prim.named(inputs)[name]
                saved += [t.owner for t in (x if name == prim.tail else (x,)) if isinstance(t, Tensor)]
        if saved:
            self.saves[outs[0]] = (state.tick(), saved)

    def _fresh(self, value: Value) -> Value:
        """A Value of its own for a leaf's new content, so that no path leads back through it."""
        (made,) = self.emit(stop_gradient, (value,), {})
        return made  # type: ignore[no-any-return]
