"""Parameter groups: dictionaries whose changes compiled programs come to know.

They belong to an optimizer and tell it of structural changes; a new learning rate is none, since a
compiled program reads floats anew at each call.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.host import hyper

if TYPE_CHECKING:
    from symgrad.optim.optimizer import Optimizer


class Owned:
    """A dictionary of an optimizer's, which it tells of changes; a copy is a plain dictionary."""

    _owner: Any

    def _belong(self, owner: "Optimizer") -> None:
        self._owner = weakref.ref(owner)

    def _restructure(self) -> None:
        if (owner := self._owner()) is not None:
            owner.restructured()

    def __reduce__(self) -> Any:
        return dict, (dict(self),)  # type: ignore[call-overload]


class Named(Owned, dict[str, Any]):
    """Values by name, each set and taken out one by one."""

    def __delitem__(self, key: str) -> None:
        self._restructure()
        super().__delitem__(key)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys."""
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of `key`, set to `default` if absent."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, *args: Any) -> Any:
        """Take a key out."""
        self._restructure()
        return super().pop(*args)


class Group(Named):
    """One parameter group; a change of it is seen by compiled programs."""

    def __init__(self, values: dict[str, Any], owner: "Optimizer"):
        super().__init__(values)
        self._belong(owner)

    lifts_floats = True

    @property
    def plain(self) -> bool:
        """Whether its options are Python's own or tensors: arithmetic with them runs no code of the user's."""
        return all(_is_plain(value) for key, value in self.items() if key != "params")

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if state.captures and type(value) is float and (active := state.capture()) is not None:
            return active.host(key, value, self, key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if (active := state.capture()) is not None:
            active.refuse("changing an optimizer's parameter group")
        if _kind(self.get(key, 0.0)) != _kind(value):  # a number that is new is nothing a program has read
            self._restructure()
        super().__setitem__(key, value)
        state.bump_epoch()



class Numbers:
    """A group's hyper-parameters during one step, as attributes: plain, or in a trace host scalars.

    A tensor is taken as one without dimensions. Plain numbers are copied at once; a trace asks for each that is read.
    """

    def __init__(self, group: Group):
        if not state.captures:
            self.__dict__ = {key: value for key, value in group.items() if type(value) in _PLAIN}
        self._group = group

    def __getattr__(self, key: str) -> Any:
        value = dict.__getitem__(self._group, key)
        if type(value) is tuple:
            items = GroupItem(self._group, key)
            value = tuple([hyper(f"{key}_{i}", items, i) for i in range(len(value))])
        elif isinstance(value, Tensor):
            value = value.reshape(()) if value.ndim else value  # type: ignore[attr-defined]
        else:
            value = hyper(key, self._group, key)
        self.__dict__[key] = value  # found there from now on
        return value

    def now(self, key: str) -> Any:
        """The plain number a state begins with."""
        value = dict.__getitem__(self._group, key)
        with state.eagerly():
            return value.item() if isinstance(value, Tensor) else value


_PLAIN = frozenset((float, int, bool, str, type(None)))


def _is_plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    return type(value) in _PLAIN or type(value).__module__.startswith("symgrad.")


def _kind(value: Any) -> Any:
    """What of a hyper-parameter a compiled program depends on: of floats, only that they are."""
    if type(value) is tuple:
        return tuple(map(_kind, value))
    if isinstance(value, Tensor):
        return id(value)
    return float if type(value) is float else (type(value), value)


class GroupItem:
    """`group[key]` looked up at each reading, so that a replaced tuple is seen."""

    __slots__ = ("group", "key")

    def __init__(self, group: Group, key: str):
        self.group = group
        self.key = key

    def __getitem__(self, place: int) -> Any:
        return self.group[self.key][place]


class Registry(Owned, dict[int, Any]):
    """Hooks by handle number; one more or less is seen by compiled programs."""

    def __init__(self, owner: "Optimizer"):
        super().__init__()
        self._belong(owner)

    def __setitem__(self, number: int, hook: Any) -> None:
        super().__setitem__(number, hook)
        self._restructure()

    def pop(self, *args: Any) -> Any:
        """Take a hook out."""
        self._restructure()
        return super().pop(*args)
