"""All parameters of a model as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symgrad.errors import ShapeError
from symgrad.ops.joining import cat
from symgrad.tensor.core import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other; gradients flow back to them.

    >>> layer = sg.nn.Linear(2, 1)
    >>> sg.nn.utils.parameters_to_vector(layer.parameters()).shape
    torch.Size([3])
    """
    found: list[Any] = list(parameters)
    check_devices(found)
    return cat([param.view(-1) for param in found])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parameters parts of `vec`, whose memory they then share.

    Raises: RuntimeError where the vector is too short
    >>> layer = sg.nn.Linear(2, 1)
    >>> sg.nn.utils.vector_to_parameters(sg.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.detach()
    tensor([3.])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    found: list[Any] = list(parameters)
    check_devices(found)
    source: Any = vec
    start = 0
    for param in found:
        part = source[start : start + param.numel()]
        if part.numel() != param.numel():
            raise ShapeError(f"vector_to_parameters: {vec.numel()} elements are too few for the parameters")
        param.data = part.view_as(param).data
        start += param.numel()


def check_devices(parameters: list[Any]) -> None:
    """Raise where they do not all lie in one memory."""
    if len({param.device.type for param in parameters}) > 1:
        raise TypeError("Found two parameters on different devices, this is currently not supported.")
