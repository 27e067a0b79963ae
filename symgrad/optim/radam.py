"""RAdam: Adam that waits with its second moment until that can be trusted."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import choose, counted, factor, zero


class RAdam(Optimizer):
    """Adam's m' and v'; p -= lr m' r / (sqrt(v') + eps) where rho_t > 5, and p -= lr m' before.

    rho_t is the length of the moving average that v is at step t, and r corrects its variance.
    Source: Liu et al. 2019

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.RAdam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, decoupled_weight_decay: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        super().__init__(params, checked(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, maximize=maximize, foreach=foreach,
            capturable=capturable, decoupled_weight_decay=decoupled_weight_decay,
            differentiable=differentiable))  # fmt: skip

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        beta1, beta2 = h.betas
        step = counted(slot("step", zero))
        mean, square = slot("exp_avg"), slot("exp_avg_sq")
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction = 1 - beta2**step
        limit = 2 / (1 - beta2) - 1
        rho = limit - 2 * step * beta2**step / correction

        def adaptive() -> Any:
            variance = (rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)
            return factor((correction * variance) ** 0.5, param) / (square.sqrt().add_(h.eps))

        scale = choose(rho > 5.0, adaptive, lambda: 1.0)
        param.sub_(mean * factor(h.lr / (1 - beta1**step), param) * scale)
