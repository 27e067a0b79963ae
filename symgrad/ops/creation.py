"""What makes tensors, gathered under one name for other modules."""

from __future__ import annotations

from symgrad.ops.fills import (
    empty,
    empty_like,
    full,
    full_like,
    full_p,
    iota,
    ones,
    ones_like,
    place,
    shape_of,
    zeros,
    zeros_like,
)
from symgrad.ops.from_data import as_tensor, from_numpy, tensor
from symgrad.ops.ranges import arange, eye, linspace

__all__ = [
    "arange", "as_tensor", "empty", "empty_like", "eye", "from_numpy", "full", "full_like", "full_p", "iota",
    "linspace",
    "ones", "ones_like", "place", "shape_of", "tensor", "zeros", "zeros_like",
]  # fmt: skip
