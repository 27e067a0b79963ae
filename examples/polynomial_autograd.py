"""Fit y = sin(x) with a cubic: autograd gives the gradients, the update is written by hand."""

import math

import symgrad as torch


def step(x, y, a, b, c, d, learning_rate):
    """Forward pass, backward pass, update, gradients dropped: the body of the training loop."""
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        a -= learning_rate * a.grad
        b -= learning_rate * b.grad
        c -= learning_rate * c.grad
        d -= learning_rate * d.grad
        a.grad = None
        b.grad = None
        c.grad = None
        d.grad = None
    return loss


def train(step, x, y, start, steps, learning_rate):
    a, b, c, d = (torch.tensor(v, requires_grad=True) for v in start)
    for t in range(steps):
        loss = step(x, y, a, b, c, d, learning_rate)
        if t % 100 == 99:
            print(t, loss.item())
    print(f"Result: y = {a.item()} + {b.item()} x + {c.item()} x^2 + {d.item()} x^3")
    return [a.item(), b.item(), c.item(), d.item()]


def main(steps=2000, start=None, learning_rate=1e-6):
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    torch.manual_seed(0)
    start = [torch.randn(()).item() for _ in range(4)] if start is None else start

    eager = train(step, x, y, start, steps, learning_rate)
    compiled = train(torch.compile(step), x, y, start, steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-4, abs_tol=1e-5) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
