"""PyTorch's values made symgrad's: tensors with their strides and aliasing, dtypes, devices, containers.

Both sides of a comparison start from copies made here, so that nothing one of them writes is seen by
the other or by the next check.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import symgrad as sg


class Unsupported(Exception):
    """A sample holds a dtype or another constant that symgrad has no name for."""


class OutOfScope(Exception):
    """A sample holds what symgrad means never to have: sparse layouts, more dimensions than NumPy's 64."""


def tree_map(fn: Callable[[Any], Any], value: Any) -> Any:
    """`fn` over the leaves of lists, tuples, dicts and slices, in order; the containers are kept."""
    if isinstance(value, (list, torch.nn.ParameterList)):
        return [tree_map(fn, v) for v in value]
    if type(value) is tuple:
        return tuple(tree_map(fn, v) for v in value)
    if isinstance(value, dict):
        return {k: tree_map(fn, v) for k, v in value.items()}
    if isinstance(value, slice):
        return slice(tree_map(fn, value.start), tree_map(fn, value.stop), tree_map(fn, value.step))
    return fn(value)


def leaves(value: Any, kind: type) -> list[Any]:
    """The leaves of type `kind`, each object once."""
    found: dict[int, Any] = {}
    tree_map(lambda v: found.setdefault(id(v), v) if isinstance(v, kind) else None, value)
    return list(found.values())


class ToTorch:
    """Fresh copies of a sample for PyTorch: same strides, same sharing of memory, leaves of autograd."""

    def __init__(self) -> None:
        self.memory: dict[int, Any] = {}
        self.made: dict[int, Any] = {}
        self.alive: list[Any] = []

    def __call__(self, value: Any) -> Any:
        return tree_map(self.leaf, value)

    def leaf(self, value: Any) -> Any:
        if isinstance(value, torch.nn.Module):
            return copy.deepcopy(value)
        if not isinstance(value, torch.Tensor):
            return value
        if id(value) not in self.made:
            self.alive.append(value)
            self.made[id(value)] = self.tensor(value)
        return self.made[id(value)]

    def tensor(self, given: Any) -> Any:
        if given.layout is not torch.strided:
            raise OutOfScope(f"layout {given.layout}")
        if given.ndim > 64:
            raise OutOfScope(f"{given.ndim} dimensions")
        t = given.detach().resolve_conj().resolve_neg()
        self.alive.append(t)
        key = t.untyped_storage().data_ptr()
        if key not in self.memory:
            self.memory[key] = t.untyped_storage().clone()
        fresh = torch.empty(0, dtype=t.dtype)
        fresh.set_(self.memory[key], t.storage_offset(), t.size(), t.stride())
        return fresh.requires_grad_(given.requires_grad)


class ToSymgrad(ToTorch):
    """Fresh copies of a sample for symgrad."""

    def leaf(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return super().leaf(value)
        if isinstance(value, torch.Size):
            return sg.Size(value)
        if isinstance(value, (torch.dtype, torch.memory_format, torch.layout)):
            name = str(value).rpartition(".")[2]
            if not hasattr(sg, name):
                raise Unsupported(str(value))
            return getattr(sg, name)
        if isinstance(value, torch.device):
            return sg.device(str(value))
        if isinstance(value, torch.Generator):
            return sg.Generator()
        if isinstance(value, torch.nn.Module):
            return module_like(value)
        return value

    def tensor(self, given: Any) -> Any:
        return from_torch(super().tensor(given))


LAYERS = (torch.nn.TransformerEncoderLayer, torch.nn.TransformerDecoderLayer)


def module_like(given: torch.nn.Module) -> Any:
    """symgrad's module of the same kind, options and parameters."""
    if isinstance(given, LAYERS):
        activation: Any = given.activation
        attention: Any = given.self_attn
        options = {
            "d_model": attention.embed_dim, "nhead": attention.num_heads, "dropout": given.dropout.p,
            "dim_feedforward": given.linear1.out_features, "layer_norm_eps": given.norm1.eps,
            "batch_first": attention.batch_first, "norm_first": given.norm_first,
            "bias": given.linear1.bias is not None,
            "activation": getattr(sg.nn.functional, activation.__name__)
            if callable(activation) and hasattr(activation, "__name__") else module_like(activation),
        }  # fmt: skip
    else:
        named = inspect.signature(type(given)).parameters
        options = {k: getattr(given, k) for k in named if hasattr(given, k)}
        if "bias" in options and not isinstance(options["bias"], bool):
            options["bias"] = options["bias"] is not None
    made = getattr(sg.nn, type(given).__name__)(**options)
    if any(True for _ in given.parameters()):
        made.to(ToSymgrad()(next(given.parameters()).dtype))
        made.load_state_dict({k: from_torch(v.detach().clone()) for k, v in given.state_dict().items()})
    return made


def from_torch(t: Any) -> Any:
    """A symgrad tensor on the memory of a PyTorch tensor."""
    detached = t.detach()
    if t.dtype is torch.bfloat16:
        import ml_dtypes

        array = detached.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    elif t.dtype in (torch.complex32, torch.qint8, torch.quint8):
        raise Unsupported(str(t.dtype))
    else:
        array = detached.numpy()
    if not hasattr(sg, str(t.dtype).rpartition(".")[2]):
        raise Unsupported(str(t.dtype))
    return sg.from_numpy(array).requires_grad_(t.requires_grad)


def array_of(x: Any) -> np.ndarray[Any, Any]:
    """The numbers of a tensor of either library, where NumPy can compare them."""
    x = x.detach()
    if isinstance(x, torch.Tensor):
        x = x.resolve_conj().resolve_neg()
        if x.dtype is torch.bfloat16:
            x = x.float()
        return np.asarray(x.numpy(force=True))
    array = np.asarray(x.numpy())
    return array.astype(np.float32) if dtype_name(x) == "bfloat16" else array


def dtype_name(x: Any) -> str:
    """`float32` for either library."""
    return str(x.dtype).rpartition(".")[2]
