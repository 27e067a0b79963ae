"""The workloads of `benchmarks/`, made small, have the same losses however they are run. No times."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.bench import Contender, agree
from symgrad.bench.workload import Sgd

SMALL: dict[str, dict[str, Any]] = {
    "w2": {"points": 1000, "update": Sgd(1e-6)},
    "w4": {"sizes": (8, 30, 20, 10)},
    "w6": {"batch": 16, "widths": (20, 15, 12, 10)},
    "w7": {"batch": 3, "side": 20},
    "w9": {"elements": 500},
    "w10": {"rows": 20, "classes": 30},
    "w11": {"batch": 2, "length": 6, "width": 8, "heads": 2, "letters": 12},
    "w12": {"points": 500},
}  # fmt: skip
ROWS = tuple(f"w{number}" for number in range(1, 13))
COMPILERS = ("gcc", "cc", "clang", "g++")


@pytest.fixture(scope="module", autouse=True)
def benchmarks() -> Iterator[None]:
    """The folder's modules can be imported, as its scripts do."""
    folder = str(Path(__file__).parent.parent / "benchmarks")
    sys.path.insert(0, folder)
    yield
    sys.path.remove(folder)


def small(label: str) -> Any:
    """The workload of a row with fewer numbers, as it is when losses are compared."""
    workload = importlib.import_module("workloads").ROWS[label].workload
    return replace(workload, **SMALL.get(label, {})).comparable()


def steps_of(label: str, names: list[str]) -> dict[str, Contender]:
    """The row's contenders that somebody wrote."""
    module, workload = importlib.import_module("peers"), small(label)
    made = {name: module.step_of(workload, name, "numpy") for name in names}
    return {name: Contender(step) for name, step in made.items() if step is not None}


@pytest.mark.parametrize("label", ROWS)
def test_hand_written_eager_and_compiled_agree(label: str) -> None:
    found = steps_of(label, ["NumPy", "eager", "symgrad"])
    assert {"eager", "symgrad"} <= set(found)
    losses = agree(found, steps=3, rtol=1e-4)
    assert len(set(losses)) == 3  # an update was made, so that the gradients show in them


@pytest.mark.needs_torch
@pytest.mark.parametrize("label", ROWS)
def test_torch_agrees(label: str) -> None:
    pytest.importorskip("torch")
    found = steps_of(label, ["eager", "torch"])
    assert len(found) == 2
    agree(found, steps=3, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("label", ["w6", "w7", "w9", "w10", "w11"])
def test_jax_agrees(label: str) -> None:
    pytest.importorskip("jax")
    agree(steps_of(label, ["eager", "jax"]), steps=2)


@pytest.mark.needs_gxx
@pytest.mark.parametrize("label", ["w1", "w2", "w3", "w4", "w5", "w8", "w9", "w10"])
def test_c_agrees(label: str) -> None:
    if not any(map(shutil.which, COMPILERS)):
        pytest.skip("no C compiler")
    hand_written = importlib.import_module("hand_written")
    workload = small(label)
    in_c = hand_written.InC(workload)
    if in_c.results:  # gradients are all it computes
        params, loss_of = workload.network(sg)
        loss = loss_of(*map(sg.from_numpy, workload.data()))
        loss.backward()
        np.testing.assert_allclose(in_c.step(), loss.item(), rtol=1e-5)
        np.testing.assert_allclose(in_c.results[0], params[0].grad.numpy(), rtol=1e-3, atol=1e-6)
        return
    agree({"NumPy": Contender(workload.numpy()), "C": Contender(in_c.step)}, steps=5)
    many = hand_written.InC(workload)
    many.many(5)
    agree({"NumPy": Contender(workload.numpy()), "C at once": Contender(iter(many.losses.tolist()).__next__)}, steps=5)


def test_the_products_are_those_of_each_layer_forward_and_backward() -> None:
    products = small("w6").products()
    assert sum(p.flops for p in products) == 2 * 16 * (20 * 15 * 2 + 15 * 12 * 3 + 12 * 10 * 3)
    limits = importlib.import_module("limits")
    assert limits.products_alone(products)() == 0


def test_dropout_is_timed_and_left_out_of_what_is_compared() -> None:
    workload = importlib.import_module("workloads").ROWS["w6"].workload
    assert workload.dropout and not workload.comparable().dropout


@pytest.mark.parametrize("label", ["w1", "w3", "w4", "w6", "w7", "w8", "w11"])
def test_another_batch_size_is_the_same_text(label: str) -> None:
    """While it keeps each kernel on its side of the work from which threads share it (`threads.THRESHOLD`)."""
    workload = importlib.import_module("workloads").ROWS[label].workload
    function, data = workload.training_step()
    step = sg.compile(function, backend="numba", fullgraph=True)
    parts = (data, [array[: len(array) * 7 // 8] for array in data])
    first, second = (step.program(*part).source for part in parts)
    assert first == second


@pytest.mark.parametrize("label", ["w4", "w6", "w7", "w11"])
def test_the_workspace_is_hardly_more_than_what_is_in_use_at_one_time(label: str) -> None:
    workload = importlib.import_module("workloads").ROWS[label].workload  # at its own size
    plan = importlib.import_module("memory").planned(workload)
    assert plan.live_nbytes <= plan.peak_nbytes <= 1.1 * plan.live_nbytes


def test_generated_graphs_have_about_the_size_asked_for() -> None:
    count, *seconds = importlib.import_module("growth").stages(1100)
    assert 900 < count < 1300 and len(seconds) == 4  # too large for machine code


def test_the_table_has_the_ratios(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("peers")
    monkeypatch.setattr(sys, "argv", "peers.py --rows w5 --peers= --repeat 1 --backend numpy".split())
    assert module.main() == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("w5"))
    assert "NumPy" in line and line.count("×") >= 4  # two in the sizes, and the ratios
