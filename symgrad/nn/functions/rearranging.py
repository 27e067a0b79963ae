"""Blocks of elements moved between channels and positions; windows as columns and back."""

from __future__ import annotations

import math
from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.convolution import added_columns, window_columns
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.sizes import Sizes, batched, each, padded, positive
from symgrad.ops import functional as ops
from symgrad.ops.windows import window_count
from symgrad.tensor.core import Tensor

__all__ = ["channel_shuffle", "fold", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "unfold"]


@functional(top=True)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Each r² channels as the elements of r × r blocks of one, r the factor.

    Shapes: input [..., C r², H, W] -> [..., C, H r, W r]
    >>> sg.nn.functional.pixel_shuffle(sg.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    _images("pixel_shuffle", input, r)
    *batch, channels, height, width = input.shape
    if channels % (r * r):
        raise ShapeError(f"pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
                         f"upscale_factor, but input.size(-3)={int(channels)} is not divisible by {r * r}")
    blocks = ops.reshape(input, (*batch, channels // (r * r), r, r, height, width))
    n = len(batch)
    moved = ops.permute(blocks, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return ops.contiguous(ops.reshape(moved, (*batch, channels // (r * r), height * r, width * r)))  # type: ignore[no-any-return]


@functional(top=True)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """The elements of r × r blocks as r² channels each, r the factor: undoes `pixel_shuffle`.

    Shapes: input [..., C, H r, W r] -> [..., C r², H, W]
    >>> sg.nn.functional.pixel_unshuffle(sg.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = downscale_factor
    _images("pixel_unshuffle", input, r)
    *batch, channels, height, width = input.shape
    for what, extent, d in (("height", height, -2), ("width", width, -1)):
        if extent % r:
            raise ShapeError(f"pixel_unshuffle expects {what} to be divisible by downscale_factor, but input.size({d})="
                             f"{int(extent)} is not divisible by {r}")
    blocks = ops.reshape(input, (*batch, channels, height // r, r, width // r, r))
    n = len(batch)
    moved = ops.permute(blocks, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return ops.contiguous(ops.reshape(moved, (*batch, channels * r * r, height // r, width // r)))  # type: ignore[no-any-return]


def _images(name: str, input: Tensor, factor: int) -> None:
    if input.ndim < 3:
        raise ShapeError(f"{name} expects input to have at least 3 dimensions, but got input with {input.ndim} "
                         "dimension(s)")
    if factor <= 0:
        raise ShapeError(f"{name} expects a positive factor, but got {factor}")


@functional(top=True)
def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Channels of groups interleaved: channel 0 of each group, then channel 1 of each, and so on.

    Shapes: input [N, C, …], C divisible by groups
    >>> sg.nn.functional.channel_shuffle(sg.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.ndim < 3:
        raise ShapeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes "
                         f"{list(map(int, input.shape))}")
    if groups <= 0:
        raise ShapeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    batch, channels, *rest = input.shape
    if channels % groups:
        raise ShapeError(f"Number of channels must be divisible by groups. Got {int(channels)} channels and {groups} "
                         "groups.")
    parts = ops.transpose(ops.reshape(input, (batch, groups, channels // groups, *rest)), 1, 2)
    return ops.contiguous(ops.reshape(parts, (batch, channels, *rest)))  # type: ignore[no-any-return]


@functional(top=True)
def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle`.

    >>> sg.nn.functional.native_channel_shuffle(sg.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    return channel_shuffle(input, groups)


@functional()
def unfold(input: Tensor, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1) -> Tensor:
    """The windows of images as columns.

    Shapes: input [N, C, H, W] or [C, H, W] -> [N, C kh kw, windows]
    Gradient: `fold` of g
    >>> sg.nn.functional.unfold(sg.arange(6.0).reshape(1, 2, 3), 2)
    tensor([[0., 1.],
            [1., 2.],
            [3., 4.],
            [4., 5.]])
    """
    x, has_batch = batched("unfold", input, 2)
    size, gap, before, step = _windows("unfold", kernel_size, dilation, padding, stride)
    x = padded(x, before, before)
    counts = _counts("unfold", x.shape[2:], size, step, gap)
    columns = window_columns(x, size, step, gap)
    out = ops.reshape(columns, (x.shape[0], x.shape[1] * math.prod(size), counts[0] * counts[1]))
    return ops.contiguous(out) if has_batch else ops.contiguous(ops.squeeze(out, 0))  # type: ignore[no-any-return]


@functional()
def fold(input: Tensor, output_size: Sizes, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0,
         stride: Sizes = 1) -> Tensor:  # fmt: skip
    """Columns laid out as windows of images, and added up where they overlap: the adjoint of `unfold`.

    Shapes: input [N, C kh kw, windows] or [C kh kw, windows] -> [N, C, *output_size]
    Gradient: `unfold` of g
    >>> sg.nn.functional.fold(sg.ones(4, 2), (2, 3), 2)
    tensor([[[1., 2., 1.],
             [1., 2., 1.]]])
    """
    x, has_batch = batched("fold", input, 1)
    size, gap, before, step = _windows("fold", kernel_size, dilation, padding, stride)
    wanted = each("fold", "output_size", output_size, 2)
    length = [e + 2 * p for e, p in zip(wanted, before)]
    counts = _counts("fold", length, size, step, gap)
    taps = math.prod(size)
    if x.shape[1] % taps:
        raise ShapeError(f"Expected size of input's dimension 1 to be divisible by the product of kernel_size, but "
                         f"got input.size(1)={int(x.shape[1])} and kernel_size={size}.")
    if x.shape[2] != counts[0] * counts[1]:
        raise ShapeError(f"Given output_size={wanted}, kernel_size={size}, dilation={gap}, padding={before}, "
                         f"stride={step}, expected size of input's dimension 2 to match the calculated number of "
                         f"sliding blocks {counts[0]} * {counts[1]} = {counts[0] * counts[1]}, but got "
                         f"input.size(2)={int(x.shape[2])}.")
    columns = ops.reshape(x, (x.shape[0], x.shape[1] // taps, *size, *counts))
    out = added_columns(columns, length, step, gap)
    if any(before):
        inside = tuple([slice(p, p + e) for p, e in zip(before, wanted)])
        out = ops.contiguous(ops.slice_read(out, (slice(None), slice(None), *inside)))
    return out if has_batch else ops.squeeze(out, 0)


def _windows(name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    size, gap, step = (each(name, what, given, 2) for what, given in (
        ("kernel_size", kernel_size), ("dilation", dilation), ("stride", stride)))  # fmt: skip
    for what, given in (("kernel_size", size), ("dilation", gap), ("stride", step)):
        positive(name, what, given)
    before = each(name, "padding", padding, 2)
    if any(p < 0 for p in before):
        raise ShapeError(f"{name}: padding should be non-negative, but got {list(before)}")
    return size, gap, before, step


def _counts(name: str, length: Any, size: Any, step: Any, gap: Any) -> list[int]:
    counts = [window_count(e, k, s, g) for e, k, s, g in zip(length, size, step, gap)]
    if any(c < 1 for c in counts):
        raise ShapeError(f"{name}: the array of sliding blocks has shape {list(map(int, counts))}, which is too small "
                         "(non-positive)")  # fmt: skip
    return counts
