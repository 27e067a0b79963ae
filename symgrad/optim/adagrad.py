"""Adagrad: steps divided by the root of all squared gradients so far."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import counted, factor, filled, zero


class Adagrad(Optimizer):
    """s += g^2; p -= lr g / ((1 + (t - 1) lr_decay) (sqrt(s) + eps)).

    Its state is there from the start. Source: Duchi et al. 2011

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.Adagrad([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10, foreach: bool | None = None, *,
        maximize: bool = False, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        super().__init__(params, checked(
            lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value, foreach=foreach, maximize=maximize,
            differentiable=differentiable, fused=fused))  # fmt: skip
        for param in self._parameters():
            self.state[param].update(step=zero(param), sum=filled(initial_accumulator_value)(param))

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        step = counted(slot("step", zero))
        total = slot("sum", filled(self.defaults["initial_accumulator_value"]))
        total.addcmul_(grad, grad)
        size = -h.lr / (1 + (step - 1) * h.lr_decay)
        param.addcdiv_(grad, total.sqrt().add_(h.eps), value=factor(size, param))
