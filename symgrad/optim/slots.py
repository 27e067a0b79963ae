"""The state of one parameter while it is updated, made where there is none yet.

A slot is made concretely even in a trace, which finds it as a cell; a trace that fails takes it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.ops.complex import view_as_real
from symgrad.ops.creation import zeros_like
from symgrad.optim.groups import Slots
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

Make = Callable[[Tensor], Tensor]


class ParameterSlots:
    """`slot(name)` is the state tensor of a parameter, zeros at first; of a complex one, as real numbers."""

    __slots__ = ("slots", "param")

    def __init__(self, slots: Slots, param: Tensor):
        self.slots = slots
        self.param = param

    def __contains__(self, name: str) -> bool:
        return self.slots.get(self.param, {}).get(name) is not None

    def __call__(self, name: str, make: Make = zeros_like) -> Any:
        found = self._found(self.slots[self.param], name, make)
        return view_as_real(found) if found.dtype.is_complex else found

    def unsaved(self, name: str, make: Make) -> Any:
        """State that a state dict does not hold, as PyTorch has none like it."""
        return self._found(self.slots.unsaved, (self.param, name), make)

    def _found(self, slots: dict[Any, Any], key: Any, make: Make) -> Any:
        found = slots.get(key)
        if found is None:
            with state.eagerly():
                found = slots[key] = make(self.param)
            if (active := state.capture()) is not None:
                active.on_abort(lambda: slots.pop(key, None))
        return found
