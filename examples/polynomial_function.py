"""Fit y = sin(x) with a + b P3(c + d x), the Legendre polynomial P3 being an autograd.Function."""

import math

import symgrad as torch


class LegendrePolynomial3(torch.autograd.Function):
    """P3(x) = (5 x^3 - 3 x) / 2, with its derivative given by hand."""

    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


def step(x, y, a, b, c, d, learning_rate):
    """One step of gradient descent."""
    P3 = LegendrePolynomial3.apply
    y_pred = a + b * P3(c + d * x)
    loss = (y_pred - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= learning_rate * p.grad
            p.grad = None
    return loss


def train(step, x, y, steps, learning_rate):
    a = torch.full((), 0.0, requires_grad=True)
    b = torch.full((), -1.0, requires_grad=True)
    c = torch.full((), 0.0, requires_grad=True)
    d = torch.full((), 0.3, requires_grad=True)
    for t in range(steps):
        loss = step(x, y, a, b, c, d, learning_rate)
        if t % 100 == 99:
            print(t, loss.item())
    print(f"Result: y = {a.item()} + {b.item()} * P3({c.item()} + {d.item()} x)")
    return [a.item(), b.item(), c.item(), d.item()]


def main(steps=2000, learning_rate=5e-6):
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    eager = train(step, x, y, steps, learning_rate)
    compiled = train(torch.compile(step), x, y, steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-4, abs_tol=1e-5) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
