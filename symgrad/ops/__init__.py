"""The vocabulary: primitives, the functions over them, and the methods they give Tensor."""

from symgrad.ops import (
    autograd,
    composites,
    creation,
    function,
    functional,
    gradients,
    indexing,
    methods,
    node_names,
    random,
)
from symgrad.ops.registry import PRIMITIVES

__all__ = ["PRIMITIVES", "autograd", "composites", "creation", "function", "functional", "gradients",
           "indexing", "methods", "node_names", "random"]  # fmt: skip
