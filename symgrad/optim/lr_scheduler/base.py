"""LRScheduler: counts epochs and writes the learning rates that a subclass computes.

Attributes are named as PyTorch's, since a state dict is all of them but the optimizer. Rates are plain
numbers, which a compiled step reads anew at each call; one that is a tensor is filled in place.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from symgrad.optim.optimizer import Optimizer
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

EPOCH_GIVEN = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. "
    "Please use `scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from "
    "None, the closed form is used instead of the new chainable form, where available."
)
BEFORE_OPTIMIZER = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and later, you should "
    "call them in the opposite order: `optimizer.step()` before `lr_scheduler.step()`.  Failure to do this will "
    "result in PyTorch skipping the first value of the learning rate schedule. See more details at "
    "https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)


class LRScheduler:
    """Base of the schedules: give `get_lr` to a subclass, the rate of each group in epoch `last_epoch`.

    With `last_epoch` the schedule goes on from there, its first rates being the groups' `initial_lr`.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        self.optimizer = of_type(optimizer)
        for place, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(f"param 'initial_lr' is not specified in param_groups[{place}] when resuming "
                               "scheduler with last_epoch >= 0. This typically happens when: 1. You're trying to "
                               "resume training from a checkpoint but haven't properly loaded the optimizer state "
                               "2. You're using last_epoch >= 0 for a fresh training run (not recommended)")
        self.base_lrs = values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        optimizer.watch()
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_lr(self) -> list[Any]:
        """The rates of epoch `last_epoch`, from those of the one before; override."""
        raise NotImplementedError

    def get_last_lr(self) -> list[Any]:
        """The rates last written, one a group."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch (or to `epoch`), after the optimizer's steps of this one."""
        outside_a_trace()
        if self._step_count == 1 and not self.optimizer.has_stepped():
            warnings.warn(BEFORE_OPTIMIZER, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_GIVEN, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        closed = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        with self._asking():
            rates = self.get_lr() if closed is None else closed()
        self._write(rates)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _write(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            put(group, "lr", rate)
        self._last_lr = values(self.optimizer, "lr")

    def _now(self, factor: Any = None) -> list[Any]:
        """What `get_lr` answers where the rates stay, or are all multiplied by `factor`."""
        self._warn_outside_step()
        if factor is None:
            return values(self.optimizer, "lr")
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn("To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                          UserWarning, stacklevel=4)  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the schedule that gave `state_dict` was."""
        self.__dict__.update(state_dict)


class _LRScheduler(LRScheduler):
    """The base's name in older scripts."""


def of_type(optimizer: Any) -> Optimizer:
    """`optimizer`, which must be one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
    return optimizer


def outside_a_trace() -> None:
    """A schedule is Python state, which a compiled program could not advance."""
    if (active := state.capture()) is not None:
        active.refuse("a learning rate schedule is stepped")


def copied(value: Any) -> Any:
    """A number, or a tensor of its own."""
    return value.clone() if isinstance(value, Tensor) else value


def values(optimizer: Optimizer, key: str) -> list[Any]:
    """`group[key]` of every group; KeyError if one has none."""
    return [copied(group[key]) for group in optimizer.param_groups]


def put(group: dict[str, Any], key: str, value: Any) -> None:
    """Write `group[key]`, into the tensor there if it is one."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.reshape(()) if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def each(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """One value a group, given as a list or as one for all."""
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [copied(value) for _ in range(count)]
    if len(value) != count:
        raise ValueError(f"{name} must have the same length as optimizer.param_groups. {name} has {len(value)} "
                         f"values, param_groups has {count}.")  # fmt: skip
    return [copied(item) for item in value]
