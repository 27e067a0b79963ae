"""Convolutions: views of windows times the weight; transposed, the product first and its windows added up.

Both are a product of matrices for each sample, [out, in · taps] with [in · taps, positions], whose result is
the output as it lies in memory. Gradients, groups and every backend follow from the operations used.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.sizes import Sizes, batched, each, padded, positive
from symgrad.ops import functional as ops
from symgrad.ops.windows import add_windows, span, windows
from symgrad.tensor.core import Tensor

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


SHORT = 16
"""Up to how many windows along the last dimension rows of them are gathered before the windows of rows."""


def window_columns(input: Tensor, size: Any, stride: Any, dilation: Any) -> Tensor:
    """Windows of the last dimensions of [N, C, …] as a view [N, C, …taps, …positions]."""
    n = len(size)
    out = windows(input, n + 1, size[-1], stride[-1], dilation[-1])
    if n > 1 and min(size[-2:]) > 1 and out.shape[n + 1] <= SHORT:  # then what is copied next lies in long runs
        order = (0, 1, n + 2, *range(2, n + 2))
        out = ops.permute(ops.contiguous(ops.permute(out, order)), (0, 1, *range(3, n + 3), 2))
    for d in reversed(range(n - 1)):
        out = windows(out, 2 + d, size[d], stride[d], dilation[d])
    return ops.permute(out, (0, 1, *range(2 * n + 1, n + 1, -1), *range(2, n + 2)))


def added_columns(columns: Tensor, length: Any, stride: Any, dilation: Any) -> Tensor:
    """[N, C, …taps, …positions] added up to [N, C, …length]: the adjoint of `window_columns`."""
    n = len(length)
    out = ops.permute(columns, (0, 1, *range(n + 2, 2 * n + 2), *range(n + 1, 1, -1)))
    for d in range(n):
        out = add_windows(out, 2 + d, length[d], stride[d], dilation[d])
    return out


def check_operands(name: str, input: Tensor, weight: Tensor, bias: Tensor | None, n: int, groups: int,
                   transposed: bool) -> None:  # fmt: skip
    """PyTorch's errors about dtypes, ranks, groups and channels."""
    if weight.ndim != n + 2:
        raise ShapeError(f"{name}: expected weight of {n + 2} dimensions, [out, in, …], but got weight of size "
                         f"{list(map(int, weight.shape))}")
    if input.dtype is not weight.dtype or bias is not None and bias.dtype is not weight.dtype:
        raise DTypeError(f"{name}: Input type ({input.dtype.name}), weight type ({weight.dtype.name}) and bias type "
                         "should be the same", hint="convert one of them with .to()")  # fmt: skip
    if weight.dtype is dtypes.bool_:
        raise DTypeError(f'"{name}" not implemented for \'Bool\'', hint="convert with .float()")
    if groups <= 0:
        raise ShapeError("non-positive groups is not supported")
    channels, shape = int(input.shape[1]), list(map(int, weight.shape))
    if weight.shape[0] < groups or weight.shape[0] % groups:
        raise ShapeError(f"Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible "
                         f"by it, but got weight of size {shape} instead")
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if channels != wanted:
        raise ShapeError(f"Given {'transposed=1, ' if transposed else f'groups={groups}, '}weight of size {shape}, "
                         f"expected input{list(map(int, input.shape))} to have {int(wanted)} channels, but got "
                         f"{channels} channels instead")
    out = weight.shape[1] * groups if transposed else weight.shape[0]
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != out):
        raise ShapeError(f"Given weight of size {shape}, expected bias to be 1-dimensional with {int(out)} elements, "
                         f"but got bias of size {list(map(int, bias.shape))} instead")


def in_float32(x: Any) -> Any:
    """16-bit floats as float32, so that the result is rounded once; anything else as it is."""
    return ops.to(x, dtypes.float32) if x is not None and x.dtype.is_half else x


def grouped_product(a: Tensor, b: Tensor, groups: int) -> Tensor:
    """[groups · m, k] times [N, groups · k, L], each group by itself: [N, groups · m, L]."""
    if groups == 1:
        return ops.matmul(a, b)
    m, k = a.shape
    batch, _, positions = b.shape
    product = ops.matmul(ops.reshape(a, (groups, m // groups, k)), ops.reshape(b, (batch, groups, k, positions)))
    return ops.reshape(product, (batch, m, positions))


def with_bias(product: Tensor, bias: Tensor | None) -> Tensor:
    """[N, out, …] plus a number for each output channel."""
    return product if bias is None else product + ops.reshape(bias, (-1, *[1] * (product.ndim - 2)))


def _convolve(name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any,
              dilation: Any, groups: int) -> Tensor:  # fmt: skip
    x, has_batch = batched(name, input, n)
    check_operands(name, x, weight, bias, n, groups, transposed=False)
    x, weight, bias = in_float32(x), in_float32(weight), in_float32(bias)
    step, gap = each(name, "stride", stride, n), each(name, "dilation", dilation, n)
    size = tuple(weight.shape[2:])
    positive(name, "stride", step)
    positive(name, "dilation", gap)
    before, after = _sides(name, padding, size, step, gap)
    x = padded(x, before, after)
    counts = []
    for d in range(n):
        room = x.shape[2 + d] - span(size[d], gap[d])
        if room < 0:
            raise ShapeError(f"Calculated padded input size per channel: ({_by(x.shape[2:])}). Kernel size: "
                             f"({_by(span(k, g) for k, g in zip(size, gap))}). Kernel size can't be greater than "
                             "actual input size")
        counts.append(room // step[d] + 1)
    batch, channels = x.shape[:2]
    columns = ops.reshape(window_columns(x, size, step, gap), (batch, channels * math.prod(size), math.prod(counts)))
    kernel = ops.reshape(weight, (weight.shape[0], weight.shape[1] * math.prod(size)))
    out = with_bias(grouped_product(kernel, columns, groups), bias)
    out = ops.to(ops.reshape(out, (batch, weight.shape[0], *counts)), input.dtype)
    return out if has_batch else ops.squeeze(out, 0)


def _sides(name: str, padding: Any, size: Any, stride: Any, dilation: Any) -> tuple[list[int], list[int]]:
    """How many zeros go before and after each dimension."""
    if padding == "valid":
        return [0] * len(size), [0] * len(size)
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ShapeError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) for k, d in zip(size, dilation)]
        return [t // 2 for t in total], [t - t // 2 for t in total]
    if isinstance(padding, str):
        raise ShapeError(f"Invalid padding string: '{padding}'", hint="'valid' or 'same'")
    amounts = list(each(name, "padding", padding, len(size)))
    if any(p < 0 for p in amounts):
        raise ShapeError("negative padding is not supported")
    return amounts, amounts


def _by(extents: Any) -> str:
    return " x ".join(str(int(e)) for e in extents)


def _transpose_convolve(name: str, n: int, input: Tensor, weight: Tensor, bias: Tensor | None, stride: Any,
                        padding: Any, output_padding: Any, groups: int, dilation: Any) -> Tensor:  # fmt: skip
    x, has_batch = batched(name, input, n)
    check_operands(name, x, weight, bias, n, groups, transposed=True)
    x, weight, bias = in_float32(x), in_float32(weight), in_float32(bias)
    step, gap = each(name, "stride", stride, n), each(name, "dilation", dilation, n)
    cut, more = each(name, "padding", padding, n), each(name, "output_padding", output_padding, n)
    positive(name, "stride", step)
    positive(name, "dilation", gap)
    if any(p < 0 for p in cut):
        raise ShapeError("negative padding is not supported")
    if any(m < 0 for m in more):
        raise ShapeError("negative output_padding is not supported")
    if any(m >= s and m >= g for m, s, g in zip(more, step, gap)):
        raise ShapeError(f"output padding must be smaller than either stride or dilation, but got output_padding: "
                         f"{list(more)} stride: {list(step)} dilation: {list(gap)}")
    size, positions = tuple(weight.shape[2:]), tuple(x.shape[2:])
    length = [(p - 1) * s + span(k, g) + m for p, s, k, g, m in zip(positions, step, size, gap, more)]
    if any(w - 2 * p <= 0 for w, p in zip(length, cut)):
        raise ShapeError(f"Given input size per channel: ({_by(positions)}). Calculated output size per channel: "
                         f"({_by(w - 2 * p for w, p in zip(length, cut))}). Output size is too small")
    batch, channels = x.shape[:2]
    each_out = weight.shape[1]
    kernel = ops.reshape(weight, (groups, channels // groups, each_out * math.prod(size)))
    kernel = ops.reshape(ops.transpose(kernel, 1, 2), (groups * each_out * math.prod(size), channels // groups))
    product = grouped_product(kernel, ops.reshape(x, (batch, channels, math.prod(positions))), groups)
    columns = ops.reshape(product, (batch, groups * each_out, *size, *positions))
    out = added_columns(columns, length, step, gap)
    if any(cut):
        inside = tuple([slice(p, w - p) if p else slice(None) for p, w in zip(cut, length)])
        out = ops.contiguous(ops.slice_read(out, (slice(None), slice(None), *inside)))
    out = ops.to(with_bias(out, bias), input.dtype)
    return out if has_batch else ops.squeeze(out, 0)


@functional(top=True)
def conv1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
           dilation: Sizes = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Each window of the input times the weight, summed over channels and taps.

    Shapes: input [N, in, L] or [in, L], weight [out, in / groups, k], bias [out] -> [N, out, positions]
    Gradient: dweight = g times the windows, dinput = the weight times g, added up where windows overlap
    Raises: RuntimeError where the kernel is longer than the padded input, or channels do not fit the weight
    >>> sg.nn.functional.conv1d(sg.tensor([[1.0, 2.0, 4.0]]), sg.tensor([[[-1.0, 1.0]]]))
    tensor([[1., 2.]])
    """
    return _convolve("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@functional(top=True)
def conv2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
           dilation: Sizes = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Each window of the input times the weight, summed over channels and taps.

    Shapes: input [N, in, H, W] or [in, H, W], weight [out, in / groups, kh, kw], bias [out] -> [N, out, …]
    Gradient: dweight = g times the windows, dinput = the weight times g, added up where windows overlap
    Raises: RuntimeError where the kernel is larger than the padded input, or channels do not fit the weight
    Cost: 2 N out (in / groups) kh kw flops for each position
    >>> sg.nn.functional.conv2d(sg.ones(1, 1, 3, 3), sg.ones(1, 1, 2, 2), padding="same")
    tensor([[[[4., 4., 2.],
              [4., 4., 2.],
              [2., 2., 1.]]]])
    """
    return _convolve("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@functional(top=True)
def conv3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes | str = 0,
           dilation: Sizes = 1, groups: int = 1) -> Tensor:  # fmt: skip
    """Each window of the input times the weight, summed over channels and taps.

    Shapes: input [N, in, D, H, W] or [in, D, H, W], weight [out, in / groups, kd, kh, kw] -> [N, out, …]
    >>> sg.nn.functional.conv3d(sg.ones(1, 2, 2, 2), sg.ones(1, 1, 2, 2, 2))
    tensor([[[[8.]]]])
    """
    return _convolve("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@functional(top=True)
def conv_transpose1d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
                     output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1) -> Tensor:  # fmt: skip
    """The adjoint of `conv1d`: each element of the input times the weight, added up in windows `stride` apart.

    Shapes: input [N, in, L] or [in, L], weight [in, out / groups, k], bias [out] -> [N, out, length]
    >>> sg.nn.functional.conv_transpose1d(sg.tensor([[1.0, 2.0]]), sg.tensor([[[1.0, 10.0]]]))
    tensor([[ 1., 12., 20.]])
    """
    return _transpose_convolve("conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
                               dilation)  # fmt: skip


@functional(top=True)
def conv_transpose2d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
                     output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1) -> Tensor:  # fmt: skip
    """The adjoint of `conv2d`: each element of the input times the weight, added up in windows `stride` apart.

    Shapes: input [N, in, H, W] or [in, H, W], weight [in, out / groups, kh, kw], bias [out] -> [N, out, …]
    Gradient: dinput = `conv2d` of g, dweight = the input times the windows of g
    >>> sg.nn.functional.conv_transpose2d(sg.ones(1, 1, 2), sg.ones(1, 1, 2, 2), stride=2)
    tensor([[[1., 1., 1., 1.],
             [1., 1., 1., 1.]]])
    """
    return _transpose_convolve("conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
                               dilation)  # fmt: skip


@functional(top=True)
def conv_transpose3d(input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Sizes = 1, padding: Sizes = 0,
                     output_padding: Sizes = 0, groups: int = 1, dilation: Sizes = 1) -> Tensor:  # fmt: skip
    """The adjoint of `conv3d`: each element of the input times the weight, added up in windows `stride` apart.

    Shapes: input [N, in, D, H, W] or [in, D, H, W], weight [in, out / groups, kd, kh, kw] -> [N, out, …]
    >>> sg.nn.functional.conv_transpose3d(sg.ones(1, 1, 1, 1), sg.ones(1, 2, 1, 1, 2)).shape
    torch.Size([2, 1, 1, 2])
    """
    return _transpose_convolve("conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups,
                               dilation)  # fmt: skip
