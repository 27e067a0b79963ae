"""Emitted modules are Numba's Python: compiled by Numba they give what native code gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad import config as settings
from symgrad import nn

pytest.importorskip("numba")
pytestmark = pytest.mark.slow


@pytest.fixture
def jit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Choose who compiles."""
    yield lambda name: monkeypatch.setattr(settings, "config", replace(settings.config, jit=name))


def classifier() -> list[np.ndarray]:
    """A step of a perceptron with all that goes into one: products, rows, columns, draws, checks, an update."""
    sg.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 3))
    opt = sg.optim.Adam(model.parameters(), lr=0.01)
    x, y = sg.randn(5, 6), sg.tensor([0, 2, 1, 1, 2])

    @sg.compile(backend="numba", fullgraph=True)
    def step(x: Any, y: Any) -> Any:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    losses = [step(x, y).detach().numpy() for _ in range(3)]
    with pytest.raises(IndexError):
        step(x, y + 5)
    return [*losses, *(p.detach().numpy() for p in model.parameters())]


def scalars() -> list[np.ndarray]:
    """Integers at their edges, and functions of floats."""
    a, b = sg.tensor([7, -7, 0, -(2**62), 5]), sg.tensor([2, 3, 0, -1, -2])
    x = sg.linspace(-3, 3, 2000)

    @sg.compile(backend="numba", fullgraph=True)
    def run(a: Any, b: Any, x: Any) -> Any:
        y = x.tanh() * x.exp().log1p() + sg.erf(x) - x.sin() % 0.3
        special = sg.digamma(x.abs() + 0.5), sg.randn_like(x)
        return a // b, a % b, a << 2, (a & b) | 1, a < b, y, y.sum(), y.amax(), *special

    sg.manual_seed(1)
    return [t.numpy() for t in run(a, b, x)]


@pytest.mark.parametrize("program", [classifier, scalars])
def test_numba_agrees(program: Any, jit: Any) -> None:
    jit("native")
    mine = program()
    jit("numba")
    for native, other in zip(mine, program(), strict=True):
        assert native.dtype == other.dtype
        np.testing.assert_allclose(native, other, 2e-6, 2e-6)
