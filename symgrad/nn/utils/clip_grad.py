"""Gradients made smaller where they are too large, by their common norm or each by itself.

No number is read, so both are part of a compiled step; `error_if_nonfinite` must read the norm.
`foreach` is taken and means nothing here: compiled, the gradients share kernels; eagerly each is one call.
"""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

from symgrad.errors import DomainError
from symgrad.ops.fills import zeros
from symgrad.ops.joining import stack
from symgrad.ops.norms import vector_norm
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

Tensors = Tensor | Iterable[Tensor]


def get_total_norm(tensors: Tensors, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                   foreach: bool | None = None) -> Tensor:  # fmt: skip
    """The norm of all elements of `tensors` as one vector.

    >>> sg.nn.utils.get_total_norm([sg.tensor([3.0]), sg.tensor([[4.0]])])
    tensor(5.)
    """
    found = listed(tensors)
    if not found:
        return zeros(())
    with state.no_grad():
        norms = [vector_norm(t, float(norm_type)) for t in found]
        total: Any = vector_norm(stack([n.to(norms[0].device) for n in norms]), float(norm_type))  # type: ignore
        if error_if_nonfinite and not bool(total.isfinite()):
            raise DomainError(
                f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it "
                "cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
                "`error_if_nonfinite=False`")
    return total  # type: ignore[no-any-return]


def clip_grads_with_norm_(parameters: Tensors, max_norm: float, total_norm: Tensor,
                          foreach: bool | None = None) -> None:  # fmt: skip
    """Multiply the gradients of `parameters` by max_norm / total_norm, where that is less than 1.

    >>> p = sg.zeros(1, requires_grad=True)
    >>> p.grad = sg.tensor([5.0])
    >>> sg.nn.utils.clip_grads_with_norm_(p, 1.0, sg.tensor(5.0))
    >>> p.grad
    tensor([1.0000])
    """
    with state.no_grad():
        scale: Any = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)  # type: ignore[operator]
        for grad in gradients(parameters):
            grad.mul_(scale.to(grad.device))


def clip_grad_norm_(parameters: Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                    foreach: bool | None = None) -> Tensor:  # fmt: skip
    """Scale the gradients of `parameters` so that their common norm is at most `max_norm`; returns what it was.

    >>> p = sg.zeros(2, requires_grad=True)
    >>> p.grad = sg.tensor([3.0, 4.0])
    >>> sg.nn.utils.clip_grad_norm_([p], 1.0), p.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    found = listed(parameters)
    if isinstance(parameters, types.GeneratorType) and not found:
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm(gradients(found), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(found, max_norm, total)
    return total


def clip_grad_norm(parameters: Tensors, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                   foreach: bool | None = None) -> Tensor:  # fmt: skip
    """`clip_grad_norm_` by its old name."""
    warnings.warn("`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
                  FutureWarning, stacklevel=2)  # fmt: skip
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit each element of the gradients of `parameters` to [-clip_value, clip_value].

    >>> p = sg.zeros(2, requires_grad=True)
    >>> p.grad = sg.tensor([3.0, -4.0])
    >>> sg.nn.utils.clip_grad_value_([p], 3.5)
    >>> p.grad
    tensor([ 3.0000, -3.5000])
    """
    with state.no_grad():
        for grad in gradients(parameters):
            grad.clamp_(min=-float(clip_value), max=float(clip_value))


def listed(tensors: Tensors) -> list[Tensor]:
    """One tensor or several as a list."""
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def gradients(parameters: Tensors) -> list[Any]:
    """The gradients of those parameters that have one."""
    return [p.grad for p in listed(parameters) if p.grad is not None]
