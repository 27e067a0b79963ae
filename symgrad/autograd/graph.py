"""The recorded graph, where PyTorch keeps what looks at it: `autograd.graph`."""

from symgrad.tensor.node import Node

__all__ = ["Node"]
