"""The same steps by other libraries, each as its own users would write it for speed.

A library is imported when one of its steps is made, and where it is missing the tables go without.
"""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.bench.timing import Step
from symgrad.bench.workload import (
    Adam,
    Formula,
    Sgd,
    Workload,
    gradients_step,
    optimizer_of,
    tensors,
)


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


def torch_eager(workload: Workload) -> Step:
    """PyTorch with its tape: plain descent in place under `no_grad`, other updates by fused optimizers."""
    import torch

    params, loss_of = workload.network(torch)
    return torch_step(workload, params, loss_of)


def torch_compiled(workload: Workload) -> Step:
    """PyTorch's compiler: a formula's loss, gradients and update as one graph, else a module's loss."""
    import torch

    if not isinstance(workload, Formula):
        leaves, compute = workload.network(torch)
        return torch_step(workload, leaves, torch.compile(compute, fullgraph=True))
    data = tensors(torch, workload.data())
    params = tensors(torch, workload.start())
    rule = workload.update
    assert rule is None or isinstance(rule, Sgd)
    value_of = workload.formula

    def loss_of(params: Any) -> Any:
        return value_of(torch, params, *data)

    @torch.compile(fullgraph=True)
    def update(params: Any) -> Any:
        grads, loss = torch.func.grad_and_value(loss_of)(params)
        if rule is None:
            return loss, grads
        for param, grad in zip(params, grads):
            param.sub_(grad, alpha=rule.rate)
        return loss, None

    def step() -> float:
        with torch.no_grad():
            return float(update(params)[0].item())

    return step


def torch_step(workload: Workload, params: list[Any], loss_of: Callable[..., Any]) -> Step:
    """The step around a loss that torch differentiates."""
    import torch

    data = tensors(torch, workload.data())
    rule = workload.update
    if rule is None:
        gradients = gradients_step(params, loss_of)
        return lambda: float(gradients(*data).item())
    if isinstance(rule, Sgd) and not rule.momentum:
        rate = rule.rate

        def descend() -> float:
            loss = loss_of(*data)
            loss.backward()
            with torch.no_grad():
                for param in params:
                    param -= rate * param.grad
                    param.grad = None
            return float(loss.item())

        return descend
    optimizer = optimizer_of(torch, rule, params, fused=True)

    def step() -> float:
        optimizer.zero_grad()
        loss = loss_of(*data)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def jax_jitted(workload: Workload) -> Step:
    """JAX: one jitted function from parameters and state to the next, their buffers donated."""
    import jax
    import jax.numpy as jnp

    data = tuple(jnp.asarray(array) for array in workload.data())
    params = tuple(jnp.asarray(array) for array in workload.start())
    state = workload.jax_state()
    rule, loss_of = workload.update, workload.jax_loss
    differentiate = jax.value_and_grad(loss_of, has_aux=True)
    if rule is None:
        gradients = jax.jit(differentiate)

        def gradient_step() -> float:
            (loss, _), _grads = gradients(params, state, *data)
            return float(loss)

        return gradient_step
    start, descend = jax_update(rule)
    slots = start(params)

    def update(params: Any, slots: Any, state: Any, *data: Any) -> Any:
        (loss, state), grads = differentiate(params, state, *data)
        params, slots = descend(params, slots, grads)
        return loss, params, slots, state

    jitted = jax.jit(update, donate_argnums=(0, 1, 2))

    def step() -> float:
        nonlocal params, slots, state
        loss, params, slots, state = jitted(params, slots, state, *data)
        return float(loss)

    return step


def jax_update(rule: Sgd | Adam) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """An update for JAX: the first slots for some parameters, and the function that steps both."""
    import jax.numpy as jnp

    def zeros(params: Any) -> Any:
        return tuple(jnp.zeros_like(param) for param in params)

    if isinstance(rule, Adam):
        rate, b1, b2, eps = rule.rate, 0.9, 0.999, 1e-8

        def adam(params: Any, slots: Any, grads: Any) -> Any:
            count, means, squares = slots
            count = count + 1
            means = tuple(b1 * m + (1 - b1) * g for m, g in zip(means, grads))
            squares = tuple(b2 * v + (1 - b2) * g * g for v, g in zip(squares, grads))
            size, spread = rate / (1 - b1**count), jnp.sqrt(1 - b2**count)
            params = tuple(p - size * m / (jnp.sqrt(v) / spread + eps)
                           for p, m, v in zip(params, means, squares))  # fmt: skip
            return params, (count, means, squares)

        return lambda params: (jnp.zeros((), "float32"), zeros(params), zeros(params)), adam
    size, momentum = np.float32(rule.rate), rule.momentum

    def descend(params: Any, slots: Any, grads: Any) -> Any:
        if momentum:
            slots = grads = tuple(momentum * v + g for v, g in zip(slots, grads))
        return tuple(param - size * grad for param, grad in zip(params, grads)), slots

    return lambda params: zeros(params) if momentum else (), descend


def pytensor_function(workload: Workload) -> Step:
    """PyTensor: shared variables and one compiled function whose updates are the step."""
    import pytensor
    import pytensor.tensor as pt

    class Words:
        """What formulas ask for by name."""

        @staticmethod
        def relu(h: Any) -> Any:
            return pt.maximum(h, np.float32(0))

    assert isinstance(workload, Formula) and isinstance(workload.update, Sgd)
    data = [pytensor.shared(array) for array in workload.data()]
    params = [pytensor.shared(array) for array in workload.start()]
    loss = workload.formula(Words, params, *data)
    grads = pt.grad(loss, params)
    rate = np.float32(workload.update.rate)
    updates = [(param, param - rate * grad) for param, grad in zip(params, grads)]
    function = pytensor.function([], loss, updates=updates)
    function.trust_input = True
    return lambda: float(function())


PEERS: dict[str, Callable[[Workload], Step]] = {
    "pytensor": pytensor_function,
    "jax": jax_jitted,
    "torch": torch_eager,
    "torch.compile": torch_compiled,
}
