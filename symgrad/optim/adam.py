"""Adam and AdamW: running means of the gradient and its square, corrected for their start at zero."""

from __future__ import annotations

from typing import Any

from symgrad.ops.functional import maximum
from symgrad.optim.optimizer import (
    Group,
    Optimizer,
    at_least,
    counted,
    factor,
    refuse_differentiable,
    step_count,
)  # fmt: skip


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2; p -= lr m' / (sqrt(v') + eps).

    m' and v' are divided by 1 - b^t, computed in float64.
    Source: Kingma & Ba 2015; amsgrad: Reddi et al. 2018
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
        fused: bool | None = None, decoupled_weight_decay: bool = False,
    ):  # fmt: skip
        at_least("learning rate", lr)
        at_least("epsilon value", eps)
        for place, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {place}: {beta}")
        at_least("weight_decay value", weight_decay)
        refuse_differentiable(differentiable)
        super().__init__(params, dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=decoupled_weight_decay))  # fmt: skip

    def update_group(self, group: Group) -> None:
        lr, eps, decay = group.number("lr"), group.number("eps"), group.number("weight_decay")
        beta1, beta2 = group.pair("betas")
        for param in group["params"]:
            grad: Any = param.grad
            if grad is None:
                continue
            step = counted(self.slot(param, "step", step_count))
            mean: Any = self.slot(param, "exp_avg")
            square: Any = self.slot(param, "exp_avg_sq")
            grad = -grad if group["maximize"] else grad
            if decay != 0:
                if group["decoupled_weight_decay"]:
                    param.mul_(1 - lr * decay)
                else:
                    grad = grad + param * decay
            mean.lerp_(grad, 1 - beta1)
            square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
            size = lr / (1 - beta1**step)
            spread = (1 - beta2**step) ** 0.5
            if group["amsgrad"]:
                largest: Any = self.slot(param, "max_exp_avg_sq")
                largest.copy_(maximum(largest, square))
                square = largest
            root = square.sqrt().div_(factor(spread, param)).add_(eps)
            param.addcdiv_(mean, root, value=factor(-size, param))


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters directly: p *= 1 - lr weight_decay.

    Source: Loshchilov & Hutter 2019
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ):  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True)  # fmt: skip


