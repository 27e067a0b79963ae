"""Tasks are claimed, not dealt: the calling thread works through them and woken helpers join in.

Waking a sleeping thread takes longer than many a kernel. So `parallel_run` posts the region, starts
at once on task 0 and claims the next as long as there are any; a helper that wakes late finds fewer
tasks left, or none. The caller waits for claimed tasks only, never for a helper. Which thread runs
a task is chance, which work a task number stands for is not: results are the same bit for bit.

The tasks must release the GIL (`nogil=True`) to run side by side. A program that writes cells holds
`step_lock` for the whole step; a fork waits for it, so that no child sees a step half done.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from queue import SimpleQueue

from symgrad import config as settings

TASKS = 16
"""Parts of a region: enough that a helper thread that wakes late still finds work."""

THRESHOLD = 1 << 19
"""Work (`codegen.work`) from which parts are worth a thread's waking: about 150 us."""

BESIDE_PRODUCTS = 1 << 26
"""The same in a program with matrix products: about 20 ms. The threads of a BLAS spin that long after a product, no
processor looks idle, and Linux wakes our helper on the caller's, where it waits until the caller is done."""

step_lock = threading.RLock()

_here = threading.local()  # .busy: this thread is inside a region, so a nested one runs serially


class Region:
    """One call of `parallel_run`: its tasks, who has claimed and finished them, what they raised.

    The iterators and the list are the only shared state; each use of them is one step under the
    GIL, so they need no lock.
    """

    __slots__ = ("call", "claims", "count", "errors", "finished", "finishes", "running")

    def __init__(self, call: Callable[[int], object], count: int):
        self.call = call
        self.count = count
        self.claims = iter(range(count))
        self.finishes = itertools.count(1)
        self.errors: list[tuple[int, BaseException]] = []
        self.running = True
        self.finished = threading.Lock()
        self.finished.acquire()

    def work(self) -> None:
        """Claim and run tasks until none are left."""
        # No signal is handled between a `for` taking its next item and the `try` below, so an
        # interrupt cannot lose a claimed task and leave the region waiting for it for ever.
        for task in self.claims:
            try:
                self.call(task)
            except BaseException as error:  # noqa: BLE001 (raised again in the calling thread)
                self.errors.append((task, error))
            finally:
                if next(self.finishes) == self.count:
                    self.running = False
                    self.finished.release()

    def finish(self) -> None:
        """Work, and wait for the last task; what interrupts this is raised only after that."""
        try:
            self.work()
            while self.running:
                self.finished.acquire()
        finally:
            if self.running:
                self.finish()

    def raise_first(self) -> None:
        """Raise what the lowest-numbered failing task raised, as a serial loop would."""
        if self.errors:
            first = min(self.errors, key=lambda failure: failure[0])[1]
            self.errors.clear()
            try:
                raise first
            finally:
                del first  # its traceback holds this frame: a cycle that would keep arrays alive


class Pool:
    """Daemon threads that take regions from one queue and help with them."""

    def __init__(self, helpers: int):
        self.helpers = helpers
        self._regions: SimpleQueue[Region | None] = SimpleQueue()
        for index in range(helpers):
            name = f"symgrad-{index}"
            threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        _here.busy = True
        while (region := self._regions.get()) is not None:
            region.work()
            del region  # an idle helper must not keep the last region's arrays alive

    def close(self) -> None:
        """Let every helper end after what it is doing."""
        for _ in range(self.helpers):
            self._regions.put(None)

    def run(self, call: Callable[[int], object], tasks: int) -> None:
        """Run `call(0) … call(tasks - 1)` on the helpers and on this thread."""
        region = Region(call, tasks)
        _here.busy = True
        try:
            try:
                for _ in range(min(self.helpers, tasks - 1)):
                    self._regions.put(region)
            finally:
                region.finish()
        finally:
            _here.busy = False
        region.raise_first()


_pool: Pool | None = None
_pool_lock = threading.Lock()


def pool() -> Pool:
    """This process's pool, made on first use: one helper less than `config.num_threads`."""
    global _pool
    if _pool is None:
        with _pool_lock:
            if _pool is None:
                _pool = Pool(max(0, settings.config.num_threads - 1))
    return _pool


def set_threads(count: int) -> None:
    """Work with `count` threads from now on."""
    global _pool
    with _pool_lock:
        settings.config = replace(settings.config, num_threads=count)
        if _pool is not None:
            _pool.close()
        _pool = None


def parallel_run(call: Callable[[int], object], tasks: int) -> None:
    """Run `call(0) … call(tasks - 1)`, several at a time, and return when all have finished.

    Inside a task it runs serially. Where tasks raise, the others still run to their end; then the
    exception of the lowest-numbered one is raised.
    """
    if tasks > 1 and not getattr(_here, "busy", False):
        chosen = _pool or pool()
        if chosen.helpers:
            chosen.run(call, tasks)
            return
    if tasks > 0:
        region = Region(call, tasks)
        region.finish()
        region.raise_first()


def _after_fork() -> None:
    """A forked child has none of its parent's threads: forget them, make new ones on first use."""
    global _pool, _pool_lock
    _pool = None
    _pool_lock = threading.Lock()
    _here.busy = False
    step_lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=step_lock.acquire,
        after_in_parent=step_lock.release,
        after_in_child=_after_fork,
    )
