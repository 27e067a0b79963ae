"""Adamax: Adam with the largest gradient, decayed, in place of the root mean square."""

from __future__ import annotations

from typing import Any

from symgrad.ops.functional import maximum
from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import counted, factor, zero


class Adamax(Optimizer):
    """m = b1 m + (1 - b1) g, u = max(b2 u, |g| + eps); p -= lr m / ((1 - b1^t) u).

    Source: Kingma & Ba 2015, section 7.1

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.Adamax([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, foreach: bool | None = None, *, maximize: bool = False,
        differentiable: bool = False, capturable: bool = False,
    ):  # fmt: skip
        super().__init__(params, checked(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, foreach=foreach, maximize=maximize,
            differentiable=differentiable, capturable=capturable))  # fmt: skip

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        beta1, beta2 = h.betas
        step = counted(slot("step", zero))
        mean, largest = slot("exp_avg"), slot("exp_inf")
        mean.lerp_(grad, 1 - beta1)
        largest.copy_(maximum(largest * beta2, grad.abs().add_(h.eps)))
        param.addcdiv_(mean, largest, value=factor(-h.lr / (1 - beta1**step), param))
