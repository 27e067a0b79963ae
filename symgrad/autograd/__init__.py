"""What torch.autograd offers: gradients on demand, custom Functions, grad modes, old Variable."""

from __future__ import annotations

from typing import Any

from symgrad.ops.autograd import grad
from symgrad.ops.function import Function
from symgrad.ops.pullback import seed
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


def backward(
    tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None,
    create_graph: bool = False, inputs: Any = None,
) -> None:  # fmt: skip
    """Add to the leaves' `.grad` the gradient of the sum of `tensors` (each times its gradient)."""
    roots = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    given = [grad_tensors] if grad_tensors is None or isinstance(grad_tensors, Tensor) else list(grad_tensors)
    given += [None] * (len(roots) - len(given))
    if len(roots) == 1:
        roots[0].backward(given[0], retain_graph, create_graph, inputs)  # type: ignore[attr-defined]
        return
    total: Any = None
    with enable_grad():
        for root, g in zip(roots, given):
            part = (root * seed(root, g)).sum()  # type: ignore[operator]
            total = part if total is None else total + part
    total.backward(None, retain_graph, create_graph, inputs)


__all__ = ["Function", "Variable", "backward", "enable_grad", "grad", "is_grad_enabled", "no_grad",
           "set_grad_enabled"]  # fmt: skip
