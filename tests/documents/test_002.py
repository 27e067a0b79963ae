"""Document 002: Variables and the dynamic graph, a network by hand in NumPy, then in tensors; matrix products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from documents.blocks import shown
from oracle import torch as pytorch

import symgrad as sg

pytestmark = pytest.mark.needs_torch
COMPILED = ("reference", "numpy", "numba")
BOTH = (pytorch, sg)


def test_imports() -> None:
    """`import torch as T; import torch.autograd; from torch.autograd import Variable`."""
    from symgrad.autograd import Variable

    assert isinstance(sg.ones(1), Variable) and sg.autograd.Variable is Variable


def test_variable() -> None:
    def block(T: Any) -> Any:
        Variable = T.autograd.Variable
        x = Variable(T.ones(2, 2), requires_grad=True)
        y = T.exp(x + 2)
        yy = T.exp(-x - 2)
        z = (y + yy) / 2
        out = z.mean()
        return x.requires_grad, y, yy, z, out, type(out.grad_fn).__name__.rstrip("0"), x.grad_fn

    *_, out, name, created = shown(block)
    assert abs(float(out.detach()) - 10.0677) < 1e-4 and name == "MeanBackward" and created is None


def test_the_picture() -> None:
    """`make_dot(out)`; the document's node is called MeanBackward."""
    x = sg.autograd.Variable(sg.ones(2, 2), requires_grad=True)
    out = ((sg.exp(x + 2) + sg.exp(-x - 2)) / 2).mean()
    assert "MeanBackward" in sg.make_dot(out).source


def test_backward_of_one_number() -> None:
    """The document passes `T.FloatTensor(1)`, memory as it was found: hence its gradient of -1.2e+21."""

    def block(T: Any) -> Any:
        x = T.autograd.Variable(T.ones(2, 2), requires_grad=True)
        out = ((T.exp(x + 2) + T.exp(-x - 2)) / 2).mean()
        out.backward(T.tensor(1.0), retain_graph=True)
        first = x.grad.clone()
        out.backward(T.tensor(2.0))  # retained, so that it may run again; what it gives is added
        return first, x.grad

    first, _ = shown(block)
    assert float(first[0, 0]) == pytest.approx((np.exp(3) - np.exp(-3)) / 8, rel=1e-5)


def test_the_compiled_gradient() -> None:
    def block(T: Any, x: Any) -> Any:
        return ((T.exp(x + 2) + T.exp(-x - 2)) / 2).mean()

    shown(block, np.ones((2, 2), np.float32), grad=True, backends=COMPILED)


def test_float_tensor_of_a_size() -> None:
    def block(T: Any) -> Any:
        return T.FloatTensor(1).shape, T.FloatTensor(2, 2).dtype, T.randn(1, 1).shape, T.FloatTensor([0.1])

    shown(block)


@pytest.mark.parametrize("lib", BOTH, ids=lambda lib: lib.__name__)
def test_a_vector_given_to_backward(lib: Any, capsys: Any) -> None:
    """`zz.backward(T.FloatTensor([0.1]))`: today its shape must be that of `zz`; the hook prints."""
    Variable = lib.autograd.Variable
    xx = Variable(lib.randn(1, 1), requires_grad=True)
    print(xx)
    yy = 3 * xx
    zz = yy**2
    yy.register_hook(print)
    with pytest.raises(RuntimeError, match="[Mm]ismatch"):
        zz.backward(lib.FloatTensor([0.1]))
    zz.backward(lib.FloatTensor([[0.1]]))
    assert xx.grad.item() == pytest.approx(0.1 * 18 * xx.item(), rel=1e-5)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "requires_grad=True" in lines[0] and lines[1].startswith("tensor([[")


N, D_in, D_hidden, D_out = 50, 40, 100, 10
RNG = np.random.default_rng(2)
DATA = [RNG.standard_normal(s).astype(np.float32) for s in ((N, D_in), (N, D_out), (D_in, D_hidden), (D_hidden, D_out))]
learning_rate = 0.0001


def by_numpy() -> list[Any]:
    """The document's NumPy network as written."""
    x, y, w1, w2 = (a.copy() for a in DATA)
    losses = []
    for _t in range(100):
        # 前向通道
        h = x.dot(w1)  # 50x40 and 40x100 produce 50x100
        h_relu = np.maximum(h, 0)
        y_pred = h_relu.dot(w2)  # 50x100 and 100x10 produce 50x10
        # 误差函数
        losses.append(0.5 * np.sum(np.square(y_pred - y)))
        # 反向通道
        grad_y_pred = y_pred - y  # 50x10
        grad_w2 = h_relu.T.dot(grad_y_pred)
        grad_h_relu = grad_y_pred.dot(w2.T)
        grad_h = grad_h_relu.copy()
        grad_h[grad_h < 0] = 0
        grad_w1 = x.T.dot(grad_h)
        w1 = w1 - learning_rate * grad_w1
        w2 = w2 - learning_rate * grad_w2
    return [losses, w1, w2]


def turn(torch: Any, x: Any, y: Any, w1: Any, w2: Any) -> Any:
    """One turn of the loop, the same in tensors, as written."""
    h = x.mm(w1)  # 50x40 and 40x100 produce 50x100
    h_relu = h.clamp(min=0)
    y_pred = h_relu.mm(w2)  # 50x100 and 100x10 produce 50x10
    loss = 0.5 * (y_pred - y).pow(2).sum()
    grad_y_pred = y_pred - y  # 50x10
    grad_w2 = h_relu.t().mm(grad_y_pred)
    grad_h_relu = grad_y_pred.mm(w2.t())
    grad_h = grad_h_relu.clone()  # make a copy
    grad_h[grad_h < 0] = 0
    grad_w1 = x.t().mm(grad_h)
    w1 = w1 - learning_rate * grad_w1
    w2 = w2 - learning_rate * grad_w2
    return loss, w1, w2


@pytest.mark.parametrize("mode", ["eager", "numpy", "numba"])
def test_a_network_by_hand(mode: str) -> None:
    losses, w1_end, w2_end = by_numpy()
    x, y, w1, w2 = (sg.from_numpy(a.copy()) for a in DATA)
    run = lambda *tensors: turn(sg, *tensors)
    if mode != "eager":
        run = sg.compile(run, backend=mode, fullgraph=True)
    for t in range(100):
        loss, w1, w2 = run(x, y, w1, w2)
        assert float(loss) == pytest.approx(losses[t], rel=1e-3)
    np.testing.assert_allclose(w1.numpy(), w1_end, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(w2.numpy(), w2_end, rtol=1e-3, atol=1e-3)


def test_products() -> None:
    """`dot`, `mm`, `matmul`, `*`; then `bmm`, `baddbmm`, `addbmm`, `addmm`."""

    def block(torch: Any, a: Any, b: Any, A: Any, B: Any, M: Any) -> Any:
        return [torch.dot(a, b), torch.mm(A[0], B[0]), torch.matmul(A[0], B[0]), a * b, torch.bmm(A, B),
                torch.baddbmm(M, A, B), torch.addbmm(M[0], A, B), torch.addmm(M[0], A[0], B[0])]  # fmt: skip

    shapes = ((5,), (5,), (3, 4, 2), (3, 2, 6), (3, 4, 6))
    shown(block, *(RNG.standard_normal(s) for s in shapes), grad=True, backends=COMPILED)
