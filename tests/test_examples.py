"""The example scripts, fewer steps, against PyTorch running the same mathematics from the same start."""

from __future__ import annotations

import importlib
import math
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
START = [0.3, -0.7, 0.2, 0.05]
STEPS = 60


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports an example by name."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name: str) -> Any:
        sys.modules.pop(name, None)
        return importlib.import_module(name)

    return load


def curve(torch: Any, dtype: Any = None) -> tuple[Any, Any]:
    x = torch.linspace(-math.pi, math.pi, 2000, dtype=dtype)
    return x, torch.sin(x)


def fitted(torch: Any, model: Any, optimizer: Any, steps: int = STEPS) -> None:
    x, y = curve(torch)
    for _ in range(steps):
        loss = (model(x) - y).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def cubic(torch: Any, learning_rate: float = 1e-6, optim: str = "SGD", dtype: Any = None) -> list[float]:
    ps = [torch.tensor(v, requires_grad=True, dtype=dtype) for v in START]
    x, y = curve(torch, dtype)
    optimizer = getattr(torch.optim, optim)(ps, lr=learning_rate)
    for _ in range(STEPS):
        loss = (ps[0] + ps[1] * x + ps[2] * x**2 + ps[3] * x**3 - y).pow(2).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [p.item() for p in ps]


@pytest.mark.parametrize("name", ["polynomial_tensors", "polynomial_autograd", "polynomial_nn", "polynomial_module"])
def test_cubic(name: str, example: Any) -> None:
    torch = pytest.importorskip("torch")
    assert example(name).main(STEPS, START) == pytest.approx(cubic(torch), rel=1e-4, abs=1e-6)


def test_cubic_in_numpy(example: Any) -> None:
    torch = pytest.importorskip("torch")
    found = example("polynomial_numpy").main(STEPS, np.array(START))
    assert found == pytest.approx(cubic(torch, dtype=torch.float64), rel=1e-6)


def test_rmsprop(example: Any) -> None:
    torch = pytest.importorskip("torch")
    found = example("polynomial_optim").main(STEPS, START)
    assert found == pytest.approx(cubic(torch, 1e-3, "RMSprop"), rel=1e-3, abs=1e-4)


def test_legendre(example: Any) -> None:
    torch = pytest.importorskip("torch")
    a, b, c, d = (torch.tensor(v, requires_grad=True) for v in (0.0, -1.0, 0.0, 0.3))

    def model(x: Any) -> Any:
        u = c + d * x
        return a + b * 0.5 * (5 * u**3 - 3 * u)

    fitted(torch, model, torch.optim.SGD([a, b, c, d], lr=5e-6))
    expected = [p.item() for p in (a, b, c, d)]
    assert example("polynomial_function").main(STEPS) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_dynamic(example: Any) -> None:
    torch = pytest.importorskip("torch")
    start = [*START, 0.01]
    ps = [torch.tensor(v, requires_grad=True) for v in start]

    def model(x: Any) -> Any:
        y = ps[0] + ps[1] * x + ps[2] * x**2 + ps[3] * x**3
        for exp in range(4, random.randint(4, 6)):
            y = y + ps[4] * x**exp
        return y

    found = example("polynomial_dynamic").main(STEPS, start)
    random.seed(0)
    fitted(torch, model, torch.optim.SGD(ps, lr=1e-8, momentum=0.9))
    assert found == pytest.approx([p.item() for p in ps], rel=1e-4, abs=1e-6)


def two_layers(torch: Any, arrays: Any, learning_rate: float, steps: int) -> list[float]:
    x, y, w1, w2 = map(torch.tensor, arrays)
    w1.requires_grad_(True), w2.requires_grad_(True)
    losses = []
    for _ in range(steps):
        loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
        for w, g in zip((w1, w2), torch.autograd.grad(loss, (w1, w2))):
            w.data -= learning_rate * g
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("name", ["two_layer_tensors", "two_layer_autograd"])
@pytest.mark.parametrize("sizes", [(50, 40, 100, 10), (16, 100, 20, 5)])
def test_two_layers(name: str, sizes: tuple[int, ...], example: Any) -> None:
    torch = pytest.importorskip("torch")
    n, d_in, h, d_out = sizes
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in ((n, d_in), (n, d_out), (d_in, h), (h, d_out))]
    found = example(name).main(20, sizes, 1e-5, arrays)
    assert found == pytest.approx(two_layers(torch, arrays, 1e-5, 20), rel=1e-3)


def test_two_layers_in_numpy(example: Any) -> None:
    loss = example("two_layer_numpy").main(20, (50, 40, 30, 10), 1e-5)
    assert np.isfinite(loss)


def test_exp_mean(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    found, xx, g = example("exp_mean").main()
    x = torch.ones(2, 2, requires_grad=True)
    ((torch.exp(x + 2) + torch.exp(-x - 2)) / 2).mean().backward()
    assert np.allclose(found, x.grad.numpy(), rtol=1e-5)
    assert g == pytest.approx(1.8 * xx, rel=1e-5)
    printed = capsys.readouterr().out
    assert repr(torch.ones(2, 2, requires_grad=True)) in printed


TRAINED = {
    "linear_regression_scratch": (1, 30.0), "linear_regression_concise": (1, 30.0), "softmax_digits": (2, 1.3),
    "mlp_digits": (2, 2.0), "lenet_digits": (1, 1.02), "char_transformer": (1, 1.2),
}  # fmt: skip
"""Epochs to run, and by what factor at least the loss falls."""


@pytest.mark.parametrize("name", TRAINED)
def test_training(name: str, example: Any, tmp_path: Path) -> None:
    """Eager and compiled have the same losses, which fall; the curves are drawn."""
    epochs, factor = TRAINED[name]
    eager, compiled, _ = example(name).main(epochs=epochs, pictures=tmp_path)
    assert compiled == pytest.approx(eager, rel=2e-3, abs=1e-6)
    tail = len(eager) // 5 + 1
    assert factor * np.mean(eager[-tail:]) < np.mean(eager[:tail])
    assert [p.suffix for p in tmp_path.iterdir()] == [".png"]
