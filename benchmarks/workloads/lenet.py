"""w7: two convolutions with pooling and a linear layer on 28 × 28 images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.bench.workload import Arrays, Loss, Sgd, Workload, filled, normal
from workloads.products import Product, layer_products

CHANNELS, WINDOW, CLASSES = (1, 6, 15), 5, 10


@dataclass(frozen=True)
class LeNet(Workload):
    """Conv, ReLU, pool, conv, ReLU, pool, linear, cross entropy; SGD with momentum."""

    update: Sgd
    batch: int
    side: int = 28

    @property
    def sides(self) -> tuple[int, int]:
        """The sides of what the two convolutions give."""
        first = self.side - WINDOW + 1
        return first, first // 2 - WINDOW + 1

    @property
    def features(self) -> int:
        """What the linear layer is given."""
        return CHANNELS[-1] * (self.sides[1] // 2) ** 2

    def data(self) -> Arrays:
        rng = np.random.default_rng(0)
        return normal(rng, self.batch, CHANNELS[0], self.side, self.side), rng.integers(0, CLASSES, self.batch)

    def start(self) -> Arrays:
        rng = np.random.default_rng(1)
        arrays = []
        shapes = [(o, i, WINDOW, WINDOW) for i, o in zip(CHANNELS, CHANNELS[1:])]
        for shape in (*shapes, (CLASSES, self.features)):
            arrays += [normal(rng, *shape) / np.float32(np.prod(shape[1:]) ** 0.5), np.zeros(shape[0], np.float32)]
        return tuple(arrays)

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        nn = lib.nn
        layers = []
        for inputs, outputs in zip(CHANNELS, CHANNELS[1:]):
            layers += [nn.Conv2d(inputs, outputs, WINDOW), nn.ReLU(), nn.MaxPool2d(2)]
        model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(self.features, CLASSES))
        params = filled(lib, model, self.start())
        return params, lambda x, y: nn.functional.cross_entropy(model(x), y)

    def jax_loss(self, params: Any, state: Any, x: Any, y: Any) -> tuple[Any, Any]:
        import jax
        import jax.numpy as jnp

        for weight, bias in (params[:2], params[2:4]):
            x = jax.lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
            x = jax.nn.relu(x + bias[:, None, None])
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        scores = jax.nn.log_softmax(x.reshape(len(x), -1) @ params[4].T + params[5])
        return -jnp.take_along_axis(scores, y[:, None], 1).mean(), state

    def products(self) -> list[Product]:
        """The step's products, each convolution one of its weights with the windows of all images."""
        found = []
        for layer, side in enumerate(self.sides):
            window, outputs, places = CHANNELS[layer] * WINDOW**2, CHANNELS[layer + 1], self.batch * side**2
            found.append(Product(outputs, window, places))
            found.append(Product(outputs, places, window, turn_b=True))
            if layer:
                found.append(Product(window, outputs, places, turn_a=True))
        return found + layer_products(self.batch, [(self.features, CLASSES)], True)
