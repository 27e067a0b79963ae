"""Fits y = a + b x + c x^2 + d x^3 to sin(x): what `symgrad demo` runs, eagerly and compiled.

    python polynomial.py
    symgrad graph polynomial.py:step --show source
"""

import math

import symgrad as sg

x = sg.linspace(-math.pi, math.pi, 2000)
y = sg.sin(x)

sg.manual_seed(0)
a = sg.randn((), requires_grad=True)
b = sg.randn((), requires_grad=True)
c = sg.randn((), requires_grad=True)
d = sg.randn((), requires_grad=True)
optimizer = sg.optim.SGD([a, b, c, d], lr=1e-6)

EXAMPLE = (x, y)


def forward(x: sg.Tensor, y: sg.Tensor) -> sg.Tensor:
    """The sum of squared errors."""
    y_pred = a + b * x + c * x**2 + d * x**3
    return (y_pred - y).pow(2).sum()


def step(x: sg.Tensor, y: sg.Tensor) -> sg.Tensor:
    """One whole training step: gradients cleared, loss, backward, update."""
    optimizer.zero_grad()
    loss = forward(x, y)
    loss.backward()
    optimizer.step()
    return loss


def main() -> None:
    compiled = sg.compile(step)
    for t in range(2000):
        loss = compiled(x, y)
        if t % 100 == 99:
            print(t, loss.item())
    print(f"Result: y = {a.item()} + {b.item()} x + {c.item()} x^2 + {d.item()} x^3")


if __name__ == "__main__":
    main()
