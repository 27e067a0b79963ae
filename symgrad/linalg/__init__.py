"""PyTorch's `torch.linalg`: what functions of matrices are called there."""

from symgrad.errors import LinAlgError
from symgrad.ops.public import exports as _exports

globals().update(_exports("linalg"))

__all__ = ["LinAlgError", *dict(_exports("linalg"))]
