"""Layers that learn their number of inputs from the first call, and then are the layers they stand for.

Until then their parameters have no shape. They are the same tensors afterwards, so an optimizer may have
them before. The first call must not be a compiled one, which cannot make parameters.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any, ClassVar

from symgrad.errors import ShapeError, TraceError
from symgrad.nn.batch_norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from symgrad.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from symgrad.nn.linear import Linear
from symgrad.nn.module import Module
from symgrad.nn.parameter import UninitializedParameter, is_lazy
from symgrad.tensor import state

__all__ = [
    "LazyBatchNorm1d", "LazyBatchNorm2d", "LazyBatchNorm3d", "LazyConv1d", "LazyConv2d", "LazyConv3d",
    "LazyConvTranspose1d", "LazyConvTranspose2d", "LazyConvTranspose3d", "LazyInstanceNorm1d", "LazyInstanceNorm2d",
    "LazyInstanceNorm3d", "LazyLinear",
]  # fmt: skip

LOADING = -1
"""The place of the hook that looks at a state dict, among those with the numbers of their handles."""


class Lazy(Module):
    """The part of a lazy layer that waits for its first input.

    `becomes` is the layer it stands for, whose attribute `count` says how many inputs it has; `ranks` are
    those of an input whose channels are known, where the last dimension does not say it.
    """

    becomes: ClassVar[type[Any]]
    count: ClassVar[str] = "in_channels"
    ranks: ClassVar[tuple[int, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any):
        warnings.warn("Lazy modules are a new feature under heavy development so changes to the API or functionality "
                      "can happen at any moment.", stacklevel=2)  # fmt: skip
        self._wait(args, kwargs)

    def _wait(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        groups = inspect.signature(self.becomes).bind(1, *args, **kwargs).arguments.get("groups", 1)
        small = self.becomes(groups, *args, **kwargs)
        self.__dict__.update(small.__dict__)
        self._given = (args, kwargs)
        setattr(self, self.count, 0)
        for name, param in self._parameters.items():
            if param is not None:
                self._parameters[name] = UninitializedParameter(dtype=param.dtype, device=param.device)
        for name, buffer in self._buffers.items():
            if buffer is not None and buffer.ndim:
                self._buffers[name] = buffer.new_empty(0)
        self._load_state_dict_pre_hooks[LOADING] = (Lazy._shapes_from, True)
        self._first = self.register_forward_pre_hook(Lazy._infer)

    def has_uninitialized_params(self) -> bool:
        """Whether it still waits."""
        buffers = [buffer for buffer in self._buffers.values() if buffer is not None]
        return any(map(is_lazy, self._parameters.values())) or any(buffer.numel() == 0 for buffer in buffers)

    def initialize_parameters(self, input: Any) -> None:
        """Give the parameters their shapes and starting values for this input."""
        count = int(input.shape[-1 if not self.ranks else 1 if input.ndim == self.ranks[-1] else 0])
        args, kwargs = self._given
        whole = self.becomes(count, *args, **kwargs)
        with state.no_grad():
            for name, param in self._parameters.items():
                if is_lazy(param):
                    fresh = whole._parameters[name]
                    param.materialize(fresh.shape)
                    param.copy_(fresh)
        for name, buffer in whole._buffers.items():
            old = self._buffers[name]
            if buffer is not None and old.numel() == 0:
                self._buffers[name] = buffer.to(old.device, old.dtype if old.dtype.is_inexact else buffer.dtype)
        setattr(self, self.count, count)

    def _infer(self, args: tuple[Any, ...]) -> None:
        if state.capture() is not None:
            raise TraceError(f"{type(self).__name__} has not been called yet, and cannot make its parameters in a "
                             "compiled function", hint="call the module once before compiling")  # fmt: skip
        (input,) = args[:1]
        if self.ranks and input.ndim not in self.ranks:
            raise ShapeError(f"Expected {' or '.join(f'{rank}D' for rank in self.ranks)} input to "
                             f"{type(self).__name__}, but got input of size: {input.shape}")  # fmt: skip
        self.initialize_parameters(input)
        self._first.remove()
        del self._load_state_dict_pre_hooks[LOADING], self._first, self._given
        self.__class__ = self.becomes
        state.bump_epoch()

    def _shapes_from(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """A state dict that is loaded says what the shapes are."""
        for name, param in self._parameters.items():
            if is_lazy(param) and prefix + name in state_dict and not is_lazy(state_dict[prefix + name]):
                param.materialize(state_dict[prefix + name].shape)
        for name, buffer in self._buffers.items():
            given = state_dict.get(prefix + name)
            if buffer is not None and given is not None and buffer.shape != given.shape:
                self._buffers[name] = buffer.new_zeros(given.shape)


class LazyLinear(Lazy, Linear):
    """`Linear` whose `in_features` is the last extent of its first input.

    >>> layer = sg.nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(sg.zeros(2, 5)).shape, layer
    (torch.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    becomes = Linear
    count = "in_features"


class LazyConv1d(Lazy, Conv1d):
    """`Conv1d` whose `in_channels` is that of its first input."""

    becomes, ranks = Conv1d, (2, 3)


class LazyConv2d(Lazy, Conv2d):
    """`Conv2d` whose `in_channels` is that of its first input.

    >>> layer = sg.nn.LazyConv2d(4, 3)
    >>> layer(sg.zeros(1, 2, 5, 5)).shape, layer
    (torch.Size([1, 4, 3, 3]), Conv2d(2, 4, kernel_size=(3, 3), stride=(1, 1)))
    """

    becomes, ranks = Conv2d, (3, 4)


class LazyConv3d(Lazy, Conv3d):
    """`Conv3d` whose `in_channels` is that of its first input."""

    becomes, ranks = Conv3d, (4, 5)


class LazyConvTranspose1d(Lazy, ConvTranspose1d):
    """`ConvTranspose1d` whose `in_channels` is that of its first input."""

    becomes, ranks = ConvTranspose1d, (2, 3)


class LazyConvTranspose2d(Lazy, ConvTranspose2d):
    """`ConvTranspose2d` whose `in_channels` is that of its first input."""

    becomes, ranks = ConvTranspose2d, (3, 4)


class LazyConvTranspose3d(Lazy, ConvTranspose3d):
    """`ConvTranspose3d` whose `in_channels` is that of its first input."""

    becomes, ranks = ConvTranspose3d, (4, 5)


class LazyBatchNorm1d(Lazy, BatchNorm1d):
    """`BatchNorm1d` whose `num_features` is that of its first input."""

    becomes, count, ranks = BatchNorm1d, "num_features", (2, 3)

    def initialize_parameters(self, input: Any) -> None:
        super().initialize_parameters(input if input.ndim == 3 else input.unsqueeze(-1))


class LazyBatchNorm2d(Lazy, BatchNorm2d):
    """`BatchNorm2d` whose `num_features` is that of its first input."""

    becomes, count, ranks = BatchNorm2d, "num_features", (4,)


class LazyBatchNorm3d(Lazy, BatchNorm3d):
    """`BatchNorm3d` whose `num_features` is that of its first input."""

    becomes, count, ranks = BatchNorm3d, "num_features", (5,)


class LazyInstanceNorm1d(Lazy, InstanceNorm1d):
    """`InstanceNorm1d` whose `num_features` is that of its first input."""

    becomes, count, ranks = InstanceNorm1d, "num_features", (2, 3)


class LazyInstanceNorm2d(Lazy, InstanceNorm2d):
    """`InstanceNorm2d` whose `num_features` is that of its first input."""

    becomes, count, ranks = InstanceNorm2d, "num_features", (3, 4)


class LazyInstanceNorm3d(Lazy, InstanceNorm3d):
    """`InstanceNorm3d` whose `num_features` is that of its first input."""

    becomes, count, ranks = InstanceNorm3d, "num_features", (4, 5)
