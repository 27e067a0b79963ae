"""Stochastic gradient descent with momentum, dampening and Nesterov's variant."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.ops.creation import full
from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import factor
from symgrad.tensor import state


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g (v = g at first); p -= lr v, or lr (g + momentum v).

    Source: Sutskever et al. 2013, in PyTorch's form (the learning rate stands outside v)

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.8000, -1.6000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        options = checked(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused)  # fmt: skip
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, options)

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        if h.momentum != 0:
            buffer = self.buffer(param, grad, slot, h)
            grad = grad + buffer * h.momentum if h.nesterov else buffer
        param.add_(grad, alpha=factor(-h.lr, param))

    def buffer(self, param: Any, grad: Any, slot: Any, h: Any) -> Any:
        """The momentum buffer after this step; the first gradient is not dampened."""
        known = slot.known("momentum_buffer")
        if state.capture() is None:
            if known is None:
                return slot("momentum_buffer").copy_(grad)
            return known.mul_(h.momentum).add_(grad, alpha=1 - h.dampening)
        buffer = slot("momentum_buffer")
        if h.dampening == 0:  # zeros are a correct first buffer
            return buffer.mul_(h.momentum).add_(grad)
        start = 0.0 if known is None else 1.0
        seen = slot.unsaved("seen", lambda _: full((), start, dtype=dtypes.float64))
        buffer.mul_(h.momentum).add_(grad * factor(1 - h.dampening * seen, param))
        seen.fill_(1.0)
        return buffer
