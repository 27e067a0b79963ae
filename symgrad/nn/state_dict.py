"""A module's state as a flat dictionary of tensors, out and in again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from symgrad.errors import SymgradError
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


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


def _own_state(module: Any) -> dict[str, Tensor]:
    """The parameters and persistent buffers of one module alone."""
    kept = {n: b for n, b in module._buffers.items() if n not in module._non_persistent_buffers_set}
    return {name: t for name, t in {**module._parameters, **kept}.items() if t is not None}


def state_dict(self: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> dict[str, Any]:
    """Parameters and persistent buffers by dotted name; they share memory with the module."""
    found: dict[str, Any] = OrderedDict() if destination is None else destination
    for name, tensor in _own_state(self).items():
        found[prefix + name] = tensor if keep_vars else tensor.detach()
    for name, child in self._modules.items():
        if child is not None:
            child.state_dict(destination=found, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
    return found


def load_state_dict(self: Any, state_dict: Mapping[str, Any], strict: bool = True,
                    assign: bool = False) -> IncompatibleKeys:  # fmt: skip
    """Copy the tensors of `state_dict` into this module; nothing is changed when it raises.

    `strict` demands that names match exactly; `assign` takes the tensors themselves, dtype and all.
    Raises: StateDictError listing every missing or unexpected name and every size mismatch
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
    # Shared parameters stand under each of their names, so none is reported missing or unexpected.
    homes = {f"{where}.{name}" if where else name: (module, name, tensor)
             for where, module in self.named_modules(remove_duplicate=False)
             for name, tensor in _own_state(module).items()}  # fmt: skip
    missing = [name for name in homes if name not in state_dict]
    unexpected = [name for name in state_dict if name not in homes]
    problems = []
    if strict and unexpected:
        problems.append(f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
    if strict and missing:
        problems.append(f"Missing key(s) in state_dict: {_quoted(missing)}. ")
    for name, (_, _, tensor) in homes.items():
        if name in state_dict and state_dict[name].shape != tensor.shape:
            problems.append(
                f"size mismatch for {name}: copying a param with shape {state_dict[name].shape} "
                f"from checkpoint, the shape in current model is {tensor.shape}.")
    if problems:
        lines = "".join(f"\n\t{p}" for p in problems)
        raise StateDictError(f"Error(s) in loading state_dict for {type(self).__name__}:{lines}")
    with state.no_grad():
        for name, (module, short, tensor) in homes.items():
            if name not in state_dict:
                continue
            if assign:
                _replace(module, short, tensor, state_dict[name])
            else:
                tensor.copy_(state_dict[name])
    return IncompatibleKeys(missing, unexpected)


def _replace(module: Any, name: str, old: Tensor, new: Tensor) -> None:
    from symgrad.nn.parameter import Parameter

    if isinstance(old, Parameter) and not isinstance(new, Parameter):
        new = Parameter(new, old.requires_grad)
    setattr(module, name, new)


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
