"""Optimizers against PyTorch, step for step: every option, dtype, and kind of gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from optim_table import IDS, OPTIONS, same, start, train
from oracle import make
from sampling import values


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_a_hundred_steps(name: str, options: dict[str, Any], dtype: str) -> None:
    def program(lib: Any) -> Any:
        params = start(lib, dtype)
        optimizer = getattr(lib.optim, name)(params, **options)
        train(optimizer, params, 100)
        return [p.detach() for p in params]

    # Near a zero gradient Adam's kind take its sign, so float32's rounding grows; how far depends on the machine's
    # order of adding up. Bits are compared in float64 and from the same gradients below.
    same(program, *((1e-2, 2e-3) if dtype == "float32" else (1e-9, 1e-10)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_steps_from_the_same_gradients_are_within_rounding(name: str, options: dict[str, Any], dtype: str) -> None:
    """State set alike from fixed gradients, so that errors cannot grow: 100 steps, a few ULP."""

    def program(lib: Any) -> Any:
        params = start(lib, dtype)
        optimizer = getattr(lib.optim, name)(params, **options)
        rng = np.random.default_rng(0)
        for _ in range(100):
            for p in params:
                p.grad = make(lib, np.asarray(rng.normal(size=tuple(p.shape)), dtype))
            optimizer.step()
        slots = [v for p in params for k, v in sorted(optimizer.state[p].items()) if v is not None]
        return [p.detach() for p in params], slots, [sorted(optimizer.state[p]) for p in params]

    same(program, *((3e-6, 1e-6) if dtype == "float32" else (1e-12, 1e-13)))


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_gradients_that_come_and_go(name: str, options: dict[str, Any]) -> None:
    """No gradient at first, every third time none, and a parameter frozen half-way and freed again."""

    def program(lib: Any) -> Any:
        params = start(lib, "float64")
        optimizer = getattr(lib.optim, name)(params, **options)
        rng = np.random.default_rng(1)
        for k in range(40):
            params[2].requires_grad_(not 10 <= k < 20)
            optimizer.zero_grad()
            for i, p in enumerate(params):
                noise = make(lib, np.asarray(rng.normal(size=tuple(p.shape)), "float64"))
                if p.requires_grad and not (i == 0 and k < 4) and not (i == 1 and k % 3 == 2):
                    (p * noise).sum().backward()
            optimizer.step()
        slots = [v for p in params for _, v in sorted(optimizer.state[p].items())]
        return [p.detach() for p in params], slots, [sorted(optimizer.state[p]) for p in params]

    same(program, 1e-11, 1e-12)


EVERY = sorted({name for name, _ in OPTIONS})


@pytest.mark.parametrize("name, options", OPTIONS, ids=IDS)
def test_complex_parameters_are_pairs_of_real_ones(name: str, options: dict[str, Any]) -> None:
    def program(lib: Any) -> Any:
        params = [make(lib, np.array([1 + 2j, -0.5j, 0.3, -1 + 1j]), True), make(lib, values(2), True)]
        given = {k: v for k, v in options.items() if k != "fused"}  # PyTorch's fused kernels take none
        optimizer = getattr(lib.optim, name)(params, **given)
        for k in range(10):
            optimizer.zero_grad()
            z, w = params
            ((z * z - (1 + 0.1 * k) * 1j).abs() ** 2).sum().backward()
            (w**2).sum().backward()
            optimizer.step()
        slots = [v for p in params for _, v in sorted(optimizer.state[p].items())]
        return [p.detach() for p in params], slots

    same(program, 1e-9, 1e-10)


@pytest.mark.parametrize("name", EVERY)
def test_learning_rate_as_a_tensor(name: str) -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        lr = lib.tensor(0.01)
        optimizer = getattr(lib.optim, name)(params, lr=lr)
        train(optimizer, params, 3)
        lr.mul_(0.5)
        train(optimizer, params, 3)
        return [p.detach() for p in params], repr(optimizer)

    same(program, 1e-5, 1e-6)


def test_betas_as_tensors() -> None:
    def program(lib: Any) -> Any:
        params = start(lib)
        optimizer = lib.optim.Adam(params, lr=lib.tensor([0.01]), betas=(lib.tensor([0.8]), lib.tensor(0.9)))
        train(optimizer, params, 5)
        return [p.detach() for p in params], repr(optimizer)

    same(program, 1e-5, 1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_half_precision(name: str) -> None:
    def program(lib: Any) -> Any:
        params = [make(lib, values(3).astype("float16"), True)]
        optimizer = getattr(lib.optim, name)(params, **({"eps": 1e-3} if "Ada" in name else {}))
        for _ in range(3):
            params[0].grad = make(lib, np.array([0.5, -1.0, 2.0], "float16"))
            optimizer.step()
        return params[0].detach()

    same(program)


def test_parameters_and_state_keep_their_layout() -> None:
    """A transposed parameter, and one that is a view of another's memory."""

    def program(lib: Any) -> Any:
        turned = make(lib, values(4, 3)).t().requires_grad_(True)
        optimizer = lib.optim.Adam([turned], lr=0.1)
        (turned**2).sum().backward()
        optimizer.step()
        return turned.detach(), turned.stride(), optimizer.state[turned]["exp_avg"].stride()

    same(program)
