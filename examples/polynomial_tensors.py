"""Fit y = sin(x) with a cubic: tensors, and gradients written out by hand."""

import math

import symgrad as torch


def step(x, y, a, b, c, d, learning_rate):
    """Forward pass, loss, gradients by hand, update in place."""
    y_pred = a + b * x + c * x**2 + d * x**3
    loss = (y_pred - y).pow(2).sum()

    grad_y_pred = 2.0 * (y_pred - y)
    grad_a = grad_y_pred.sum()
    grad_b = (grad_y_pred * x).sum()
    grad_c = (grad_y_pred * x**2).sum()
    grad_d = (grad_y_pred * x**3).sum()

    a -= learning_rate * grad_a
    b -= learning_rate * grad_b
    c -= learning_rate * grad_c
    d -= learning_rate * grad_d
    return loss


def train(step, x, y, start, steps, learning_rate):
    a, b, c, d = (torch.tensor(v) for v in start)
    for t in range(steps):
        loss = step(x, y, a, b, c, d, learning_rate)
        if t % 100 == 99:
            print(t, loss.item())
    print(f"Result: y = {a.item()} + {b.item()} x + {c.item()} x^2 + {d.item()} x^3")
    return [a.item(), b.item(), c.item(), d.item()]


def main(steps=2000, start=None, learning_rate=1e-6):
    dtype = torch.float
    device = torch.device("cpu")
    # device = torch.device("cuda:0")  # Uncomment this to run on GPU
    x = torch.linspace(-math.pi, math.pi, 2000, device=device, dtype=dtype)
    y = torch.sin(x)
    torch.manual_seed(0)
    start = [torch.randn((), dtype=dtype).item() for _ in range(4)] if start is None else start

    eager = train(step, x, y, start, steps, learning_rate)
    compiled = train(torch.compile(step), x, y, start, steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-4, abs_tol=1e-5) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
