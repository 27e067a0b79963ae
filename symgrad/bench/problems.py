"""The training steps of the documents, each for every way of running it, from the same numbers.

A step has no arguments, changes its own parameters and returns the loss as a Python float, which is
what a training loop that reports its loss pays for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.bench import by_hand
from symgrad.bench.timing import Step

Arrays = tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Problem:
    """One training step: its data, first parameters, learning rate and how the update is written."""

    name: str
    title: str
    kind: str
    sizes: tuple[int, ...]
    rate: float
    by_optimizer: bool = False

    def data(self) -> Arrays:
        """What is fitted: x and y."""
        if self.kind == "two_layer":
            rows, inputs, _, outputs = self.sizes
            rng = np.random.default_rng(0)
            return normal(rng, rows, inputs), normal(rng, rows, outputs)
        x = np.linspace(-math.pi, math.pi, self.sizes[0], dtype=np.float32)
        return x, np.sin(x)

    def start(self) -> Arrays:
        """Fresh arrays with the parameters' first values."""
        rng = np.random.default_rng(1)
        if self.kind == "two_layer":
            _, inputs, hidden, outputs = self.sizes
            return normal(rng, inputs, hidden), normal(rng, hidden, outputs)
        if self.kind == "legendre":
            return tuple(np.array(value, np.float32) for value in (0.0, -1.0, 0.0, 0.3))
        return tuple(normal(rng) for _ in range(4))

    def numpy(self) -> Step:
        """Forward, backward and update written out in NumPy, as the documents begin."""
        maker: Callable[..., Step] = getattr(by_hand, self.kind)
        return maker(*self.data(), *self.start(), rate=self.rate)

    def eager(self) -> Step:
        """Tensors and the tape, op by op."""
        function, x, y = self.training_step()
        return lambda: float(function(x, y).item())

    def compiled(self, backend: str = "auto") -> Step:
        """The very same function under `sg.compile`."""
        function, x, y = self.training_step()
        step = sg.compile(function, backend=backend, fullgraph=True)
        return lambda: float(step(x, y).item())

    def training_step(self) -> tuple[Callable[..., Any], sg.Tensor, sg.Tensor]:
        """The step as a function of x and y, and these two."""
        x, y = (sg.from_numpy(array) for array in self.data())
        params = [sg.from_numpy(array).requires_grad_() for array in self.start()]
        loss_of, rate = LOSSES[self.kind], self.rate
        optimizer = sg.optim.SGD(params, lr=rate)

        def by_hand_step(x: Any, y: Any) -> Any:
            loss = loss_of(params, x, y)
            loss.backward()
            with sg.no_grad():
                for param in params:
                    param -= rate * param.grad  # type: ignore[operator]
                    param.grad = None
            return loss

        def optimizer_step(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(params, x, y)
            loss.backward()
            optimizer.step()
            return loss

        return optimizer_step if self.by_optimizer else by_hand_step, x, y


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Standard normal float32 numbers."""
    return np.asarray(rng.standard_normal(shape), np.float32)


class LegendrePolynomial3(sg.autograd.Function):
    """P3(x) = (5 x^3 - 3 x) / 2 with its own gradient, as in the tutorial."""

    @staticmethod
    def forward(ctx: Any, input: Any) -> Any:
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx: Any, grad_output: Any) -> Any:
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


def polynomial(params: Any, x: Any, y: Any) -> Any:
    """Squared error of a + b x + c x^2 + d x^3."""
    a, b, c, d = params
    return (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()


def legendre(params: Any, x: Any, y: Any) -> Any:
    """Squared error of a + b P3(c + d x)."""
    a, b, c, d = params
    return (a + b * LegendrePolynomial3.apply(c + d * x) - y).pow(2).sum()


def two_layer(params: Any, x: Any, y: Any) -> Any:
    """Squared error of relu(x w1) w2."""
    w1, w2 = params
    return (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()


LOSSES = {"polynomial": polynomial, "legendre": legendre, "two_layer": two_layer}

# The large polynomial's sums are 5,000 times those of the small one, and its rate as much smaller.
PROBLEMS = {
    p.name: p
    for p in (
        Problem("polynomial", "polynomial, 2,000 points", "polynomial", (2000,), 1e-6),
        Problem("polynomial-sgd", "polynomial, optim.SGD", "polynomial", (2000,), 1e-6, True),
        Problem("legendre", "Legendre P3, 2,000 points", "legendre", (2000,), 5e-6),
        Problem("polynomial-large", "polynomial, 10,000,000 points", "polynomial", (10**7,), 2e-10),
        Problem("two-layer-small", "two-layer 50×40×100×10", "two_layer", (50, 40, 100, 10), 1e-5),
        Problem("two-layer", "two-layer 64×1000×100×10", "two_layer", (64, 1000, 100, 10), 1e-6),
    )
}


def problem(name: str) -> Problem:
    """The problem called `name`; ValueError names those there are."""
    if name not in PROBLEMS:
        raise ValueError(f"no problem {name!r}; there are {', '.join(PROBLEMS)}")
    return PROBLEMS[name]
