"""Normalization of channels as modules: over a batch, or in each of its members."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

from symgrad import dtypes
from symgrad.nn import functional as F
from symgrad.nn import init
from symgrad.nn.module import Module
from symgrad.nn.weights import declare
from symgrad.ops.creation import ones, tensor, zeros
from symgrad.tensor.core import Tensor

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _Norm(Module):
    """A learned scale and shift for each channel, and running estimates of its mean and variance."""

    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    dims: ClassVar[tuple[int, ...]] = ()

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
                 track_running_stats: bool = True, device: Any = None, dtype: Any = None, *,
                 bias: bool = True):  # fmt: skip
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        shape = (num_features,)
        declare(self, device, dtype, weight=shape if affine else None, bias=shape if affine and bias else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros((num_features,), device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones((num_features,), device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked",
                             tensor(0, dtype=dtypes.int64, device=device) if tracked else None)  # fmt: skip
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Estimates as before the first batch: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Weights 1, biases 0, and no batch seen."""
        self.reset_running_stats()
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            wanted = " or ".join(f"{d}D" for d in self.dims)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
                f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}")  # fmt: skip


class _BatchNorm(_Norm):
    """In training by the batch's mean and variance, in evaluation by the running estimates."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum: Any = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the plain average of all batches so far
                momentum = 1.0 / self.num_batches_tracked.to(dtypes.float64)
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        used = not self.training or self.track_running_stats
        return F.batch_norm(input, self.running_mean if used else None, self.running_var if used else None,
                            self.weight, self.bias, by_batch, momentum, self.eps)  # fmt: skip


class BatchNorm1d(_BatchNorm):
    """Channels with mean 0 and variance 1 over the batch, times a learned weight, plus a bias (Ioffe, Szegedy 2015).

    Shapes: [n, c] or [n, c, l] -> the same
    >>> sg.nn.BatchNorm1d(1, eps=1e-12)(sg.tensor([[1.0], [3.0]])).flatten().tolist()
    [-1.0, 1.0]
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` of images.

    Shapes: [n, c, h, w] -> the same
    >>> sg.nn.BatchNorm2d(1, eps=1e-12)(sg.tensor([[[[1.0, 3.0]]]])).flatten().tolist()
    [-1.0, 1.0]
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` of volumes.

    Shapes: [n, c, d, h, w] -> the same
    >>> sg.nn.BatchNorm3d(1, eps=1e-12)(sg.tensor([[[[[1.0, 3.0]]]]])).flatten().tolist()
    [-1.0, 1.0]
    """

    dims = (5,)


class _InstanceNorm(_Norm):
    """By the mean and variance of each channel of each member; in evaluation by running estimates, if kept."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
                 track_running_stats: bool = False, device: Any = None, dtype: Any = None, *,
                 bias: bool = True):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        alone = input.ndim == self.dims[0]
        place = input.ndim - self.dims[0]
        if input.shape[place] != self.num_features:
            if self.affine:
                raise ValueError(f"expected input's size at dim={place} to match num_features ({self.num_features}), "
                                 f"but got: {input.shape[place]}.")
            warnings.warn(
                f"input's size at dim={place} does not match num_features. You can silence this warning by not passing "
                "in num_features, which is not used because affine=False", stacklevel=2)  # fmt: skip
        x: Any = input
        out: Any = F.instance_norm(
            x.unsqueeze(0) if alone else x, self.running_mean, self.running_var, self.weight, self.bias,
            self.training or not self.track_running_stats, 0.0 if self.momentum is None else self.momentum, self.eps,
        )  # fmt: skip
        return out.squeeze(0) if alone else out  # type: ignore[no-any-return]


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each member with mean 0 and variance 1 (Ulyanov, Vedaldi, Lempitsky 2016).

    Shapes: [n, c, l] or [c, l] -> the same
    >>> sg.nn.InstanceNorm1d(1, eps=1e-12)(sg.tensor([[1.0, 3.0]]))
    tensor([[-1.,  1.]])
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` of images.

    Shapes: [n, c, h, w] or [c, h, w] -> the same
    >>> sg.nn.InstanceNorm2d(1, eps=1e-12)(sg.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.,  1.]]])
    """

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` of volumes.

    Shapes: [n, c, d, h, w] or [c, d, h, w] -> the same
    >>> sg.nn.InstanceNorm3d(1, eps=1e-12)(sg.tensor([[[[1.0, 3.0]]]]))
    tensor([[[[-1.,  1.]]]])
    """

    dims = (4, 5)
