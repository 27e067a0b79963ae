"""Running estimates of normalizing layers: what five steps and a flip to evaluation leave, eagerly and compiled."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from opinfo.sweep import device

import symgrad as sg
import symgrad.nn.functional as F

RUNS = [(m, whole, mode) for m in (0.1, None) for whole in (False, True) for mode in ("eager", "numpy")]
RUNS += [(None, True, "numba"), (0.1, True, "cupy")]


def batches(count: int) -> list[Any]:
    return [np.random.default_rng(i).normal(2.0, 3.0, (6 - i % 2, 3, 4)).astype(np.float32) for i in range(count)]


def model(lib: Any, momentum: float | None) -> Any:
    return lib.nn.Sequential(lib.nn.BatchNorm1d(3, momentum=momentum), lib.nn.ReLU(),
                             lib.nn.InstanceNorm1d(3, affine=True, track_running_stats=True))  # fmt: skip


def trained(lib: Any, momentum: float | None, whole_step: bool, mode: str) -> tuple[list[float], Any]:
    net = model(lib, momentum)
    opt = lib.optim.SGD(net.parameters(), lr=0.05)

    def loss_of(x: Any) -> Any:
        return ((net(x) - 1) ** 2).mean()

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = loss_of(x)
        loss.backward()
        opt.step()
        return loss

    run: Any = step if whole_step else loss_of
    if lib is sg and mode != "eager":
        run = sg.compile(run, backend=mode, fullgraph=True)
    losses = []
    for i, array in enumerate(batches(7)):
        if i == 3:
            net.eval()
        if i == 4:
            net.train()
        loss = run(lib.from_numpy(array))
        if not whole_step:
            opt.zero_grad()
            loss.backward()
            opt.step()
        losses.append(float(loss.detach()))
    return losses, {k: v.numpy().copy() for k, v in net.state_dict().items()}


@pytest.mark.parametrize(("momentum", "whole_step", "mode"), RUNS)
def test_five_steps_and_a_flip(momentum: float | None, whole_step: bool, mode: str) -> None:
    with device(mode):
        losses, state = trained(sg, momentum, whole_step, mode)
    want_losses, want = trained(torch, momentum, whole_step, "eager")
    np.testing.assert_allclose(losses, want_losses, rtol=1e-5)
    assert list(state) == list(want)
    for name, array in want.items():
        assert state[name].dtype == array.dtype
        np.testing.assert_allclose(state[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert int(state["0.num_batches_tracked"]) == 6


def test_buffers_are_written_in_place() -> None:
    layer = sg.nn.BatchNorm1d(3)
    mean, var = layer.running_mean, layer.running_var
    program = sg.compile(layer, backend="numpy", fullgraph=True)
    program(sg.from_numpy(batches(1)[0]))
    assert layer.running_mean is mean and layer.running_var is var
    assert bool((mean != 0).all()) and bool((var != 1).all())
    other = copy.deepcopy(layer)
    program(sg.from_numpy(batches(2)[1]))
    assert not bool((other.running_mean == layer.running_mean).any())


def test_far_from_zero() -> None:
    """One pass over the squares would lose the variance of numbers like these altogether."""
    x = np.float32(30000) + np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    want = (x - x.astype(np.float64).mean(0)) / x.astype(np.float64).std(0)
    for run in (F.batch_norm, sg.compile(F.batch_norm, backend="numba")):
        got = run(sg.from_numpy(x), None, None, training=True, eps=1e-12)
        np.testing.assert_allclose(got.numpy(), want, atol=2e-3)


def test_statistics_of_one_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        sg.nn.BatchNorm1d(3)(sg.ones(1, 3))
    with pytest.raises(ValueError, match="expected 4D input"):
        sg.nn.BatchNorm2d(3)(sg.ones(1, 3))
    with pytest.raises(RuntimeError, match="expected input with shape"):
        sg.nn.LayerNorm(4)(sg.ones(2, 3))


def test_top_level_forms() -> None:
    x = np.random.default_rng(0).normal(size=(4, 6, 5)).astype(np.float32)

    def outcomes(lib: Any) -> list[Any]:
        t = lib.from_numpy(x.copy())
        mean, var, w = lib.zeros(6), lib.ones(6), lib.full((6,), 2.0)
        return [lib.batch_norm(t, w, None, mean, var, True, 0.3, 1e-5, False), mean, var,
                lib.instance_norm(t, None, w, mean, var, True, 0.3, 1e-5, False), mean, var,
                lib.layer_norm(t, (6, 5)), lib.group_norm(t, 3, w), lib.rms_norm(t, (5,))]  # fmt: skip

    for a, b in zip(outcomes(sg), outcomes(torch), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
