"""This side of a loader with workers: it deals batches out in turn and takes them in the order they were dealt.

Every worker has two pipes of its own, so that one which dies at any moment leaves an end of file and no lock.
Which worker makes a batch depends on the batch's number alone: what is drawn and in which order do not
depend on who is fast.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from symgrad.errors import SymgradError
from symgrad.utils.data.transport import receive
from symgrad.utils.data.worker import BATCH, END, Role, work

__all__ = ["Crew", "WorkerError"]

SECONDS_TO_END = 5
"""How long a worker may finish what it is doing before it is ended."""


class WorkerError(SymgradError, RuntimeError):
    """A worker process of a DataLoader died, or took longer than `timeout`."""


class _KeyText(str):
    """A message that KeyError shows as it is, not its repr."""

    def __repr__(self) -> str:
        return str(self)


@dataclass(eq=False)
class Worker:
    """One process, the pipes to and from it, and whether its part of an iterable dataset has ended."""

    process: Any
    tasks: Any
    answers: Any
    ended: bool = False


class Crew:
    """The workers of one loader, and the batches they have been asked for."""

    def __init__(self, context: Any, roles: list[Role], timeout: float, in_order: bool):
        self.timeout = timeout
        self.in_order = in_order
        self.epoch = 0
        self.asked: deque[Worker] = deque()
        self.workers: list[Worker] = []
        self.finish = weakref.finalize(self, _end, self.workers, os.getpid())
        try:
            for role in roles:
                self._hire(context, role)
        except BaseException:
            self.finish()
            raise

    def _hire(self, context: Any, role: Role) -> None:
        tasks_out, tasks = context.Pipe(duplex=False)
        answers, answers_in = context.Pipe(duplex=False)
        ours = [end for w in self.workers for end in (w.tasks, w.answers)] + [tasks, answers]
        foreign = ours if context.get_start_method() == "fork" else []
        process = context.Process(target=work, args=(role, tasks_out, answers_in, foreign), daemon=True)
        try:
            process.start()
        except BaseException:
            for end in (tasks, answers):
                end.close()
            raise
        finally:
            tasks_out.close()
            answers_in.close()
        self.workers.append(Worker(process, tasks, answers))

    def start(self, indices: Iterator[Any], ahead: int) -> None:
        """Begin an epoch: ask for the first `ahead` batches."""
        self.epoch += 1
        self.asked.clear()
        for worker in self.workers:
            worker.ended = False
        self.indices = indices
        self.turns = itertools.cycle(self.workers)
        for _ in range(ahead):
            self._ask()

    def _ask(self) -> None:
        """Ask the worker whose turn it is for the next batch, if there is one."""
        worker = next((w for w in itertools.islice(self.turns, len(self.workers)) if not w.ended), None)
        if worker is None:
            return
        for index in itertools.islice(self.indices, 1):
            try:
                worker.tasks.send((self.epoch, index))
            except BrokenPipeError:
                raise self._death(worker) from None
            self.asked.append(worker)

    def next(self) -> Any:
        """The next batch; what went wrong in a worker is raised here."""
        while self.asked:
            worker = self._ready()
            self.asked.remove(worker)
            kind, value = self._answer(worker)
            worker.ended = worker.ended or kind == END
            self._ask()
            if kind == BATCH:
                return value
            if kind != END:
                raise _error(*value)
        raise StopIteration

    def _ready(self) -> Worker:
        """The worker whose answer is taken next: the first that was asked, or the first to be done."""
        if self.in_order:
            return self.asked[0]
        return self._wait(list(dict.fromkeys(self.asked)))

    def _answer(self, worker: Worker) -> tuple[str, Any]:
        """A worker's next answer of this epoch."""
        while True:
            self._wait([worker])
            try:
                epoch, kind, value = receive(worker.answers)
            except (EOFError, OSError):  # nothing, or a part
                raise self._death(worker) from None
            if epoch == self.epoch:
                return kind, value

    def _wait(self, workers: list[Worker]) -> Worker:
        """The first of these workers that has written an answer."""
        from multiprocessing.connection import wait

        end = time.monotonic() + self.timeout if self.timeout > 0 else None
        ends = [w.answers for w in workers] + [w.process.sentinel for w in workers]
        ready = wait(ends, None if end is None else max(0.0, end - time.monotonic()))
        if not ready:
            raise WorkerError(f"DataLoader timed out after {self.timeout} seconds",
                              hint="the dataset takes long or waits for something; raise timeout=")  # fmt: skip
        for worker in workers:
            if worker.answers in ready or worker.answers.poll():
                return worker
        raise self._death(next(w for w in workers if w.process.sentinel in ready))

    def _death(self, worker: Worker) -> WorkerError:
        """The error for a worker that is no more; the others are ended."""
        worker.process.join(SECONDS_TO_END)
        code = worker.process.exitcode
        how = f"is killed by signal: {signal.Signals(-code).name}" if code is not None and code < 0 \
            else f"exited unexpectedly with exit code {code}"  # fmt: skip
        pid = worker.process.pid
        self.finish()
        return WorkerError(f"DataLoader worker (pid {pid}) {how}",
                           hint="run with num_workers=0 to see the error where it happens")  # fmt: skip


def _error(kind: Any, text: str) -> BaseException:
    """An exception of the type a worker met, with the worker's traceback as its message."""
    try:
        error = kind(_KeyText(text)) if kind is KeyError else kind(text)
    except Exception:  # noqa: BLE001 - a type whose constructor wants something else
        return RuntimeError(text)
    return error if isinstance(error, Exception) else RuntimeError(text)


def _end(workers: list[Worker], owner: int) -> None:
    """Let the workers end, and end those that do not; only in the process that started them."""
    if os.getpid() != owner:
        return
    for worker in workers:
        _dismiss(worker)
    end = time.monotonic() + SECONDS_TO_END
    for worker in workers:
        worker.process.join(max(0.0, end - time.monotonic()))
        if worker.process.exitcode is None:
            worker.process.terminate()
            worker.process.join(1)
        if worker.process.exitcode is None:
            worker.process.kill()
            worker.process.join()
        worker.process.close()
    workers.clear()


def _dismiss(worker: Worker) -> None:
    """Say that there are no more tasks. An end of file alone may not arrive: later forks hold copies of the pipe."""
    os.set_blocking(worker.tasks.fileno(), False)
    with contextlib.suppress(OSError):  # it is dead, or has more to read than it will before it is ended
        worker.tasks.send(None)
    worker.tasks.close()
    worker.answers.close()
