"""Schedules made of others: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from symgrad.optim.lr_scheduler.base import LRScheduler, outside_a_trace, put, values
from symgrad.optim.lr_scheduler.plateau import ReduceLROnPlateau
from symgrad.optim.optimizer import Optimizer


class ComposedLR(LRScheduler):
    """Other schedules of the same optimizer, whose states are part of its own."""

    _schedulers: Sequence[Any]

    def _check(self, schedulers: Sequence[Any], optimizer: Any) -> None:
        name = type(self).__name__
        for place, scheduler in enumerate(schedulers):
            if not hasattr(scheduler, "optimizer"):
                raise TypeError(f"{name} at index {place} should have `optimizer` as its attribute.")
            if isinstance(scheduler, ReduceLROnPlateau):
                raise ValueError(f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional "
                                 "kwargs to be specified when calling `step`, but got one at index "
                                 f"{place} in the given schedulers sequence.")  # fmt: skip
            if optimizer != scheduler.optimizer:
                raise ValueError(f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                                 f"{type(scheduler).__name__} at index {place} has {scheduler.optimizer}, which is "
                                 f"different from {type(optimizer).__name__}.")  # fmt: skip

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, with the state dicts of the schedules."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where the schedules that gave `state_dict` were."""
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, saved in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(saved)


class SequentialLR(ComposedLR):
    """The next of `schedulers` from each of the epochs `milestones` on, starting from the first rates there.

    >>> optimizer = sg.optim.SGD([sg.zeros(1, requires_grad=True)], lr=1.0)
    >>> warm = sg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
    >>> then = sg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = sg.optim.lr_scheduler.SequentialLR(optimizer, [warm, then], milestones=[2])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(optimizer.param_groups[0]["lr"], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.1, 0.1, 1.0, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[LRScheduler], milestones: list[int], last_epoch: int = -1
    ):
        name = type(self).__name__
        if len(schedulers) < 1:
            raise ValueError(f"{name} expects at least one scheduler, but got no scheduler.")
        self._check(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError("Sequential Schedulers expects number of schedulers provided to be one more than the "
                             f"number of milestone points, but got number of schedulers {len(schedulers)} and the "
                             f"number of milestones to be equal to {len(milestones)}")  # fmt: skip
        self._schedulers = schedulers
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            put(group, "lr", group["initial_lr"])
        self.recursive_undo()  # each of them took its first step when it was made
        first = schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take the first step of every schedule below back."""
        sched = self if sched is None else sched
        if hasattr(sched, "_schedulers"):
            for below in sched._schedulers:
                self.recursive_undo(below)
        elif hasattr(sched, "last_epoch"):
            sched.last_epoch -= 1

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch."""
        outside_a_trace()
        self.last_epoch += 1
        place = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[place]
        if place > 0 and self._milestones[place - 1] == self.last_epoch:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(ComposedLR):
    """All of `schedulers` in every epoch, each on the rates the one before it left.

    >>> optimizer = sg.optim.SGD([sg.zeros(1, requires_grad=True)], lr=1.0)
    >>> warm = sg.optim.lr_scheduler.ConstantLR(optimizer, factor=0.1, total_iters=2)
    >>> fall = sg.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    >>> schedule = sg.optim.lr_scheduler.ChainedScheduler([warm, fall])
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(round(optimizer.param_groups[0]["lr"], 4))
    ...     optimizer.step()
    ...     schedule.step()
    >>> rates
    [0.1, 0.05, 0.25, 0.125]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        if len(schedulers) < 1:
            raise ValueError(f"{type(self).__name__} expects at least one scheduler to be chained, but got no "
                             "scheduler.")  # fmt: skip
        optimizer = optimizer or schedulers[0].optimizer
        self._check(schedulers, optimizer)
        self._schedulers = schedulers
        self.optimizer = optimizer
        self._last_lr = values(optimizer, "lr")

    def step(self) -> None:  # type: ignore[override]
        """Go to the next epoch."""
        outside_a_trace()
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = values(self.optimizer, "lr")
