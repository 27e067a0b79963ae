"""Document 003, a two-layer network three times and a convolutional one, as written, typos mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from documents.loops import trains

pytestmark = pytest.mark.needs_torch
N, D_in, H, D_out = 64, 1000, 100, 10
RNG = np.random.default_rng(3)
X, Y, W1, W2 = (RNG.standard_normal(s).astype("f4") for s in ((N, D_in), (N, D_out), (D_in, H), (H, D_out)))
IMAGES, TARGET = RNG.standard_normal((4, 1, 28, 28)).astype("f4"), RNG.standard_normal((4, 15, 4, 4)).astype("f4")


def test_numpy_beside_tensors() -> None:
    """The document's first program, NumPy's own, in float64, and the same on tensors."""
    import symgrad as sg

    def fit(x: Any, y: Any, w1: Any, w2: Any, product: Any, relu: Any) -> list[float]:
        learning_rate, losses = 1e-6, []
        for _ in range(20):
            h = product(x, w1)
            h_relu = relu(h)
            y_pred = product(h_relu, w2)
            losses.append(float(((y_pred - y) ** 2).sum()))
            grad_y_pred = 2.0 * (y_pred - y)
            grad_w2 = product(h_relu.T, grad_y_pred)
            grad_h = product(grad_y_pred, w2.T)
            grad_h[h < 0] = 0
            grad_w1 = product(x.T, grad_h)
            w1 -= learning_rate * grad_w1
            w2 -= learning_rate * grad_w2
        return losses

    arrays = [a.astype("f8") for a in (X, Y, W1, W2)]
    want = fit(*[a.copy() for a in arrays], np.dot, lambda h: np.maximum(h, 0))
    got = fit(*[sg.tensor(a) for a in arrays], sg.mm, lambda h: h.clamp(min=0))
    assert got == pytest.approx(want, rel=1e-10)


def test_tensors() -> None:
    def loop(torch: Any, loss: Any, step: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
        learning_rate = 1e-6

        @loss
        def forward(x: Any, y: Any) -> Any:
            # 前向传播:计算预测的y
            h = x.mm(w1)  # 矩阵乘法
            h_relu = h.clamp(min=0)  # 截断,<0赋值为0
            y_pred = h_relu.mm(w2)
            return h, h_relu, y_pred, (y_pred - y).pow(2).sum()

        @step
        def train(x: Any, y: Any) -> Any:
            h, h_relu, y_pred, loss = forward(x, y)
            # 使用反向传播计算w1和w2相对于损失的梯度
            grad_y_pred = 2.0 * (y_pred - y)
            grad_w2 = h_relu.t().mm(grad_y_pred)
            grad_h_relu = grad_y_pred.mm(w2.t())
            grad_h = grad_h_relu.clone()
            grad_h[h < 0] = 0
            grad_w1 = x.t().mm(grad_h)
            # 使用梯度下降更新参数
            w1.sub_(learning_rate * grad_w1)
            w2.sub_(learning_rate * grad_w2)
            return loss

        return [train(x, y).item() for _ in range(50)], [w1, w2]

    trains(loop, X, Y, W1, W2, rtol=1e-3, atol=1e-3)


def test_autograd() -> None:
    def loop(torch: Any, loss: Any, step: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
        learning_rate = 1e-6
        w1.requires_grad_()
        w2.requires_grad_()

        @loss
        def forward(x: Any, y: Any) -> Any:
            y_pred = x.mm(w1).clamp(min=0).mm(w2)
            return (y_pred - y).pow(2).sum()

        @step
        def train(x: Any, y: Any) -> Any:
            loss = forward(x, y)
            loss.backward()
            with torch.no_grad():
                w1.sub_(learning_rate * w1.grad)
                w2.sub_(learning_rate * w2.grad)
                # 在权重更新之后手动归零梯度
                w1.grad.zero_()
                w2.grad.zero_()
            return loss

        return [train(x, y).item() for _ in range(50)], [w1, w2]

    trains(loop, X, Y, W1, W2, rtol=1e-3, atol=1e-3)


def test_convolutional_net() -> None:
    def loop(torch: Any, loss: Any, step: Any, images: Any, target: Any, *weights: Any) -> Any:
        nn, F, optim = torch.nn, torch.nn.functional, torch.optim

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv1 = nn.Conv2d(1, 6, 5)
                self.conv2 = nn.Conv2d(6, 15, 5)

            def forward(self, x: Any) -> Any:
                x = F.max_pool2d(F.relu(self.conv1(x)), 2)
                x = F.max_pool2d(F.relu(self.conv2(x)), 2)
                return x

        net = Net()
        with torch.no_grad():
            for parameter, start in zip(net.parameters(), weights, strict=True):
                parameter.copy_(start)
        criterion = nn.MSELoss()
        optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

        @loss
        def forward(images: Any, target: Any) -> Any:
            output = net(images)
            return criterion(target, output)  # target是groundtruth,ouput是网络预测结果

        @step
        def train(images: Any, target: Any) -> Any:
            optimizer.zero_grad()
            loss_net = forward(images, target)
            loss_net.backward()
            optimizer.step()
            return loss_net

        return [train(images, target).item() for _ in range(20)], list(net.parameters())

    start = [0.2 * RNG.standard_normal(s).astype("f4") for s in ((6, 1, 5, 5), (6,), (15, 6, 5, 5), (15,))]
    trains(loop, IMAGES, TARGET, *start, rtol=1e-3, atol=1e-4)
