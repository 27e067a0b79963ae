"""Normalization of each member of a batch by itself: layers, groups of channels, neighbouring channels."""

from __future__ import annotations

import sys
from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.batch_norm import affine, verify_batch_size
from symgrad.nn.functions.declare import functional, widened
from symgrad.ops.normalize import normalized
from symgrad.ops.padding import pad
from symgrad.ops.powers import rsqrt
from symgrad.ops.promotion import convert
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor

__all__ = ["group_norm", "layer_norm", "local_response_norm", "rms_norm"]


def _last(name: str, input: Tensor, normalized_shape: Any, **parts: Tensor | None) -> tuple[int, ...]:
    """The dimensions that `normalized_shape` means, checked against the operands."""
    shape = tuple(normalized_shape)
    if not shape:
        raise ShapeError("Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
                         f"element, but got normalized_shape = {list(shape)}")
    for part, given in parts.items():
        if given is not None and tuple(given.shape) != shape:
            raise ShapeError(f"Expected {part} to be of same shape as normalized_shape, but got {part} of shape "
                             f"{list(given.shape)} and normalized_shape = {list(shape)}")
    if tuple(input.shape[-len(shape) :]) != shape:
        wanted = ", ".join(map(str, ("*", *shape)))
        raise ShapeError(f"Given normalized_shape={list(shape)}, expected input with shape [{wanted}], but got input "
                         f"of size{list(input.shape)}", hint=f"{name} is over the last dimensions")
    return tuple(range(input.ndim - len(shape), input.ndim))


@functional()
def layer_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(input - mean) / sqrt(variance + eps) weight + bias, over the last dimensions.

    Shapes: input [..., *normalized_shape], weight and bias normalized_shape
    Source: Ba, Kiros, Hinton 2016
    >>> sg.nn.functional.layer_norm(sg.tensor([1.0, 3.0]), (2,), eps=1e-12)
    tensor([-1.,  1.])
    """
    axes = _last("layer_norm", input, normalized_shape, weight=weight, bias=bias)
    out, _, _ = normalized(widened("layer_norm", input), axes, eps)
    return convert(affine(out, weight, bias, tuple(normalized_shape)), input.dtype)


@functional(top=True)
def rms_norm(input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """input / sqrt(mean of its squares + eps) weight, over the last dimensions.

    Shapes: input [..., *normalized_shape], weight normalized_shape
    Source: Zhang, Sennrich 2019
    Note: without eps it is what 1 and the next number of the dtype computed with differ by.
    >>> sg.nn.functional.rms_norm(sg.tensor([3.0, 3.0]), (2,), eps=0.0)
    tensor([1., 1.])
    """
    axes = _last("rms_norm", input, normalized_shape, weight=weight)
    x = input if input.dtype.is_complex else widened("rms_norm", input)
    least = eps
    if least is None:
        least = sys.float_info.epsilon if x.dtype.itemsize == (16 if x.dtype.is_complex else 8) else 2.0**-23
    out = x * rsqrt((x * x).mean(axes, keepdim=True) + least)
    if weight is not None:
        out = out * (weight if weight.dtype.is_complex else widened("rms_norm", weight))
    return convert(out, input.dtype)


@functional()
def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(input - mean) / sqrt(variance + eps) weight + bias, for each group of neighbouring channels.

    Shapes: input [n, c, ...], weight and bias [c]
    Source: Wu, He 2018
    >>> sg.nn.functional.group_norm(sg.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=1e-12)
    tensor([[-1.,  1., -1.,  1.]])
    """
    if input.ndim < 2:
        raise ShapeError(f"Expected at least 2 dimensions for input tensor but received {input.ndim}")
    verify_batch_size([input.shape[0] * input.shape[1] // num_groups, num_groups, *input.shape[2:]])
    return _group_norm(input, num_groups, weight, bias, eps)


def _group_norm(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    batch, channels, *field = input.shape
    if num_groups <= 0 or channels % num_groups:
        raise ShapeError("Expected number of channels in input to be divisible by num_groups, but got input of shape "
                         f"{list(input.shape)} and num_groups={num_groups}")
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and tuple(given.shape) != (channels,):
            raise ShapeError(f"Expected {name} to be a vector of size equal to the number of channels in input, but "
                             f"got {name} of shape {list(given.shape)} and input of shape {list(input.shape)}")
    groups = widened("group_norm", input).reshape((batch, num_groups, channels // num_groups, *field))
    out, _, _ = normalized(groups, tuple(range(2, groups.ndim)), eps)
    layout = (1, channels, *(1,) * len(field))
    return convert(affine(out.reshape(tuple(input.shape)), weight, bias, layout), input.dtype)


@functional()
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input / (k + alpha m)^beta, m the mean of the squares of `size` neighbouring channels.

    Shapes: [n, c, ...] of three or more dimensions -> the same
    Source: Krizhevsky, Sutskever, Hinton 2012
    >>> sg.nn.functional.local_response_norm(sg.tensor([[[2.0]]]), 1, alpha=0.75, beta=1.0)
    tensor([[[0.5000]]])
    """
    if input.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)")
    x: Any = input
    if not x.numel():
        return x  # type: ignore[no-any-return]
    squares: Any = pad(x * x, (*(0, 0) * (x.ndim - 2), size // 2, (size - 1) // 2))
    mean = squares.unfold(1, size, 1).mean(-1)
    return x / (mean * alpha + k) ** beta  # type: ignore[no-any-return]


@op(name="layer_norm", method=False, out=False)
def _layer_norm_at_top(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5, cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.layer_norm`.

    >>> sg.layer_norm(sg.tensor([1.0, 3.0]), (2,), eps=1e-12)
    tensor([-1.,  1.])
    """
    return layer_norm(input, normalized_shape, weight, bias, eps)


@op(name="group_norm", method=False, out=False)
def _group_norm_at_top(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.group_norm`.

    >>> sg.group_norm(sg.tensor([[1.0, 3.0]]), 1, eps=1e-12)
    tensor([[-1.,  1.]])
    """
    return _group_norm(input, num_groups, weight, bias, eps)
