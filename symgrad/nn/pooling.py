"""Pooling layers."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.module import Module
from symgrad.tensor.core import Tensor

__all__ = ["MaxPool1d", "MaxPool2d", "MaxPool3d"]


class _MaxPool(Module):
    """What the layers that take the largest of each window have in common."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
                 return_indices: bool = False, ceil_mode: bool = False):  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
                f"dilation={self.dilation}, ceil_mode={self.ceil_mode}")

    def _largest(self, function: Any, input: Tensor) -> Any:
        return function(input, self.kernel_size, self.stride, self.padding, self.dilation, ceil_mode=self.ceil_mode,
                        return_indices=self.return_indices)  # fmt: skip


class MaxPool1d(_MaxPool):
    """The largest of each window: [N, C, L] or [C, L] to [N, C, windows]."""

    def forward(self, input: Tensor) -> Any:
        return self._largest(F.max_pool1d, input)


class MaxPool2d(_MaxPool):
    """The largest of each window: [N, C, H, W] or [C, H, W] to [N, C, …].

    >>> sg.nn.MaxPool2d(2)(sg.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """

    def forward(self, input: Tensor) -> Any:
        return self._largest(F.max_pool2d, input)


class MaxPool3d(_MaxPool):
    """The largest of each window: [N, C, D, H, W] or [C, D, H, W] to [N, C, …]."""

    def forward(self, input: Tensor) -> Any:
        return self._largest(F.max_pool3d, input)
