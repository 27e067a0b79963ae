"""A save killed at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import symgrad as sg

SIZES = (300_000, 400_000)
"""Elements of the tensors saved in turn: a file of a part of either cannot be taken for the other."""

SAVER = f"""
import itertools, sys
import symgrad as sg
tensors = [{{"round": i, "w": sg.full((n,), float(n))}} for i, n in enumerate({SIZES})]
sg.save(tensors[1], sys.argv[1])
print("ready", flush=True)
for state in itertools.cycle(tensors):
    sg.save(state, sys.argv[1])
"""


def kill_often(folder: Path, times: int, seed: int) -> set[int]:
    """Save without end and kill at a random moment, `times` times over; the sizes found in what was left."""
    rng = random.Random(seed)
    path = folder / "state.pt"
    found = set()
    start = time.perf_counter()
    sg.save(states()[0], path)
    seconds = time.perf_counter() - start
    for i in range(times):
        told, tells = os.pipe()
        process = os.fork()
        if process == 0:
            try:
                saving(path, i % 2, tells)
            finally:
                os._exit(1)
        for _ in range(1 + rng.randrange(3)):  # it has begun, or has saved once or twice
            os.read(told, 1)
        time.sleep(rng.random() * 2 * seconds)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(told)
        os.close(tells)
        state = sg.load(path)
        n = state["w"].numel()
        assert n == SIZES[state["round"]] and bool((state["w"] == float(n)).all())
        found.add(n)
    return found


def states() -> list[Any]:
    """What is saved in turn."""
    return [{"round": i, "w": sg.full((n,), float(n))} for i, n in enumerate(SIZES)]


def saving(path: Path, first: int, tells: int) -> None:
    """Replace the file for ever, by the state of that number first; say so before each time."""
    for state in itertools.cycle(states()[first:] + states()[:first]):
        os.write(tells, b".")
        sg.save(state, path)


def test_killed_half_way(tmp_path: Path) -> None:
    assert kill_often(tmp_path, 30, 0) == set(SIZES)
    assert list(tmp_path.glob(".*")), "some were killed while they wrote"


@pytest.mark.slow
def test_killed_half_way_two_hundred_times(tmp_path: Path) -> None:
    assert kill_often(tmp_path, 200, 1) == set(SIZES)


def test_killed_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The same for a script started afresh."""
    path = tmp_path / "state.pt"
    process = subprocess.Popen([sys.executable, "-c", SAVER, path], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    time.sleep(0.05)
    process.kill()
    process.communicate()
    state = sg.load(path)
    assert state["w"].numel() == SIZES[state["round"]]
