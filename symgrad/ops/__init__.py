"""The vocabulary: primitives, the functions over them, and the methods they give Tensor."""

from symgrad.ops import (
    arithmetic,
    autograd,
    bitwise,
    choice,
    comparison,
    complex,
    creation,
    division,
    exponential,
    function,
    functional,
    gradients,
    indexing,
    methods,
    node_names,
    powers,
    random,
    rounding,
    trigonometric,
)
from symgrad.ops.registry import PRIMITIVES

__all__ = [
    "PRIMITIVES", "arithmetic", "autograd", "bitwise", "choice", "comparison", "complex", "creation",
    "division", "exponential", "function", "functional", "gradients", "indexing", "methods", "node_names",
    "powers", "random", "rounding", "trigonometric",
]  # fmt: skip
