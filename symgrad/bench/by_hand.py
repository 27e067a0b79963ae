"""Each step in plain NumPy: forward, gradients and update written out, powers as products."""

from __future__ import annotations

import numpy as np

from symgrad.bench.timing import Step

Array = np.ndarray


def polynomial(
    x: Array, y: Array, a: Array, b: Array, c: Array, d: Array, *, rate: float
) -> Step:
    """a + b x + c x^2 + d x^3."""

    def step() -> float:
        nonlocal a, b, c, d
        x2 = x * x
        x3 = x2 * x
        residual = a + b * x + c * x2 + d * x3 - y
        loss = np.square(residual).sum()
        grad = 2 * residual
        a = a - rate * grad.sum()
        b = b - rate * (grad * x).sum()
        c = c - rate * (grad * x2).sum()
        d = d - rate * (grad * x3).sum()
        return float(loss)

    return step


def legendre(x: Array, y: Array, a: Array, b: Array, c: Array, d: Array, *, rate: float) -> Step:
    """a + b P3(c + d x)."""

    def step() -> float:
        nonlocal a, b, c, d
        u = c + d * x
        u2 = u * u
        p3 = 0.5 * (5 * u2 - 3) * u
        residual = a + b * p3 - y
        loss = np.square(residual).sum()
        grad = 2 * residual
        grad_u = grad * b * (7.5 * u2 - 1.5)
        a = a - rate * grad.sum()
        b = b - rate * (grad * p3).sum()
        c = c - rate * grad_u.sum()
        d = d - rate * (grad_u * x).sum()
        return float(loss)

    return step


def two_layer(x: Array, y: Array, w1: Array, w2: Array, *, rate: float) -> Step:
    """relu(x w1) w2."""

    def step() -> float:
        nonlocal w1, w2
        h = x @ w1
        h_relu = np.maximum(h, 0)
        residual = h_relu @ w2 - y
        loss = np.square(residual).sum()
        grad = 2 * residual
        grad_w2 = h_relu.T @ grad
        grad_h = grad @ w2.T
        grad_h[h < 0] = 0
        w1 = w1 - rate * (x.T @ grad_h)
        w2 = w2 - rate * grad_w2
        return float(loss)

    return step
