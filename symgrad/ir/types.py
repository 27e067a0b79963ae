"""What the compiler knows of a tensor before there is one: shape, dtype, strides, device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from symgrad.dtypes import DType

Shape = tuple[int, ...]


def contiguous_strides(shape: Shape) -> Shape:
    """Row-major element strides of `shape`.

    >>> contiguous_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides: list[int] = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step = step * extent if extent else step
    return tuple(reversed(strides))


@dataclass(frozen=True)
class TensorType:
    """The type of a value: `f32[64,10]`; `strides` is None when row-major contiguous."""

    shape: Shape
    dtype: DType
    strides: Shape | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.strides is not None and same_layout(self.shape, self.strides):
            object.__setattr__(self, "strides", None)

    @cached_property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def with_shape(self, shape: Shape, strides: Shape | None = None) -> "TensorType":
        """This dtype and device with another shape."""
        return TensorType(shape, self.dtype, strides, self.device)

    def __str__(self) -> str:
        text = f"{self.dtype.short}[{','.join(str(int(d)) for d in self.shape)}]"
        if self.strides is not None:
            text += "{" + ",".join(str(int(s)) for s in self.strides) + "}"
        return text if self.device == "cpu" else f"{text}@{self.device}"


def same_layout(shape: Shape, strides: Shape) -> bool:
    """Whether `strides` address `shape` row-major without gaps (extents of 1 do not matter)."""
    step = 1
    for extent, stride in zip(reversed(shape), reversed(strides)):
        if extent == 0:
            return True
        if extent != 1:
            if stride != step:
                return False
            step *= extent
    return True


def broadcast_shapes(*shapes: Shape) -> Shape:
    """The common shape by NumPy's broadcasting rule; ValueError where there is none.

    >>> broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    rank = max((len(s) for s in shapes), default=0)
    out: list[int] = []
    for axis in range(-rank, 0):
        extent: int = 1
        for shape in shapes:
            if -axis <= len(shape):
                other = shape[axis]
                if other != 1 and extent != other:
                    if extent != 1:
                        raise ValueError(f"shapes do not broadcast: {shapes}")
                    extent = other
        out.append(extent)
    return tuple(out)
