"""Modules made of modules: a chain, a list."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from symgrad.nn.describe import list_repr
from symgrad.nn.module import Module

__all__ = ["ModuleList", "Sequential"]


class _Indexed(Module):
    """Children by position; names are their positions unless given."""

    def _name_at(self, index: Any) -> str:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} is out of range")
        return next(islice(self._modules, place % len(self), None))

    def _renumber(self, modules: Iterable[Any]) -> None:
        """Replace the children by `modules`, named 0, 1, …"""
        fresh = list(modules)
        for name in list(self._modules):
            delattr(self, name)
        for place, module in enumerate(fresh):
            self.add_module(str(place), module)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in tuple(self._modules))

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def append(self, module: Module) -> Any:
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add all `modules` at the end."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put `module` before position `index`."""
        fresh = list(self)
        fresh.insert(index, module)
        self._renumber(fresh)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take out the module at `index` and return it."""
        module = self[index]  # type: ignore[index]
        del self[index]  # type: ignore[attr-defined]
        return module

    def __delitem__(self, index: Any) -> None:
        fresh = list(self)
        if not isinstance(index, slice):
            self._name_at(index)
        del fresh[index]
        self._renumber(fresh)


class Sequential(_Indexed):
    """Modules called one after the other; given in order or as an OrderedDict of names."""

    def __init__(self, *args: Any):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], OrderedDict):
            for name, module in args[0].items():
                self.add_module(name, module)
        else:
            self.extend(args)

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return getattr(self, self._name_at(index))


class ModuleList(_Indexed):
    """A list of modules whose parameters are found."""

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(modules or ())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name_at(index))

    def __iadd__(self, modules: Iterable[Module]) -> "ModuleList":
        return self.extend(modules)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return list_repr(list(self._modules.values()), self._get_name())
