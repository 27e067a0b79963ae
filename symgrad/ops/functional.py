"""The public functions on tensors that other modules use, gathered under one name."""

from __future__ import annotations

from symgrad.ops.arithmetic import square
from symgrad.ops.bitwise import logical_not
from symgrad.ops.choice import full_scalar, maximum, minimum, relu, where
from symgrad.ops.conversion import clone, contiguous, contiguous_p, copy_p, to, to_device
from symgrad.ops.exponential import sigmoid
from symgrad.ops.powers import sqrt
from symgrad.ops.products import at, at_right, bmm, dot, matmul, mm
from symgrad.ops.promotion import convert, is_scalar, promote, result_type
from symgrad.ops.reductions import amax, amin, mean, sum, sum_to
from symgrad.ops.rounding import abs
from symgrad.ops.shapes import (
    expand,
    flatten,
    permute,
    reshape,
    slice_read,
    slice_write,
    squeeze,
    t,
    transpose,
    unsqueeze,
    view,
)  # fmt: skip
from symgrad.ops.trigonometric import tanh

__all__ = [
    "abs", "amax", "amin", "at", "at_right", "bmm", "clone", "contiguous", "contiguous_p", "convert", "copy_p",
    "dot",
    "expand", "flatten", "full_scalar", "is_scalar", "logical_not", "matmul", "maximum", "mean", "minimum",
    "mm", "permute", "promote", "relu", "reshape", "result_type", "sigmoid", "slice_read", "slice_write",
    "sqrt", "square", "squeeze", "sum", "sum_to", "t", "tanh", "to", "to_device", "transpose", "unsqueeze",
    "view", "where",
]  # fmt: skip
