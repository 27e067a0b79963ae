"""Fit y = sin(x) with a model of one's own: a Module with four scalar parameters."""

import copy
import math

import symgrad as torch


class Polynomial3(torch.nn.Module):
    """a + b x + c x^2 + d x^3."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(()))
        self.b = torch.nn.Parameter(torch.randn(()))
        self.c = torch.nn.Parameter(torch.randn(()))
        self.d = torch.nn.Parameter(torch.randn(()))

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3

    def string(self):
        return f"y = {self.a.item()} + {self.b.item()} x + {self.c.item()} x^2 + {self.d.item()} x^3"


def make_step(model, criterion, optimizer):
    def step(x, y):
        y_pred = model(x)
        loss = criterion(y_pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def train(model, wrap, x, y, steps, learning_rate):
    criterion = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    step = wrap(make_step(model, criterion, optimizer))
    for t in range(steps):
        loss = step(x, y)
        if t % 100 == 99:
            print(t, loss.item())
    print(f"Result: {model.string()}")
    return [p.item() for p in model.parameters()]


def main(steps=2000, start=None, learning_rate=1e-6):
    torch.manual_seed(0)
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    model = Polynomial3()
    if start is not None:
        model.load_state_dict({name: torch.tensor(v) for name, v in zip("abcd", start)})
    twin = copy.deepcopy(model)
    eager = train(model, lambda step: step, x, y, steps, learning_rate)
    compiled = train(twin, torch.compile, x, y, steps, learning_rate)
    assert all(math.isclose(p, q, rel_tol=1e-4, abs_tol=1e-5) for p, q in zip(eager, compiled))
    return eager


if __name__ == "__main__":
    main()
