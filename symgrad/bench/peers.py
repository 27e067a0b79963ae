"""The same steps by other libraries, each as its own users would write it for speed.

A library is imported when one of its steps is made, and where it is missing the tables go without.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.bench.problems import Problem
from symgrad.bench.timing import Step


def missing(name: str) -> str | None:
    """Why the peer called `name` cannot run here, or None."""
    module = name.partition(".")[0]
    if importlib.util.find_spec(module) is None:
        return f"{module} is not installed"
    if name == "torch.compile" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        return "torch.compile needs a C++ compiler"
    return None


def available(names: list[str] | None = None) -> list[str]:
    """Those of `names` (all peers by default) that can run here."""
    return [name for name in names or list(PEERS) if missing(name) is None]


def expression(problem: Problem, params: Any, x: Any, y: Any, relu: Callable[[Any], Any]) -> Any:
    """The loss in operators every library has."""
    if problem.kind == "two_layer":
        w1, w2 = params
        return ((relu(x @ w1) @ w2 - y) ** 2).sum()
    a, b, c, d = params
    if problem.kind == "legendre":
        u = c + d * x
        return ((a + b * (0.5 * (5 * u**3 - 3 * u)) - y) ** 2).sum()
    return ((a + b * x + c * x**2 + d * x**3 - y) ** 2).sum()


def torch_eager(problem: Problem) -> Step:
    """PyTorch with its tape, the update in place under `no_grad`, as in the tutorial."""
    import torch

    x, y = (torch.from_numpy(array) for array in problem.data())
    params = [torch.from_numpy(array).requires_grad_() for array in problem.start()]
    rate = problem.rate

    def step() -> float:
        loss = expression(problem, params, x, y, torch.relu)
        loss.backward()
        with torch.no_grad():
            for param in params:
                assert param.grad is not None
                param -= rate * param.grad
                param.grad = None
        return float(loss.item())

    return step


def torch_compiled(problem: Problem) -> Step:
    """PyTorch's compiler on loss, gradients and update as one graph."""
    import torch

    x, y = (torch.from_numpy(array) for array in problem.data())
    params = tuple(torch.from_numpy(array) for array in problem.start())
    rate = problem.rate

    def loss_of(params: Any) -> Any:
        return expression(problem, params, x, y, torch.relu)

    @torch.compile(fullgraph=True)
    def update(params: Any) -> Any:
        grads, loss = torch.func.grad_and_value(loss_of)(params)
        for param, grad in zip(params, grads):
            param.sub_(grad, alpha=rate)
        return loss

    def step() -> float:
        with torch.no_grad():
            return float(update(params).item())

    return step


def jax_jitted(problem: Problem) -> Step:
    """JAX: one jitted function from parameters to parameters, their buffers donated."""
    import jax
    import jax.numpy as jnp

    x, y = (jnp.asarray(array) for array in problem.data())
    params = tuple(jnp.asarray(array) for array in problem.start())
    rate = np.float32(problem.rate)

    def loss_of(params: Any, x: Any, y: Any) -> Any:
        return expression(problem, params, x, y, lambda h: jnp.maximum(h, 0))

    def update(params: Any, x: Any, y: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        return loss, tuple(param - rate * grad for param, grad in zip(params, grads))

    jitted = jax.jit(update, donate_argnums=0)

    def step() -> float:
        nonlocal params
        loss, params = jitted(params, x, y)
        return float(loss)

    return step


def pytensor_function(problem: Problem) -> Step:
    """PyTensor: shared variables and one compiled function whose updates are the step."""
    import pytensor
    import pytensor.tensor as pt

    x, y = (pytensor.shared(array) for array in problem.data())
    params = [pytensor.shared(array) for array in problem.start()]
    loss = expression(problem, params, x, y, lambda h: pt.maximum(h, np.float32(0)))
    grads = pt.grad(loss, params)
    rate = np.float32(problem.rate)
    updates = [(param, param - rate * grad) for param, grad in zip(params, grads)]
    function = pytensor.function([], loss, updates=updates)
    function.trust_input = True
    return lambda: float(function())


PEERS: dict[str, Callable[[Problem], Step]] = {
    "pytensor": pytensor_function,
    "jax": jax_jitted,
    "torch": torch_eager,
    "torch.compile": torch_compiled,
}
