"""Optimizers against PyTorch: a hundred steps of every option, state dicts, errors, printed form."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from oracle import agree, make, torch
from sampling import values

import symgrad as sg
from symgrad.optim.optimizer import Group
from symgrad.tensor import state

OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", dict(lr=0.01)),
    ("SGD", dict(lr=0.01, momentum=0.9)),
    ("SGD", dict(lr=0.01, momentum=0.9, dampening=0.3)),
    ("SGD", dict(lr=0.01, momentum=0.9, nesterov=True)),
    ("SGD", dict(lr=0.01, weight_decay=0.1)),
    ("SGD", dict(lr=1e-5, momentum=0.5, weight_decay=0.1, maximize=True)),
    ("SGD", {}),
    ("RMSprop", dict(lr=0.01)),
    ("RMSprop", dict(lr=0.01, alpha=0.9, eps=1e-6)),
    ("RMSprop", dict(lr=0.01, momentum=0.9)),
    ("RMSprop", dict(lr=0.01, centered=True)),
    ("RMSprop", dict(lr=0.01, centered=True, momentum=0.5, weight_decay=0.1)),
    ("RMSprop", dict(lr=0.001, maximize=True)),
    ("RMSprop", {}),
    ("Adam", dict(lr=0.01)),
    ("Adam", dict(lr=0.01, betas=(0.8, 0.9), eps=1e-6)),
    ("Adam", dict(lr=0.01, weight_decay=0.1)),
    ("Adam", dict(lr=0.01, amsgrad=True)),
    ("Adam", dict(lr=0.001, maximize=True)),
    ("Adam", dict(lr=0.01, betas=(0.3, 0.99))),
    ("AdamW", dict(lr=0.01)),
    ("AdamW", dict(lr=0.01, weight_decay=0.3, amsgrad=True)),
    ("Adam", {}),
    ("AdamW", {}),
]
IDS = [f"{n}-{'-'.join(o) or 'defaults'}-{i}" for i, (n, o) in enumerate(OPTIONS)]
SHAPES = [(), (3,), (4, 3)]


def start(lib: Any, dtype: str = "float32") -> list[Any]:
    return [make(lib, values(*s, seed=i).astype(dtype), True) for i, s in enumerate(SHAPES)]


def loss_of(params: list[Any]) -> Any:
    a, b, c = params
    h = (c * b).sum(1)
    return ((h - 1.5) ** 2).sum() + (a - b[0]) ** 2 + (c**4).mean() + b.sin().sum()


def train(lib: Any, optimizer: Any, params: list[Any], steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(params).backward()
        optimizer.step()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_a_hundred_steps(name: str, options: dict[str, Any], dtype: str) -> None:
    def program(lib: Any) -> Any:
        params = start(lib, dtype)
        optimizer = getattr(lib.optim, name)(params, **options)
        train(lib, optimizer, params, 100)
        return [p.detach() for p in params]

    agree(program, *((1e-3, 1e-4) if dtype == "float32" else (1e-9, 1e-10)))


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_one_step_from_the_same_state_is_within_rounding(
    name: str, options: dict[str, Any]
) -> None:
    """State set alike from fixed gradients, so that errors cannot grow: 100 steps, a few ULP."""

    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = getattr(lib.optim, name)(params, **options)
        rng = np.random.default_rng(0)
        for _ in range(100):
            for p in params:
                p.grad = make(lib, np.asarray(rng.normal(size=tuple(p.shape)), "f"))
            optimizer.step()
        slots = [v for p in params for k, v in sorted(optimizer.state[p].items()) if v is not None]
        return [p.detach() for p in params], slots, [sorted(optimizer.state[p]) for p in params]

    agree(program, 3e-6, 1e-6)


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_state_dict_continues_the_run(name: str, options: dict[str, Any]) -> None:
    params = start(sg)
    optimizer = getattr(sg.optim, name)(params, **options)
    train(sg, optimizer, params, 5)
    saved = pickle.loads(pickle.dumps(optimizer.state_dict()))
    others = [p.detach().clone().requires_grad_(True) for p in params]
    again = getattr(sg.optim, name)(others, lr=99.0)
    again.load_state_dict(saved)
    train(sg, optimizer, params, 5)
    train(sg, again, others, 5)
    for mine, theirs in zip(params, others):
        assert np.array_equal(mine.detach().numpy(), theirs.detach().numpy())


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_state_dict_and_repr_are_torchs(name: str, options: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = getattr(lib.optim, name)(params, **options)
        train(lib, optimizer, params, 2)
        saved = optimizer.state_dict()
        numbers = {
            i: sorted(k for k, v in s.items() if v is not None) for i, s in saved["state"].items()
        }
        return (
            numbers,
            [sorted(g) for g in saved["param_groups"]],
            repr(optimizer),
            [g["params"] for g in saved["param_groups"]],
        )

    agree(program)


def test_state_dicts_of_torch_load() -> None:
    theirs = start(torch)
    optimizer = torch.optim.Adam(theirs, lr=0.01)
    train(torch, optimizer, theirs, 3)
    mine = [make(sg, p.detach().numpy(), True) for p in theirs]
    again = sg.optim.Adam(mine)
    saved = optimizer.state_dict()
    saved["state"] = {
        i: {k: sg.tensor(v.numpy()) for k, v in s.items()} for i, s in saved["state"].items()
    }
    again.load_state_dict(saved)
    train(torch, optimizer, theirs, 3)
    train(sg, again, mine, 3)
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5)


def test_groups() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(
            [{"params": params[0], "lr": 0.1}, {"params": params[1:2]}], lr=0.01, momentum=0.5
        )
        optimizer.add_param_group({"params": [params[2]], "weight_decay": 0.1})
        train(lib, optimizer, params, 3)
        optimizer.param_groups[0]["lr"] *= 0.1
        train(lib, optimizer, params, 3)
        return (
            [p.detach() for p in params],
            [g["lr"] for g in optimizer.param_groups],
            repr(optimizer),
        )

    agree(program, 1e-4, 1e-5)


def test_closure() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(params, lr=0.01)

        def closure() -> Any:
            optimizer.zero_grad()
            loss = loss_of(params)
            loss.backward()
            return loss

        with lib.no_grad():
            loss = optimizer.step(closure)
        return loss.detach(), [p.detach() for p in params]

    agree(program, 1e-5, 1e-6)


def test_parameters_without_gradient_are_left_alone() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.Adam(params)
        params[1].grad = lib.ones(3)
        optimizer.step()
        return [p.detach() for p in params], [len(optimizer.state[p]) for p in params]

    agree(program, 1e-6)


@pytest.mark.parametrize("to_none", [True, False])
def test_zero_grad(to_none: bool) -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.SGD(params)
        params[1].grad = lib.ones(3)
        held = params[1].grad
        optimizer.zero_grad(set_to_none=to_none)
        return [p.grad is None for p in params], held

    agree(program)


ERRORS = {
    "no parameters": lambda T: T.optim.SGD([]),
    "a tensor": lambda T: T.optim.SGD(T.zeros(2, requires_grad=True)),
    "not tensors": lambda T: T.optim.SGD([1, 2]),
    "non-leaf": lambda T: T.optim.SGD([T.zeros(2, requires_grad=True) * 2]),
    "a set": lambda T: T.optim.SGD([{"params": {T.zeros(2, requires_grad=True)}}]),
    "negative lr": lambda T: T.optim.SGD(start(T), lr=-1.0),
    "negative momentum": lambda T: T.optim.RMSprop(start(T), momentum=-1.0),
    "nesterov alone": lambda T: T.optim.SGD(start(T), nesterov=True),
    "beta of one": lambda T: T.optim.Adam(start(T), betas=(0.9, 1.0)),
    "negative eps": lambda T: T.optim.AdamW(start(T), eps=-1.0),
    "negative decay": lambda T: T.optim.SGD(start(T), weight_decay=-1.0),
    "twice in groups": lambda T: (lambda p: T.optim.SGD([{"params": p}, {"params": p}]))(start(T)),
    "load other groups": lambda T: T.optim.SGD(
        [{"params": start(T)}, {"params": start(T)}]
    ).load_state_dict(T.optim.SGD(start(T)).state_dict()),
    "load other sizes": lambda T: T.optim.SGD(start(T)[:1]).load_state_dict(
        T.optim.SGD(start(T)).state_dict()
    ),
    "group no dict": lambda T: T.optim.SGD(start(T)).add_param_group([1]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_the_same_kind(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the oracle must raise for the case to mean anything
        ERRORS[name](torch)
    agree(ERRORS[name])


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
        slot = optimizer.slot(param, "exp_avg")
    finally:
        state.enter_capture(old)
    assert isinstance(slot.numpy(), np.ndarray) and optimizer.state[param]["exp_avg"] is slot
    for action in reversed(undo):
        action()
    assert "exp_avg" not in optimizer.state[param]


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_a_compiled_step_agrees_and_is_traced_once(name: str, options: dict[str, Any]) -> None:
    results = []
    for wrap in (lambda f: f, lambda f: sg.compile(f, fullgraph=True)):
        params = start(sg)
        optimizer = getattr(sg.optim, name)(params, **options)

        def body() -> Any:
            optimizer.zero_grad()
            loss = loss_of(params)
            loss.backward()
            optimizer.step()
            return loss

        step = wrap(body)
        for k in range(8):
            if k == 5:
                optimizer.param_groups[0]["lr"] *= 0.5
            step()
        results.append([p.detach().numpy().copy() for p in params])
    assert len(step.variants) == 1
    for eager, compiled in zip(*results):
        np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-6)
