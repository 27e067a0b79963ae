"""ASGD: stochastic gradient descent that also keeps the average of where it has been."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import choose, counted, factor, number, one, scalar, single, zero


class ASGD(Optimizer):
    """p = (1 - lambd eta) p - eta g with eta = lr / (1 + lambd lr t)^alpha; `ax` averages p from step t0 on.

    Source: Polyak & Juditsky 1992

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.ASGD([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lambd: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
        weight_decay: float = 0, foreach: bool | None = None, maximize: bool = False,
        differentiable: bool = False, capturable: bool = False,
    ):  # fmt: skip
        super().__init__(params, checked(
            lr=lr, lambd=lambd, alpha=alpha, t0=t0, weight_decay=weight_decay, foreach=foreach,
            maximize=maximize, differentiable=differentiable, capturable=capturable))  # fmt: skip

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        step = counted(slot("step", zero))
        eta, mu = slot("eta", scalar(h.now("lr"))), slot("mu", one)
        average, size, weight = slot("ax"), number(eta), number(mu)
        param.mul_(factor(1 - h.lambd * size, param)).add_(grad, alpha=factor(-size, param))
        average.copy_(choose(weight != 1, lambda: average + (param - average) * factor(weight, param), lambda: param))
        eta.fill_(single(h.lr / (1 + h.lambd * h.lr * step) ** h.alpha))
        late = step - h.t0
        mu.fill_(single(1 / choose(late > 1, lambda: late, lambda: 1.0)))
