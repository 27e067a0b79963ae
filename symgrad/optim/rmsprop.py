"""RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import (
    Group,
    Optimizer,
    at_least,
    counted,
    refuse_differentiable,
    step_count,
)


class RMSprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps), with momentum and centering.

    Source: Hinton's lecture 6e; centered: Graves 2013
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        at_least("learning rate", lr)
        at_least("epsilon value", eps)
        at_least("momentum value", momentum)
        at_least("weight_decay value", weight_decay)
        at_least("alpha value", alpha)
        refuse_differentiable(differentiable)
        super().__init__(params, dict(
            lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay,
            capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable))  # fmt: skip

    def update_group(self, group: Group) -> None:
        lr, alpha, eps = group.number("lr"), group.number("alpha"), group.number("eps")
        decay, momentum = group.number("weight_decay"), group.number("momentum")
        for param in group["params"]:
            grad: Any = param.grad
            if grad is None:
                continue
            counted(self.slot(param, "step", step_count))
            square: Any = self.slot(param, "square_avg")
            grad = -grad if group["maximize"] else grad
            if decay != 0:
                grad = grad + param * decay
            square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
            if group["centered"]:
                mean: Any = self.slot(param, "grad_avg")
                mean.lerp_(grad, 1 - alpha)
                root = (square - mean * mean).sqrt_()
            else:
                root = square.sqrt()
            root.add_(eps)
            if momentum > 0:
                buffer: Any = self.slot(param, "momentum_buffer")
                buffer.mul_(momentum).addcdiv_(grad, root)
                param.add_(buffer, alpha=-lr)
            else:
                param.addcdiv_(grad, root, value=-lr)


