"""Convolution layers, and the transposed ones that undo their shapes."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.module import Module
from symgrad.nn.weights import declare, start_affine
from symgrad.ops.padding import pad
from symgrad.tensor.core import Tensor

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

MODES = {"zeros", "reflect", "replicate", "circular"}


def repeated(given: Any, n: int) -> tuple[int, ...]:
    """One number for each of n dimensions."""
    return (given,) * n if isinstance(given, int) else tuple(given)


class _ConvNd(Module):
    """What convolutions have in common: learned weight and bias, and their sizes."""

    n = 0
    transposed = False

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
                 output_padding: Any, groups: int, bias: bool, padding_mode: str, device: Any, dtype: Any):  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for what, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{what} must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
            if padding == "same" and any(s != 1 for s in repeated(stride, self.n)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in MODES:
            raise ValueError(f"padding_mode must be one of {sorted(MODES)}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = repeated(kernel_size, self.n)
        self.stride = repeated(stride, self.n)
        self.padding: Any = padding if isinstance(padding, str) else repeated(padding, self.n)
        self.dilation = repeated(dilation, self.n)
        self.output_padding = repeated(output_padding, self.n)
        self.groups = groups
        self.padding_mode = padding_mode
        first, second = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        declare(self, device, dtype, weight=(first, second // groups, *self.kernel_size),
            bias=(out_channels,) if bias else None)  # fmt: skip
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights and bias uniform in ±1 / sqrt(inputs of one output)."""
        start_affine(self.weight, self.bias)

    def extra_repr(self) -> str:
        none, one = (0,) * self.n, (1,) * self.n
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        for name, usual in (("padding", none), ("dilation", one), ("output_padding", none), ("groups", 1)):
            if getattr(self, name) != usual:
                parts.append(f"{name}={getattr(self, name)}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """A convolution that pads by its mode, then calls the function of its rank."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 dilation: Any = 1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device: Any = None, dtype: Any = None):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, 0, groups, bias,
                         padding_mode, device, dtype)  # fmt: skip

    def edges(self) -> list[int]:
        """(before, after) of the last dimension, then of the one before, …, as `pad` takes them."""
        if self.padding == "valid":
            return [0, 0] * self.n
        if self.padding == "same":
            total = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation)]
            return [e for t in reversed(total) for e in (t // 2, t - t // 2)]
        return [e for p in reversed(self.padding) for e in (p, p)]

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.n - 1]
        if self.padding_mode == "zeros":
            return convolve(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        return convolve(pad(input, self.edges(), mode=self.padding_mode), weight, bias, self.stride, 0, self.dilation,
                        self.groups)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """A learned convolution of [N, in_channels, L] or [in_channels, L].

    >>> sg.nn.Conv1d(2, 4, 3)(sg.ones(1, 2, 5)).shape
    torch.Size([1, 4, 3])
    """

    n = 1


class Conv2d(_Conv):
    """A learned convolution of [N, in_channels, H, W] or [in_channels, H, W].

    >>> sg.nn.Conv2d(1, 6, 5, padding="same")
    Conv2d(1, 6, kernel_size=(5, 5), stride=(1, 1), padding=same)
    """

    n = 2


class Conv3d(_Conv):
    """A learned convolution of [N, in_channels, D, H, W] or [in_channels, D, H, W]."""

    n = 3


class _ConvTranspose(_ConvNd):
    """A transposed convolution, whose output may be given the size that its convolution began with."""

    transposed = True

    def __init__(self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
                 output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1,
                 padding_mode: str = "zeros", device: Any = None, dtype: Any = None):  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, output_padding, groups,
                         bias, padding_mode, device, dtype)  # fmt: skip

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        if output_size is None:
            return self.output_padding
        wanted = list(output_size)
        if len(wanted) == input.ndim:
            wanted = wanted[-self.n :]
        if len(wanted) != self.n:
            raise ValueError(f"ConvTranspose{self.n}D: for {input.ndim}D input, output_size must have {self.n} or "
                             f"{input.ndim} elements (got {len(wanted)})")
        least = [(e - 1) * s - 2 * p + d * (k - 1) + 1 for e, s, p, d, k in zip(
            input.shape[input.ndim - self.n :], self.stride, self.padding, self.dilation, self.kernel_size)]
        if any(not low <= w <= low + s - 1 for w, low, s in zip(wanted, least, self.stride)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {least} to "
                f"{[low + s - 1 for low, s in zip(least, self.stride)]} (for an input of {list(input.shape[2:])})")
        return tuple(w - low for w, low in zip(wanted, least))

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.n - 1]
        return convolve(input, self.weight, self.bias, self.stride, self.padding,
                        self._output_padding(input, output_size), self.groups, self.dilation)  # fmt: skip


class ConvTranspose1d(_ConvTranspose):
    """The learned adjoint of a convolution of [N, out_channels, L].

    >>> sg.nn.ConvTranspose1d(4, 2, 3, stride=2)(sg.ones(1, 4, 5)).shape
    torch.Size([1, 2, 11])
    """

    n = 1


class ConvTranspose2d(_ConvTranspose):
    """The learned adjoint of a convolution of [N, out_channels, H, W].

    >>> sg.nn.ConvTranspose2d(4, 2, 3, stride=2)(sg.ones(1, 4, 5, 5), output_size=(12, 12)).shape
    torch.Size([1, 2, 12, 12])
    """

    n = 2


class ConvTranspose3d(_ConvTranspose):
    """The learned adjoint of a convolution of [N, out_channels, D, H, W]."""

    n = 3
