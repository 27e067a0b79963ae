"""What torch.autograd offers: gradients on demand, custom Functions, grad modes, old Variable."""

from __future__ import annotations

from typing import Any

from symgrad.autograd import function, graph
from symgrad.ops.autograd import backward, grad
from symgrad.ops.function import Function
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.state import enable_grad, is_grad_enabled, no_grad, set_grad_enabled


class _Variable(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor)

    def __call__(cls, data: Any, requires_grad: bool = False, volatile: bool = False) -> Tensor:
        out = wrap(data.detach()._data)
        return out.requires_grad_(requires_grad and not volatile)


class Variable(metaclass=_Variable):
    """A tensor on the memory of `data`; every tensor is a Variable since the two were merged."""


__all__ = ["Function", "Variable", "backward", "enable_grad", "grad", "is_grad_enabled", "no_grad",
           "set_grad_enabled"]  # fmt: skip
