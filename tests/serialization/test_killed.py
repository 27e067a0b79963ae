"""A save killed at any moment leaves the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

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
    for _ in range(times):
        process = os.fork()
        if process == 0:
            try:
                saving(path)
            finally:
                os._exit(1)
        time.sleep(0.002 + rng.random() * 0.03)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        state = sg.load(path)
        n = state["w"].numel()
        assert n == SIZES[state["round"]] and bool((state["w"] == float(n)).all())
        found.add(n)
    return found


def saving(path: Path) -> None:
    """Replace the file for ever."""
    states = [{"round": i, "w": sg.full((n,), float(n))} for i, n in enumerate(SIZES)]
    while True:
        for state in states:
            sg.save(state, path)


def test_killed_half_way(tmp_path: Path) -> None:
    sg.save({"round": 0, "w": sg.full((SIZES[0],), float(SIZES[0]))}, tmp_path / "state.pt")
    assert kill_often(tmp_path, 40, 0) == set(SIZES)
    assert list(tmp_path.glob(".*")), "some were killed while they wrote"


@pytest.mark.slow
def test_killed_half_way_two_hundred_times(tmp_path: Path) -> None:
    sg.save({"round": 0, "w": sg.full((SIZES[0],), float(SIZES[0]))}, tmp_path / "state.pt")
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
