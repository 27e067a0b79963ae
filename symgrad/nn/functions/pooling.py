"""Pooling: the largest or the mean of each window, taken one dimension after the other."""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.sizes import Sizes, each, padded, positive, reach
from symgrad.ops import functional as ops
from symgrad.ops import settings
from symgrad.ops.gathering import gather
from symgrad.ops.order import max_dim
from symgrad.ops.ranges import arange
from symgrad.ops.windows import span, windows
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

__all__ = ["max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d",
           "max_pool3d_with_indices"]  # fmt: skip


class Windows:
    """The windows of a pooling over the last n dimensions: sizes made definite, errors raised, counts known."""

    def __init__(self, name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
                 ceil_mode: bool):  # fmt: skip
        if input.ndim not in (n + 1, n + 2):
            raise ShapeError(f"{name}: Expected {n + 1}D or {n + 2}D input, but got input of size "
                             f"{list(map(int, input.shape))}")
        self.name, self.n = name, n
        self.size = each(name, "kernel_size", kernel_size, n)
        self.stride = self.size if stride is None or stride == [] else each(name, "stride", stride, n)
        self.padding, self.dilation = each(name, "padding", padding, n), each(name, "dilation", dilation, n)
        for what in ("size", "stride", "dilation"):
            positive(name, what, getattr(self, what))
        if any(p < 0 for p in self.padding):
            raise ShapeError(f"{name}: pad must be non-negative, but got {list(self.padding)}")
        if any(p > span(k, d) // 2 for p, k, d in zip(self.padding, self.size, self.dilation)):
            raise ShapeError(f"{name}: pad should be at most half of effective kernel size, but got pad="
                             f"{list(self.padding)}, kernel_size={list(self.size)} and dilation={list(self.dilation)}")
        if any(e == 0 for e in input.shape[input.ndim - n - 1 :]):
            raise ShapeError(f"{name}: Expected input to have non-zero size for all non-batch dimensions, but got "
                             f"size {list(map(int, input.shape))}")
        self.first = input.ndim - n
        self.length = tuple(input.shape[self.first :])
        self.count = tuple([self.windows_in(d, ceil_mode) for d in range(n)])
        if any(c < 1 for c in self.count):
            raise ShapeError(f"{name}: Given input size {list(map(int, input.shape))}, calculated output size "
                             f"{list(map(int, self.count))}. Output size is too small")

    def windows_in(self, d: int, ceil_mode: bool) -> int:
        """How many windows dimension d has; with `ceil_mode` also one that begins inside and ends beyond."""
        stride, inside = self.stride[d], self.length[d] + self.padding[d]
        room = inside + self.padding[d] - span(self.size[d], self.dilation[d])
        if not ceil_mode:
            return room // stride + 1
        count = (room + stride - 1) // stride + 1
        return count - 1 if (count - 1) * stride >= inside else count

    def padded(self, input: Tensor, value: Any) -> Tensor:
        """The input with as many elements of `value` on each side as the windows reach over."""
        after = [max(reach(c, k, s, g) - e - p, 0) for c, k, s, g, e, p in
                 zip(self.count, self.size, self.stride, self.dilation, self.length, self.padding)]  # fmt: skip
        return padded(input, self.padding, after, value)

    def over(self, input: Tensor, d: int) -> Tensor:
        """The windows along dimension d, as the last dimension."""
        return windows(input, self.first + d, self.size[d], self.stride[d], self.dilation[d])  # type: ignore[no-any-return]

    def place(self, index: Tensor, d: int) -> Tensor:
        """Where in dimension d of the input the elements `index` of the windows are."""
        later = [1] * (self.n - d - 1)
        start = ops.reshape(arange(self.count[d], device=index.device), (self.count[d], *later))
        return start * self.stride[d] + index * self.dilation[d] - self.padding[d]  # type: ignore[no-any-return]


def lowest(dtype: Any) -> Any:
    """What is never larger than an element."""
    if dtype.is_floating_point:
        return -math.inf
    if dtype is dtypes.bool_ or dtype.is_complex:
        raise DTypeError(f'"max_pool" not implemented for {dtype.name}', hint="convert with .float()")
    return settings.iinfo(dtype).min


def _largest(name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
             ceil_mode: bool, return_indices: bool) -> Any:  # fmt: skip
    over = Windows(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
    out = over.padded(input, lowest(input.dtype))
    places: list[Tensor] = []
    for d in reversed(range(n)):
        seen = over.over(out, d)
        if not return_indices and not (out.requires_grad and state.is_grad_enabled()):
            out = ops.amax(seen, -1)
            continue
        out, index = bind(max_dim, (seen,), {"axis": seen.ndim - 1})
        if return_indices:
            chosen = ops.unsqueeze(index, -1)
            places = [ops.squeeze(gather(over.over(p, d), -1, chosen), -1) for p in places]
            places.append(over.place(index, d))
    if not return_indices:
        return out
    flat: Any = 0
    for d, place in enumerate(reversed(places)):
        flat = flat * over.length[d] + place
    return out, flat


@functional(top=True)
def max_pool1d(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, dilation: Sizes = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The largest element of each window of the last dimension; with `return_indices` also where it is.

    Shapes: input [N, C, L] or [C, L] -> [N, C, windows]; `stride` is `kernel_size` unless given
    Gradient: g at the first element of each window that equals the result
    Raises: RuntimeError where padding is more than half of the kernel
    >>> sg.nn.functional.max_pool1d(sg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return _largest("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@functional(top=True)
def max_pool2d(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, dilation: Sizes = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The largest element of each window of the last two dimensions; with `return_indices` also where it is.

    Shapes: input [N, C, H, W] or [C, H, W] -> [N, C, …]; indices count the elements of [H, W]
    Gradient: g at the first element of each window that equals the result
    >>> sg.nn.functional.max_pool2d(sg.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _largest("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@functional(top=True)
def max_pool3d(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0, dilation: Sizes = 1,
               ceil_mode: bool = False, return_indices: bool = False) -> Any:  # fmt: skip
    """The largest element of each window of the last three dimensions; with `return_indices` also where it is.

    Gradient: g at the first element of each window that equals the result
    >>> sg.nn.functional.max_pool3d(sg.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return _largest("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@functional(top=True)
def max_pool1d_with_indices(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
                            dilation: Sizes = 1, ceil_mode: bool = False) -> Any:  # fmt: skip
    """`max_pool1d` with indices.

    >>> sg.nn.functional.max_pool1d_with_indices(sg.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)[1]
    tensor([[1, 2]])
    """
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@functional()
def max_pool2d_with_indices(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
                            dilation: Sizes = 1, ceil_mode: bool = False) -> Any:  # fmt: skip
    """`max_pool2d` with indices.

    >>> sg.nn.functional.max_pool2d_with_indices(sg.arange(4.0).reshape(1, 2, 2), 2)[1]
    tensor([[[3]]])
    """
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@functional()
def max_pool3d_with_indices(input: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
                            dilation: Sizes = 1, ceil_mode: bool = False) -> Any:  # fmt: skip
    """`max_pool3d` with indices.

    >>> sg.nn.functional.max_pool3d_with_indices(sg.arange(8.0).reshape(1, 2, 2, 2), 2)[1]
    tensor([[[[7]]]])
    """
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)
