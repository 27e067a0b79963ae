"""Dropout: what is omitted is the same eagerly and compiled, and the values are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from opinfo.sweep import device

import symgrad as sg
import symgrad.nn.functional as F

KINDS = ["Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"]
SHAPE = {"Dropout1d": (4, 8, 5), "Dropout2d": (4, 8, 5, 3), "Dropout3d": (4, 8, 5, 3, 2)}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("mode", ["numpy", "numba", "cupy"])
def test_masks_eager_and_compiled(name: str, mode: str) -> None:
    """Same seed, same masks, three calls in a row; an eval call between them draws nothing."""
    shape = SHAPE.get(name, (6, 7, 8))

    def outcomes(compiled: bool) -> list[Any]:
        layer = getattr(sg.nn, name)(0.3)
        run = sg.compile(layer, backend=mode, fullgraph=True) if compiled else layer
        sg.manual_seed(11)
        x = sg.ones(*shape, requires_grad=True)
        out = [run(x), run(x)]
        layer.eval()
        out.append(run(x))
        layer.train()
        out.append(run(x))
        out[-1].sum().backward()
        return [t.detach().numpy() for t in out] + [x.grad.numpy(), sg.rand(3).numpy()]

    with device(mode):
        got = outcomes(True)
    for a, b in zip(got, outcomes(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert not np.array_equal(got[0], got[1])
    np.testing.assert_array_equal(got[2], np.ones(shape))


@pytest.mark.parametrize("name", KINDS)
def test_values(name: str) -> None:
    """The two values that an element of ones may have, and whole channels where they are meant."""
    sg.manual_seed(0)
    torch.manual_seed(0)
    shape = SHAPE.get(name, (6, 7, 8))
    got = getattr(sg.nn, name)(0.4)(sg.ones(*shape)).numpy()
    want = getattr(torch.nn, name)(0.4)(torch.ones(*shape)).numpy()
    np.testing.assert_allclose(np.unique(got), np.unique(want), rtol=1e-6)
    assert len(np.unique(got)) == 2
    if name not in ("Dropout", "AlphaDropout"):
        channels = got.reshape(*shape[:2], -1)
        assert (channels == channels[..., :1]).all()


def test_how_many_are_kept() -> None:
    sg.manual_seed(1)
    kept = F.dropout(sg.ones(100_000), 0.25) != 0
    assert abs(float(kept.float().mean()) - 0.75) < 0.01


def test_ends_and_refusals() -> None:
    x = sg.tensor([1.0, float("inf")])
    assert F.dropout(x, 0.0) is x and F.dropout(x, 0.5, training=False) is x
    all_gone = F.dropout(x, 1.0)
    assert float(all_gone[0]) == 0 and bool(all_gone[1].isnan())
    for p in (-0.1, 1.1):
        with pytest.raises(ValueError, match="dropout probability has to be between 0 and 1"):
            F.dropout(x, p)
        with pytest.raises(ValueError, match="dropout probability"):
            sg.nn.Dropout(p)
    with pytest.raises(RuntimeError, match="2D or 3D"):
        F.dropout1d(x)


@pytest.mark.parametrize("compiled", [False, True])
def test_in_place(compiled: bool) -> None:
    def f(x: Any) -> Any:
        y = x * 1
        z = F.dropout(y, 0.5, True, True)
        return y, z is y

    x = sg.ones(64, requires_grad=True)
    sg.manual_seed(5)
    y, same = sg.compile(f, backend="numpy", fullgraph=True)(x) if compiled else f(x)
    sg.manual_seed(5)
    np.testing.assert_array_equal(y.detach().numpy(), F.dropout(sg.ones(64)).numpy())
    assert same
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_top_level_forms() -> None:
    x = sg.ones(2, 3, 4)
    for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"):
        assert getattr(sg, name)(x, 0.5, False) is x
        y = x.clone()
        assert getattr(sg, f"{name}_")(y, 0.5, True) is y and not bool((y == x).all())
