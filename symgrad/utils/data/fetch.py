"""From indices to a batch: the same in this process and in a worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["Job"]


@dataclass(frozen=True)
class Job:
    """What is to be loaded, and how samples become a batch."""

    dataset: Any
    is_iterable: bool
    is_batched: bool
    collate_fn: Callable[[Any], Any]
    drop_last: bool

    def fetcher(self) -> Callable[[Any], Any]:
        """A function from an index, or a list of them, to the batch; StopIteration where an iterable ends."""
        return _Stream(self) if self.is_iterable else self._fetch

    def _fetch(self, index: Any) -> Any:
        if not self.is_batched:
            return self.collate_fn(self.dataset[index])
        at_once = getattr(self.dataset, "__getitems__", None)
        return self.collate_fn(at_once(index) if at_once else [self.dataset[i] for i in index])


class _Stream:
    """Fetches from an iterable dataset, of which indices only say how many samples a batch has."""

    def __init__(self, job: Job):
        self.job = job
        self.samples: Iterator[Any] = iter(job.dataset)
        self.ended = False

    def __call__(self, index: Any) -> Any:
        if self.ended:
            raise StopIteration
        if not self.job.is_batched:
            return self.job.collate_fn(next(self.samples))
        batch = [sample for _, sample in zip(index, self.samples)]
        self.ended = len(batch) < len(index)
        if not batch or self.ended and self.job.drop_last:
            raise StopIteration
        return self.job.collate_fn(batch)
