"""The training steps of the documents: what `symgrad bench` runs, and the first rows of the peers' table."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from symgrad.bench import by_hand
from symgrad.bench.timing import Step
from symgrad.bench.workload import Arrays, Formula, Loss, Sgd, normal, parameters

EVERYWHERE = ("pytensor", "torch", "torch.compile", "jax")


@dataclass(frozen=True)
class Polynomial(Formula):
    """a + b x + c x^2 + d x^3 against sin(x)."""

    update: Sgd
    points: int
    peers: ClassVar[tuple[str, ...]] = EVERYWHERE

    def data(self) -> Arrays:
        x = np.linspace(-math.pi, math.pi, self.points, dtype=np.float32)
        return x, np.sin(x)

    def start(self) -> Arrays:
        rng = np.random.default_rng(1)
        return tuple(normal(rng) for _ in range(4))

    def formula(self, words: Any, params: Any, x: Any, y: Any) -> Any:
        a, b, c, d = params
        return ((a + b * x + c * x**2 + d * x**3 - y) ** 2).sum()

    def numpy(self) -> Step:
        return by_hand.polynomial(*self.data(), *self.start(), rate=self.update.rate)


@dataclass(frozen=True)
class Legendre(Polynomial):
    """a + b P3(c + d x), P3 a Function with its own gradient where the tape is PyTorch's."""

    def start(self) -> Arrays:
        return tuple(np.array(value, np.float32) for value in (0.0, -1.0, 0.0, 0.3))

    def formula(self, words: Any, params: Any, x: Any, y: Any) -> Any:
        a, b, c, d = params
        u = c + d * x
        return ((a + b * (0.5 * (5 * u**3 - 3 * u)) - y) ** 2).sum()

    def network(self, lib: Any) -> tuple[list[Any], Loss]:
        a, b, c, d = params = parameters(lib, self.start())
        p3 = legendre_function(lib).apply
        return params, lambda x, y: (a + b * p3(c + d * x) - y).pow(2).sum()

    def numpy(self) -> Step:
        return by_hand.legendre(*self.data(), *self.start(), rate=self.update.rate)


def legendre_function(lib: Any) -> Any:
    """P3(x) = (5 x^3 - 3 x) / 2 with its own gradient, as in the tutorial."""

    class LegendrePolynomial3(lib.autograd.Function):  # type: ignore[misc, name-defined]
        @staticmethod
        def forward(ctx: Any, input: Any) -> Any:
            ctx.save_for_backward(input)
            return 0.5 * (5 * input**3 - 3 * input)

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (input,) = ctx.saved_tensors
            return grad_output * 1.5 * (5 * input**2 - 1)

    return LegendrePolynomial3


@dataclass(frozen=True)
class TwoLayer(Formula):
    """relu(x w1) w2."""

    update: Sgd
    sizes: tuple[int, int, int, int]  # batch, inputs, hidden, outputs
    peers: ClassVar[tuple[str, ...]] = EVERYWHERE

    def data(self) -> Arrays:
        rows, inputs, _, outputs = self.sizes
        rng = np.random.default_rng(0)
        return normal(rng, rows, inputs), normal(rng, rows, outputs)

    def start(self) -> Arrays:
        _, inputs, hidden, outputs = self.sizes
        rng = np.random.default_rng(1)
        return normal(rng, inputs, hidden), normal(rng, hidden, outputs)

    def formula(self, words: Any, params: Any, x: Any, y: Any) -> Any:
        w1, w2 = params
        return ((words.relu(x @ w1) @ w2 - y) ** 2).sum()

    def numpy(self) -> Step:
        return by_hand.two_layer(*self.data(), *self.start(), rate=self.update.rate)


# The large polynomial's sums are 5,000 times those of the small one, and its rate as much smaller.
PROBLEMS: dict[str, Formula] = {
    p.name: p
    for p in (
        Polynomial("polynomial", "polynomial, 2,000 points", Sgd(1e-6), 2000),
        Legendre("legendre", "Legendre P3, 2,000 points", Sgd(5e-6), 2000),
        Polynomial("polynomial-large", "polynomial, 10,000,000 points", Sgd(2e-10), 10**7),
        TwoLayer("two-layer-small", "two-layer 50×40×100×10", Sgd(1e-5), (50, 40, 100, 10)),
        TwoLayer("two-layer", "two-layer 64×1000×100×10", Sgd(1e-6), (64, 1000, 100, 10)),
    )
}


def problem(name: str) -> Formula:
    """The problem called `name`; ValueError names those there are."""
    if name not in PROBLEMS:
        raise ValueError(f"no problem {name!r}; there are {', '.join(PROBLEMS)}")
    return PROBLEMS[name]
