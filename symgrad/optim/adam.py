"""Adam and AdamW: running means of the gradient and its square, corrected for their start at zero."""

from __future__ import annotations

from typing import Any

from symgrad.ops.functional import maximum
from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked, tensor_options
from symgrad.optim.scalars import counted, factor, zero


class Adam(Optimizer):
    """m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2; p -= lr m' / (sqrt(v') + eps).

    m' and v' are divided by 1 - b^t, computed in float64.
    Source: Kingma & Ba 2015; amsgrad: Reddi et al. 2018

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.Adam([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, foreach: bool | None = None,
        maximize: bool = False, capturable: bool = False, differentiable: bool = False,
        fused: bool | None = None, decoupled_weight_decay: bool = False,
    ):  # fmt: skip
        options = checked(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize,
            foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=decoupled_weight_decay)  # fmt: skip
        super().__init__(params, tensor_options(options))

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        beta1, beta2 = h.betas
        step = counted(slot("step", zero))
        mean, square = slot("exp_avg"), slot("exp_avg_sq")
        mean.lerp_(grad, factor(1 - beta1, param))
        square.mul_(factor(beta2, param)).addcmul_(grad, grad, value=factor(1 - beta2, param))
        if h.amsgrad:
            largest = slot("max_exp_avg_sq")
            square = largest.copy_(maximum(largest, square))
        spread = factor((1 - beta2**step) ** 0.5, param)
        size = factor(-h.lr / (1 - beta1**step), param)
        param.addcdiv_(mean, square.sqrt().div_(spread).add_(h.eps), value=size)


class AdamW(Adam):
    """Adam whose weight decay shrinks the parameters directly: p *= 1 - lr weight_decay.

    Source: Loshchilov & Hutter 2019

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.AdamW([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8990, -1.8980], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, betas: tuple[Any, Any] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, capturable: bool = False, differentiable: bool = False,
        fused: bool | None = None,
    ):  # fmt: skip
        super().__init__(
            params, lr, betas, eps, weight_decay, amsgrad, foreach=foreach, maximize=maximize,
            capturable=capturable, differentiable=differentiable, fused=fused,
            decoupled_weight_decay=True)  # fmt: skip
