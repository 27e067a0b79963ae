"""Module: a callable that owns parameters, buffers and other modules, found by name.

What is assigned to an attribute is registered by its kind. Every structural change moves the epoch
on, so that compiled programs look again; inside a trace reads and writes are reported to the capture.
Saving and loading are in `state_dict.py`, the printed form in `describe.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.nn.bulk import Bulk
from symgrad.nn.describe import module_repr
from symgrad.nn.hooks import KINDS, Hooked
from symgrad.nn.parameter import Buffer, Parameter
from symgrad.nn.state_dict import KINDS as STATE_KINDS
from symgrad.nn.state_dict import Saved
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

_KINDS = (
    ("_parameters", "parameter", "torch.nn.Parameter"), ("_modules", "child module", "torch.nn.Module"),
    ("_buffers", "buffer", "torch.nn.Buffer, torch.Tensor"),
)  # fmt: skip
MISSING: Any = object()
"""Stands for "no such attribute" where a capture is told of a change."""

_REGISTRIES = ("_parameters", "_buffers", "_modules")


class Module(Hooked, Bulk, Saved):
    """Base of all models and layers: assign parts in `__init__`, say what they do in `forward`."""

    training: bool

    def __init__(self) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_hooked", False)
        for name in (*_REGISTRIES, *KINDS, *STATE_KINDS):
            put(self, name, {})
        put(self, "_non_persistent_buffers_set", set())
        if state.captures and (active := state.capture()) is not None:
            active.note_born(self)

    # -- attributes ---------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for registry in _REGISTRIES:
            if registry in own and name in own[registry]:
                value = own[registry][name]
                if state.captures and (active := state.capture()) is not None:
                    active.note_member(self, name, value)
                return value
        if "_computed" in own and name in self._names("_computed"):
            return own["_computed"][name](self)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if state.captures and (active := state.capture()) is not None:
            active.note_setattr(self, name, self._current(name), value)
        if "_computed" in own and name in own["_computed"] and (put := getattr(own["_computed"][name], "put", None)):
            put(self, value)
            return
        target = self._registry_for(name, value)
        for registry in _REGISTRIES:
            if registry != target and registry in own:
                own[registry].pop(name, None)
        if target is None:
            object.__setattr__(self, name, value)
        else:
            own.pop(name, None)
            own[target][name] = value
            if isinstance(value, Buffer) and not value.persistent:
                self._non_persistent_buffers_set.add(name)
        state.bump_epoch()

    def __delattr__(self, name: str) -> None:
        if state.captures and (active := state.capture()) is not None:
            active.note_setattr(self, name, self._current(name), MISSING)
        own = self.__dict__
        for registry in _REGISTRIES:
            if registry in own and name in own[registry]:
                del own[registry][name]
                self._non_persistent_buffers_set.discard(name)
                break
        else:
            object.__delattr__(self, name)
        state.bump_epoch()

    def __dir__(self) -> list[str]:
        own = self.__dict__
        names = {*super().__dir__(), *(n for r in _REGISTRIES for n in own.get(r, ()))}
        return sorted(n for n in names if not n[0].isdigit())

    def _current(self, name: str) -> Any:
        """The attribute's present value, or MISSING, without reporting a read."""
        own = self.__dict__
        for registry in _REGISTRIES:
            if registry in own and name in own[registry]:
                return own[registry][name]
        return own.get(name, MISSING)

    def _registry_for(self, name: str, value: Any) -> str | None:
        """The registry `self.name = value` goes to, None for a plain attribute."""
        own = self.__dict__
        for registry, kind, word in (("_parameters", Parameter, "parameters"), ("_modules", Module, "module")):
            if isinstance(value, kind):
                if registry not in own:
                    raise AttributeError(f"cannot assign {word} before Module.__init__() call")
                return registry
        if isinstance(value, Buffer):
            return "_buffers"
        if value is None or isinstance(value, Tensor):
            if name in own.get("_buffers", ()):
                return "_buffers"
            if value is None:
                return next((r for r in ("_parameters", "_modules") if name in own.get(r, ())), None)
        for registry, word, expected in _KINDS:
            if name in own.get(registry, ()):
                raise TypeError(f"cannot assign '{_type(value)}' as {word} '{name}' ({expected} or None expected)")
        return None

    # -- computed -----------------------------------------------------------------------------

    def _compute(self, name: str, function: Callable[[Any], Any] | None) -> None:
        """From now on `self.name` is what `function(self)` gives at each access; None ends that."""
        own = self.__dict__
        if "_computed" not in own:
            object.__setattr__(self, "_computed", {})
        own["_computed"].pop(name, None)
        if function is not None:
            own["_computed"][name] = function
        state.bump_epoch()

    # -- registering --------------------------------------------------------------------------

    def _register(self, registry: str, word: str, name: str, value: Any) -> None:
        if registry not in self.__dict__:
            raise AttributeError(f"cannot assign {word} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{word} name should be a string. Got {_type(name)}")
        if "." in name:
            raise KeyError(f'{word} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{word} name can\'t be empty string ""')
        if hasattr(self, name) and name not in self.__dict__[registry]:
            raise KeyError(f"attribute '{name}' already exists")
        if state.captures and (active := state.capture()) is not None:
            active.note_setattr(self, name, self._current(name), value)
        self.__dict__[registry][name] = value
        state.bump_epoch()

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter (None keeps the name for one that is absent)."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{_type(param)}' object to parameter '{name}' "
                            "(torch.nn.Parameter or None required)")
        self._register("_parameters", "parameter", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not learned; `persistent` ones are saved."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{_type(tensor)}' object to buffer '{name}' "
                            "(torch Tensor or None required)")
        self._register("_buffers", "buffer", name, tensor)
        change = self._non_persistent_buffers_set
        change.discard(name) if persistent else change.add(name)

    def add_module(self, name: str, module: "Module | None") -> None:
        """Add a child module under `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type(module)} is not a Module subclass")
        self._register("_modules", "module", name, module)

    register_module = add_module

    # -- the rest -----------------------------------------------------------------------------

    __repr__ = module_repr

    def extra_repr(self) -> str:
        """What stands between the parentheses of `repr`; override."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__


def _type(value: Any) -> str:
    return "torch.FloatTensor" if isinstance(value, Tensor) else type(value).__name__
