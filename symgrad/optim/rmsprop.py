"""RMSprop: steps divided by a running root mean square of the gradient."""

from __future__ import annotations

from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import counted, factor, zero


class RMSprop(Optimizer):
    """s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps), with momentum and centering.

    Source: Hinton's lecture 6e; centered: Graves 2013

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.RMSprop([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 5.9605e-08, -1.0000e+00], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0, centered: bool = False, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        options = checked(
            lr=lr, momentum=momentum, alpha=alpha, eps=eps, centered=centered, weight_decay=weight_decay,
            capturable=capturable, foreach=foreach, maximize=maximize, differentiable=differentiable)  # fmt: skip
        if not alpha >= 0:
            raise ValueError(f"Invalid alpha value: {alpha}")
        super().__init__(params, options)

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        counted(slot("step", zero))
        square = slot("square_avg")
        square.mul_(h.alpha).addcmul_(grad, grad, value=1 - h.alpha)
        if h.centered:
            mean = slot("grad_avg")
            mean.lerp_(grad, 1 - h.alpha)
            root = (square - mean * mean).sqrt_()
        else:
            root = square.sqrt()
        root.add_(h.eps)
        if h.momentum > 0:
            buffer = slot("momentum_buffer")
            buffer.mul_(h.momentum).addcdiv_(grad, root)
            param.add_(buffer, alpha=factor(-h.lr, param))
        else:
            param.addcdiv_(grad, root, value=factor(-h.lr, param))
