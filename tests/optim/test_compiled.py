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


@pytest.mark.parametrize("name, options", FIRST.values(), ids=list(FIRST))
def test_all_parameters_are_updated_in_one_kernel(name: str, options: dict[str, Any]) -> None:
    """Of six parameters of a network, whose gradients come from six different kernels and products."""
    nn = sg.nn
    net = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = getattr(sg.optim, name)(net.parameters(), **options)

    @sg.compile(fullgraph=True, backend="numba")
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    program = step.program(sg.ones(7, 5), sg.ones(7, 3))
    kernels = [step for step in program.schedule["run"].steps if any(e.phase == "update" for e in step.eqns)]
    assert len(kernels) == 1, kernels
    assert len(kernels[0].nests) == 6  # one loop a parameter, which is vectorised


def both(make: Any, calls: int, between: Any = None, rtol: float = 1e-10) -> Any:
    """`make()` gives parameters, their optimizer, and a step; compiled it does what it does eagerly."""
    results = []
    for wrap in (lambda f: f, lambda f: sg.compile(f, fullgraph=True, backend="numpy")):
        params, optimizer, step = make()
        step = wrap(step)
        losses = []
        for k in range(calls):
            if between is not None:
                between(k, params, optimizer)
            losses.append(float(step()))
        state = [v.numpy() for p in params for _, v in sorted(optimizer.state[p].items()) if isinstance(v, sg.Tensor)]
        results.append((losses, [p.detach().numpy() for p in params], state))
    for a, b in zip(*results, strict=True):
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x, y, rtol, rtol / 10)
    return step


def usual(name: str, **options: Any) -> Any:
    def make() -> Any:
        params = start(sg, "float64")
        optimizer = getattr(sg.optim, name)(params, **options)
        return params, optimizer, stepped(optimizer, params)

    return make


@pytest.mark.parametrize("name, options", FIRST.values(), ids=list(FIRST))
def test_a_parameter_frozen_and_freed(name: str, options: dict[str, Any]) -> None:
    def between(k: int, params: list[Any], optimizer: Any) -> None:
        params[2].requires_grad_(not 3 <= k < 6)

    both(usual(name, **options), 9, between)


def test_gradients_accumulated_and_clipped() -> None:
    def make() -> Any:
        params = start(sg, "float64")
        optimizer = sg.optim.Adam(params, lr=0.05)

        def step() -> Any:
            optimizer.zero_grad()
            for k in range(3):
                loss = loss_of(params) * (1 + k) / 3
                loss.backward()
            for p in params:
                p.grad.clamp_(-0.5, 0.5)
            optimizer.step()
            return loss

        return params, optimizer, step

    both(make, 6)


def test_options_changed_between_steps() -> None:
    def between(k: int, params: list[Any], optimizer: Any) -> None:
        group = optimizer.param_groups[0]
        if k == 2:
            group["weight_decay"] = 0.1
        if k == 3:
            group["nesterov"] = True
        if k == 4:
            group["lr"], group["momentum"] = 0.003, 0.5
        if k == 5:
            optimizer.load_state_dict(optimizer.state_dict())
        if k == 6:
            optimizer.state.clear()
        if k == 7:
            optimizer.state[params[1]]["momentum_buffer"] = sg.ones(3, dtype=sg.float64)
        if k == 8:
            group["nesterov"], group["dampening"] = False, 0.5
        if k == 10:
            del optimizer.state[params[2]]["momentum_buffer"]
        if k == 12:
            group["momentum"] = 0

    both(usual("SGD", lr=0.01, momentum=0.9), 14, between)


def test_a_schedule_made_after_the_first_steps() -> None:
    made: dict[int, Any] = {}

    def between(k: int, params: list[Any], optimizer: Any) -> None:
        if k == 3:
            made[id(optimizer)] = sg.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=20)
        elif k > 3:
            made[id(optimizer)].step()

    both(usual("AdamW", lr=0.01), 8, between)


def test_a_group_added() -> None:
    def make() -> Any:
        params = start(sg, "float64")
        optimizer = sg.optim.Adam(params[:2], lr=0.05)
        return params, optimizer, stepped(optimizer, params)

    def between(k: int, params: list[Any], optimizer: Any) -> None:
        if k == 3:
            optimizer.add_param_group({"params": params[2:], "lr": 0.2})

    both(make, 6, between)


def test_hooks_around_a_compiled_step() -> None:
    """A hook that works on tensors is part of the program; one registered later is seen."""

    def between(k: int, params: list[Any], optimizer: Any) -> None:
        def halve(optimizer: Any, args: Any, kwargs: Any) -> None:
            for p in params:
                p.grad.mul_(0.5)

        if k == 3:
            handles[id(optimizer)] = optimizer.register_step_pre_hook(halve)
        if k == 6:
            handles.pop(id(optimizer)).remove()

    handles: dict[int, Any] = {}
    both(usual("SGD", lr=0.01), 8, between)


class Signs(sg.optim.Optimizer):
    """An optimizer of one's own, as PyTorch's users write them."""

    def __init__(self, params: Any, lr: float = 0.1):
        super().__init__(params, dict(lr=lr))

    @sg.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                slots = self.state[p]
                if "mean" not in slots:
                    slots["mean"] = sg.zeros_like(p)
                slots["mean"].mul_(0.5).add_(p.grad, alpha=0.5)
                p.add_(slots["mean"].sign(), alpha=-group["lr"])


def test_an_optimizer_of_ones_own() -> None:
    def make() -> Any:
        params = start(sg, "float64")
        optimizer = Signs(params, lr=0.01)
        return params, optimizer, stepped(optimizer, params)

    both(make, 6)


def test_an_optimizer_that_counts_in_python_runs_eagerly() -> None:
    class Counting(Signs):
        @sg.no_grad()
        def step(self, closure: Any = None) -> Any:
            slots = self.state[self.param_groups[0]["params"][0]]
            slots["step"] = slots.get("step", 0) + 1
            for p in self.param_groups[0]["params"]:
                p.add_(p.grad, alpha=-0.1 / slots["step"])

    results = []
    for compiled in (False, True):
        params = start(sg, "float64")
        optimizer = Counting(params)
        step = stepped(optimizer, params)
        if compiled:
            step = sg.compile(step, backend="numpy")
            with pytest.warns(UserWarning, match="optimizer's state 'step'"):
                step()
        for _ in range(5 - compiled):
            step()
        results.append([optimizer.state[params[0]]["step"], *(p.detach().numpy() for p in params)])
    assert results[0][0] == results[1][0] == 5
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RAdam", "Rprop", "ASGD"])
def test_a_learning_rate_in_a_tensor(name: str) -> None:
    """It is a cell like any other: changed in place, it costs no second trace."""

    def make() -> Any:
        params = start(sg, "float64")
        optimizer = getattr(sg.optim, name)(params, lr=sg.tensor(0.01))
        return params, optimizer, stepped(optimizer, params)

    def between(k: int, params: list[Any], optimizer: Any) -> None:
        if k == 3:
            optimizer.param_groups[0]["lr"].mul_(0.5)
        if k == 5:
            optimizer.param_groups[0]["lr"] = sg.tensor([0.02])
        if k == 7:
            optimizer.param_groups[0]["lr"] = 0.005

    step = both(make, 9, between, 1e-6)  # eagerly, what is computed of it is rounded to its float32
    assert sum(map(len, step.variants.values())) == 3
