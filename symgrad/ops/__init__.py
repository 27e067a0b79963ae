"""The vocabulary: primitives, the functions over them, and the methods they give Tensor."""

from symgrad.ops import autograd, creation, function, functional, gradients, indexing, methods
from symgrad.ops.registry import PRIMITIVES

__all__ = ["PRIMITIVES", "autograd", "creation", "function", "functional", "gradients", "indexing",
           "methods"]  # fmt: skip
