"""Optimizers inside a compiled step: as eagerly, and traced once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optim_table import IDS, OPTIONS, loss_of, start

import symgrad as sg
from symgrad.optim.groups import Group
from symgrad.optim.slots import ParameterSlots
from symgrad.tensor import state


def test_what_a_compiled_step_must_see_replaces_the_structure_token() -> None:
    optimizer = sg.optim.Adam(start(sg))
    group = optimizer.param_groups[0]
    assert isinstance(group, Group)

    def changes(action: Any) -> tuple[bool, bool]:
        token, epoch = optimizer.structure, state.epoch[0]
        action()
        return optimizer.structure is not token, state.epoch[0] > epoch

    assert changes(lambda: group.__setitem__("lr", 0.5)) == (False, True)
    assert changes(lambda: group.__setitem__("betas", (0.5, 0.9))) == (False, True)
    assert changes(lambda: group.__setitem__("amsgrad", True)) == (True, True)
    assert changes(lambda: group.__setitem__("lr", 1)) == (True, True)
    assert changes(
        lambda: optimizer.add_param_group({"params": [sg.zeros(1, requires_grad=True)]})
    ) == (True, True)
    assert changes(lambda: optimizer.load_state_dict(optimizer.state_dict())) == (True, True)
    assert changes(optimizer.state.clear) == (True, True)


def test_slots_of_a_failed_trace_are_taken_back() -> None:
    undo: list[Any] = []

    class Failing:
        def on_abort(self, action: Any) -> None:
            undo.append(action)

    optimizer = sg.optim.Adam(start(sg))
    param = optimizer.param_groups[0]["params"][1]
    old = state.enter_capture(Failing())
    try:
        slot = ParameterSlots(optimizer.state, param)("exp_avg")
    finally:
        state.enter_capture(old)
    assert isinstance(slot.numpy(), np.ndarray) and optimizer.state[param]["exp_avg"] is slot
    for action in reversed(undo):
        action()
    assert "exp_avg" not in optimizer.state[param]


TOLERANCE = dict(float32=(1e-5, 1e-6), float64=(1e-12, 1e-13))


def stepped(optimizer: Any, params: list[Any], **how: Any) -> Any:
    """The whole step as one function, compiled if `how` says how."""

    def step() -> Any:
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        optimizer.step()
        return loss

    return sg.compile(step, fullgraph=True, **how) if how else step


def run(name: str, options: dict[str, Any], dtype: str, **how: Any) -> tuple[list[Any], Any]:
    params = start(sg, dtype)
    optimizer = getattr(sg.optim, name)(params, **options)
    step = stepped(optimizer, params, **how)
    losses = []
    for k in range(8):
        if k == 5:
            optimizer.param_groups[0]["lr"] *= 0.5
        losses.append(float(step()))
    state = [v for p in params for _, v in sorted(optimizer.state[p].items())]
    return [np.array(losses), *(t.detach().numpy() for t in [*params, *state])], step


def compare(name: str, options: dict[str, Any], dtype: str, **how: Any) -> None:
    eager, _ = run(name, options, dtype)
    compiled, step = run(name, options, dtype, **how)
    assert len(step.variants) == 1
    for a, b in zip(compiled, eager, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, *TOLERANCE[dtype])


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_a_compiled_step_agrees_and_is_traced_once(name: str, options: dict[str, Any]) -> None:
    compare(name, options, "float64", backend="numpy")


FIRST = {name: (name, options) for name, options in reversed(OPTIONS) if options}


@pytest.mark.slow
@pytest.mark.parametrize("name, options", FIRST.values(), ids=list(FIRST))
def test_natively(name: str, options: dict[str, Any]) -> None:
    compare(name, options, "float32", backend="numba")


@pytest.mark.slow
def test_natively_with_everything_on() -> None:
    compare("SGD", dict(lr=0.01, momentum=0.9, dampening=0.3, weight_decay=0.1), "float32", backend="numba")
    compare("Adam", dict(lr=0.01, weight_decay=0.1, amsgrad=True), "float32", backend="numba")
    compare("RAdam", dict(lr=0.01, betas=(0.8, 0.5)), "float32", backend="numba")
    compare("ASGD", dict(lr=0.02, t0=3), "float32", backend="numba")
