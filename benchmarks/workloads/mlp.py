"""w6: a perceptron for 28 × 28 images with batch normalisation and dropout, trained by Adam."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.bench.workload import Adam, Arrays, Loss, Workload, filled, normal
from workloads.products import Product, layer_products

MOMENTUM, EPS = 0.1, 1e-5


@dataclass(frozen=True)
class Perceptron(Workload):
    """[Linear, BatchNorm, ReLU, Dropout] twice and a Linear, under cross entropy.

    Libraries draw other random numbers, so losses are compared without dropout; what is timed draws.
    """

    update: Adam
    batch: int
    widths: tuple[int, ...] = (784, 512, 256, 10)
    dropout: float = 0.2

    def comparable(self) -> Perceptron:
        return replace(self, dropout=0.0)

    def data(self) -> Arrays:
        rng = np.random.default_rng(0)
        return normal(rng, self.batch, self.widths[0]), rng.integers(0, self.widths[-1], self.batch)

    def start(self) -> Arrays:
        rng = np.random.default_rng(1)
        arrays = []
        for inputs, outputs in zip(self.widths, self.widths[1:]):
            arrays += [normal(rng, outputs, inputs) / np.float32(inputs**0.5), np.zeros(outputs, np.float32)]
            if outputs != self.widths[-1]:
                arrays += [np.ones(outputs, np.float32), np.zeros(outputs, np.float32)]
        return tuple(arrays)

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        nn = lib.nn
        layers = []
        for inputs, outputs in zip(self.widths, self.widths[1:-1]):
            layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(self.dropout)]
        model = nn.Sequential(*layers, nn.Linear(*self.widths[-2:]))
        params = filled(lib, model, self.start())
        return params, lambda x, y: nn.functional.cross_entropy(model(x), y)

    def jax_state(self) -> Any:
        import jax
        import jax.numpy as jnp

        running = tuple((jnp.zeros(width), jnp.ones(width)) for width in self.widths[1:-1])
        return running, jax.random.key(0)

    def jax_loss(self, params: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        import jax
        import jax.numpy as jnp

        running, key = state
        kept = []
        for layer, (mean, spread) in enumerate(running):
            weight, bias, scale, shift = params[4 * layer : 4 * layer + 4]
            h = x @ weight.T + bias
            found, variance = h.mean(0), h.var(0)
            rows = len(h)
            kept.append((mean + MOMENTUM * (found - mean),
                         spread + MOMENTUM * (variance * rows / (rows - 1) - spread)))  # fmt: skip
            x = jax.nn.relu((h - found) * jax.lax.rsqrt(variance + EPS) * scale + shift)
            if self.dropout:
                key, drawn = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(drawn, 1 - self.dropout, x.shape), x / (1 - self.dropout), 0)
        weight, bias = params[-2:]
        scores = jax.nn.log_softmax(x @ weight.T + bias)
        return -jnp.take_along_axis(scores, y[:, None], 1).mean(), (tuple(kept), key)

    def products(self) -> list[Product]:
        """The step's matrix products; nobody asks for the gradient of x."""
        layers = list(zip(self.widths, self.widths[1:]))
        return layer_products(self.batch, layers[:1], False) + layer_products(self.batch, layers[1:], True)
