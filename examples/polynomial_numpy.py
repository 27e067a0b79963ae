"""Fit y = sin(x) with a cubic in NumPy, gradients by hand; then let symgrad compile the same step."""

import math

import numpy as np

import symgrad as sg


def numpy_step(x, y, a, b, c, d, learning_rate):
    """One step of gradient descent: the loss, and the new coefficients."""
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = np.square(y_pred - y).sum()

    grad_y_pred = 2.0 * (y_pred - y)
    grad_a = grad_y_pred.sum()
    grad_b = (grad_y_pred * x).sum()
    grad_c = (grad_y_pred * x**2).sum()
    grad_d = (grad_y_pred * x**3).sum()

    a -= learning_rate * grad_a
    b -= learning_rate * grad_b
    c -= learning_rate * grad_c
    d -= learning_rate * grad_d
    return loss, a, b, c, d


def tensor_step(x, y, a, b, c, d, learning_rate):
    """The same with tensors, updated in place; the gradients come from symgrad."""
    loss = (a + b * x + c * x**2 + d * x**3 - y).square().sum()
    grads = sg.autograd.grad(loss, (a, b, c, d))
    with sg.no_grad():
        for p, g in zip((a, b, c, d), grads):
            p -= learning_rate * g
    return loss.detach()


def main(steps=2000, start=None, learning_rate=1e-6):
    x = np.linspace(-math.pi, math.pi, 2000)
    y = np.sin(x)
    start = np.random.default_rng(0).standard_normal(4) if start is None else start

    coefficients = tuple(start)
    for t in range(steps):
        loss, *coefficients = numpy_step(x, y, *coefficients, learning_rate)
        if t % 100 == 99:
            print(t, loss)
    a, b, c, d = coefficients
    print(f"Result: y = {a} + {b} x + {c} x^2 + {d} x^3")

    compiled = sg.compile(tensor_step)
    xt, yt = sg.from_numpy(x), sg.from_numpy(y)
    tensors = [sg.tensor(v, dtype=sg.float64, requires_grad=True) for v in start]
    for _ in range(steps):
        compiled_loss = compiled(xt, yt, *tensors, learning_rate)
    np.testing.assert_allclose([p.item() for p in tensors], coefficients, rtol=1e-9, atol=1e-12)
    print("compiled agrees:", compiled_loss.item())
    return [float(v) for v in coefficients]


if __name__ == "__main__":
    main()
