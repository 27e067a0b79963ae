"""Adadelta: steps as large as recent steps were, by running means of squares."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import counted, factor, zero


class Adadelta(Optimizer):
    """s = rho s + (1 - rho) g^2, d = g sqrt(u + eps) / sqrt(s + eps), u = rho u + (1 - rho) d^2; p -= lr d.

    Source: Zeiler 2012

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.Adadelta([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9997, -1.9997], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1.0, rho: float = 0.9, eps: float = 1e-6, weight_decay: float = 0,
        foreach: bool | None = None, *, capturable: bool = False, maximize: bool = False,
        differentiable: bool = False,
    ):  # fmt: skip
        options = checked(
            lr=lr, rho=rho, eps=eps, weight_decay=weight_decay, maximize=maximize, capturable=capturable,
            foreach=foreach, differentiable=differentiable)  # fmt: skip
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        super().__init__(params, options)

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        counted(slot("step", zero))
        square, moved = slot("square_avg"), slot("acc_delta")
        square.mul_(h.rho).addcmul_(grad, grad, value=1 - h.rho)
        delta = (moved + h.eps).sqrt_().div_((square + h.eps).sqrt_()).mul_(grad)
        moved.mul_(h.rho).addcmul_(delta, delta, value=1 - h.rho)
        param.add_(delta, alpha=factor(-h.lr, param))
