"""Document 001, from the activations to the optimizers: every block as written, its typos mended."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from documents.blocks import shown
from documents.loops import trains
from oracle import torch as pytorch

import symgrad as sg

pytestmark = pytest.mark.needs_torch
RNG = np.random.default_rng(6)
COMPILED = ("numpy", "numba")
X = RNG.standard_normal((4, 3, 6, 6)).astype("f4")
ROWS = RNG.standard_normal((6, 5)).astype("f4")
PRINTED = """\
MyNet(
  (fc1): Linear(in_features=10, out_features=10, bias=True)
  (layer2): Linear(in_features=10, out_features=10, bias=True)
  (layer3): Sequential(
    (conv1): Conv2d(1, 16, kernel_size=(5, 5), stride=(1, 1))
    (relu1): ReLU()
  )
  (layer4): Sequential(
    (conv1): Conv2d(1, 16, kernel_size=(5, 5), stride=(1, 1))
    (relu1): ReLU()
  )
)"""


# -- 激活函数 -------------------------------------------------------------------------------------


def test_activations() -> None:
    def block(torch: Any, x: Any) -> Any:
        nn, F = torch.nn, torch.nn.functional
        return [
            nn.ReLU()(x), nn.ReLU6()(4 * x), nn.Sigmoid()(x), nn.Tanh()(x), nn.Softsign()(x), nn.Softplus()(x),
            nn.ELU()(x), nn.LeakyReLU()(x), nn.Softmax(dim=1)(x), nn.Softmax2d()(x), nn.LogSoftmax(dim=1)(x),
            F.relu(x), F.sigmoid(x), F.softplus(x),  # torch.nn.functional 中的激活函数是函数的形式
        ]  # fmt: skip

    shown(block, X, grad=True, backends=COMPILED)


def test_convolution_and_pooling() -> None:
    """如果像保持输出的 size 和原来一样,需要 padding = (kernel_size-1)/2 if stride=1."""

    def block(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
        nn = torch.nn
        conv = nn.Conv2d(in_channels=1, out_channels=16, kernel_size=(5, 5), stride=(1, 1), padding=2)
        assert conv.weight.shape == weight.shape and conv(x[:, :1]).shape == (4, 16, 6, 6)
        same = torch.nn.functional.conv2d(x[:, :1], weight, bias, padding=2)
        return same, nn.MaxPool2d(kernel_size=2)(same)

    weight, bias = RNG.standard_normal((16, 1, 5, 5)).astype("f4"), RNG.standard_normal(16).astype("f4")
    shown(block, X, weight, bias, grad=True)

    def compiled(torch: Any, x: Any, weight: Any, bias: Any) -> Any:
        same = torch.nn.functional.conv2d(x[:, :1], weight, bias, padding=2)
        return same, torch.nn.functional.max_pool2d(same, 2)

    shown(compiled, X, weight, bias, grad=True, backends=COMPILED)


# -- 建立模型 -------------------------------------------------------------------------------------


def my_net(torch: Any) -> Any:
    nn, F = torch.nn, torch.nn.functional

    class MyNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # 方法1
            self.fc1 = nn.Linear(10, 10)
            # 方法2
            self.add_module("layer2", nn.Linear(10, 10))
            # 方法3
            self.layer3 = nn.Sequential(OrderedDict([
                ("conv1", torch.nn.Conv2d(in_channels=1, out_channels=16, kernel_size=(5, 5))),
                ("relu1", nn.ReLU()),
            ]))  # fmt: skip
            # 方法4
            self.add_module("layer4", nn.Sequential(OrderedDict([
                ("conv1", torch.nn.Conv2d(in_channels=1, out_channels=16, kernel_size=(5, 5))),
                ("relu1", nn.ReLU()),
            ])))  # fmt: skip

        def forward(self, x: Any) -> Any:
            x = F.relu(self.fc1(x))
            x = F.relu(self.layer2(x))  # the document calls it fc2
            return x

    return MyNet()


def test_a_model_prints_as_the_document_shows() -> None:
    assert repr(my_net(sg)) == repr(my_net(pytorch)) == PRINTED


def test_a_model_of_several_styles_trains() -> None:
    def loop(torch: Any, loss: Any, step: Any, x: Any, y: Any, *start: Any) -> Any:
        net = my_net(torch)
        parameters = [*net.fc1.parameters(), *net.layer2.parameters()]
        with torch.no_grad():
            for parameter, value in zip(parameters, start, strict=True):
                parameter.copy_(value)
        criterion = torch.nn.MSELoss()
        optimizer = torch.optim.Adam(net.parameters(), weight_decay=0.0001)  # weight_decay 是 L2 penalty
        forward = loss(lambda x, y: criterion(net(x), y))

        @step
        def train(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = forward(x, y)
            loss.backward()
            optimizer.step()
            return loss

        return [train(x, y).item() for _ in range(50)], parameters

    start = [0.3 * RNG.standard_normal(s).astype("f4") for s in ((10, 10), (10,), (10, 10), (10,))]
    data = [RNG.standard_normal((8, 10)).astype("f4") for _ in range(2)]
    trains(loop, *data, *start, rtol=1e-3, atol=1e-5)


def test_saving_and_loading(tmp_path: Path) -> None:
    """存, 读; map_location 把 GPU1 的权重加载到 GPU0 上."""
    torch = sg
    model = my_net(torch)
    torch.save(model.state_dict(), tmp_path / "model.pkh")
    again = my_net(torch)
    again.load_state_dict(torch.load(tmp_path / "model.pkh"))
    for mine, theirs in zip(again.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(mine.detach().numpy(), theirs.detach().numpy())
    assert list(torch.load(tmp_path / "model.pkh", map_location={"cuda:1": "cuda:0"})) == list(model.state_dict())
    there = torch.load(tmp_path / "model.pkh", map_location=lambda storage, loc: storage)
    assert list(there) == list(model.state_dict())


# -- 正则化项 -------------------------------------------------------------------------------------


def test_weights_decay_and_biases_do_not() -> None:
    def loop(torch: Any, loss: Any, step: Any, x: Any, y: Any, weight: Any, bias: Any) -> Any:
        my_net = torch.nn.Sequential(torch.nn.Linear(5, 5))
        with torch.no_grad():
            my_net[0].weight.copy_(weight)
            my_net[0].bias.copy_(bias)
        weight_p, bias_p = [], []
        for name, p in my_net.named_parameters():
            if "bias" in name:
                bias_p += [p]
            else:
                weight_p += [p]
        optimizer = torch.optim.SGD([{"params": weight_p, "weight_decay": 1e-1},
                                     {"params": bias_p, "weight_decay": 0}],
                                    lr=1e-2,
                                    momentum=0.9)  # fmt: skip
        forward = loss(lambda x, y: torch.nn.functional.mse_loss(my_net(x), y))

        @step
        def train(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = forward(x, y)
            loss.backward()
            optimizer.step()
            return loss

        return [train(x, y).item() for _ in range(50)], list(my_net.parameters())

    start = [RNG.standard_normal((5, 5)).astype("f4"), RNG.standard_normal(5).astype("f4")]
    trains(loop, ROWS, RNG.standard_normal((6, 5)).astype("f4"), *start, rtol=1e-4, atol=1e-6)


def test_dropout() -> None:
    """p是丢弃概率,1表示全部丢弃; training=False 也不生效."""

    def block(torch: Any, x: Any) -> Any:
        dropout = torch.nn.functional.dropout
        kept = dropout(x, p=0.5, training=True, inplace=False)
        assert bool(((kept == 0) | (kept == 2 * x)).all())
        layer = torch.nn.Dropout(0.5)
        return dropout(x, p=1.0, training=True), dropout(x, p=0.5, training=False), layer.eval()(x)

    shown(block, ROWS, grad=True)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape, kind", [((6, 5), 1), ((6, 5, 7), 1), ((2, 5, 4, 3), 2), ((2, 5, 2, 3, 2), 3)])
def test_batch_normalization(shape: tuple[int, ...], kind: int, affine: bool) -> None:
    def block(torch: Any, x: Any) -> Any:
        layer = getattr(torch.nn, f"BatchNorm{kind}d")(
            num_features=5, eps=1e-5, momentum=0.1, affine=affine, track_running_stats=True, device=None, dtype=None)
        first, second = layer(x), layer(x * 2)
        return [first, second, layer.running_mean, layer.running_var, layer.num_batches_tracked, layer.eval()(x)]

    shown(block, RNG.standard_normal(shape).astype("f4"), grad=True)


# -- 损失函数 -------------------------------------------------------------------------------------


def test_losses() -> None:
    def block(torch: Any, x: Any, y: Any, classes: Any, weight: Any) -> Any:
        nn = torch.nn
        a, b = 1.0, 10.0  # 预测销量时,多预测一个损失1元,少预测1个损失10元
        return [
            nn.L1Loss()(x, y), nn.CrossEntropyLoss()(x, classes), nn.CrossEntropyLoss(weight.detach())(x, classes),
            nn.MSELoss()(x, y), torch.where(x > y, a * (x - y), b * (y - x)).sum(),
            nn.BCELoss()(x.sigmoid(), y.sigmoid().detach()), nn.BCEWithLogitsLoss()(x, (y > 0).float()),
        ]  # fmt: skip

    other, weight = RNG.standard_normal((6, 5)).astype("f4"), RNG.random(5, np.float32)
    shown(block, ROWS, other, RNG.integers(0, 5, 6), weight, grad=True, backends=COMPILED)


# -- AUTOGRAD -------------------------------------------------------------------------------------


def test_autograd() -> None:
    def block(torch: Any) -> Any:
        x = torch.ones(2, 2)
        x.requires_grad = True  # 方法2
        y = x + 2
        z = y * y * 3
        z.retain_grad()  # 如果确实需要 z.grad,提前声明
        k = z.mean()
        k.backward(retain_graph=True)
        once = x.grad.clone()
        k.backward()  # 结果为上一次的累加
        return [y.requires_grad, y.grad_fn is not None, x.is_leaf, y.is_leaf, once, x.grad, z.grad]

    shown(block)


def test_switching_gradients_off() -> None:
    def block(torch: Any) -> Any:
        x = torch.ones(2, 2, requires_grad=True)
        with torch.no_grad():  # 方法1. 使用 with
            y = x + 2

        @torch.no_grad()  # 方法2. 使用装饰器
        def func(x: Any) -> Any:
            return x + 2

        torch.set_grad_enabled(False)  # 方法3. 全局打开/关闭
        off = (x + 2).requires_grad
        torch.set_grad_enabled(True)
        with torch.no_grad(), torch.enable_grad():
            inner = (x + 2).requires_grad
        v = torch.tensor([1.0, 2, 3])
        w = torch.ones(3, requires_grad=True)
        (w * v).backward(v)  # 如果 out 是一个 tensor 数据类型的矢量
        return [y.requires_grad, func(x).requires_grad, off, inner, w.grad]

    shown(block)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adadelta", "Adagrad"])
def test_optimizers(name: str) -> None:
    def loop(torch: Any, loss: Any, step: Any, x: Any, y: Any, weight: Any) -> Any:
        weight.requires_grad_()
        optimizer = getattr(torch.optim, name)([weight], lr=1e-2)
        forward = loss(lambda x, y: (x @ weight - y).square().mean())

        @step
        def train(x: Any, y: Any) -> Any:
            optimizer.zero_grad()
            loss = forward(x, y)
            loss.backward()
            optimizer.step()
            return loss

        return [train(x, y).item() for _ in range(50)], [weight]

    trains(loop, ROWS, RNG.standard_normal((6, 2)).astype("f4"), RNG.standard_normal((5, 2)).astype("f4"),
           rtol=1e-3, atol=1e-5)  # fmt: skip
