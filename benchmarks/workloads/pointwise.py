"""w9: a chain of twenty elementwise operations on four million numbers, forward and backward."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.bench.workload import Arrays, Loss, Sgd, Workload, normal, parameters


def chain(words: Any, x: Any) -> Any:
    """Twenty operations; `words` has the functions by their usual names."""
    h = words.tanh(x)
    h = words.exp(h)
    h = h * 0.5
    h = words.sigmoid(h)
    h = h + x
    h = words.softplus(h)
    h = h * h
    h = h + 1
    h = words.sqrt(h)
    h = words.log(h)
    h = words.gelu(h)
    h = h - x
    h = words.sin(h)
    h = words.silu(h)
    h = h * 3
    h = words.relu(h)
    h = h + 0.5
    h = words.cos(h)
    h = words.abs(h)
    return h / 2


class TorchWords:
    """The functions where torch and symgrad have them."""

    def __init__(self, lib: Any):
        self.lib, self.nn = lib, lib.nn.functional

    def __getattr__(self, name: str) -> Any:
        return getattr(self.lib if hasattr(self.lib, name) else self.nn, name)


class JaxWords:
    """The functions where JAX has them."""

    def __getattr__(self, name: str) -> Any:
        import jax.nn
        import jax.numpy as jnp

        if name == "gelu":
            return lambda x: jax.nn.gelu(x, approximate=False)
        return getattr(jnp if hasattr(jnp, name) else jax.nn, name)


@dataclass(frozen=True)
class Pointwise(Workload):
    """The sum of the chain; the gradient of x is the result."""

    elements: int

    def comparable(self) -> Pointwise:
        return replace(self, update=Sgd(0.1))

    def data(self) -> Arrays:
        return ()

    def start(self) -> Arrays:
        return (normal(np.random.default_rng(0), self.elements),)

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        (x,) = params = parameters(lib, self.start())
        words = TorchWords(lib)
        return params, lambda: chain(words, x).sum()

    def jax_loss(self, params: Any, state: Any) -> tuple[Any, Any]:
        return chain(JaxWords(), params[0]).sum(), state
