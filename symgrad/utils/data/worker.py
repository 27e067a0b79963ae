"""The other side of a loader: a process that fetches batches until it is told no more.

A task is (epoch, index), an answer (epoch, what it is, value). Another epoch starts the dataset anew. Answers
are packed here, where what cannot be pickled is still the batch's error, and written by a thread, so that the
next batch is made while the last one waits to be read.
"""

from __future__ import annotations

import os
import queue
import random
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.ops.generators import manual_seed
from symgrad.runtime.threads import set_threads
from symgrad.utils.data import info
from symgrad.utils.data.fetch import Job
from symgrad.utils.data.transport import Packed, packed, send

__all__ = ["Role", "work"]

BATCH, END, FAILURE = "batch", "end", "failure"
SECONDS_BETWEEN_LOOKS = 5
"""How often an idle worker looks whether its parent lives, where no end of file says so."""


@dataclass(frozen=True)
class Role:
    """What a worker is started with."""

    job: Job
    id: int
    num_workers: int
    base_seed: int
    init: Callable[[int], Any] | None

    def begin(self) -> None:
        """Seed every generator with a number of the worker's own and run the user's `worker_init_fn`."""
        set_threads(1)
        seed = (self.base_seed + self.id) % 2**63
        random.seed(seed)
        manual_seed(seed)
        np.random.seed(np.random.SeedSequence((self.id, self.base_seed)).generate_state(4))
        info.current = info.WorkerInfo(self.id, self.num_workers, seed, self.job.dataset)
        if self.init is not None:
            self.init(self.id)

    def failure(self, error: Exception) -> tuple[Any, str]:
        """The type of an error (RuntimeError for one that other processes cannot import) and its whole story."""
        story = "".join(traceback.format_exception(error))
        text = f"Caught {type(error).__name__} in DataLoader worker process {self.id}.\nOriginal {story}"
        try:
            packed(type(error))
        except Exception:  # noqa: BLE001 - whatever pickle says of a class it cannot find
            return RuntimeError, text
        return type(error), text


def work(role: Role, tasks: Any, answers: Any, foreign: list[Any]) -> None:
    """Answer tasks until there is none; `foreign` are ends of pipes that a fork left open here."""
    for connection in foreign:
        connection.close()
    outbox: queue.SimpleQueue[Packed] = queue.SimpleQueue()
    threading.Thread(target=_send_all, args=(answers, outbox), daemon=True).start()
    try:
        serve(role, tasks, outbox)
    except KeyboardInterrupt:  # the main process has it too, and ends this one
        return


def serve(role: Role, tasks: Any, outbox: "queue.SimpleQueue[Packed]") -> None:
    """Read tasks, write answers; what goes wrong in the user's code is the answer."""
    parent = os.getppid()
    begun, epoch, fetch = False, None, None
    while (task := _next_task(tasks, parent)) is not None:
        try:
            if not begun:
                role.begin()
                begun = True
            if task[0] != epoch or fetch is None:
                epoch, fetch = task[0], None
                fetch = role.job.fetcher()
            answer = packed((task[0], BATCH, fetch(task[1])))
        except Exception as error:  # noqa: BLE001 - raised again where the batch is asked for
            ended = isinstance(error, StopIteration) and role.job.is_iterable
            answer = packed((task[0], END, None) if ended else (task[0], FAILURE, role.failure(error)))
        outbox.put(answer)


def _next_task(tasks: Any, parent: int) -> Any:
    """The next (epoch, index); None when the main process wants no more, or is no more."""
    try:
        while not tasks.poll(SECONDS_BETWEEN_LOOKS):
            if os.getppid() != parent:
                return None
        return tasks.recv()
    except (EOFError, OSError):
        return None


def _send_all(answers: Any, outbox: "queue.SimpleQueue[Packed]") -> None:
    """Write what is in the outbox until nobody reads it."""
    try:
        while True:
            send(answers, outbox.get())
    except BrokenPipeError:
        return
