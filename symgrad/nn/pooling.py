"""Pooling layers with windows of one size, a step apart."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.conv import repeated
from symgrad.nn.module import Module
from symgrad.tensor.core import Tensor

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d", "LPPool1d", "LPPool2d", "LPPool3d", "MaxPool1d", "MaxPool2d",
           "MaxPool3d", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]  # fmt: skip


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


class _MaxUnpool(Module):
    """What the layers that put the largest back have in common."""

    n = 0

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0):
        super().__init__()
        self.kernel_size = repeated(kernel_size, self.n)
        self.stride = repeated(stride if stride is not None else kernel_size, self.n)
        self.padding = repeated(padding, self.n)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        put_back = (F.max_unpool1d, F.max_unpool2d, F.max_unpool3d)[self.n - 1]
        return put_back(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool1d(_MaxUnpool):
    """Zeros with the input where a MaxPool1d with return_indices found it."""

    n = 1


class MaxUnpool2d(_MaxUnpool):
    """Zeros with the input where a MaxPool2d with return_indices found it."""

    n = 2


class MaxUnpool3d(_MaxUnpool):
    """Zeros with the input where a MaxPool3d with return_indices found it."""

    n = 3


class AvgPool1d(Module):
    """The mean of each window: [N, C, L] or [C, L] to [N, C, windows]."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True):  # fmt: skip
        super().__init__()
        self.kernel_size = repeated(kernel_size, 1)
        self.stride = repeated(stride if stride is not None else kernel_size, 1)
        self.padding = repeated(padding, 1)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool1d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    """What the layers that take means over two and three dimensions have in common."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None):  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window: [N, C, H, W] or [C, H, W] to [N, C, …].

    >>> sg.nn.AvgPool2d(2)(sg.arange(16.0).reshape(1, 4, 4))
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool2d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                            self.divisor_override)  # fmt: skip


class AvgPool3d(_AvgPool):
    """The mean of each window: [N, C, D, H, W] or [C, D, H, W] to [N, C, …]."""

    def forward(self, input: Tensor) -> Tensor:
        return F.avg_pool3d(input, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad,
                            self.divisor_override)  # fmt: skip


class _LPPool(Module):
    """What the layers that take p-norms have in common."""

    n = 0

    def __init__(self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self) -> str:
        return (f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
                f"ceil_mode={self.ceil_mode}")

    def forward(self, input: Tensor) -> Tensor:
        norm = (F.lp_pool1d, F.lp_pool2d, F.lp_pool3d)[self.n - 1]
        return norm(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool1d(_LPPool):
    """The p-norm of each window of the last dimension."""

    n = 1


class LPPool2d(_LPPool):
    """The p-norm of each window of the last two dimensions."""

    n = 2


class LPPool3d(_LPPool):
    """The p-norm of each window of the last three dimensions."""

    n = 3
