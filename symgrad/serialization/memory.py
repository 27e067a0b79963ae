"""Arrays at places of some memory that a file names: checked before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.dtypes import DType
from symgrad.errors import LoadError
from symgrad.tensor.memory import at

LARGEST = 2**62
"""More bytes than any shape may stand for, repeated elements included."""


def is_counts(value: Any) -> bool:
    """Whether a value is a sequence of numbers from 0 on."""
    return isinstance(value, (list, tuple)) and all(type(n) is int and n >= 0 for n in value)


def strided(memory: Any, dtype: DType, shape: Any, strides: Any, start: Any) -> Any:
    """The array of that shape in `memory` (flat bytes); strides and start count elements."""
    fits = is_counts(shape) and is_counts(strides) and len(shape) == len(strides) <= 64 and is_counts([start])
    if fits and 0 not in shape:
        last = start + sum((extent - 1) * step for extent, step in zip(shape, strides))
        whole = dtype.itemsize
        for extent in shape:
            whole *= extent
        fits = (last + 1) * dtype.itemsize <= memory.nbytes and whole < LARGEST
    if not fits:
        raise LoadError(f"a {dtype.name} tensor of shape {shape}, strides {strides} and offset {start} does not lie in "
                        f"the {memory.nbytes} bytes it is said to be in")
    if 0 in shape:
        return np.empty(_small(shape), dtype.np)
    return at(memory, (tuple(shape), tuple(s * dtype.itemsize for s in strides), start * dtype.itemsize), dtype.np)


def _small(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without elements, if its extents are ones an array can have."""
    if any(extent >= LARGEST for extent in shape):
        raise LoadError(f"no tensor has the shape {tuple(shape)}")
    return tuple(shape)
