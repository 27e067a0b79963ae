"""Parameters: leaf tensors a Module registers by itself when they are assigned to it.

They share memory with what they are made from, but own it as far as versions and cells go: views of
a parameter lead to the parameter.
"""

from __future__ import annotations

import numpy as np

from symgrad import dtypes
from symgrad.errors import GradError
from symgrad.tensor.core import Tensor, wrap


class Parameter(Tensor):
    """A tensor to be learned; shares the memory of `data` and requires grad by default."""

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> "Parameter":
        if data is None:
            data = wrap(np.empty((0,), dtypes.get_default_dtype().np))
        if requires_grad and not data.dtype.is_inexact:
            raise GradError("Only Tensors of floating point and complex dtype can require gradients",
                            hint="pass requires_grad=False, or convert with .float()")  # fmt: skip
        out = wrap(data.detach()._data, cls)
        out._rg = requires_grad
        return out  # type: ignore[return-value]

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """`__new__` has made it; Tensor's own constructor must not run."""


class Buffer(Tensor):
    """A tensor that belongs to a Module's state without being learned."""

    __slots__ = ("persistent",)

    def __new__(cls, data: Tensor, *, persistent: bool = True) -> "Buffer":
        out = wrap(data.detach()._data, cls)
        out.persistent = persistent  # type: ignore[attr-defined]
        return out  # type: ignore[return-value]

    def __init__(self, data: Tensor, *, persistent: bool = True) -> None:
        """`__new__` has made it; Tensor's own constructor must not run."""
