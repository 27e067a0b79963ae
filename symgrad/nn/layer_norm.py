"""Normalization of each member of a batch by itself, as modules."""

from __future__ import annotations

import numbers
from typing import Any

from symgrad.nn import functional as F
from symgrad.nn import init
from symgrad.nn.module import Module
from symgrad.nn.weights import declare
from symgrad.tensor.core import Tensor

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


class _Scaled(Module):
    """A learned scale, which begins as 1, and shift, which begins as 0."""

    weight: Any
    bias: Any

    def register_scale(self, shape: tuple[int, ...], device: Any, dtype: Any, **there: bool) -> None:
        """Register the parameters, all of one shape: those that are not there by name only."""
        declare(self, device, dtype, **{name: shape if wanted else None for name, wanted in there.items()})
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights 1, biases 0."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                (init.ones_ if name == "weight" else init.zeros_)(parameter)


def shape_of(normalized_shape: Any) -> tuple[int, ...]:
    """A shape, given as one number or several."""
    return (int(normalized_shape),) if isinstance(normalized_shape, numbers.Integral) else tuple(normalized_shape)


class LayerNorm(_Scaled):
    """The last dimensions with mean 0 and variance 1, times a learned weight, plus a bias (Ba, Kiros, Hinton 2016).

    Shapes: [..., *normalized_shape] -> the same
    >>> sg.nn.LayerNorm(2, eps=1e-12)(sg.tensor([1.0, 3.0])).tolist()
    [-1.0, 1.0]
    """

    def __init__(self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True, bias: bool = True,
                 device: Any = None, dtype: Any = None):  # fmt: skip
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_scale(self.normalized_shape, device, dtype, weight=elementwise_affine,
                       bias=elementwise_affine and bias)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
                f"bias={self.bias is not None}")  # fmt: skip


class GroupNorm(_Scaled):
    """Groups of channels with mean 0 and variance 1, times a learned weight, plus a bias (Wu, He 2018).

    Shapes: [n, num_channels, ...] -> the same
    >>> sg.nn.GroupNorm(2, 4, eps=1e-12)(sg.tensor([[1.0, 3.0, 5.0, 9.0]])).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True, device: Any = None,
                 dtype: Any = None, *, bias: bool = True):  # fmt: skip
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.register_scale((num_channels,), device, dtype, weight=affine, bias=affine and bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
                f"bias={self.bias is not None}")  # fmt: skip


class RMSNorm(_Scaled):
    """The last dimensions divided by the root of their mean square, times a learned weight (Zhang, Sennrich 2019).

    Shapes: [..., *normalized_shape] -> the same
    >>> sg.nn.RMSNorm(2, eps=0.0)(sg.tensor([2.0, 2.0])).tolist()
    [1.0, 1.0]
    """

    def __init__(self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True,
                 device: Any = None, dtype: Any = None):  # fmt: skip
        super().__init__()
        self.normalized_shape = shape_of(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.register_scale(self.normalized_shape, device, dtype, weight=elementwise_affine)

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """x / (k + alpha m)^beta, m the mean square of `size` neighbouring channels (Krizhevsky et al. 2012).

    Shapes: [n, c, ...] of three or more dimensions -> the same
    >>> sg.nn.LocalResponseNorm(1, alpha=0.75, beta=1.0)(sg.tensor([[[2.0]]]))
    tensor([[[0.5000]]])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
