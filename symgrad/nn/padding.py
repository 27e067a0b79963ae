"""Padding layers: a mode of `nn.functional.pad` with its amounts."""

from __future__ import annotations

from typing import Any

from symgrad.nn.module import Module
from symgrad.ops.padding import pad
from symgrad.tensor.core import Tensor

__all__ = [f"{mode}Pad{n}d" for mode in ("Circular", "Constant", "Zero") for n in (1, 2, 3)]
__all__ += [f"{mode}Pad{n}d" for mode in ("Reflection", "Replication") for n in (1, 2, 3)]


class _Pad(Module):
    """What padding layers have in common: (before, after) of the last dimension first."""

    n = 0
    mode = "constant"

    def __init__(self, padding: Any):
        super().__init__()
        self.padding = (padding,) * (2 * self.n) if isinstance(padding, int) else tuple(padding)

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _CircularPad(_Pad):
    mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.ndim not in (self.n + 1, self.n + 2):
            raise ValueError(f"expected {self.n + 1}D or {self.n + 2}D input (got {input.ndim}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPad):
    """The last dimension continued on each side from its other end."""

    n = 1


class CircularPad2d(_CircularPad):
    """The last two dimensions continued on each side from the other end."""

    n = 2


class CircularPad3d(_CircularPad):
    """The last three dimensions continued on each side from the other end."""

    n = 3


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A value on each side of the last dimension.

    >>> sg.nn.ConstantPad1d((0, 2), 7.0)(sg.zeros(1, 2))
    tensor([[0., 0., 7., 7.]])
    """

    n = 1


class ConstantPad2d(_ConstantPad):
    """A value on each side of the last two dimensions."""

    n = 2


class ConstantPad3d(_ConstantPad):
    """A value on each side of the last three dimensions."""

    n = 3


class _ZeroPad(_ConstantPad):
    def __init__(self, padding: Any):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad):
    """Zeros on each side of the last dimension."""

    n = 1


class ZeroPad2d(_ZeroPad):
    """Zeros on each side of the last two dimensions."""

    n = 2


class ZeroPad3d(_ZeroPad):
    """Zeros on each side of the last three dimensions."""

    n = 3


class _ReflectionPad(_Pad):
    mode = "reflect"


class ReflectionPad1d(_ReflectionPad):
    """The last dimension mirrored at its first and last element.

    >>> sg.nn.ReflectionPad1d(2)(sg.tensor([[0.0, 1.0, 2.0]]))
    tensor([[2., 1., 0., 1., 2., 1., 0.]])
    """

    n = 1


class ReflectionPad2d(_ReflectionPad):
    """The last two dimensions mirrored at their first and last elements."""

    n = 2


class ReflectionPad3d(_ReflectionPad):
    """The last three dimensions mirrored at their first and last elements."""

    n = 3


class _ReplicationPad(_Pad):
    mode = "replicate"


class ReplicationPad1d(_ReplicationPad):
    """The first and last element of the last dimension repeated."""

    n = 1


class ReplicationPad2d(_ReplicationPad):
    """The first and last elements of the last two dimensions repeated."""

    n = 2


class ReplicationPad3d(_ReplicationPad):
    """The first and last elements of the last three dimensions repeated."""

    n = 3
