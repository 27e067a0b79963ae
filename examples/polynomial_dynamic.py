"""A model whose depth is drawn anew at each call and whose fifth parameter is used several times.

Python's random numbers decide which operations run, so this one runs eagerly.
"""

import math
import random

import symgrad as torch


class DynamicNet(torch.nn.Module):
    """A cubic, plus e x^4 and e x^5 or not, as chance has it."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(()))
        self.b = torch.nn.Parameter(torch.randn(()))
        self.c = torch.nn.Parameter(torch.randn(()))
        self.d = torch.nn.Parameter(torch.randn(()))
        self.e = torch.nn.Parameter(torch.randn(()))

    def forward(self, x):
        y = self.a + self.b * x + self.c * x**2 + self.d * x**3
        for exp in range(4, random.randint(4, 6)):
            y = y + self.e * x**exp
        return y

    def string(self):
        return (f"y = {self.a.item()} + {self.b.item()} x + {self.c.item()} x^2 + {self.d.item()} x^3 "
                f"+ {self.e.item()} x^4 ? + {self.e.item()} x^5 ?")  # fmt: skip


def main(steps=30000, start=None, learning_rate=1e-8):
    torch.manual_seed(0)
    random.seed(0)
    x = torch.linspace(-math.pi, math.pi, 2000)
    y = torch.sin(x)
    model = DynamicNet()
    if start is not None:
        model.load_state_dict({name: torch.tensor(v) for name, v in zip("abcde", start)})
    criterion = torch.nn.MSELoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
    for t in range(steps):
        y_pred = model(x)
        loss = criterion(y_pred, y)
        if t % 2000 == 1999:
            print(t, loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"Result: {model.string()}")
    return [p.item() for p in model.parameters()]


if __name__ == "__main__":
    main()
