"""Stochastic gradient descent with momentum, dampening and Nesterov's variant."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.ops.creation import full
from symgrad.optim.optimizer import Group, Optimizer, at_least, factor, refuse_differentiable
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class SGD(Optimizer):
    """v = momentum v + (1 - dampening) g (v = g at first); p -= lr v, or lr (g + momentum v).

    Source: Sutskever et al. 2013, in PyTorch's form (the learning rate stands outside v)
    """

    def __init__(
        self, params: Any, lr: Any = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0, nesterov: bool = False, *, maximize: bool = False,
        foreach: bool | None = None, differentiable: bool = False, fused: bool | None = None,
    ):  # fmt: skip
        at_least("learning rate", lr)
        at_least("momentum value", momentum)
        at_least("weight_decay value", weight_decay)
        refuse_differentiable(differentiable)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        self._seen: dict[Tensor, Tensor] = {}
        super().__init__(params, dict(
            lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov,
            maximize=maximize, foreach=foreach, differentiable=differentiable, fused=fused))  # fmt: skip

    def update_group(self, group: Group) -> None:
        lr, momentum = group.number("lr"), group.number("momentum")
        decay, maximize = group.number("weight_decay"), group["maximize"]
        plain = not maximize and not decay and not momentum
        for param in group["params"]:
            grad: Any = param.grad
            if grad is None:
                continue
            if not plain:
                grad = -grad if maximize else grad
                if decay != 0:
                    grad = grad + param * decay
                if momentum != 0:
                    buffer = self.momentum(param, grad, momentum, group.number("dampening"))
                    grad = grad + buffer * momentum if group["nesterov"] else buffer
            param.add_(grad, alpha=-lr)

    def momentum(self, param: Tensor, grad: Any, momentum: Any, dampening: Any) -> Any:
        """The momentum buffer after this step."""
        slots = self.state[param]
        buffer: Any = slots.get("momentum_buffer")
        if state.capture() is None:
            if buffer is None:
                buffer = slots["momentum_buffer"] = grad.detach().clone()
                return buffer
            return buffer.mul_(momentum).add_(grad, alpha=1 - dampening)
        known = buffer is not None
        buffer = self.slot(param, "momentum_buffer")
        if dampening == 0:
            return buffer.mul_(momentum).add_(grad)
        seen = self.seen(param, known)
        buffer.mul_(momentum).add_(grad * factor(1 - dampening * seen, param))
        seen.fill_(1.0)
        return buffer

    def seen(self, param: Tensor, known: bool) -> Any:
        """A 0-d tensor, 0 until the first step: by it a compiled program knows not to dampen that one."""
        found = self._seen.get(param)
        if found is None:
            start = 1.0 if known else 0.0
            found = self.new_slot(self._seen, param, lambda _: full((), start, dtype=dtypes.float64), param)
        return found

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over slots and hyper-parameters from `state_dict`."""
        self._seen.clear()
        super().load_state_dict(state_dict)
