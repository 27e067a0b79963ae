"""The state of the parameters: dictionaries, and how a step makes and finds a slot in them.

A slot is made concretely even in a trace, which finds it as a cell; a trace that fails takes it back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from symgrad.ir.graph import Value
from symgrad.ops.complex import view_as_real
from symgrad.ops.creation import zeros, zeros_like
from symgrad.optim.groups import Named, Owned
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

Make = Callable[[Tensor], Tensor]


class ParameterState(Named):
    """The state of one parameter. Another tensor under a name is seen by compiled programs.

    In a trace a tensor that is put there becomes a slot: made concretely, and written by the program.
    """

    def __init__(self, values: dict[str, Any], owner: Any):
        super().__init__(values)
        self._belong(owner)

    def __setitem__(self, key: str, value: Any) -> None:
        old = self.get(key)
        if old is value:
            return
        if (active := state.capture()) is not None:
            self._put_in_trace(active, key, old, value)
            return
        if isinstance(value, Tensor) or isinstance(old, Tensor):
            self._restructure()
        super().__setitem__(key, value)

    def _put_in_trace(self, active: Any, key: str, old: Any, value: Any) -> None:
        if not isinstance(value, Tensor) or type(value._data) is not Value:
            active.refuse(f"an optimizer's state {key!r} is set to what is no tensor made there")
        if not isinstance(old, Tensor) or (tuple(old.shape), old.dtype) != (tuple(value.shape), value.dtype):
            with state.eagerly():
                made: Any = zeros(tuple(map(int, value.shape)), dtype=value.dtype, device=value.device)
            super().__setitem__(key, made)
            active.on_abort(lambda: self._put_back(key, old))
            self._restructure()  # the next step finds it there
            old = made
        with state.no_grad():
            old.copy_(value)

    def _put_back(self, key: str, old: Any) -> None:
        super().__setitem__(key, old)
        if old is None:
            super().__delitem__(key)

    def clear(self) -> None:
        """Forget all slots."""
        self._restructure()
        super().clear()


class Slots(Owned, defaultdict[Any, dict[str, Any]]):
    """State by parameter; taking some of it away is seen by compiled programs."""

    def __init__(self, owner: Any):
        super().__init__(dict)
        self._belong(owner)
        self.unsaved: dict[Any, Any] = {}

    def __missing__(self, param: Any) -> dict[str, Any]:
        slots = ParameterState({}, self._owner())
        dict.__setitem__(self, param, slots)  # a first step adds state; nothing is taken away
        if (active := state.capture()) is not None:
            active.on_abort(lambda: dict.pop(self, param, None))
        return slots

    def __setitem__(self, param: Any, slots: Any) -> None:
        self._restructure()
        super().__setitem__(param, ParameterState(slots, self._owner()) if isinstance(param, Tensor) else slots)

    def __delitem__(self, param: Any) -> None:
        self._restructure()
        super().__delitem__(param)

    def clear(self) -> None:
        """Forget all state."""
        self._restructure()
        super().clear()

    def pop(self, *args: Any) -> Any:
        """Take a parameter's state out."""
        self._restructure()
        return super().pop(*args)


class ParameterSlots:
    """`slot(name)` is the state tensor of a parameter, zeros at first; of a complex one, as real numbers."""

    __slots__ = ("slots", "param", "complex")

    def __init__(self, slots: Slots, param: Tensor):
        self.slots = slots
        self.param = param
        self.complex = param.dtype.is_complex

    def known(self, name: str) -> Any:
        """The state tensor, or None before there is one."""
        kept = self.slots.get(self.param)
        found = None if kept is None else kept.get(name)
        return self._shown(found) if self.complex and found is not None else found

    def __call__(self, name: str, make: Make = zeros_like) -> Any:
        kept = self.slots[self.param]
        found = kept.get(name)
        if found is None:
            found = self._found(kept, name, make)
        return self._shown(found) if self.complex else found

    def _shown(self, found: Any) -> Any:
        return view_as_real(found) if found.dtype.is_complex else found

    def unsaved(self, name: str, make: Make) -> Any:
        """State that a state dict does not hold, as PyTorch has none like it."""
        return self._found(self.slots.unsaved, (self.param, name), make)

    def _found(self, slots: dict[Any, Any], key: Any, make: Make) -> Any:
        found = slots.get(key)
        if found is None:
            with state.eagerly():
                found = make(self.param)
            dict.__setitem__(slots, key, found)  # made as soon as it is missed: no program need know
            if (active := state.capture()) is not None:
                active.on_abort(lambda: dict.pop(slots, key, None))
        return found
