"""Averages of a model's weights over training, equal or exponential, and what belongs to them.

Source: Izmailov et al. 2018; exponential averages: Polyak & Juditsky 1992
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from symgrad import dtypes
from symgrad.nn.batch_norm import _BatchNorm
from symgrad.nn.module import Module
from symgrad.ops.creation import tensor
from symgrad.optim.lr_scheduler.base import LRScheduler, each
from symgrad.optim.optimizer import Optimizer
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Any]:
    """The average of one tensor as decay times it and the rest of the new one."""
    _check_decay(decay)

    @state.no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """The same of lists of tensors, in place."""
    _check_decay(decay)

    @state.no_grad()
    def ema_update(ema_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        for ema, current in zip(ema_param_list, current_param_list, strict=True):
            if ema.dtype.is_inexact:
                ema.lerp_(current, 1 - decay)
            else:
                ema.copy_(ema * decay + current * (1 - decay))

    return ema_update


def get_swa_avg_fn() -> Callable[..., Any]:
    """The equal average of one tensor."""

    @state.no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """The same of lists of tensors, in place."""
    average = get_swa_avg_fn()

    @state.no_grad()
    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        for averaged, current in zip(averaged_param_list, current_param_list, strict=True):
            averaged.copy_(average(averaged, current, num_averaged))

    return swa_update


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of `model` whose parameters are averages: equal ones, or by `avg_fn` or `multi_avg_fn`.

    Buffers are averaged with `use_buffers`, else those of the model at the last update.

    >>> model = sg.nn.Linear(1, 1, bias=False)
    >>> averaged = sg.optim.swa_utils.AveragedModel(model)
    >>> for weight in (1.0, 2.0, 6.0):
    ...     _ = sg.nn.init.constant_(model.weight, weight)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self, model: Module, device: Any = None, avg_fn: Callable[..., Any] | None = None,
        multi_avg_fn: Callable[..., None] | None = None, use_buffers: bool = False,
    ):  # fmt: skip
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=dtypes.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    @state.no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the weights of `model` into the average."""
        mine: list[Any] = list(self.module.parameters())
        theirs: list[Any] = [p.detach().to(m.device) for p, m in zip(model.parameters(), mine)]  # type: ignore[attr-defined]
        buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))
        if self.use_buffers:
            mine += [own for own, _ in buffers]
            theirs += [other.detach() for _, other in buffers]
        if self.n_averaged == 0:
            for own, other in zip(mine, theirs, strict=True):
                own.copy_(other)
        elif self.avg_fn is not None:
            for own, other in zip(mine, theirs, strict=True):
                own.copy_(self.avg_fn(own.detach(), other, self.n_averaged))
        else:
            update = self.multi_avg_fn or get_swa_multi_avg_fn()
            update([own.detach() for own in mine], theirs, self.n_averaged)
        if not self.use_buffers:
            for own, other in buffers:
                own.copy_(other)  # type: ignore[attr-defined]
        self.n_averaged.add_(1)  # type: ignore[attr-defined]


@state.no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of every batch norm anew, by one pass over `loader`."""
    norms: dict[Any, Any] = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # all batches count alike
    was_training = model.training
    model.train()
    for batch in loader:
        data = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(data if device is None else data.to(device))
    for norm, momentum in norms.items():
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Goes from each group's rate to `swa_lr` in `anneal_epochs` epochs, along a cosine or a line, and stays there."""

    def __init__(
        self, optimizer: Optimizer, swa_lr: Any, anneal_epochs: int = 10, anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ):  # fmt: skip
        for group, rate in zip(optimizer.param_groups, each("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        """From the rates before, so that another schedule may have changed them until then."""
        rates = self._now()
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = self._part(step - 1), self._part(step)
        goals = [group["swa_lr"] for group in self.optimizer.param_groups]
        if before == 1:
            return goals
        return [goal * now + (rate - before * goal) / (1 - before) * (1 - now) for goal, rate in zip(goals, rates)]

    def _part(self, step: int) -> float:
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t
