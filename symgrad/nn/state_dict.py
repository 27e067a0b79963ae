"""A module's state as a flat dictionary of tensors, out and in again, with the hooks PyTorch has for both.

Loading goes through `_load_from_state_dict` of every module, which subclasses may override. What it would
copy is noted and copied at the end, so that a load that is refused changes nothing.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from symgrad.errors import SymgradError
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.hooks import RemovableHandle, add_hook

KINDS = ("_state_dict_hooks", "_state_dict_pre_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks")
EXTRA_STATE = "_extra_state"


class StateDictError(SymgradError, RuntimeError):
    """A state dict does not fit the module it is loaded into."""


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` found missing and left over."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


class Saved:
    """The part of Module that gives its state and takes it back."""

    _version = 1
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    # -- hooks --------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the state of this module is taken."""
        return add_hook(self.__dict__["_state_dict_pre_hooks"], hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after it; it may change the dict in place."""
        return add_hook(self.__dict__["_state_dict_hooks"], (hook, True))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """The older kind, which may return another dict."""
        return add_hook(self.__dict__["_state_dict_hooks"], (hook, False))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` first."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., Any],
                                           with_module: bool = False) -> RemovableHandle:  # fmt: skip
        return add_hook(self.__dict__["_load_state_dict_pre_hooks"], (hook, with_module))

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` when this module and all below it are loaded; it may edit the keys."""
        return add_hook(self.__dict__["_load_state_dict_post_hooks"], hook)

    # -- out ----------------------------------------------------------------------------------

    def get_extra_state(self) -> Any:
        """State that is no tensor, saved beside the tensors; override, together with `set_extra_state`."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave; override."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    def state_dict(self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by dotted name; they share memory with the module."""
        if args:
            warnings.warn("Positional args are being deprecated, use kwargs instead. Refer to "
                          "https://pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module.state_dict"
                          " for details.", FutureWarning, stacklevel=2)  # fmt: skip
            given = [*args, *(destination, prefix, keep_vars)[len(args) :]]
            destination, prefix, keep_vars = given
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = metadata
        for hook in list(self.__dict__["_state_dict_pre_hooks"].values()):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook, in_place in list(self.__dict__["_state_dict_hooks"].values()):
            result = hook(self, destination, prefix, metadata)
            if in_place and result is not None:
                raise RuntimeError("state_dict post-hook must return None")
            destination = destination if result is None else result
        return destination

    def _own_state(self) -> dict[str, Tensor]:
        """The parameters and persistent buffers of this module alone."""
        kept = {n: b for n, b in self._buffers.items() if n not in self._non_persistent_buffers_set}
        return {name: t for name, t in {**self._parameters, **kept}.items() if t is not None}

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put the state of this module alone into `destination`."""
        for name, tensor in self._own_state().items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not Saved.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    # -- in -----------------------------------------------------------------------------------

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True,
                        assign: bool = False) -> IncompatibleKeys:  # fmt: skip
        """Copy the tensors of `state_dict` into this module; nothing is changed when it raises.

        `strict` demands that names match exactly; `assign` takes the tensors themselves, dtype and all.
        Raises: StateDictError listing every missing or unexpected name and every size mismatch
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        load = Load(state_dict, assign)
        load.module(self, load.given, "")
        refused = bool(load.errors or strict and any(load.keys))
        if not refused:
            load.finish()
        for module in load.loaded:
            for hook in list(module.__dict__["_load_state_dict_post_hooks"].values()):
                if hook(module, load.keys) is not None:
                    raise AssertionError(
                        "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new "
                        "values, if incompatible_keys need to be modified, it should be done inplace.")
        load.check(type(self).__name__, strict)
        if refused:
            load.finish()
        return load.keys

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, strict: bool,
                              missing_keys: list[str], unexpected_keys: list[str],
                              error_msgs: list[str]) -> None:  # fmt: skip
        """Take the state of this module alone from `state_dict`, and say what is wrong with it."""
        for hook, with_module in list(self.__dict__["_load_state_dict_pre_hooks"].values()):
            hook(*([self] if with_module else []), state_dict, prefix, local_metadata, strict, missing_keys,
                 unexpected_keys, error_msgs)  # fmt: skip
        own = self._own_state()
        for name, tensor in own.items():
            key = prefix + name
            if key not in state_dict:
                missing_keys += [key] if strict else []
                continue
            given = state_dict[key]
            if not isinstance(given, Tensor):
                error_msgs.append(f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                                  f"object from checkpoint but received {type(given)}")
                continue
            if tensor.shape == () and given.shape == (1,):
                given = given[0]  # type: ignore[index]
            if given.shape != tensor.shape:
                error_msgs.append(f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                                  f"the shape in current model is {tensor.shape}.")
                continue
            pending = local_metadata.get("pending")
            change = (self, name, given, bool(local_metadata.get("assign_to_params_buffers", False)))
            put(*change) if pending is None else pending.append(change)
        self._load_extra_state(state_dict, prefix, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys += [key for key in state_dict if self._is_unexpected(key, prefix, own)]

    def _load_extra_state(self, state_dict: Any, prefix: str, strict: bool, missing_keys: list[str],
                          unexpected_keys: list[str]) -> None:  # fmt: skip
        key = prefix + EXTRA_STATE
        if type(self).set_extra_state is not Saved.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)

    def _is_unexpected(self, key: str, prefix: str, own: Mapping[str, Any]) -> bool:
        """Whether no parameter or buffer here, and no module below, can be meant by `key`."""
        if not key.startswith(prefix) or key == prefix + EXTRA_STATE:
            return False
        first, _, rest = key[len(prefix) :].partition(".")
        return first not in self._modules if rest else first not in own


class Load:
    """One `load_state_dict`: what is given, what is wrong with it, and what is to be copied where."""

    def __init__(self, state_dict: Mapping[str, Any], assign: bool):
        given: Any = OrderedDict(state_dict)
        self.metadata: Any = getattr(state_dict, "_metadata", None)
        given._metadata = self.metadata
        self.given = given
        self.assign = assign
        self.keys = IncompatibleKeys([], [])
        self.errors: list[str] = []
        self.pending: list[tuple[Any, str, Tensor, bool]] = []
        self.loaded: list[Any] = []

    def module(self, module: Any, given: Any, prefix: str) -> None:
        """A module and what is below it."""
        metadata = dict((self.metadata or {}).get(prefix[:-1], {}))
        metadata["pending"] = self.pending
        if self.assign:
            metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(given, prefix, metadata, True, *self.keys, self.errors)
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                self.module(child, {k: v for k, v in given.items() if k.startswith(below)}, below)
        self.loaded.append(module)

    def check(self, name: str, strict: bool) -> None:
        """Raise one error about all that is wrong."""
        problems = list(self.errors)
        if strict and self.keys.unexpected_keys:
            problems.insert(0, f"Unexpected key(s) in state_dict: {_quoted(self.keys.unexpected_keys)}. ")
        if strict and self.keys.missing_keys:
            problems.insert(0, f"Missing key(s) in state_dict: {_quoted(self.keys.missing_keys)}. ")
        if problems:
            lines = "".join(f"\n\t{p}" for p in problems)
            raise StateDictError(f"Error(s) in loading state_dict for {name}:{lines}")

    def finish(self) -> None:
        """Copy what is to be copied."""
        for change in self.pending:
            put(*change)
        self.pending.clear()


def put(module: Any, name: str, given: Tensor, assign: bool) -> None:
    """Copy `given` into the parameter or buffer of `module`, or make it that."""
    from symgrad.nn.parameter import Parameter

    old = getattr(module, name)
    if not assign:
        with state.no_grad():
            old.copy_(given)
        return
    if isinstance(old, Parameter):
        given = given if isinstance(given, Parameter) else Parameter(given, old.requires_grad)
        given.requires_grad_(old.requires_grad)  # type: ignore[attr-defined]
    setattr(module, name, given)


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
