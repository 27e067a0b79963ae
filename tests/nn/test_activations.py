"""Activations where it matters which side a kink belongs to, at the ends of the number line, and in place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as TF

import symgrad as sg
import symgrad.nn.functional as F

POINTS = [-np.inf, -1e4, -100.0, -6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 21.0, 100.0, 1e4, np.inf,
          np.nan]  # fmt: skip
CALLS: list[tuple[str, tuple[Any, ...]]] = [
    ("relu", ()), ("relu6", ()), ("leaky_relu", (0.2,)), ("rrelu", ()), ("elu", (1.5,)), ("selu", ()), ("celu", (0.5,)),
    ("gelu", ()), ("silu", ()), ("mish", ()), ("logsigmoid", ()), ("hardsigmoid", ()), ("hardswish", ()),
    ("hardtanh", (-0.5, 0.5)), ("tanhshrink", ()), ("softplus", ()), ("softshrink", ()),
    ("hardshrink", ()), ("threshold", (1.0, 20.0)), ("sigmoid", ()), ("tanh", ()),
]  # fmt: skip
INPLACE = ["relu", "relu6", "leaky_relu", "rrelu", "elu", "selu", "celu", "silu", "mish", "hardsigmoid", "hardswish",
           "hardtanh", "threshold"]  # fmt: skip


def derived(lib: Any, function: Any, args: Any) -> tuple[Any, Any]:
    x = lib.tensor(POINTS, dtype=lib.float64, requires_grad=True)
    y = function(x, *args)
    y.backward(lib.ones_like(y))
    return y.detach().numpy(), x.grad.numpy()


@pytest.mark.parametrize(("name", "args"), CALLS, ids=[c[0] for c in CALLS])
@pytest.mark.parametrize("mode", ["eager", "numpy", "numba"])
def test_kinks_and_ends(name: str, args: Any, mode: str) -> None:
    mine = getattr(F, name)
    if mode != "eager":
        mine = sg.compile(mine, backend=mode, fullgraph=True)
    got, want = derived(sg, mine, args), derived(torch, getattr(TF, name), args)
    np.testing.assert_allclose(got[0], want[0], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(got[1][:-1], want[1][:-1], rtol=1e-6, atol=1e-12)  # no kink at nan


@pytest.mark.parametrize("name", INPLACE)
@pytest.mark.parametrize("compiled", [False, True])
def test_in_place(name: str, compiled: bool) -> None:
    args = next(a for n, a in CALLS if n == name)

    def f(x: Any) -> Any:
        y = x * 2
        z = getattr(F, name)(y, *args, inplace=True)
        return y + z, z is y

    x = sg.linspace(-4, 4, 9, requires_grad=True)
    (out, same) = sg.compile(f, backend="numpy", fullgraph=True)(x) if compiled else f(x)
    assert same
    out.sum().backward()
    t = torch.linspace(-4, 4, 9, requires_grad=True)
    want = 2 * getattr(TF, name)(t * 2, *args)
    want.sum().backward()
    np.testing.assert_allclose(out.detach().numpy(), want.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-5, atol=1e-6)


def test_twins_of_pytorch_exist() -> None:
    for name in ("relu_", "elu_", "selu_", "celu_", "leaky_relu_", "hardtanh_", "threshold_", "rrelu_"):
        x = sg.tensor([-2.0, 0.5])
        args = (0.1, 0.0) if name == "threshold_" else ()
        assert getattr(F, name)(x, *args) is x
    for name in ("selu_", "celu_", "threshold_", "rrelu_", "relu_"):
        assert hasattr(sg, name)


def test_small_probabilities_keep_their_digits() -> None:
    x = sg.tensor([-30.0, 40.0])
    np.testing.assert_allclose(F.logsigmoid(x).numpy(), [-30.0, -4.248354255291589e-18], rtol=1e-6)
    np.testing.assert_allclose(F.softplus(sg.tensor([-40.0])).numpy(), [4.248354255291589e-18], rtol=1e-6)
    np.testing.assert_allclose(F.gelu(sg.tensor([-8.0])).numpy(), [-4.976763e-15], rtol=1e-5)


def test_random_slopes_are_the_same_compiled() -> None:
    x = sg.full((1000,), -1.0)
    program = sg.compile(lambda v: F.rrelu(v, 0.25, 0.75, True), backend="numpy", fullgraph=True)
    sg.manual_seed(3)
    eager = [F.rrelu(x, 0.25, 0.75, True) for _ in range(2)]
    sg.manual_seed(3)
    compiled = [program(x) for _ in range(2)]
    for a, b in zip(eager, compiled):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert -0.75 < float(eager[0].min()) < -0.7 < -0.3 < float(eager[0].max()) < -0.25


def test_gumbel_softmax() -> None:
    sg.manual_seed(0)
    logits = sg.tensor([[0.0, 1.0, 2.0]]).expand(4000, 3)
    hard = F.gumbel_softmax(logits, hard=True)
    assert set(hard.unique().tolist()) == {0.0, 1.0}
    np.testing.assert_allclose(hard.mean(0).numpy(), F.softmax(sg.tensor([0.0, 1.0, 2.0]), 0).numpy(), atol=0.03)
    x = sg.zeros(2, 3, requires_grad=True)
    (F.gumbel_softmax(x, hard=True) * sg.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert abs(float(x.grad.sum())) < 1e-5 < float(x.grad.abs().max())
