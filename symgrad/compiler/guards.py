"""When a compiled variant still applies, and if not, why not: a reason is returned, never raised.

What can only change by a rebind the structural epoch sees (module members, requires_grad, hooks,
optimizer groups) is looked at when the epoch moved. Globals, closures and plain attributes are looked
at on every call.
"""

from __future__ import annotations

from typing import Any

from symgrad.capture.capture import hooks_on
from symgrad.capture.cells import layout_of
from symgrad.capture.reads import Read
from symgrad.capture.trace import Traced
from symgrad.ir.graph import Value
from symgrad.ir.types import TensorType
from symgrad.tensor.core import Tensor, array_type


class Guards:
    """The conditions of one trace."""

    def __init__(self, traced: Traced):
        self.always = [r for r in traced.reads if not r.protected]
        self.protected = [r for r in traced.reads if r.protected]
        self.members = traced.members
        self.names = traced.names
        self.leaf_hooks = traced.leaf_hooks
        self.grad_reads = [(s.tensor, s.argument, s.before) for s in traced.grad_reads]
        self.cells = [
            (c.tensor, _logical(c.entry)) for c in traced.cells if c.argument is None]
        self.touched = [(t, t._rg) for t in traced.touched]
        self.layout = layout_of(traced.touched)
        holders = {id(h): h for h, key in traced.hosts.values() if isinstance(h, dict)}
        self.groups = [(h, {k: v for k, v in h.items() if not isinstance(v, float)}) for h in holders.values()]
        self.conditions = [(text, compile(text, "<condition>", "eval")) for text in traced.conditions]

    def changed_always(self) -> str | None:
        """Why a read outside the epoch's sight invalidates the trace."""
        for read in self.always:
            if read.changed():
                return _rebound(read)
        return None

    def changed_grads(self, leaves: list[Any]) -> str | None:
        """Whether a `.grad` that the trace read is another one now."""
        for tensor, argument, before in self.grad_reads:
            now = (tensor if argument is None else leaves[argument])._grad
            if now is not before and not (now is not None and before is not None and tensor.grad is before):
                return f".grad of {_name(tensor)} is {'None' if now is None else 'another tensor'} now"
        return None

    def moved_grads(self, leaves: list[Any]) -> dict[int, Tensor]:
        """Gradients that took the place of those the trace read, and are like them: what was, and what is now.

        Nothing is said of them where one is not; after `zero_grad()` every gradient is a new tensor.
        """
        moved: dict[int, Tensor] = {}
        kinds = {id(tensor): kind for tensor, kind in self.cells}
        for tensor, argument, before in self.grad_reads:
            holder = tensor if argument is None else leaves[argument]
            if before is None or holder._grad is before or holder._grad is None or holder.grad is before:
                continue
            now: Any = holder.grad
            if now._rg or now._node is not None or type(now._data) is not type(before._data):
                return {}
            if _array_logical(now) != kinds.get(id(before), _array_logical(before)):
                return {}
            moved[id(before)] = now
        return moved

    def rebind(self, moved: dict[int, Tensor]) -> None:
        """From now on the trace is one of these tensors."""
        def new(tensor: Any) -> Any:
            return moved.get(id(tensor), tensor)

        self.grad_reads = [(t, argument, new(before)) for t, argument, before in self.grad_reads]
        self.cells = [(new(t), kind) for t, kind in self.cells]
        self.touched = [(new(t), rg) for t, rg in self.touched]
        self.leaf_hooks = tuple((new(t), hooks) for t, hooks in self.leaf_hooks)

    def changed_structure(self) -> str | None:
        """Why something the epoch covers invalidates the trace."""
        for read in self.protected:
            if read.changed():
                return _rebound(read)
        for module, name, value in self.members:
            if getattr(module, name, None) is not value:
                return f"{type(module).__name__}.{name} was rebound"
        for module, registry, names in self.names:
            if tuple(module.__dict__[registry]) != names:
                return f"{registry[1:]} of {type(module).__name__} were added or removed"
        for tensor, requires_grad in self.touched:
            if tensor._rg != requires_grad:
                return f"requires_grad of {_name(tensor)} is {tensor._rg} now"
        if layout_of([t for t, _ in self.touched]) != self.layout:
            return "tensors share memory otherwise than they did"
        for tensor, kind in self.cells:
            if _array_logical(tensor) != kind:
                return f"{_name(tensor)} has another shape, dtype or layout now"
        for tensor, hooks in self.leaf_hooks:
            if hooks_on(tensor) != hooks:
                return f"the hooks of {_name(tensor)} changed"
        for group, fixed in self.groups:
            for key, value in fixed.items():
                now = group.get(key)
                if now is not value and (isinstance(value, (list, dict)) or _kind(now) != _kind(value)):
                    return f"optimizer option {key!r} is {now!r} now (was {value!r})"
        return None

    def failed_condition(self, hosts: dict[str, Any]) -> str | None:
        """The first branch on a host scalar that would go another way now."""
        for text, code in self.conditions:
            if not eval(code, {"__builtins__": {}, "abs": abs}, hosts):
                return f"the trace assumed {text}"
        return None


def _kind(value: Any) -> Any:
    """What of a hyper-parameter a trace depends on: of floats, which are read anew, only that they are."""
    if type(value) is tuple:
        return tuple(map(_kind, value))
    return float if type(value) is float else (type(value), value)


def _rebound(read: Read) -> str:
    was, now = read.seen[1], read.current()
    if read.seen[0] == "scalar":
        return f"{read.text} is {now!r} now (was {was!r}), read at {read.loc}"
    return f"{read.text} was rebound or changed, read at {read.loc}"


def _logical(value: Value) -> tuple[Any, ...]:
    return _layout(value.type)


def _array_logical(tensor: Tensor) -> tuple[Any, ...]:
    return _layout(array_type(tensor._data))


def _layout(kind: TensorType) -> tuple[Any, ...]:
    """Shape, dtype and strides: native code is compiled for all three."""
    strides = None if kind.strides is None else tuple(map(int, kind.strides))
    return (tuple(map(int, kind.shape)), kind.dtype, strides)


def _name(tensor: Tensor) -> str:
    return f"a tensor {tensor.type_}"
