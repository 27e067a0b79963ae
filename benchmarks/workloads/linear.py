"""w8: a line through ten points, the smallest step there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symgrad.bench.problems import EVERYWHERE
from symgrad.bench.timing import Step
from symgrad.bench.workload import Arrays, Formula, Loss, Sgd, filled, normal


@dataclass(frozen=True)
class LinearRegression(Formula):
    """Linear(2, 1) and the mean squared error."""

    update: Sgd
    batch: int
    peers: ClassVar[tuple[str, ...]] = EVERYWHERE

    def data(self) -> Arrays:
        x = normal(np.random.default_rng(0), self.batch, 2)
        return x, np.float32(x @ np.array([[2], [-3.4]], np.float32) + 4.2)

    def start(self) -> Arrays:
        return 0.01 * normal(np.random.default_rng(1), 1, 2), np.zeros(1, np.float32)

    def formula(self, words: Any, params: Any, x: Any, y: Any) -> Any:
        weight, bias = params
        return ((x @ weight.T + bias - y) ** 2).sum() * np.float32(1 / self.batch)

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        model = lib.nn.Linear(2, 1)
        params = filled(lib, model, self.start())
        return params, lambda x, y: lib.nn.functional.mse_loss(model(x), y)

    def numpy(self) -> Step:
        (x, y), (weight, bias), rate = self.data(), self.start(), self.update.rate

        def step() -> float:
            nonlocal weight, bias
            residual = x @ weight.T + bias - y
            loss = np.square(residual).mean()
            grad = residual * np.float32(2 / len(x))
            weight = weight - rate * (grad.T @ x)
            bias = bias - rate * grad.sum(0)
            return float(loss)

        return step
