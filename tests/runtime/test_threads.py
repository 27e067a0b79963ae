"""The thread pool: every task once, errors as in a serial loop, and a fork starts afresh."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter

import pytest

from symgrad.runtime import threads


@pytest.fixture(autouse=True)
def three_helpers(monkeypatch):
    """More helpers than cores, whatever the machine, so that tasks really interleave."""
    monkeypatch.setattr(threads, "_pool", threads.Pool(3))


@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 7, 100])
def test_every_task_runs_once(tasks):
    seen: Counter[int] = Counter()
    for _ in range(200):
        threads.parallel_run(lambda task: seen.update([task]), tasks)
    assert seen == Counter({task: 200 for task in range(tasks)})


def test_helpers_take_part():
    meeting = threading.Barrier(4, timeout=10)  # passes only if four threads are in it at once
    threads.parallel_run(lambda task: meeting.wait(), 4)


def test_the_lowest_failing_task_decides_and_all_tasks_finish():
    finished = []

    def call(task):
        time.sleep(0.001 * (10 - task))
        if task in (3, 5):
            raise ValueError(task)
        finished.append(task)

    for _ in range(5):
        finished.clear()
        with pytest.raises(ValueError, match="^3$"):
            threads.parallel_run(call, 8)
        assert sorted(finished) == [0, 1, 2, 4, 6, 7]


def test_nested_regions_run_serially_in_their_thread():
    def outer(task):
        mine = threading.get_ident()
        inside = []
        threads.parallel_run(lambda _: inside.append(threading.get_ident()), 5)
        assert inside == [mine] * 5

    threads.parallel_run(outer, 8)


def test_a_region_runs_in_parallel_again_after_an_error():
    with pytest.raises(ZeroDivisionError):
        threads.parallel_run(lambda task: 1 // 0, 4)
    test_helpers_take_part()


def test_threads_may_run_regions_at_once():
    totals = [0] * 6

    def caller(index):
        for _ in range(300):
            parts: list[int] = []
            threads.parallel_run(parts.append, 5)
            totals[index] += sum(parts)

    callers = [threading.Thread(target=caller, args=(index,)) for index in range(6)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert totals == [3000] * 6


def test_an_idle_pool_keeps_nothing_alive():
    class Data:
        pass

    data = Data()
    alive = weakref.ref(data)

    def call(task, data=data):
        if task:
            raise ValueError

    gc.disable()
    try:
        with pytest.raises(ValueError):
            threads.parallel_run(call, 4)
        del call, data
        deadline = time.monotonic() + 5  # a late helper may still be dropping the region
        while alive() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert alive() is None
    finally:
        gc.enable()


@pytest.fixture
def interruptible():
    """Ctrl-C raises, also where the test run itself was started in the background (SIGINT ignored)."""
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, old)


def test_an_interrupt_waits_for_the_tasks(interruptible):
    finished = []

    def call(task):
        if task == 0:
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.05)
        finished.append(task)

    with pytest.raises(KeyboardInterrupt):
        threads.parallel_run(call, 4)
    assert sorted(finished) == [1, 2, 3]


def test_an_interrupt_while_waiting_waits_for_the_tasks(interruptible):
    finished = []
    main = threading.get_ident()
    started = threading.Event()

    def call(task):
        if threading.get_ident() == main:
            started.wait(10)  # leaves a task to a helper, which outlives the caller's part
            return
        started.set()
        time.sleep(0.05)
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.05)
        finished.append(task)

    with pytest.raises(KeyboardInterrupt):
        threads.parallel_run(call, 2)
    assert len(finished) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_makes_its_own_pool():
    script = """
import os, threading, warnings
warnings.simplefilter("ignore")
from symgrad.runtime import threads
meeting = lambda: threading.Barrier(2, timeout=10)
def region():
    barrier = meeting()
    threads.parallel_run(lambda task: barrier.wait(), 2)
threads._pool = threads.Pool(1)
region()
holding, release = threading.Event(), threading.Event()
state = []
def step():
    with threads.step_lock:
        state.append("begun")
        holding.set()
        release.wait()
        state.append("done")
other = threading.Thread(target=step)
other.start()
holding.wait()
threading.Timer(0.1, release.set).start()
child = os.fork()  # waits for the step of the other thread
assert state == ["begun", "done"]
with threads.step_lock:
    if not child:
        threads._pool = threads._pool or threads.Pool(1)
    region()
if child:
    assert os.waitpid(child, 0)[1] == 0
    print("both ran")
else:
    assert threads.pool().helpers == 1
    os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "both ran"


def test_no_helpers_means_a_plain_loop(monkeypatch):
    monkeypatch.setattr(threads, "_pool", threads.Pool(0))
    order = []
    threads.parallel_run(order.append, 4)
    assert order == [0, 1, 2, 3]
