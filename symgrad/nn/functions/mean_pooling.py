"""The mean of each window, or its p-norm: sums taken one dimension after the other, over their sizes."""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.max_pooling import max_pool1d, max_pool2d, max_pool3d
from symgrad.nn.functions.pool_windows import EvenWindows, Windows
from symgrad.nn.functions.sizes import Sizes, each
from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

__all__ = ["adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool1d", "avg_pool2d",
           "avg_pool3d", "lp_pool1d", "lp_pool2d", "lp_pool3d"]  # fmt: skip


def sum_of(over: Windows | EvenWindows, out: Tensor) -> Tensor:
    """The sum of each window."""
    for d in reversed(range(over.n)):
        out = ops.sum(over.over(out, d, 0), -1, dtype=out.dtype)
    return out


def divided(total: Tensor, sizes: list[Any], dtype: Any) -> Tensor:
    """Sums over the sizes of their windows, as `dtype`; integers are cut."""
    known = math.prod([s for s in sizes if not isinstance(s, Tensor)])
    divisor: Any = known
    for size in sizes:
        divisor = divisor * size if isinstance(size, Tensor) else divisor
    if not dtype.is_inexact:
        return total.div(divisor, rounding_mode="trunc")  # type: ignore[attr-defined, no-any-return]
    if isinstance(divisor, Tensor):
        divisor = ops.to(divisor, total.dtype)
    return ops.to(total / divisor, dtype)  # type: ignore[no-any-return]


def wide(name: str, input: Tensor) -> Tensor:
    """The input in a dtype to add up in."""
    if input.dtype is dtypes.bool_ or input.dtype.is_complex:
        raise DTypeError(f'"{name}" not implemented for {input.dtype.name}', hint="convert with .float()")
    return ops.to(input, dtypes.float32) if input.dtype.is_half else input  # type: ignore[no-any-return]


def _mean(name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool,
          count_include_pad: bool, divisor: int | None) -> Tensor:  # fmt: skip
    if divisor is not None and divisor == 0:
        raise ShapeError("divisor must be not zero")
    over = Windows(name, n, input, kernel_size, stride, padding, 1, ceil_mode)
    total = sum_of(over, over.padded(wide(name, input), 0))
    sizes = [divisor] if divisor is not None else [over.sizes(d, count_include_pad, input.device) for d in range(n)]
    return divided(total, sizes, input.dtype)


def _even_mean(name: str, n: int, input: Tensor, output_size: Any) -> Tensor:
    over = EvenWindows(name, n, input, output_size)
    if not input.dtype.is_floating_point:
        raise DTypeError(f'"{name}" not implemented for {input.dtype.name}', hint="convert with .float()")
    return divided(sum_of(over, wide(name, input)), [over.sizes(d, input.device) for d in range(n)], input.dtype)


def _norm(n: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    """(Sum of the p-th powers of each window) to the power 1 / p; of an infinite p the extreme absolute value."""
    step = kernel_size if stride is None else stride
    if math.isinf(norm_type):
        largest = (max_pool1d, max_pool2d, max_pool3d)[n - 1]
        sign = 1 if norm_type > 0 else -1
        return sign * largest(sign * ops.abs(input), kernel_size, step, 0, 1, ceil_mode)  # type: ignore[no-any-return]
    mean = _mean(f"lp_pool{n}d", n, input**norm_type, kernel_size, step, 0, ceil_mode, True, None)
    count = math.prod(each("lp_pool", "kernel_size", kernel_size, n))
    positive = ops.relu(ops.abs(mean)) * mean.sign()  # type: ignore[attr-defined]
    return (positive * count) ** (1.0 / norm_type)  # type: ignore[no-any-return]


@functional(top=True)
def avg_pool1d(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, ceil_mode: bool = False,
               count_include_pad: bool = True) -> Tensor:  # fmt: skip
    """The mean of each window of the last dimension.

    Shapes: input [N, C, L] or [C, L] -> [N, C, windows]; `stride` is `kernel_size` unless given
    Gradient: g over the window's size, added up where windows overlap
    Raises: RuntimeError where padding is more than half of the kernel
    >>> sg.nn.functional.avg_pool1d(sg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[2., 1.]])
    """
    return _mean("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@functional(out=True)
def avg_pool2d(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean of each window of the last two dimensions, or its sum over `divisor_override`.

    Shapes: input [N, C, H, W] or [C, H, W] -> [N, C, …]
    >>> sg.nn.functional.avg_pool2d(sg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _mean("avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@functional(out=True)
def avg_pool3d(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, ceil_mode: bool = False,
               count_include_pad: bool = True, divisor_override: int | None = None) -> Tensor:  # fmt: skip
    """The mean of each window of the last three dimensions, or its sum over `divisor_override`.

    >>> sg.nn.functional.avg_pool3d(sg.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    return _mean("avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@functional(top=True)
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of `output_size` windows that divide the last dimension evenly.

    Shapes: input [N, C, L] or [C, L] -> [N, C, output_size]
    >>> sg.nn.functional.adaptive_avg_pool1d(sg.tensor([[1.0, 3.0, 2.0, 0.0]]), 3)
    tensor([[2.0000, 2.5000, 1.0000]])
    """
    return _even_mean("adaptive_avg_pool1d", 1, input, output_size)


@functional()
def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of the windows that divide the last two dimensions evenly; None keeps a dimension.

    >>> sg.nn.functional.adaptive_avg_pool2d(sg.arange(16.0).reshape(1, 4, 4), (1, None))
    tensor([[[6., 7., 8., 9.]]])
    """
    return _even_mean("adaptive_avg_pool2d", 2, input, output_size)


@functional()
def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """The mean of each of the windows that divide the last three dimensions evenly; None keeps a dimension.

    >>> sg.nn.functional.adaptive_avg_pool3d(sg.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    return _even_mean("adaptive_avg_pool3d", 3, input, output_size)


@functional()
def lp_pool1d(input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any = None,
              ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """The root of the sum of powers `norm_type` of each window of the last dimension.

    >>> sg.nn.functional.lp_pool1d(sg.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _norm(1, input, norm_type, kernel_size, stride, ceil_mode)


@functional()
def lp_pool2d(input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any = None,
              ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """The root of the sum of powers `norm_type` of each window of the last two dimensions.

    >>> sg.nn.functional.lp_pool2d(sg.tensor([[[3.0, 4.0]]]), 2, (1, 2))
    tensor([[[5.]]])
    """
    return _norm(2, input, norm_type, kernel_size, stride, ceil_mode)


@functional()
def lp_pool3d(input: Tensor, norm_type: float, kernel_size: Sizes, stride: Any = None,
              ceil_mode: bool = False) -> Tensor:  # fmt: skip
    """The root of the sum of powers `norm_type` of each window of the last three dimensions.

    >>> sg.nn.functional.lp_pool3d(sg.tensor([[[[3.0, 4.0]]]]), 2, (1, 1, 2))
    tensor([[[[5.]]]])
    """
    return _norm(3, input, norm_type, kernel_size, stride, ceil_mode)
