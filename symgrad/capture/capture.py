"""The capture: while one is active in a thread, every operation becomes an equation.

It answers the questions `bind`, `.grad`, in-place assignment and `backward` ask when tracing. User
objects are not changed: concrete tensors become cells, their `.grad` slots, and what the trace read
or assumed is kept for the guards.
"""

from __future__ import annotations

from typing import Any

from symgrad.capture.branches import Branches
from symgrad.capture.cells import GradSlot, same_memory
from symgrad.capture.values import SymbolicNode
from symgrad.errors import Loc, SideEffectError, TraceError, VersionError
from symgrad.ir.extents import show
from symgrad.ir.graph import BACKWARD, Eqn, Literal, Value
from symgrad.ir.primitive import OUTPUTS, Primitive
from symgrad.ir.types import TensorType
from symgrad.ops.custom import KeepHistory, custom
from symgrad.ops.elementwise import stop_gradient
from symgrad.ops.functional import contiguous_p
from symgrad.ops.gradients import gradients as gradients_p
from symgrad.ops.shape import permute as permute_p
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, concretization, wrap
from symgrad.tensor.hooks import run_hooks
from symgrad.tensor.host import HostScalar
from symgrad.tensor.views import detached, write_chain


class Capture(Branches):
    """One trace in progress."""

    # -- in-place changes ---------------------------------------------------------------------

    def assign(self, target: Tensor, value: Tensor, *, recorded: bool = True) -> None:
        """`target` holds `value` from here on; a write through a view becomes a write of its base."""
        view = target._view
        recorded = recorded and state.is_grad_enabled()
        if view is not None:
            base = view.base
            new_base = write_chain(base, value, view.steps)
            self.assign(base, new_base)
            if value._rg and state.is_grad_enabled():
                target._rg, target._node = True, value._node
            return
        owner = target._base
        known = id(target) in self.arguments
        if owner is not None and not known and (type(target._data) is Value or same_memory(target, owner)):
            if value._rg and recorded:
                raise TraceError("a detached tensor is given a value that requires grad, in place",
                                 hint="clone() it first")  # fmt: skip
            self.assign(owner, value, recorded=False)
            if target._rg:  # a leaf on shared memory: what it now holds is a leaf's content again
                self.value_of(target)
            return
        new = self.value_of(value)
        if type(target._data) is Value:
            new = self._laid_out(new, target._data.type)
            if recorded:
                target._rg, target._node = value._rg, value._node
            elif target._rg:
                (new,) = self.emit(custom, (new, target._data), dict(count=1, call=KeepHistory(), ins=1))
            target._data = new
            target._version += 1
            target._modified = state.tick()
            return
        if value._rg and recorded:
            self.refuse("a tensor from outside was given a value that requires grad, in place")
        cell = self.cell(target)
        if new in self.connected and not target._rg and not value._rg:
            new = self._stop(new) if state.is_grad_enabled() else new
        if new is cell.entry or target._rg:
            new = self._fresh(new)
        cell.now = new = self._laid_out(new, cell.entry.type)
        cell.version += 1
        cell.modified = state.tick()
        if target._rg:
            self.connected.add(new)
            self.leaf_of[new] = target

    def _laid_out(self, value: Value, like: TensorType) -> Value:
        """`value` with the dense strides nearest to `like`'s: a change in place leaves a layout as it was."""
        if value.type.strides == like.strides:
            return value
        dims, strides = tuple(range(like.ndim)), like.strides
        order = dims if strides is None else tuple(sorted(dims, key=lambda d: -strides[d]))
        if order == dims:
            return self.emit(contiguous_p, (value,), {})[0]  # type: ignore[no-any-return]
        (value,) = self.emit(permute_p, (value,), {"dims": order})
        (value,) = self.emit(contiguous_p, (value,), {})
        (value,) = self.emit(permute_p, (value,), {"dims": tuple(sorted(dims, key=order.__getitem__))})
        return value

    # -- .grad --------------------------------------------------------------------------------

    def read_grad(self, tensor: Tensor) -> Tensor | None:
        """`tensor.grad` inside the trace."""
        if type(tensor._data) is Value:
            return tensor._grad  # type: ignore[no-any-return]
        slot = self.grads.get(id(tensor))
        if slot is None:
            with state.eagerly():
                before = tensor.grad
            slot = self.grads[id(tensor)] = GradSlot(tensor, before, True)
        return slot.now

    def write_grad(self, tensor: Tensor, value: Tensor | None) -> None:
        """`tensor.grad = value` inside the trace."""
        if type(tensor._data) is Value:
            tensor._grad = value
            return
        slot = self.grads.get(id(tensor))
        if slot is None:
            slot = self.grads[id(tensor)] = GradSlot(tensor, None, False)
        slot.now = value
        slot.written = True

    # -- backward -----------------------------------------------------------------------------

    def backward(
        self, roots: list[Tensor], grads: list[Tensor], *, retain_graph: bool, create_graph: bool, inputs: Any
    ) -> None:
        """`loss.backward()`: one `gradients` equation, then accumulation into `.grad` as eager does."""
        from symgrad.ops.engine import accumulate

        found = self.gradients(roots, grads, inputs, retain_graph=retain_graph, create_graph=create_graph)
        self.updating = True
        leaves = {t: g for t, g in found.items() if t._node is None}
        if any(type(t._data) is not Value and t._node is not None for t in found):
            raise TraceError("backward() runs on into a graph recorded outside the traced function",
                             hint="detach() the argument, or call backward() outside")  # fmt: skip
        for tensor, g in found.items():
            if t_is_retained(tensor, self.retained):
                tensor._grad = g if tensor._grad is None else tensor._grad + g
        accumulate(leaves, create_graph)

    def gradients(
        self, roots: list[Tensor], grads: list[Tensor], inputs: Any, *, retain_graph: bool, create_graph: bool
    ) -> dict[Tensor, Tensor]:
        """Cotangents of the leaves under `roots` (or of `inputs`) as symbols."""
        values = [self.value_of(r) for r in roots]
        reached, path = self.reach(values)
        self._check_saved(path)
        wanted: dict[Value, Tensor] = {}
        if inputs is not None:
            wanted.update({self.value_of(t): t for t in inputs if self.value_of(t) in reached})
        else:
            wanted.update({v: t for v, t in self.leaf_of.items() if v in reached})
            wanted.update({self.value_of(t): t for t in self.retained if self.value_of(t) in reached})
        for value in values:
            if value in self.leaf_of and value not in wanted and inputs is None:
                wanted[value] = self.leaf_of[value]
        hooked = {v: hooks for v, hooks in self.hooks.items() if v in reached and hooks}
        targets = list(dict.fromkeys([*wanted, *hooked]))
        if not targets:
            return {}
        stops = tuple(v in self.leaf_of for v in targets)
        hooks = tuple((targets.index(v), tuple(h.values())) for v, h in hooked.items())
        atoms = (*values, *[self.value_of(g) for g in grads], *targets)
        before = set(self.connected)
        outs = self.emit(gradients_p, atoms, dict(roots=len(roots), stops=stops, hooks=hooks), BACKWARD)
        if not create_graph:
            self.connected = before
        elif not hooks:
            self.uses[outs[0]] = used_by(path, targets) | {self.value_of(g) for g in grads}
        if not retain_graph:
            self.freed |= {eqn for eqn in path if eqn.outputs[0] in self.holding}
        found: dict[Tensor, Tensor] = {}
        for value, out in zip(targets, outs):
            if value in wanted:
                g = wrap(out)
                if create_graph:
                    g._rg, g._node = True, SymbolicNode(gradients_p)
                    self.holding.add(outs[0])
                tensor = wanted[value]
                out.hint = "g"
                found[tensor] = found[tensor] + g if tensor in found else g
        with state.set_grad_enabled(create_graph):
            for tensor in found:
                if tensor._node is None:
                    self.leaf_hooks[id(tensor)] = (tensor, hooks_on(tensor))
                    if tensor._hooks is not None:
                        found[tensor] = run_hooks(tensor._hooks.tensor, found[tensor])
        return found

    @state.unwatched
    def reach(self, roots: list[Value]) -> tuple[set[Value], set[Eqn]]:
        """Values a gradient of `roots` reaches, and the equations on the way."""
        reached = set(roots)
        path: set[Eqn] = set()
        for eqn in reversed(self.builder.eqns):
            if not reached.intersection(eqn.outputs) or eqn.prim is stop_gradient:
                continue
            if eqn.outputs[0] in self.uses:
                reached.update(used := self.uses[eqn.outputs[0]] & self.connected)
                path.update([eqn] if used else [])
                continue
            if eqn.prim is custom:
                count = eqn.params["count"]
                positions = set(range(count, count + eqn.params["ins"]))
            elif eqn.prim.variadic:
                positions = set(range(len(eqn.inputs)))
            else:
                positions = {p for ps, _, _ in eqn.prim.rules for p in ps}
            ways = [a for i, a in enumerate(eqn.inputs)
                    if i in positions and isinstance(a, Value) and a in self.connected]  # fmt: skip
            if ways:
                reached.update(ways)
                path.add(eqn)
        return reached, path

    def _check_saved(self, path: set[Eqn]) -> None:
        if self.freed & path:
            from symgrad.errors import GradError

            raise GradError(
                "Trying to backward through the graph a second time (or directly access saved tensors "
                "after they have already been freed).",
                hint="specify retain_graph=True when calling .backward() the first time")
        for eqn in path:
            when, saved = self.saves.get(eqn.outputs[0], (0, ()))
            for tensor in saved:
                changed = tensor._modified if type(tensor._data) is Value else self.cell(tensor).modified
                if changed > when:
                    raise VersionError(
                        "one of the variables needed for gradient computation has been modified by an "
                        f"inplace operation: [{tensor.type_}], which {eqn.prim.name} ({eqn.loc}) saved",
                        hint="change a copy instead, or do it after backward()")

    # -- what else user code may do -----------------------------------------------------------

    def detach(self, tensor: Tensor) -> Tensor:
        """The same value outside the graph."""
        out = detached(tensor)
        if type(out._data) is not Value:
            out._data = self._memory_value(tensor)
        return out

    def hooks_of(self, tensor: Tensor) -> dict[int, Any]:
        """The hooks of a symbol's gradient."""
        if type(tensor._data) is not Value:
            self.refuse("registering a hook on a tensor from outside")
        return self.hooks.setdefault(self.value_of(tensor), {})

    def retain(self, tensor: Tensor) -> None:
        """`retain_grad()` on a symbol."""
        if type(tensor._data) is Value:
            self.retained.append(tensor)

    def concretize(self, tensor: Tensor, what: str) -> None:
        """A Python value was asked of a tensor."""
        raise concretization(what)

    def inside(self, what: str) -> Any:
        """A capture for the functions of one control-flow call."""
        from symgrad.capture.subgraph import Inner

        return Inner(self, what)

    def refuse(self, what: str) -> None:
        """Something a compiled program could not repeat."""
        raise SideEffectError(f"while tracing: {what}", hint="do it outside the compiled function")

    def note_requires_grad(self, tensor: Tensor) -> None:
        """`requires_grad` is about to change."""
        if type(tensor._data) is not Value:
            self.refuse("requires_grad of a tensor from outside is changed")
        if tensor._rg:
            return
        if tensor._view is not None:
            raise TraceError("requires_grad of a view is set while tracing", hint="clone() it first")
        self._begin_leaf(tensor, self._memory_value(tensor))

    def shape_of(self, tensor: Tensor) -> tuple[int, ...]:
        """The shape of a concrete tensor; an argument's extents know that they are its."""
        return self.extents.get(id(tensor), tensor._data.shape)  # type: ignore[no-any-return]

    def note_born(self, module: Any) -> None:
        """A module is made while tracing: what becomes of it is nobody else's concern."""
        self.born[id(module)] = module

    def note_member(self, module: Any, name: str, value: Any) -> None:
        """A module's parameter, buffer or submodule was read: a guard."""
        if id(module) in self.born:
            return
        self.members[id(module), name] = (module, name, value)
        self.stepped += [p for group in getattr(module, "param_groups", ()) for p in group["params"]]

    def note_names(self, module: Any, registry: str, names: tuple[str, ...]) -> None:
        """The names of a module's parameters, buffers or submodules were asked for: a guard."""
        if id(module) not in self.born:
            self.names[id(module), registry] = (module, registry, names)

    def note_setattr(self, module: Any, name: str, old: Any, new: Any) -> None:
        """A module attribute is about to be set."""
        if new is not old and id(module) not in self.born:
            self.refuse(f"attribute {name!r} of {type(module).__name__} is assigned")

    def assume(self, condition: str) -> None:
        """The trace holds only while `condition` (over host names) does."""
        self.conditions[condition] = None

    def host(self, name: str, value: float, holder: Any, key: Any) -> HostScalar:
        """A Python float read anew at each call from `holder[key]`."""
        known = self.host_names.get((id(holder), key))
        if known is None:
            known, number = name, 1
            while known in self.hosts:
                number += 1
                known = f"{name}{number}"
            self.host_names[id(holder), key] = known
            self.hosts[known] = (holder, key)
        return HostScalar(value, known)

    def on_abort(self, undo: Any) -> None:
        """Call `undo()` if the trace fails."""
        self.undo.append(undo)

    def draw(self, prim: Primitive, generator: Any, counters: int, params: dict[str, Any]) -> Tensor:
        """Random numbers from `generator`, at its offset plus what this trace drew before."""
        from symgrad.dtypes import int64

        entry = self.draws.get(id(generator))
        if entry is None:
            number = len(self.draws) or ""
            entry = self.draws[id(generator)] = [generator, 0, f"seed{number}", f"offset{number}"]
            self.hosts[entry[2]] = (generator, "seed")
            self.hosts[entry[3]] = (generator, "offset")
        ahead = f"({entry[3]} + {show(entry[1])})" if entry[1] else entry[3]
        seed = Literal(signed(generator.seed), int64, entry[2])
        offset = Literal(signed(generator.offset + entry[1]), int64, ahead)
        entry[1] += counters
        (out,) = self.emit(prim, (seed, offset), params)
        return wrap(out)


def signed(number: int) -> int:
    """A 64-bit pattern as int64."""
    number &= 0xFFFFFFFFFFFFFFFF
    return number - (1 << 64) if number >> 63 else number


def hooks_on(tensor: Tensor) -> tuple[Any, ...]:
    """The hooks registered on a leaf."""
    return tensor._hooks.all() if tensor._hooks is not None else ()


def used_by(path: set[Eqn], targets: list[Value]) -> set[Value]:
    """The values on which gradients along `path` for `targets` depend: what the rules ask for."""
    depends = set(targets)
    used: set[Value] = set()
    growing = True
    while growing:
        size = len(depends)
        for eqn in path:
            if depends.intersection(a for a in eqn.inputs if isinstance(a, Value)):
                depends.update(eqn.outputs)
        growing = len(depends) > size
    for eqn in path:
        if eqn.prim.variadic:
            used.update(a for a in eqn.inputs if isinstance(a, Value))
            continue
        operands = eqn.operands()
        for positions, _, names in eqn.prim.rules:
            if depends.isdisjoint(a for p in positions if isinstance(a := eqn.inputs[p], Value)):
                continue
            for asked in [operands[n] for n in names if n in operands]:
                used.update(a for a in (asked if isinstance(asked, tuple) else (asked,)) if isinstance(a, Value))
            used.update(eqn.outputs if "out" in names or "outs" in names else ())
            used.update(eqn.outputs[OUTPUTS[n]] for n in names if eqn.prim.multiple and n in OUTPUTS)
    return used


def t_is_retained(tensor: Tensor, retained: list[Tensor]) -> bool:
    """Whether `retain_grad()` was called on this symbol."""
    return any(tensor is t for t in retained)


__all__ = ["Capture", "Loc", "TraceError"]
