"""Document 004, sections 4 and 5: linear regression from scratch and with the framework's parts, as written."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from documents.loops import trains

pytestmark = pytest.mark.needs_torch
RNG = np.random.default_rng(4)
TRUE_W, TRUE_B = np.array([2, -3.4], np.float32), 4.2
FEATURES = RNG.standard_normal((200, 2)).astype("f4")
LABELS = (FEATURES @ TRUE_W + TRUE_B + 0.01 * RNG.standard_normal(200)).astype("f4").reshape(-1, 1)
START = [(0.01 * RNG.standard_normal((2, 1))).astype("f4"), np.zeros(1, np.float32)]


def linreg(torch: Any, X: Any, w: Any, b: Any) -> Any:
    """线性回归模型。"""
    return torch.matmul(X, w) + b


def squared_loss(y_hat: Any, y: Any) -> Any:
    """均方损失。"""
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2


def test_synthetic_data() -> None:
    """生成 y = Xw + b + 噪声。"""
    import symgrad as torch

    def synthetic_data(w: Any, b: float, num_examples: int) -> Any:
        X = torch.normal(0, 1, (num_examples, len(w)))
        y = torch.matmul(X, w) + b
        y += torch.normal(0, 0.01, y.shape)
        return X, y.reshape((-1, 1))

    torch.manual_seed(4)
    true_w, true_b = torch.tensor([2, -3.4]), 4.2
    features, labels = synthetic_data(true_w, true_b, 1000)
    assert features.shape == (1000, 2) and labels.shape == (1000, 1)
    noise = labels[:, 0] - features @ true_w - true_b
    assert abs(noise.mean().item()) < 2e-3 and noise.std().item() == pytest.approx(0.01, rel=0.1)


def test_from_scratch() -> None:
    def loop(torch: Any, loss: Any, step: Any, features: Any, labels: Any, w: Any, b: Any) -> Any:
        w.requires_grad_()
        b.requires_grad_()
        random.seed(0)

        def data_iter(batch_size: int, features: Any, labels: Any) -> Any:
            num_examples = len(features)
            indices = list(range(num_examples))
            random.shuffle(indices)
            for i in range(0, num_examples, batch_size):
                batch_indices = torch.tensor(indices[i : min(i + batch_size, num_examples)])
                yield features[batch_indices], labels[batch_indices]

        def sgd(params: Any, lr: float, batch_size: int) -> None:
            """小批量随机梯度下降。"""
            with torch.no_grad():
                for param in params:
                    param -= lr * param.grad / batch_size
                    param.grad.zero_()

        forward = loss(lambda X, y: squared_loss(linreg(torch, X, w, b), y))

        @step
        def train(X: Any, y: Any) -> Any:
            l = forward(X, y)  # noqa: E741
            l.sum().backward()  # 反向传播更新loss
            sgd([w, b], lr, batch_size)
            return l.sum()

        lr, num_epochs, batch_size = 0.03, 3, 10
        losses = []
        for _ in range(num_epochs):
            losses += [train(X, y).item() for X, y in data_iter(batch_size, features, labels)]
            with torch.no_grad():
                train_l = squared_loss(linreg(torch, features, w, b), labels)
                losses.append(float(train_l.mean()))
        assert losses[-1] < 0.2 * losses[20]
        return losses, [w, b]

    trains(loop, FEATURES, LABELS, *START, rtol=1e-3, atol=1e-5)


def test_with_the_frameworks_parts() -> None:
    def loop(torch: Any, loss: Any, step: Any, features: Any, labels: Any, weight: Any, bias: Any) -> Any:
        nn, data = torch.nn, torch.utils.data

        def load_array(data_arrays: Any, batch_size: int, is_train: bool = True) -> Any:
            """构造一个PyTorch数据迭代器。"""
            dataset = data.TensorDataset(*data_arrays)
            return data.DataLoader(dataset, batch_size, shuffle=is_train)

        # the two libraries draw other orders: unshuffled, so that losses can be compared
        data_iter = load_array((features, labels), 15, is_train=False)
        assert [tuple(x.shape) for x in next(iter(load_array((features, labels), 10)))] == [(10, 2), (10, 1)]
        net = nn.Sequential(nn.Linear(2, 1))  # 线性层
        net[0].weight.data.normal_(0, 0.01)
        net[0].bias.data.fill_(0)
        net[0].weight.data.copy_(weight.t())
        criterion = nn.MSELoss()
        trainer = torch.optim.SGD(net.parameters(), lr=0.03)
        forward = loss(lambda X, y: criterion(net(X), y))

        @step
        def train(X: Any, y: Any) -> Any:
            l = forward(X, y)  # noqa: E741
            trainer.zero_grad()
            l.backward()
            trainer.step()
            return l

        losses = []
        for _ in range(3):
            losses += [train(X, y).item() for X, y in data_iter]  # the last batch is smaller
            with torch.no_grad():
                losses.append(criterion(net(features), labels).item())
        return losses, list(net.parameters())

    trains(loop, FEATURES, LABELS, *START, rtol=1e-3, atol=1e-5)


