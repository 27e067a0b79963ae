"""Document 000, Learning PyTorch with Examples: every training loop as written, its typos mended.

Starting values that the document draws are given, so that both libraries have the same.
"""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
from documents.loops import trains

pytestmark = pytest.mark.needs_torch
START = [np.float32(v) for v in (0.3, -0.7, 0.2, 0.05)]
LAYER = [np.array([[-0.2, 0.4, 0.1]], np.float32), np.array([0.3], np.float32)]


def data(torch: Any, **where: Any) -> tuple[Any, Any]:
    # Create random input and output data
    x = torch.linspace(-math.pi, math.pi, 2000, **where)
    return x, torch.sin(x)


def test_numpy_beside_tensors() -> None:
    """The document's first program is NumPy's; float64 tensors give what it gives."""

    def fit(x: Any, y: Any, a: Any, b: Any, c: Any, d: Any, square: Any) -> Any:
        learning_rate = 1e-6
        for _ in range(200):
            # 前向传播,这里就是非常简单地计算y
            y_pred = a + b * x + c * x**2 + d * x**3
            loss = square(y_pred - y).sum()
            # 反向传播过程:根据损失函数计算梯度
            grad_y_pred = 2.0 * (y_pred - y)
            grad_a = grad_y_pred.sum()
            grad_b = (grad_y_pred * x).sum()
            grad_c = (grad_y_pred * x**2).sum()
            grad_d = (grad_y_pred * x**3).sum()
            # 更新参数权重
            a -= learning_rate * grad_a
            b -= learning_rate * grad_b
            c -= learning_rate * grad_c
            d -= learning_rate * grad_d
        return [float(v) for v in (loss, a, b, c, d)]

    import symgrad as sg

    x = np.linspace(-math.pi, math.pi, 2000)
    want = fit(x, np.sin(x), 0.3, -0.7, 0.2, 0.05, np.square)
    tensors = [sg.tensor(v, dtype=sg.float64) for v in (0.3, -0.7, 0.2, 0.05)]
    given = sg.linspace(-math.pi, math.pi, 2000, dtype=sg.float64)
    assert fit(given, sg.sin(given), *tensors, sg.square) == pytest.approx(want, rel=1e-12)


def test_tensors() -> None:
    def loop(torch: Any, loss: Any, step: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        dtype = torch.float
        device = torch.device("cpu")
        x, y = data(torch, device=device, dtype=dtype)
        learning_rate = 1e-6

        @loss
        def forward(x: Any, y: Any) -> Any:
            # Forward pass: compute predicted y
            y_pred = a + b * x + c * x**2 + d * x**3
            return y_pred, (y_pred - y).pow(2).sum()

        @step
        def train(x: Any, y: Any) -> Any:
            y_pred, loss = forward(x, y)
            # Backprop to compute gradients of a, b, c, d with respect to loss
            grad_y_pred = 2.0 * (y_pred - y)
            grad_a = grad_y_pred.sum()
            grad_b = (grad_y_pred * x).sum()
            grad_c = (grad_y_pred * x**2).sum()
            grad_d = (grad_y_pred * x**3).sum()
            # Update weights using gradient descent
            a.sub_(learning_rate * grad_a)
            b.sub_(learning_rate * grad_b)
            c.sub_(learning_rate * grad_c)
            d.sub_(learning_rate * grad_d)
            return loss

        return [train(x, y).item() for _ in range(500)], [a, b, c, d]

    trains(loop, *START)


def test_autograd() -> None:
    def loop(torch: Any, loss: Any, step: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        x, y = data(torch, device=torch.device("cpu"), dtype=torch.float)
        for p in (a, b, c, d):
            p.requires_grad = True
        learning_rate = 1e-6

        @loss
        def forward(x: Any, y: Any) -> Any:
            # Forward pass: compute predicted y using operations on Tensors.
            y_pred = a + b * x + c * x**2 + d * x**3
            return (y_pred - y).pow(2).sum()

        @step
        def train(x: Any, y: Any) -> Any:
            loss = forward(x, y)
            loss.backward()
            # Manually update weights using gradient descent. Wrap in torch.no_grad()
            with torch.no_grad():
                for p in (a, b, c, d):
                    p -= learning_rate * p.grad
                    # Manually zero the gradients after updating weights
                    p.grad = None
            return loss

        return [train(x, y).item() for _ in range(500)], [a, b, c, d]

    trains(loop, *START)


def test_function() -> None:
    def loop(torch: Any, loss: Any, step: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
        class LegendrePolynomial3(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, input: Any) -> Any:
                ctx.save_for_backward(input)
                return 0.5 * (5 * input**3 - 3 * input)

            @staticmethod
            def backward(ctx: Any, grad_output: Any) -> Any:
                (input,) = ctx.saved_tensors
                return grad_output * 1.5 * (5 * input**2 - 1)

        x, y = data(torch)
        for p in (a, b, c, d):
            p.requires_grad_()
        learning_rate = 5e-6

        @loss
        def forward(x: Any, y: Any) -> Any:
            # To apply our Function, we use Function.apply method. We alias this as 'P3'.
            P3 = LegendrePolynomial3.apply
            y_pred = a + b * P3(c + d * x)
            return (y_pred - y).pow(2).sum()

        @step
        def train(x: Any, y: Any) -> Any:
            loss = forward(x, y)
            loss.backward()
            with torch.no_grad():
                for p in (a, b, c, d):
                    p -= learning_rate * p.grad
                    p.grad = None
            return loss

        return [train(x, y).item() for _ in range(500)], [a, b, c, d]

    trains(loop, *[np.float32(v) for v in (0.0, -1.0, 0.0, 0.3)])


def linear(torch: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """The document's model of one layer, its data, and its loss."""
    x, y = data(torch)
    p = torch.tensor([1, 2, 3])
    xx = x.unsqueeze(-1).pow(p)
    model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
    with torch.no_grad():
        model[0].weight.copy_(weight)
        model[0].bias.copy_(bias)
    return model, xx, y


def test_nn() -> None:
    def loop(torch: Any, loss: Any, step: Any, weight: Any, bias: Any) -> Any:
        model, xx, y = linear(torch, weight, bias)
        loss_fn = torch.nn.MSELoss(reduction="sum")
        learning_rate = 1e-6
        forward = loss(lambda xx, y: loss_fn(model(xx), y))

        @step
        def train(xx: Any, y: Any) -> Any:
            loss = forward(xx, y)
            # Zero the gradients before running the backward pass.
            model.zero_grad()
            loss.backward()
            with torch.no_grad():
                for param in model.parameters():
                    param -= learning_rate * param.grad
            return loss

        losses = [train(xx, y).item() for _ in range(500)]
        # You can access the first layer of `model` like accessing the first item of a list
        linear_layer = model[0]
        return losses, [linear_layer.bias, *(linear_layer.weight[:, i] for i in range(3))]

    trains(loop, *LAYER)


@pytest.mark.parametrize("name, learning_rate", [("RMSprop", 1e-3), ("Adam", 1e-3), ("SGD", 1e-6)])
def test_optimizers(name: str, learning_rate: float) -> None:
    """常见的SGD+momentum, RMSProp, Adam都可以在torch.optim中找到."""

    def loop(torch: Any, loss: Any, step: Any, weight: Any, bias: Any) -> Any:
        model, xx, y = linear(torch, weight, bias)
        loss_fn = torch.nn.MSELoss(reduction="sum")
        given = {"momentum": 0.5} if name == "SGD" else {}
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=learning_rate, **given)
        forward = loss(lambda xx, y: loss_fn(model(xx), y))

        @step
        def train(xx: Any, y: Any) -> Any:
            loss = forward(xx, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        return [train(xx, y).item() for _ in range(300)], list(model.parameters())

    trains(loop, *LAYER, rtol=1e-3, atol=1e-4)


def test_module() -> None:
    def loop(torch: Any, loss: Any, step: Any, *start: Any) -> Any:
        class Polynomial3(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a = torch.nn.Parameter(start[0])
                self.b = torch.nn.Parameter(start[1])
                self.c = torch.nn.Parameter(start[2])
                self.d = torch.nn.Parameter(start[3])

            def forward(self, x: Any) -> Any:
                return self.a + self.b * x + self.c * x**2 + self.d * x**3

            def string(self) -> str:
                return f"y = {self.a.item()} + {self.b.item()} x + {self.c.item()} x^2 + {self.d.item()} x^3"

        x, y = data(torch)
        model = Polynomial3()
        criterion = torch.nn.MSELoss(reduction="sum")
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-6)
        forward = loss(lambda x, y: criterion(model(x), y))

        @step
        def train(x: Any, y: Any) -> Any:
            loss = forward(x, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        losses = [train(x, y).item() for _ in range(500)]
        assert model.string().startswith("y = ")
        return losses, list(model.parameters())

    trains(loop, *START)


def test_dynamic() -> None:
    """Control flow and weight sharing: the depth is drawn at every call, so the model runs eagerly, or falls back."""

    def loop(torch: Any, loss: Any, step: Any, *start: Any) -> Any:
        class DynamicNet(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a, self.b, self.c, self.d, self.e = (torch.nn.Parameter(v) for v in start)

            def forward(self, x: Any) -> Any:
                y = self.a + self.b * x + self.c * x**2 + self.d * x**3
                for exp in range(4, random.randint(4, 6)):
                    y = y + self.e * x**exp
                return y

        random.seed(0)
        x, y = data(torch)
        model = DynamicNet()
        criterion = torch.nn.MSELoss(reduction="sum")
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-8, momentum=0.9)
        losses = []
        for _ in range(300):
            y_pred = model(x)
            loss = criterion(y_pred, y)
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return losses, list(model.parameters())

    trains(loop, *START, np.float32(0.01), backends=())
