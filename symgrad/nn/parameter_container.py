"""Parameters (and anything else) in a list or a dictionary that a module's `parameters()` sees into."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, KeysView, Mapping
from typing import Any

from symgrad.nn.container import pairs
from symgrad.nn.module import Module
from symgrad.nn.parameter import Parameter
from symgrad.tensor.core import Tensor

__all__ = ["ParameterDict", "ParameterList"]


def learned(value: Any) -> Any:
    """A tensor as a Parameter; anything else as it is."""
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def line(key: Any, value: Any, kind: Any) -> str:
    """One line of the printed form."""
    if not isinstance(value, Tensor):
        return f"  ({key}): Object of type: {type(value).__name__}"
    extents = "x".join(str(extent) for extent in value.shape)
    where = f" ({value.device})" if value.device.type == "cuda" else ""
    what = "Parameter" if isinstance(value, Parameter) else "Tensor"
    return f"  ({key}): {what} containing: [{kind(value)} of size {extents}{where}]"


class ParameterList(Module):
    """A list whose tensors are parameters.

    >>> len(sg.nn.ParameterList([sg.ones(2), sg.zeros(3)]))
    2
    """

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self._size = 0
        if values is not None:
            self.extend(values)

    def _name_at(self, index: Any) -> str:
        place = operator.index(index)
        if not -len(self) <= place < len(self):
            raise IndexError(f"index {place} is out of range")
        return str(place % len(self))

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self[i] for i in range(*index.indices(len(self))))
        return getattr(self, self._name_at(index))

    def __setitem__(self, index: int, value: Any) -> None:
        setattr(self, self._name_at(index), learned(value))

    def __len__(self) -> int:
        self._names("_parameters")  # a trace holds while they are the same
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __iadd__(self, values: Iterable[Any]) -> "ParameterList":
        return self.extend(values)

    def append(self, value: Any) -> "ParameterList":
        """Add `value` at the end."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values: Iterable[Any]) -> "ParameterList":
        """Add all `values` at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError("ParameterList.extend should be called with an iterable, but got "
                            f"{type(values).__name__}")  # fmt: skip
        for value in values:
            self.append(value)
        return self

    def extra_repr(self) -> str:
        return "\n".join(line(k, v, lambda v: v.dtype) for k, v in enumerate(self))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ParameterList should not be called.")


class ParameterDict(Module):
    """A dictionary, in order, whose tensors are parameters.

    >>> list(sg.nn.ParameterDict({"a": sg.ones(2)}))
    ['a']
    """

    def __init__(self, parameters: Any = None):
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def __getitem__(self, key: str) -> Any:
        return getattr(self, checked(key))

    def __setitem__(self, key: str, value: Any) -> None:
        setattr(self, checked(key), learned(value))
        self._keys[key] = None

    def __delitem__(self, key: str) -> None:
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._read())

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def _read(self) -> dict[str, None]:
        self._names("_parameters")
        return self._keys

    def __reversed__(self) -> Iterator[str]:
        return reversed(self._read())

    def __contains__(self, key: object) -> bool:
        return key in self._read()

    def copy(self) -> "ParameterDict":
        """A new one with the same parameters."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value at `key`, which is set to `default` where there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self) -> None:
        """Take everything out."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key: str) -> Any:
        """Take out the value at `key` and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take out the last key and value and return them."""
        if not self._keys:
            raise KeyError("popitem(): dictionary is empty")
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def get(self, key: str, default: Any = None) -> Any:
        """The value at `key`, or `default`."""
        return self[key] if key in self else default  # noqa: SIM401

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> "ParameterDict":
        """A new one with `default` at each of `keys`."""
        return ParameterDict((key, default) for key in keys)

    def keys(self) -> KeysView[str]:
        """The keys."""
        return self._read().keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Keys and values."""
        return ((key, self[key]) for key in self._read())

    def values(self) -> Iterable[Any]:
        """The values."""
        return (self[key] for key in self._read())

    def update(self, parameters: Any) -> None:
        """Add what a mapping or (key, value) pairs hold; a plain dict's keys are sorted, as in PyTorch."""
        found = pairs(parameters, "ParameterDict", "ParametersDict")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            found = iter(sorted(found))
        for key, value in found:
            self[key] = value

    def extra_repr(self) -> str:
        return "\n".join(line(k, v, typename) for k, v in self.items())

    def __call__(self, input: Any) -> Any:
        raise RuntimeError("ParameterDict should not be called.")

    def __or__(self, other: Any) -> "ParameterDict":
        joined = self.copy()
        joined.update(other)
        return joined

    def __ror__(self, other: Any) -> "ParameterDict":
        joined = ParameterDict(other)
        joined.update(self)
        return joined

    def __ior__(self, other: Any) -> "ParameterDict":
        self.update(other)
        return self


def checked(key: Any) -> str:
    """The attribute that holds the value at `key`."""
    if not isinstance(key, str):
        raise TypeError("Index given to ParameterDict cannot be used as a key as it is not a string (type is "
                        f"'{type(key).__name__}'). Open an issue on github if you need non-string keys.")
    return key


def typename(value: Any) -> str:
    """The old name of a tensor's type."""
    return str(value.type())
