"""DataLoader: a dataset as an iterable of batches, fetched here or by worker processes."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic

from symgrad.cuda import is_available
from symgrad.ops.generators import Generator
from symgrad.utils.data.collate import default_collate, default_convert
from symgrad.utils.data.dataset import IterableDataset, Sample
from symgrad.utils.data.fetch import Job
from symgrad.utils.data.info import get_worker_info
from symgrad.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    drawn_seed,
)

if TYPE_CHECKING:
    from symgrad.utils.data.processes import Crew

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _Forever(Sampler[None]):
    """The sampler of an iterable dataset, which has no indices."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[Sample]):
    """Batches of a dataset, in order or shuffled, made here or by `num_workers` processes.

    The order comes from `generator` (the default one): the same seed gives the same batches, however many
    workers there are.

    >>> data = sg.utils.data.TensorDataset(sg.arange(5))
    >>> [x.tolist() for x, in sg.utils.data.DataLoader(data, batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    _fixed = False

    def __init__(
        self, dataset: Any, batch_size: int | None = 1, shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None, batch_sampler: Iterable[Any] | None = None, num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None, pin_memory: bool = False, drop_last: bool = False,
        timeout: float = 0, worker_init_fn: Callable[[int], Any] | None = None, multiprocessing_context: Any = None,
        generator: Generator | None = None, *, prefetch_factor: int | None = None, persistent_workers: bool = False,
        pin_memory_device: str = "", in_order: bool = True,
    ):  # fmt: skip
        self.num_workers = num_workers
        self.prefetch_factor = _checked_prefetch(num_workers, prefetch_factor, timeout, persistent_workers)
        self.is_iterable = isinstance(dataset, IterableDataset)
        if self.is_iterable:
            _refuse_samplers(shuffle, sampler, batch_sampler)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and "
                                 "drop_last")
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            sampler = _Forever() if self.is_iterable else RandomSampler(dataset, generator=generator) if shuffle \
                else SequentialSampler(dataset)  # fmt: skip
        if batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.drop_last = drop_last
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.generator = generator
        self.persistent_workers = persistent_workers
        self.in_order = in_order
        self._iterator: _Batches | None = None
        self._promised: int | None = None
        self._fixed = True
        self.check_worker_number_rationality()

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "multiprocessing_context":
            value = _context(value, self.num_workers)
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if self._fixed and name in fixed:
            raise ValueError(f"{name} attribute should not be set after {type(self).__name__} is initialized")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator[Any]:
        if self.persistent_workers and self._iterator is not None:
            self._iterator.restart(self)
            return self._iterator
        self.check_worker_number_rationality()
        batches = _Batches(self) if self.num_workers == 0 else _WorkerBatches(self)
        if self.persistent_workers:
            self._iterator = batches
        return batches

    def __len__(self) -> int:
        if not self.is_iterable:
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        length = self._promised = len(self.dataset)
        if self.batch_size is None:
            return length
        return length // self.batch_size if self.drop_last else -(-length // self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn where there are more workers than processors."""
        known = hasattr(os, "sched_getaffinity")
        processors = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
        if self.num_workers > processors:
            warnings.warn(
                f"This DataLoader will create {self.num_workers} worker processes in total. Our suggested max number "
                f"of worker in current system is {processors}{'' if known else ' (`cpuset` is not taken into account)'}"
                ", which is smaller than what this DataLoader is going to create. Please be aware that excessive "
                "worker creation might get DataLoader running slow or even freeze, lower the worker number to avoid "
                "potential slowness/freeze if necessary.", stacklevel=3)

    @property
    def job(self) -> Job:
        """What a worker needs of this loader."""
        return Job(self.dataset, self.is_iterable, self.batch_sampler is not None, self.collate_fn, self.drop_last)


class _Batches:
    """One pass over a loader, fetched in this process."""

    def __init__(self, loader: DataLoader[Any]):
        if loader.pin_memory and not is_available():
            warnings.warn("'pin_memory' argument is set as true but no accelerator is found, then device pinned "
                          "memory won't be used.", stacklevel=3)
        if loader.num_workers == 0 and loader.timeout != 0:
            raise AssertionError("a DataLoader without workers requires timeout == 0")
        self.job = loader.job
        self.restart(loader)

    def restart(self, loader: DataLoader[Any]) -> None:
        """Begin anew. The first index is drawn here, so that the user's own draws come after it, as with workers."""
        self.seed = drawn_seed(loader.generator)
        self.promised = loader._promised
        self.yielded = 0
        self.sampler = loader.sampler if loader.batch_sampler is None else loader.batch_sampler
        indices = iter(self.sampler)
        first = list(itertools.islice(indices, 1))
        self.start(loader, itertools.chain(first, indices))

    def start(self, loader: DataLoader[Any], indices: Iterator[Any]) -> None:
        """Begin with these indices."""
        self.indices = indices
        self.fetch = self.job.fetcher()

    def fetched(self) -> Any:
        """The next batch."""
        return self.fetch(next(self.indices))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        batch = self.fetched()
        self.yielded += 1
        if self.job.is_iterable and self.promised is not None and self.yielded > self.promised:
            warnings.warn(f"Length of IterableDataset {self.job.dataset} was reported to be {self.promised} (when "
                          f"accessing len(dataloader)), but {self.yielded} samples have been fetched. {self.advice}",
                          stacklevel=2)
        return batch

    advice = ""

    def __len__(self) -> int:
        return len(self.sampler)  # type: ignore[arg-type]

    def __reduce__(self) -> Any:
        raise NotImplementedError(f"{type(self).__name__} cannot be pickled")


class _WorkerBatches(_Batches):
    """One pass over a loader, fetched by worker processes; they end with it unless they are persistent."""

    advice = ("For multiprocessing data-loading, this could be caused by not properly configuring the IterableDataset "
              "replica at each worker.")  # fmt: skip
    crew: "Crew | None" = None

    def start(self, loader: DataLoader[Any], indices: Iterator[Any]) -> None:
        if self.crew is None:
            import multiprocessing

            from symgrad.utils.data.processes import Crew
            from symgrad.utils.data.worker import Role

            count = loader.num_workers
            roles = [Role(self.job, i, count, self.seed, loader.worker_init_fn) for i in range(count)]
            context = loader.multiprocessing_context or multiprocessing.get_context()
            self.crew = Crew(context, roles, loader.timeout, loader.in_order)
        self.persistent = loader.persistent_workers
        self.crew.start(indices, max(1, (loader.prefetch_factor or 0) * loader.num_workers))

    def fetched(self) -> Any:
        if self.crew is None:
            raise StopIteration
        try:
            return self.crew.next()
        except StopIteration:
            if not self.persistent:
                self.crew.finish()
                self.crew = None
            raise


def _checked_prefetch(num_workers: int, factor: int | None, timeout: float, persistent: bool) -> int | None:
    """How many batches each worker makes ahead, once the numbers are found to go together."""
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and factor is not None:
        raise ValueError("prefetch_factor option could only be specified in multiprocessing: let num_workers > 0 to "
                         "enable multiprocessing, otherwise set prefetch_factor to None.")
    if factor is not None and factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")
    return 2 if num_workers and factor is None else factor


def _refuse_samplers(shuffle: Any, sampler: Any, batch_sampler: Any) -> None:
    """An iterable dataset decides its order itself."""
    found = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in found.items():
        if value is not None:
            raise ValueError(f"DataLoader with IterableDataset: expected unspecified {name} option, but got "
                             f"{name}={value}")


def _context(given: Any, num_workers: int) -> Any:
    """A multiprocessing context from the name of a start method, or None."""
    if given is None:
        return None
    import multiprocessing

    if num_workers == 0:
        raise ValueError("multiprocessing_context can only be used with multi-process loading (num_workers > 0), but "
                         f"got num_workers={num_workers}")
    if isinstance(given, str):
        methods = multiprocessing.get_all_start_methods()
        if given not in methods:
            raise ValueError(f"multiprocessing_context option should specify a valid start method in {methods!r}, but "
                             f"got multiprocessing_context={given!r}")
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError("multiprocessing_context option should be a valid context object or a string specifying the "
                        f"start method, but got multiprocessing_context={given}")
    return given
