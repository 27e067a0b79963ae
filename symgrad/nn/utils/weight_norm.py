"""A weight as its direction times its length, each learned: the older form."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.errors import GradError
from symgrad.nn.parameter import Parameter
from symgrad.ops.norms import vector_norm
from symgrad.tensor.core import Tensor


class WeightNorm:
    """What computes the weight `name` of a module from its length `name_g` and its direction `name_v`."""

    def __init__(self, name: str, dim: int):
        self.name = name
        self.dim = dim

    def __call__(self, module: Any) -> Tensor:
        v, g = getattr(module, f"{self.name}_v"), getattr(module, f"{self.name}_g")
        return v * (g / length(v, self.dim))  # type: ignore[no-any-return]


def length(v: Any, dim: int) -> Any:
    """The norm over all dimensions but `dim`, which -1 does not spare, in a shape that broadcasts."""
    if dim == -1:
        return vector_norm(v)
    return vector_norm(v, 2, [d for d in range(v.ndim) if d != dim % v.ndim], keepdim=True)


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Replace the parameter `name` by `name_g` and `name_v`: weight = g v / |v| (Salimans & Kingma 2016).

    Note: the norm is over all dimensions but `dim`; with None over all. The weight is computed when it is
    asked for, so that a trace sees it.
    >>> layer = sg.nn.utils.weight_norm(sg.nn.Linear(3, 2))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn("`torch.nn.utils.weight_norm` is deprecated in favor of "
                  "`torch.nn.utils.parametrizations.weight_norm`.", FutureWarning, stacklevel=2)  # fmt: skip
    if isinstance(_computed(module, name), WeightNorm):
        raise GradError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    norm = WeightNorm(name, -1 if dim is None else dim)
    weight = getattr(module, name)
    delattr(module, name)
    module.register_parameter(f"{name}_g", Parameter(length(weight.detach(), norm.dim)))
    module.register_parameter(f"{name}_v", Parameter(weight.detach()))
    module._compute(name, norm)
    return module


def remove_weight_norm(module: Any, name: str = "weight") -> Any:
    """Make the weight that `weight_norm` took apart a parameter again.

    >>> layer = sg.nn.utils.weight_norm(sg.nn.Linear(3, 2))
    >>> [name for name, _ in sg.nn.utils.remove_weight_norm(layer).named_parameters()]
    ['bias', 'weight']
    """
    if not isinstance(_computed(module, name), WeightNorm):
        raise ValueError(f"weight_norm of '{name}' not found in {module}")
    weight = getattr(module, name).detach()
    module._compute(name, None)
    delattr(module, f"{name}_g")
    delattr(module, f"{name}_v")
    setattr(module, name, Parameter(weight))
    return module


def _computed(module: Any, name: str) -> Any:
    return module.__dict__.get("_computed", {}).get(name)
