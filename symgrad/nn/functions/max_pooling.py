"""The largest of each window, taken one dimension after the other, and put back where it was."""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, RangeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.pool_windows import EvenWindows, Windows
from symgrad.nn.functions.sizes import Sizes, each
from symgrad.ops import functional as ops
from symgrad.ops import settings
from symgrad.ops.gathering import gather
from symgrad.ops.order import max_dim
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

__all__ = ["adaptive_max_pool1d", "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d",
           "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d", "adaptive_max_pool3d_with_indices", "max_pool1d",
           "max_pool1d_with_indices", "max_pool2d", "max_pool2d_with_indices", "max_pool3d", "max_pool3d_with_indices",
           "max_unpool1d", "max_unpool2d", "max_unpool3d"]  # fmt: skip


def lowest(dtype: Any) -> Any:
    """What is never larger than an element."""
    if dtype.is_floating_point:
        return -math.inf
    if dtype is dtypes.bool_ or dtype.is_complex:
        raise DTypeError(f'"max_pool" not implemented for {dtype.name}', hint="convert with .float()")
    return settings.iinfo(dtype).min


def _largest(name: str, n: int, input: Tensor, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
             ceil_mode: bool, return_indices: bool) -> Any:  # fmt: skip
    least = lowest(input.dtype)
    over = Windows(name, n, input, kernel_size, stride, padding, dilation, ceil_mode)
    return largest_of(over, over.padded(input, least), least, return_indices)


def largest_of(over: Windows | EvenWindows, out: Tensor, least: Any, return_indices: bool) -> Any:
    """The largest of each window and, if asked for, its place among the elements of the pooled dimensions."""
    places: list[Tensor] = []
    for d in reversed(range(over.n)):
        seen = over.over(out, d, least)
        axis = over.first + d + 1  # beside the windows: where they lie side by side, that is how memory has them
        seen = seen.movedim(-1, axis)  # type: ignore[attr-defined]
        if not return_indices and not (out.requires_grad and state.is_grad_enabled()):
            out = ops.amax(seen, axis)
            continue
        out, index = bind(max_dim, (seen,), {"axis": axis})
        if return_indices:
            chosen = ops.unsqueeze(index, -1)
            places = [ops.squeeze(gather(over.over(p, d, 0), -1, chosen), -1) for p in places]
            places.append(over.place(index, d))
    if not return_indices:
        return out
    flat: Any = 0
    for d, place in enumerate(reversed(places)):
        flat = flat * over.length[d] + place
    return out, flat


def _evenly(name: str, n: int, input: Tensor, output_size: Any, return_indices: bool) -> Any:
    return largest_of(EvenWindows(name, n, input, output_size), input, lowest(input.dtype), return_indices)


def _put_back(name: str, n: int, input: Tensor, indices: Tensor, kernel_size: Any, stride: Any, padding: Any,
              output_size: Any) -> Tensor:  # fmt: skip
    """Zeros of the size that was pooled, with the input at the indices."""
    size = each(name, "kernel_size", kernel_size, n)
    step = size if stride is None else each(name, "stride", stride, n)
    cut = each(name, "padding", padding, n)
    if indices.dtype is not dtypes.int64:
        raise DTypeError(f"elements in indices should be type int64 but got: {indices.dtype.name}")
    if input.ndim not in (n + 1, n + 2) or tuple(input.shape) != tuple(indices.shape):
        raise ShapeError(f"{name}: expected input and indices of one shape with {n + 1} or {n + 2} dimensions, but "
                         f"got {list(map(int, input.shape))} and {list(map(int, indices.shape))}")
    first = input.ndim - n
    usual = [(e - 1) * s + k - 2 * p for e, s, k, p in zip(input.shape[first:], step, size, cut)]
    wanted = usual if output_size is None else list(output_size)[-n:]
    if output_size is not None:
        if len(output_size) not in (n, n + 2):
            raise ValueError(f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a "
                             f"length of '{len(output_size)}'")
        for d, (w, u, s) in enumerate(zip(wanted, usual, step)):
            if not u - s < w < u + s:
                raise ValueError(f'invalid output_size "{wanted}" (dim {d} must be between {u - s} and {u + s})')
    room = input.new_zeros((*input.shape[:first], math.prod(wanted)))  # type: ignore[attr-defined]
    try:
        out = room.scatter(-1, ops.flatten(indices, first), ops.flatten(input, first))
    except RangeError as error:
        raise ShapeError(f"Found an invalid max index: {error}") from None
    return ops.reshape(out, (*input.shape[:first], *wanted))


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


@functional()
def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of each of `output_size` windows that divide the last dimension evenly.

    Shapes: input [N, C, L] or [C, L] -> [N, C, output_size]
    >>> sg.nn.functional.adaptive_max_pool1d(sg.tensor([[1.0, 3.0, 2.0, 0.0]]), 3)
    tensor([[3., 3., 2.]])
    """
    return _evenly("adaptive_max_pool1d", 1, input, output_size, return_indices)


@functional()
def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of each of the windows that divide the last two dimensions evenly; None keeps a dimension.

    >>> sg.nn.functional.adaptive_max_pool2d(sg.arange(16.0).reshape(1, 4, 4), (1, None))
    tensor([[[12., 13., 14., 15.]]])
    """
    return _evenly("adaptive_max_pool2d", 2, input, output_size, return_indices)


@functional()
def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """The largest of each of the windows that divide the last three dimensions evenly; None keeps a dimension.

    >>> sg.nn.functional.adaptive_max_pool3d(sg.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return _evenly("adaptive_max_pool3d", 3, input, output_size, return_indices)


@functional()
def adaptive_max_pool1d_with_indices(input: Tensor, output_size: Any) -> Any:
    """`adaptive_max_pool1d` with indices.

    >>> sg.nn.functional.adaptive_max_pool1d_with_indices(sg.tensor([[1.0, 3.0, 2.0]]), 1)[1]
    tensor([[1]])
    """
    return adaptive_max_pool1d(input, output_size, True)


@functional()
def adaptive_max_pool2d_with_indices(input: Tensor, output_size: Any) -> Any:
    """`adaptive_max_pool2d` with indices.

    >>> sg.nn.functional.adaptive_max_pool2d_with_indices(sg.arange(4.0).reshape(1, 2, 2), 1)[1]
    tensor([[[3]]])
    """
    return adaptive_max_pool2d(input, output_size, True)


@functional()
def adaptive_max_pool3d_with_indices(input: Tensor, output_size: Any) -> Any:
    """`adaptive_max_pool3d` with indices.

    >>> sg.nn.functional.adaptive_max_pool3d_with_indices(sg.arange(8.0).reshape(1, 2, 2, 2), 1)[1]
    tensor([[[[7]]]])
    """
    return adaptive_max_pool3d(input, output_size, True)


@functional()
def max_unpool1d(input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
                 output_size: Any = None) -> Tensor:  # fmt: skip
    """Zeros with the input where `max_pool1d` found it.

    Gradient: g at the indices
    >>> sg.nn.functional.max_unpool1d(sg.tensor([[3.0, 2.0]]), sg.tensor([[1, 2]]), 2)
    tensor([[0., 3., 2., 0.]])
    """
    return _put_back("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


@functional()
def max_unpool2d(input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
                 output_size: Any = None) -> Tensor:  # fmt: skip
    """Zeros with the input where `max_pool2d` found it.

    >>> sg.nn.functional.max_unpool2d(sg.tensor([[[3.0]]]), sg.tensor([[[1]]]), 2)
    tensor([[[0., 3.],
             [0., 0.]]])
    """
    return _put_back("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


@functional()
def max_unpool3d(input: Tensor, indices: Tensor, kernel_size: Sizes, stride: Any = None, padding: Sizes = 0,
                 output_size: Any = None) -> Tensor:  # fmt: skip
    """Zeros with the input where `max_pool3d` found it.

    >>> sg.nn.functional.max_unpool3d(sg.tensor([[[[3.0]]]]), sg.tensor([[[[7]]]]), 2).sum()
    tensor(3.)
    """
    return _put_back("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)
