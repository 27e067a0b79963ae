"""`utils.checkpoint` beside PyTorch, and beside the same part without it; eager and compiled."""

from __future__ import annotations

import gc
import importlib
import weakref
from typing import Any

import numpy as np
import pytest
from oracle import agree, make, warn_alike
from sampling import values

import symgrad as sg

X = values(4, 3).astype(np.float32)


def tools(lib: Any) -> Any:
    return importlib.import_module(f"{lib.__name__}.utils.checkpoint")


def part(lib: Any) -> Any:
    model = lib.nn.Sequential(lib.nn.Linear(3, 3), lib.nn.Tanh(), lib.nn.Linear(3, 2), lib.nn.Sigmoid())
    with lib.no_grad():
        for i, p in enumerate(model.parameters()):
            p.copy_(make(lib, values(*p.shape, seed=i).astype(np.float32)))
    return model


@pytest.mark.parametrize("reentrant", [True, False])
def test_gradients(reentrant: bool) -> None:
    def program(lib: Any) -> Any:
        model, x = part(lib), make(lib, X, True)
        out = tools(lib).checkpoint(model, x * 2, use_reentrant=reentrant)
        (out * out).sum().backward()
        return out, x.grad, [p.grad for p in model.parameters()]

    agree(program, 1e-5, 1e-6)


def several(lib: Any) -> Any:
    free = lib.tensor([1.0, 2.0, 3.0], requires_grad=True)
    mid = free * free

    def step(a: Any, b: Any, *, scale: Any) -> Any:
        return {"one": a * b["x"] * mid, "two": [a.sum() * scale, 3, None]}, a > 0

    x, y = make(lib, X, True), make(lib, X + 1, True)
    outs, positive = tools(lib).checkpoint(step, x * 1, {"x": y}, scale=free.sum(), use_reentrant=False)
    (outs["one"].sum() + outs["two"][0]).backward()
    return outs["two"][1:], positive, x.grad, y.grad, free.grad


def second(lib: Any) -> Any:
    x, model = make(lib, X, True), part(lib)
    out = tools(lib).checkpoint(model, x, use_reentrant=False)
    (g,) = lib.autograd.grad(out.sum(), x, create_graph=True)
    (g * g).sum().backward()
    return g, x.grad, [None if p.grad is None else p.grad for p in model.parameters()]


def ancestors(lib: Any) -> Any:
    x = make(lib, X, True)
    y = x.exp()
    tools(lib).checkpoint(lambda x, y: x * y, x, y, use_reentrant=False).sum().backward()
    return x.grad


def nested(lib: Any) -> Any:
    x, check = make(lib, X, True), tools(lib).checkpoint
    inner = lambda x: check(lib.sin, x * x, use_reentrant=False)  # noqa: E731
    check(lambda x: inner(x) * x, x, use_reentrant=False).sum().backward()
    return x.grad


def sequential(lib: Any, reentrant: bool = False) -> Any:
    x, model = make(lib, X, True), part(lib)
    out = tools(lib).checkpoint_sequential(model, 3, x, use_reentrant=reentrant)
    out.sum().backward()
    return out, x.grad, [p.grad for p in model.parameters()]


def no_inputs(lib: Any) -> Any:
    with pytest.warns(UserWarning, match="None of the inputs"):
        out = tools(lib).checkpoint(part(lib), make(lib, X), use_reentrant=True)
    return out.requires_grad, tools(lib).checkpoint(part(lib), make(lib, X), use_reentrant=False).requires_grad


PROGRAMS = {
    "several": several, "second": second, "ancestors": ancestors, "nested": nested, "sequential": sequential,
    "reentrant sequential": lambda lib: sequential(lib, True), "no inputs": no_inputs,
    "keyword": lambda lib: tools(lib).checkpoint(lambda x: x, make(lib, X, True), use_reentrant=True, y=3),
    "contexts": lambda lib: tools(lib).checkpoint(
        lambda x: x, make(lib, X, True), use_reentrant=True, context_fn=lambda: None),
    "without grad": lambda lib: lib.no_grad()(lambda: tools(lib).checkpoint(
        lambda x: x * 2, make(lib, X, True), use_reentrant=False))(),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_beside_pytorch(name: str) -> None:
    agree(PROGRAMS[name], 1e-5, 1e-6)


def test_the_warning_about_use_reentrant() -> None:
    warn_alike(lambda lib: tools(lib).checkpoint(lambda x: x * 2, make(lib, X, True)))


def test_the_same_random_numbers_both_times() -> None:
    drop = sg.nn.Dropout(0.5)
    x = sg.ones(100, requires_grad=True)
    sg.manual_seed(0)
    out = sg.utils.checkpoint.checkpoint(lambda x: drop(x) * x, x, use_reentrant=False)
    after = sg.rand(1)
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * out.detach().numpy())
    sg.manual_seed(0)
    drop(x)
    assert sg.rand(1).item() == after.item()


def test_nothing_between_is_kept_and_it_runs_twice() -> None:
    kept, runs = [], []

    def step(x: Any) -> Any:
        runs.append(len(runs))
        middle = x.exp()
        kept.append(weakref.ref(middle))
        return middle.sin()

    x = sg.ones(3, requires_grad=True)
    out = sg.utils.checkpoint.checkpoint(step, x, use_reentrant=False)
    gc.collect()
    assert runs == [0] and kept[0]() is None
    out.sum().backward()
    assert runs == [0, 1]


def test_an_argument_changed_in_place_is_an_error() -> None:
    x = sg.ones(3, requires_grad=True) * 1
    out = sg.utils.checkpoint.checkpoint(lambda x: x * x, x, use_reentrant=False)
    x.add_(1)
    with pytest.raises(RuntimeError):
        out.sum().backward()


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_compiled(backend: str) -> None:
    model = part(sg)

    def step(x: Any) -> Any:
        model.zero_grad()
        loss = sg.utils.checkpoint.checkpoint(model, x, use_reentrant=False).square().sum()
        loss.backward()
        return loss

    results = []
    for run in (step, sg.compile(step, backend=backend, fullgraph=True)):
        loss = run(sg.from_numpy(X))
        results.append([loss.detach().numpy(), *[p.grad.numpy().copy() for p in model.parameters()]])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)
