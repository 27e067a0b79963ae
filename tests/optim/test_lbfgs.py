"""L-BFGS against PyTorch: every iteration, its memory, and that it runs eagerly inside a compiled function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optim_table import loss_of, same, start
from oracle import agree, make, torch

import symgrad as sg

OPTIONS: list[dict[str, Any]] = [
    {},
    dict(lr=0.1),
    dict(lr=0.5, max_iter=5, history_size=3),
    dict(lr=0.3, max_iter=4, max_eval=3),
    dict(tolerance_grad=1e-2, lr=0.2),
    dict(tolerance_change=1e-2, lr=0.2),
    dict(line_search_fn="strong_wolfe"),
    dict(line_search_fn="strong_wolfe", lr=30.0, max_iter=6),
    dict(line_search_fn="strong_wolfe", lr=0.01, history_size=2),
    dict(line_search_fn="strong_wolfe", lr=100.0, max_eval=4),
]


def rosenbrock(params: list[Any]) -> Any:
    a, b, c = params
    return (1 - b[0]) ** 2 + 100 * (b[1] - b[0] ** 2) ** 2 + (a - b[2]) ** 2 + (c * c).sum() * 0.1


@pytest.mark.parametrize("problem", [loss_of, rosenbrock])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_steps(options: dict[str, Any], problem: Any) -> None:
    def program(lib: Any) -> Any:
        params = start(lib, "float64")
        optimizer = lib.optim.LBFGS(params, **options)
        calls = []

        def closure() -> Any:
            optimizer.zero_grad()
            loss = problem(params)
            loss.backward()
            calls.append(loss.item())
            return loss

        losses = [optimizer.step(closure).detach() for _ in range(3)]  # errors grow with each
        memory = optimizer.state[params[0]]
        return (
            losses, calls, [p.detach() for p in params], sorted(memory), memory["n_iter"], memory["func_evals"],
            list(memory["old_dirs"]), list(memory["ro"]), repr(optimizer),
        )  # fmt: skip

    same(program, 1e-5, 1e-7)


def closure_of(optimizer: Any, params: list[Any]) -> Any:
    def closure() -> Any:
        optimizer.zero_grad()
        loss = loss_of(params)
        loss.backward()
        return loss

    return closure


def test_memory_is_torchs() -> None:
    theirs = start(torch)
    optimizer = torch.optim.LBFGS(theirs, lr=0.1, max_iter=4)
    optimizer.step(closure_of(optimizer, theirs))
    saved = optimizer.state_dict()

    def convert(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return sg.tensor(value.numpy())
        return [convert(v) for v in value] if isinstance(value, list) else value

    saved["state"] = {0: {k: convert(v) for k, v in saved["state"][0].items()}}
    mine = [make(sg, p.detach().numpy(), True) for p in theirs]
    again = sg.optim.LBFGS(mine)
    again.load_state_dict(saved)
    optimizer.step(closure_of(optimizer, theirs))
    again.step(closure_of(again, mine))
    for a, b in zip(mine, theirs):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-5)


def test_complex_and_missing_gradients() -> None:
    def program(lib: Any) -> Any:
        z = make(lib, np.array([1 + 2j, -0.5j]), True)
        idle = make(lib, np.ones(3), True)
        optimizer = lib.optim.LBFGS([z, idle], lr=0.2, line_search_fn="strong_wolfe")

        def closure() -> Any:
            optimizer.zero_grad()
            loss = ((z * z - 1).abs() ** 2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        return z.detach(), idle.detach()

    same(program, 1e-6)


def test_errors() -> None:
    agree(lambda lib: lib.optim.LBFGS([{"params": [p]} for p in start(lib)]))
    agree(lambda lib: lib.optim.LBFGS(start(lib), lr=-1.0))

    def search(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.LBFGS(params, line_search_fn="armijo")
        optimizer.step(closure_of(optimizer, params))

    agree(search)


def test_runs_eagerly_within_a_compiled_function() -> None:
    results = []
    for compiled in (False, True):
        params = start(sg)
        optimizer = sg.optim.LBFGS(params, lr=0.1)
        closure = closure_of(optimizer, params)

        def step(optimizer: Any = optimizer, closure: Any = closure) -> Any:
            return optimizer.step(closure)

        run = sg.compile(step) if compiled else step
        if compiled:
            with pytest.warns(UserWarning, match="LBFGS decides by the loss"):
                run()
        else:
            run()
        run()
        results.append([p.detach().numpy() for p in params])
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


def test_a_compiled_closure() -> None:
    results = []
    for wrap in (lambda f: f, lambda f: sg.compile(f, fullgraph=True, backend="numpy")):
        params = start(sg)
        optimizer = sg.optim.LBFGS(params, lr=0.1, line_search_fn="strong_wolfe")
        closure = wrap(closure_of(optimizer, params))
        losses = [float(optimizer.step(closure)) for _ in range(3)]
        results.append(losses)
    assert results[0] == pytest.approx(results[1], rel=1e-5)
