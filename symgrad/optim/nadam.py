"""NAdam: Adam with Nesterov's momentum, whose weight grows over the first steps."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import counted, factor, number, one, zero


class NAdam(Optimizer):
    """Adam's m and v, with mu_t = b1 (1 - 0.96^(t momentum_decay) / 2) in place of b1 in the corrections.

    p -= lr ((1 - mu_t) g / (1 - prod mu) + mu_(t+1) m / (1 - mu_(t+1) prod mu)) / (sqrt(v') + eps).
    Source: Dozat 2016

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.NAdam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8944, -1.8944], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 2e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, momentum_decay: float = 4e-3, decoupled_weight_decay: bool = False, *,
        foreach: bool | None = None, maximize: bool = False, capturable: bool = False,
        differentiable: bool = False,
    ):  # fmt: skip
        super().__init__(params, checked(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, momentum_decay=momentum_decay,
            decoupled_weight_decay=decoupled_weight_decay, maximize=maximize, foreach=foreach,
            capturable=capturable, differentiable=differentiable))  # fmt: skip

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        beta1, beta2 = h.betas
        step = counted(slot("step", zero))
        product = slot("mu_product", one)
        mean, square = slot("exp_avg"), slot("exp_avg_sq")
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * h.momentum_decay))
        mu_next = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1) * h.momentum_decay))
        product *= factor(mu, product)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = square.div(factor(1 - beta2**step, param)).sqrt_().add_(h.eps)
        now = number(product)
        param.addcdiv_(grad, root, value=factor(-h.lr * (1.0 - mu) / (1.0 - now), param))
        param.addcdiv_(mean, root, value=factor(-h.lr * mu_next / (1.0 - now * mu_next), param))
