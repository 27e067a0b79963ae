"""`Variable`, from the time when a tensor had to be wrapped to be differentiated.

The two are one class now: `Variable(tensor)` is a new leaf on the tensor's memory, and every tensor is a
Variable.
"""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.errors import GradError
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.differentiable import VOLATILE


class _Variable(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        if data is None:
            data = Tensor()
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile:
            warnings.warn(VOLATILE, stacklevel=2)
            if requires_grad:
                raise ValueError("Variable can't be volatile and require_grad at the same time!")
        if requires_grad and not data.dtype.is_inexact:
            raise GradError("Only Tensors of floating point and complex dtype can require gradients")
        out = wrap(data.detach()._data)
        out._base = data.owner
        return out.requires_grad_(requires_grad)


class Variable(metaclass=_Variable):
    """A leaf on the memory of `data`; every tensor is a Variable since the two were merged.

    >>> x = sg.autograd.Variable(sg.ones(2, 2), requires_grad=True)
    >>> isinstance(x, sg.Tensor)
    True
    """
