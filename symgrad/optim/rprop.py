"""Rprop: each weight has a step size of its own, and only the sign of its gradient counts."""

from __future__ import annotations

from typing import Any

from symgrad.ops.functional import where
from symgrad.optim.optimizer import Optimizer
from symgrad.optim.options import checked
from symgrad.optim.scalars import counted, filled, zero


class Rprop(Optimizer):
    """The step size grows by etas[1] while the gradient keeps its sign; else it shrinks, and one step is left out.

    Source: Riedmiller & Braun 1993

    >>> w = sg.tensor([1.0, -2.0], requires_grad=True)
    >>> optimizer = sg.optim.Rprop([w], lr=0.1)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([ 0.9000, -1.9000], requires_grad=True)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-2, etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50), *, capturable: bool = False,
        foreach: bool | None = None, maximize: bool = False, differentiable: bool = False,
    ):  # fmt: skip
        options = checked(
            lr=lr, etas=etas, step_sizes=step_sizes, foreach=foreach, maximize=maximize,
            differentiable=differentiable, capturable=capturable)  # fmt: skip
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, options)

    def update(self, param: Any, grad: Any, slot: Any, h: Any) -> None:
        (shrink, grow), (least, largest) = h.etas, h.step_sizes
        counted(slot("step", zero))
        before, size = slot("prev"), slot("step_size", filled(h.now("lr")))
        turn = grad * before
        size.copy_(where(turn > 0, size * grow, where(turn < 0, size * shrink, size)).clamp_(least, largest))
        before.copy_(where(turn < 0, 0.0, grad))
        param.addcmul_(before.sign(), size, value=-1)
