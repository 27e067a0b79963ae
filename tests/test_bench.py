"""The documents' steps agree however they are run; tables and timing do what they say. No times."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from typing import Any

import pytest

from symgrad.bench import (
    PROBLEMS,
    Contender,
    DisagreementError,
    agree,
    interleave,
    peers,
    problem,
    table,
)
from symgrad.bench.report import bench
from symgrad.bench.workload import Sgd


def small(name: str) -> Any:
    """A problem, its ten million points made a thousand."""
    item = PROBLEMS[name]
    return replace(item, points=1000, update=Sgd(1e-6)) if name == "polynomial-large" else item


@pytest.fixture(params=PROBLEMS)
def item(request: pytest.FixtureRequest) -> Any:
    return small(request.param)


def test_every_way_of_running_a_problem_has_the_same_losses(item: Any) -> None:
    ways = {"NumPy": item.numpy(), "eager": item.eager(), "compiled": item.compiled("reference")}
    losses = agree({name: Contender(step) for name, step in ways.items()}, steps=5)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_the_backends_agree_with_numpy_by_hand(backend: str, item: Any) -> None:
    ways = {"NumPy": item.numpy(), backend: item.compiled(backend)}
    agree({name: Contender(step) for name, step in ways.items()}, steps=5)


@pytest.mark.parametrize("peer", ["torch", "jax", "pytensor"])
def test_peers_compute_what_is_compared(peer: str) -> None:
    if peers.missing(peer):
        pytest.skip(str(peers.missing(peer)))
    for name in ("polynomial", "two-layer-small"):
        item = PROBLEMS[name]
        agree({"NumPy": Contender(item.numpy()), peer: Contender(peers.PEERS[peer](item))}, steps=3)


def test_a_peer_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert peers.available() == []
    assert peers.missing("torch.compile") == "torch is not installed"


def test_each_start_is_new_memory(item: Any) -> None:
    for array in item.start():
        array[...] = 7
    assert all(not (array == 7).any() for array in item.start())


def test_disagreement_names_both_and_the_step() -> None:
    losses = iter([1.0, 2.0])
    with pytest.raises(DisagreementError, match="step 1: wrong has loss 2, right has 1"):
        agree({"right": Contender(lambda: 1.0), "wrong": Contender(lambda: next(losses))}, steps=2)
    with pytest.raises(DisagreementError):
        agree({"right": Contender(lambda: 1.0), "wrong": Contender(lambda: float("nan"))}, steps=1)


def test_interleave_times_every_contender() -> None:
    counted = {"one": 0, "many": 0}

    def one() -> float:
        counted["one"] += 1
        return 0.0

    def many(count: int) -> None:
        counted["many"] += count

    found = interleave({"one": Contender(one), "many": Contender(one, many)}, turns=2, seconds=1e-4)
    assert set(found) == {"one", "many"}
    assert all(timing.best <= timing.median for timing in found.values())
    assert counted["one"] > 0 and counted["many"] > 0


def test_an_unknown_problem_lists_those_there_are() -> None:
    with pytest.raises(ValueError, match="no problem 'mnist'; there are polynomial, "):
        problem("mnist")


def test_the_bench_table_is_plain_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench(["two-layer-small"], quick=True, backend="reference") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("eager/compiled" in line for line in lines)
    row = next(line for line in lines if "two-layer-small" in line)
    assert row.count("µs") + row.count("ms") == 3 and row.count("×") == 2
    assert all(len(line) <= 80 and line.isprintable() for line in lines)


def test_a_wide_table_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table.show("wide", [f"column {n}" for n in range(20)], [["cell"] * 20])
    out = capsys.readouterr().out
    assert "column 19" in out and "…" not in out


def test_a_narrow_encoding_gets_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr(sys, "stdout", Ascii())
    assert table.plain("2.1 µs – 3×") == "2.1 us - 3x"
