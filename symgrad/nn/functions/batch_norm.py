"""Normalization of channels, over a batch or in each of its members, with running estimates.

Variances take two passes: squares of deviations from the mean. Sixteen-bit floats are computed in 32 bits.
Running estimates are overwritten in place, in a trace too, where they are cells of the program.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.declare import functional, widened
from symgrad.ops.normalize import normalized
from symgrad.ops.powers import rsqrt
from symgrad.ops.promotion import convert
from symgrad.ops.public import op
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = ["batch_norm", "instance_norm"]


def affine(x: Any, weight: Tensor | None, bias: Tensor | None, shape: tuple[int, ...]) -> Any:
    """x weight + bias, which are laid out as `shape` says."""
    if weight is not None:
        x = x * _laid_out(weight, shape)
    return x if bias is None else x + _laid_out(bias, shape)


def _laid_out(part: Tensor, shape: tuple[int, ...]) -> Any:
    wide = widened("norm", part)
    return wide if state.captures == 0 and wide.shape == shape else wide.reshape(shape)


def count_of(x: Any, axes: tuple[int, ...]) -> Any:
    """How many elements are normalized together."""
    count = 1
    for axis in axes:
        count = count * x.shape[axis]
    return count


@functional()
def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: Any = 0.1, eps: float = 1e-5,
               ) -> Tensor:  # fmt: skip
    """(input - mean) / sqrt(variance + eps) weight + bias, for each channel.

    In training mean and variance are those of the batch, and the running estimates move towards them by
    `momentum`; else they are the running estimates.
    Shapes: input [n, c, ...], all else [c]
    Source: Ioffe, Szegedy 2015
    >>> sg.nn.functional.batch_norm(sg.tensor([[1.0], [3.0]]), None, None, training=True, eps=1e-12)
    tensor([[-1.],
            [ 1.]])
    """
    if training:
        verify_batch_size(input.shape)
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def verify_batch_size(shape: Any) -> None:
    """Raise where a channel has one element only."""
    count = shape[0]
    for extent in shape[2:]:
        count = count * extent
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {shape}")


def _batch_norm(input: Tensor, running_mean: Any, running_var: Any, weight: Any, bias: Any, training: bool,
                momentum: Any, eps: float) -> Tensor:  # fmt: skip
    if input.ndim < 2 and not input.numel():
        return input.clone()  # type: ignore[attr-defined, no-any-return]
    channels = input.shape[1]
    for name, given in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight),
                        ("bias", bias)):  # fmt: skip
        if given is not None and given.numel() != channels:
            raise ShapeError(f"{name} should contain {channels} elements not {given.numel()}")
        if given is None and not training and name.startswith("running"):
            raise ShapeError(f"{name} must be defined in evaluation mode")
    x = widened("batch_norm", input)
    layout = (1, channels, *(1,) * (input.ndim - 2))
    axes = (0, *range(2, input.ndim))
    if not input.numel():
        out = x.clone()
    elif training:
        out, mean, squares = normalized(x, axes, eps)
        track(running_mean, running_var, mean, squares, count_of(x, axes), momentum)
    else:
        centred = x - widened("batch_norm", running_mean).reshape(layout)
        out = centred * rsqrt(widened("batch_norm", running_var).reshape(layout) + eps)
    return convert(affine(out, weight, bias, layout), input.dtype)


def track(running_mean: Any, running_var: Any, mean: Any, squares: Any, count: Any, momentum: Any,
          apart: bool = False) -> None:  # fmt: skip
    """Running estimates moved towards what a batch has; each member's on average, if its members are `apart`."""
    with state.no_grad():
        for running, found in ((running_mean, mean), (running_var, squares)):
            if running is not None:
                if found is squares:
                    found = squares / (count - 1)
                found = found.reshape((-1, running.shape[0]) if apart else running.shape)
                running.mul_(1 - momentum).add_((found.mean(0) if apart else found) * momentum)


@functional()
def instance_norm(input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
                  weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True,
                  momentum: Any = 0.1, eps: float = 1e-5) -> Tensor:  # fmt: skip
    """(input - mean) / sqrt(variance + eps) weight + bias, for each channel of each member of a batch.

    Shapes: input [n, c, ...], all else [c]
    Source: Ulyanov, Vedaldi, Lempitsky 2016
    >>> sg.nn.functional.instance_norm(sg.tensor([[[1.0, 3.0]]]), eps=1e-12)
    tensor([[[-1.,  1.]]])
    """
    if use_input_stats:
        count = 1
        for extent in input.shape[2:]:
            count = count * extent
        if count == 1:
            raise ValueError(f"Expected more than 1 spatial element when training, got input size {input.shape}")
    return _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def _instance_norm(input: Tensor, running_mean: Any, running_var: Any, weight: Any, bias: Any, use_input_stats: bool,
                   momentum: Any, eps: float) -> Tensor:  # fmt: skip
    if not use_input_stats or not input.numel():
        if running_mean is None and not use_input_stats:
            raise ShapeError("Expected running_mean and running_var to be defined when use_input_stats is false")
        return _batch_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    x = widened("instance_norm", input)
    axes = tuple(range(2, input.ndim))
    out, mean, squares = normalized(x, axes, eps)
    track(running_mean, running_var, mean, squares, count_of(x, axes), momentum, apart=True)
    layout = (1, input.shape[1], *(1,) * (input.ndim - 2))
    return convert(affine(out, weight, bias, layout), input.dtype)


@op(name="batch_norm", method=False, out=False)
def _batch_norm_at_top(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    training: bool, momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Tensor:  # fmt: skip
    """`nn.functional.batch_norm`, with its arguments in another order.

    >>> sg.batch_norm(sg.tensor([[1.0], [3.0]]), None, None, None, None, True, 0.1, 1e-12, False)
    tensor([[-1.],
            [ 1.]])
    """
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@op(name="instance_norm", method=False, out=False)
def _instance_norm_at_top(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, running_mean: Tensor | None, running_var: Tensor | None,
    use_input_stats: bool, momentum: float, eps: float, cudnn_enabled: bool = False,
) -> Tensor:  # fmt: skip
    """`nn.functional.instance_norm`, with its arguments in another order.

    >>> sg.instance_norm(sg.tensor([[[1.0, 3.0]]]), None, None, None, None, True, 0.1, 1e-12, False)
    tensor([[[-1.,  1.]]])
    """
    return _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
