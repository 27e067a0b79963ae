"""Parametrizations that PyTorch names: weights as length and direction, or divided by their largest singular value."""

from __future__ import annotations

from typing import Any

from symgrad.errors import DimError
from symgrad.nn.functions.directions import normalize
from symgrad.nn.module import Module
from symgrad.nn.utils.parametrize import register_parametrization
from symgrad.nn.utils.weight_norm import length
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = ["spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """v times g / |v|, where the norm is over all dimensions but `dim`."""

    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return weight_v * (weight_g / length(weight_v, self.dim))

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """Length and direction of a weight."""
        return length(weight, self.dim), weight


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Let the parameter `name` be g v / |v| with g and v learned (Salimans & Kingma 2016).

    Note: state dicts with the names of the older `weight_norm` can be loaded.
    >>> layer = sg.nn.utils.parametrizations.weight_norm(sg.nn.Linear(3, 2))
    >>> [name for name, _ in layer.named_parameters()]
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(OldNames(name))
    return module


class OldNames:
    """Renames what the older `weight_norm` saved."""

    def __init__(self, name: str):
        self.name = name

    def __call__(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        old = [f"{prefix}{self.name}_g", f"{prefix}{self.name}_v"]
        if all(key in state_dict for key in old):
            for place, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{self.name}.original{place}"] = state_dict.pop(key)


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iteration follows in training."""

    _u: Any
    _v: Any

    def __init__(self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12):
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise DimError("Dimension out of range (expected to be in range of "
                           f"[-{weight.ndim}, {weight.ndim - 1}] but got {dim})")  # fmt: skip
        if n_power_iterations <= 0:
            raise ValueError("Expected n_power_iterations to be positive, but got n_power_iterations="
                             f"{n_power_iterations}")  # fmt: skip
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._matrix(weight.detach())
            rows, columns = matrix.shape
            self.register_buffer("_u", normalize(matrix.new_empty(rows).normal_(0, 1), dim=0, eps=eps))
            self.register_buffer("_v", normalize(matrix.new_empty(columns).normal_(0, 1), dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Any) -> Any:
        order = [self.dim, *(d for d in range(weight.ndim) if d != self.dim)]
        return weight.permute(order).flatten(1)

    def _iterate(self, matrix: Any, count: int) -> None:
        with state.no_grad():
            for _ in range(count):
                self._u.copy_(normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix, self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()
        return weight / u.dot(matrix.mv(v))

    def right_inverse(self, value: Any) -> Any:
        """The value itself."""
        return value


def spectral_norm(module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12,
                  dim: int | None = None) -> Any:  # fmt: skip
    """Let the parameter `name` be divided by its largest singular value (Miyato et al. 2018).

    >>> layer = sg.nn.utils.parametrizations.spectral_norm(sg.nn.Linear(3, 2))
    >>> sorted(layer.state_dict())[1:]  # doctest: +ELLIPSIS
    ['parametrizations.weight.0._u', 'parametrizations.weight.0._v', 'parametrizations.weight.original']
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        dim = 1 if type(module).__name__.startswith("ConvTranspose") else 0
    return register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
