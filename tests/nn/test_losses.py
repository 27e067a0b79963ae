"""Losses where PyTorch's sample tables do not look: classes that are not there, ignored ones, warnings, extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from oracle import agree, make, warn_alike
from sampling import values

import symgrad as sg

SCORES = values(4, 3).astype(np.float32)
MODES = ("eager", "numpy")


def called(function: Callable[..., Any], mode: str) -> Callable[..., Any]:
    return function if mode == "eager" else sg.compile(function, backend=mode, fullgraph=True)


@pytest.mark.parametrize("mode, wrong", [*((m, w) for m in MODES for w in (3, -1, 100, -101)), ("numba", 3)])
def test_a_class_that_is_not_there_is_an_error(mode: str, wrong: int) -> None:
    run = called(lambda x, t: sg.nn.functional.cross_entropy(x, t), mode)
    x, good = sg.from_numpy(SCORES), sg.tensor([0, 1, 2, 0])
    before = float(run(x, good))
    with pytest.raises(IndexError):
        run(x, sg.tensor([0, wrong, 2, 0]))
    assert float(run(x, good)) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weighted", [False, True])
def test_ignored_classes(mode: str, smoothing: float, weighted: bool) -> None:
    def program(lib: Any) -> Any:
        weight = lib.tensor([1.0, 2.0, 0.5]) if weighted else None
        loss = lib.nn.CrossEntropyLoss(weight=weight, ignore_index=1, label_smoothing=smoothing)
        run = called(loss, mode) if lib is sg else loss
        results = []
        for target in ([0, 1, 2, 1], [2, 1, 1, 1], [1, 1, 1, 1]):
            x = make(lib, SCORES, requires_grad=True)
            out = run(x, lib.tensor(target))
            out.backward()
            results += [out.detach(), x.grad]
        return results

    agree(program)


def test_ignored_scores_of_minus_infinity_give_no_nan() -> None:
    def program(lib: Any) -> Any:
        x = lib.tensor([[0.0, 1.0], [-float("inf"), 0.0]], requires_grad=True)
        out = lib.nn.functional.cross_entropy(x, lib.tensor([0, -100]))
        out.backward()
        return out.detach(), x.grad

    agree(program)


def test_large_scores_keep_their_loss() -> None:
    agree(lambda lib: lib.nn.functional.cross_entropy(lib.tensor([[1e7, 1e7, 0.0]]), lib.tensor([0])))


WARNING = [
    ("shapes", lambda lib: lib.nn.functional.mse_loss(lib.ones(2, 1), lib.ones(2))),
    ("shapes l1", lambda lib: lib.nn.L1Loss()(lib.ones(2, 1), lib.ones(2))),
    ("shapes huber", lambda lib: lib.nn.HuberLoss()(lib.ones(2, 1), lib.ones(2))),
    ("shapes smooth", lambda lib: lib.nn.SmoothL1Loss()(lib.ones(2, 1), lib.ones(2))),
    ("mean of kl", lambda lib: lib.nn.KLDivLoss()(lib.zeros(2), lib.ones(2))),
    ("batchmean", lambda lib: lib.nn.KLDivLoss(reduction="batchmean")(lib.zeros(2), lib.ones(2))),
    ("size_average", lambda lib: lib.nn.CrossEntropyLoss(size_average=False)(lib.ones(1, 2), lib.tensor([1]))),
    ("reduce", lambda lib: lib.nn.functional.binary_cross_entropy(lib.ones(2), lib.ones(2), reduce=False)),
    ("both", lambda lib: lib.nn.functional.kl_div(lib.zeros(2), lib.ones(2), True, True)),
    ("elementwise_mean", lambda lib: lib.nn.MSELoss(reduction="elementwise_mean")(lib.ones(2), lib.zeros(2))),
    ("old name", lambda lib: lib.nn.NLLLoss2d()(lib.zeros(1, 2, 1, 1), lib.zeros(1, 1, 1).long())),
]


@pytest.mark.parametrize("program", [p for _, p in WARNING], ids=[n for n, _ in WARNING])
def test_warnings_are_pytorch_s(program: Callable[[Any], Any]) -> None:
    warn_alike(program)


@pytest.mark.parametrize("mode", [*MODES, "numba"])
def test_saturated_probabilities(mode: str) -> None:
    def program(lib: Any) -> Any:
        loss = lambda p, t: lib.nn.functional.binary_cross_entropy(p, t, reduction="sum")  # noqa: E731
        run = called(loss, mode) if lib is sg else loss
        p = lib.tensor([0.0, 1.0, 0.0, 1.0, 1e-13, 0.5], requires_grad=True)
        out = run(p, lib.tensor([1.0, 0.0, 0.0, 1.0, 1.0, 0.3]))
        out.backward()
        return out.detach(), p.grad

    agree(program)


@pytest.mark.parametrize("mode", ["eager", "numpy", "numba"])
@pytest.mark.parametrize("p", [1.5, -0.1, float("nan")])
def test_what_is_no_probability_is_an_error(p: float, mode: str) -> None:
    """Compiled too, before anything is written."""
    count = sg.zeros(1)

    def step(x: Any, t: Any) -> Any:
        count.add_(1)
        return sg.nn.functional.binary_cross_entropy(x * 1, t)

    run = called(step, mode)
    assert float(run(sg.tensor([0.5, 1.0]), sg.ones(2))) == pytest.approx(np.log(2) / 2)
    if mode != "eager":
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            run(sg.tensor([0.5, p]), sg.ones(2))
        assert float(count) == 1
    else:
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            run(sg.tensor([0.5, p]), sg.ones(2))


@pytest.mark.parametrize("mode", MODES)
def test_a_module_compiles_for_any_batch(mode: str) -> None:
    def program(lib: Any) -> Any:
        loss = lib.nn.CrossEntropyLoss(label_smoothing=0.1)
        run = called(loss, mode) if lib is sg else loss
        return [run(make(lib, values(n, 3).astype(np.float32)), lib.arange(n) % 3) for n in (5, 1, 7, 0)]

    agree(program)
