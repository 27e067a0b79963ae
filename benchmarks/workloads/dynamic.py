"""w12: a polynomial whose depth is drawn at each call by Python's random numbers, so it runs eagerly."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symgrad.bench.timing import Step
from symgrad.bench.workload import Arrays, Loss, Sgd, Workload, normal, parameters


@dataclass(frozen=True)
class DynamicPolynomial(Workload):
    """a + b x + c x^2 + d x^3, plus e x^4 and e x^5 or not, against sin(x)."""

    update: Sgd
    points: int
    peers: ClassVar[tuple[str, ...]] = ("torch",)
    compiles: ClassVar[bool] = False

    def data(self) -> Arrays:
        x = np.linspace(-math.pi, math.pi, self.points, dtype=np.float32)
        return x, np.sin(x)

    def start(self) -> Arrays:
        rng = np.random.default_rng(1)
        return tuple(normal(rng) for _ in range(5))

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        a, b, c, d, e = params = parameters(lib, self.start())
        draw = random.Random(0).randint

        def loss_of(x: Any, y: Any) -> Any:
            y_pred = a + b * x + c * x**2 + d * x**3
            for power in range(4, draw(4, 6)):
                y_pred = y_pred + e * x**power
            return lib.nn.functional.mse_loss(y_pred, y, reduction="sum")

        return params, loss_of

    def numpy(self) -> Step:
        (x, y), params = self.data(), list(self.start())
        velocity = [np.float32(0)] * 5
        rate, momentum = np.float32(self.update.rate), np.float32(self.update.momentum)
        draw = random.Random(0).randint

        def step() -> float:
            a, b, c, d, e = params
            x2 = x * x
            x3 = x2 * x
            powers = [x2 * x2] if (depth := draw(4, 6)) > 4 else []
            if depth > 5:
                powers.append(x3 * x2)
            residual = a + b * x + c * x2 + d * x3 - y
            for power in powers:
                residual += e * power
            loss = np.square(residual).sum()
            grad = 2 * residual
            grads = [grad.sum(), grad @ x, grad @ x2, grad @ x3]
            if powers:  # an optimizer leaves a parameter without a gradient alone, its velocity too
                grads.append(sum(grad @ power for power in powers))
            for i, g in enumerate(grads):
                velocity[i] = momentum * velocity[i] + g
                params[i] = params[i] - rate * velocity[i]
            return float(loss)

        return step
