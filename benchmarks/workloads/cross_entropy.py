"""w10: the cross entropy of many classes with its gradient, which is all memory traffic and exp."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgrad.bench.workload import Arrays, Loss, Sgd, Workload, normal, parameters


@dataclass(frozen=True)
class CrossEntropy(Workload):
    """The mean over rows; the gradient of the scores is the result."""

    rows: int
    classes: int

    def comparable(self) -> CrossEntropy:
        return replace(self, update=Sgd(self.rows / 4))

    def data(self) -> Arrays:
        return (np.random.default_rng(0).integers(0, self.classes, self.rows),)

    def start(self) -> Arrays:
        return (2 * normal(np.random.default_rng(1), self.rows, self.classes),)

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        params = parameters(lib, self.start())
        return params, lambda y: lib.nn.functional.cross_entropy(params[0], y)

    def jax_loss(self, params: Any, state: Any, y: Any) -> tuple[Any, Any]:
        import jax
        import jax.numpy as jnp

        return -jnp.take_along_axis(jax.nn.log_softmax(params[0]), y[:, None], 1).mean(), state
