"""Modules made of modules: a chain, a list, a dictionary."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from itertools import islice
from typing import Any

from symgrad.nn.describe import list_repr
from symgrad.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class Indexed(Module):
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
        return len(self._names())

    def __iter__(self) -> Iterator[Any]:
        return iter([getattr(self, name) for name in self._names()])

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def append(self, module: Module) -> Any:
        """Add `module` at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add all `modules` at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}.extend should be called with an iterable, but got "
                            f"{type(modules).__name__}")  # fmt: skip
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put `module` before position `index`."""
        fresh = list(self)
        fresh.insert(index, module)
        self._renumber(fresh)
        return self

    def pop(self, key: Any = -1) -> Any:
        """Take out the module at `key` and return it."""
        module = self[key]  # type: ignore[index]
        del self[key]
        return module

    def __delitem__(self, index: Any) -> None:
        fresh = list(self)
        if not isinstance(index, slice):
            self._name_at(index)
        del fresh[index]
        self._renumber(fresh)


class Sequential(Indexed):
    """Modules called one after the other; given in order or as an OrderedDict of names.

    >>> net = sg.nn.Sequential(sg.nn.Linear(3, 2), sg.nn.ReLU())
    >>> net
    Sequential(
      (0): Linear(in_features=3, out_features=2, bias=True)
      (1): ReLU()
    )
    >>> net[0](sg.ones(1, 3)).shape
    torch.Size([1, 2])
    """

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

    def insert(self, index: int, module: Module) -> Any:
        """Put `module` before position `index`."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        return super().insert(index, module)

    def __add__(self, other: Any) -> "Sequential":
        return Sequential(*self, *_chain(other))

    def __iadd__(self, other: Any) -> "Sequential":
        return self.extend(_chain(other))  # type: ignore[no-any-return]

    def __mul__(self, other: int) -> "Sequential":
        return Sequential(*list(self) * _factor(self, other))

    __rmul__ = __mul__

    def __imul__(self, other: int) -> "Sequential":
        return self.extend(list(self) * (_factor(self, other) - 1))  # type: ignore[no-any-return]


def _chain(other: Any) -> Any:
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
    return other


def _factor(chain: Sequential, factor: Any) -> int:
    if not isinstance(factor, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(chain)} and {type(factor)}")
    if factor <= 0:
        raise ValueError(f"Non-positive multiplication factor {factor} for {type(chain)}")
    return factor


class ModuleList(Indexed):
    """A list of modules whose parameters are found.

    >>> layers = sg.nn.ModuleList(sg.nn.Linear(2, 2) for _ in range(3))
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(() if modules is None else modules)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name_at(index))

    def insert(self, index: int, module: Module) -> None:
        """Put `module` before position `index`."""
        super().insert(index, module)

    def __add__(self, other: Iterable[Module]) -> "ModuleList":
        return ModuleList([*self, *other])

    def __iadd__(self, modules: Iterable[Module]) -> "ModuleList":
        return self.extend(modules)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return list_repr(list(self._modules.values()), self._get_name())


class ModuleDict(Module):
    """Modules by name, in order, whose parameters are found.

    >>> parts = sg.nn.ModuleDict({"act": sg.nn.ReLU()})
    >>> parts["act"](sg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        if key not in self._modules:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self._modules:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._names())

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __contains__(self, key: object) -> bool:
        return key in self._names()

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self._modules):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out the module at `key` and return it."""
        module = self[key]
        del self[key]
        return module

    def keys(self) -> KeysView[str]:
        """The names."""
        return self._read().keys()

    def items(self) -> ItemsView[str, Any]:
        """Names and modules."""
        return self._read().items()

    def values(self) -> ValuesView[Any]:
        """The modules."""
        return self._read().values()

    def _read(self) -> dict[str, Any]:
        for key in self._names():
            getattr(self, key)  # a capture learns of it
        return self._modules

    def update(self, modules: Any) -> None:
        """Add the modules of a mapping, or of (name, module) pairs; equal names are replaced."""
        for key, module in pairs(modules, "ModuleDict"):
            self[key] = module


def pairs(given: Any, name: str, plural: str = "") -> Iterator[tuple[str, Any]]:
    """What `update` is to set, one by one; raises PyTorch's errors where it is no mapping and no pairs."""
    if not isinstance(given, Iterable):
        raise TypeError(f"{plural or name}.update should be called with an iterable of key/value pairs, but got "
                        f"{type(given).__name__}")  # fmt: skip
    if isinstance(given, Mapping) or isinstance(given, Module) and hasattr(given, "items"):
        yield from given.items()
        return
    for place, pair in enumerate(given):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{name} update sequence element #{place} should be Iterable; is{type(pair).__name__}")
        both = tuple(pair)
        if len(both) != 2:
            raise ValueError(f"{name} update sequence element #{place} has length {len(both)}; 2 is required")
        yield both
