"""Document 004, sections 2 and 3: data operations and automatic differentiation, as the text describes them."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from documents.blocks import shown
from oracle import torch as pytorch

import symgrad as sg

pytestmark = pytest.mark.needs_torch
COMPILED = ("reference", "numpy", "numba")


# -- 2. 数据操作 ----------------------------------------------------------------------------------


def test_shape_and_number_of_elements() -> None:
    def block(torch: Any) -> Any:
        x = torch.arange(12)
        return x, x.shape, x.numel(), x.reshape(3, 4)  # 要改变一个张量的形状而不改变元素数量和元素值

    shown(block)


def test_zeros_ones_random_and_given() -> None:
    def block(torch: Any) -> Any:
        return [torch.zeros((2, 3, 4)), torch.ones((2, 3, 4)), torch.full((2,), 7.0),
                torch.tensor([[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])]  # fmt: skip

    shown(block)
    shown(lambda torch: torch.randn(3, 4), numbers=False)


def test_arithmetic_is_elementwise() -> None:
    def block(torch: Any, x: Any, y: Any) -> Any:
        return x + y, x - y, x * y, x / y, x**y, torch.exp(x)  # **运算符是求幂运算

    shown(block, np.array([1.0, 2, 4, 8]), np.array([2.0, 2, 2, 2]), grad=True, backends=COMPILED)


def test_concatenate() -> None:
    def block(torch: Any) -> Any:
        X = torch.arange(12, dtype=torch.float32).reshape((3, 4))
        Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])
        return torch.cat((X, Y), dim=0), torch.cat((X, Y), dim=1), X == Y, X.sum()

    shown(block)


def test_concatenate_compiled() -> None:
    def block(torch: Any, X: Any, Y: Any) -> Any:
        # 通过 逻辑运算符 构建二元张量; 对张量中的所有元素进行求和会产生一个只有一个元素的张量
        return torch.cat((X, Y), dim=0), torch.cat((X, Y), dim=1), X == Y, X < Y, X.sum()

    X = np.arange(12, dtype=np.float32).reshape(3, 4)
    Y = np.array([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]], np.float32)
    shown(block, X, Y, grad=True, backends=COMPILED)


def test_broadcasting() -> None:
    def block(torch: Any) -> Any:
        a = torch.arange(3).reshape((3, 1))
        b = torch.arange(2).reshape((1, 2))
        print(a, b)
        return a, b, a + b

    a, b, total = shown(block)
    assert f"{a} {b}" == "tensor([[0],\n        [1],\n        [2]]) tensor([[0, 1]])"
    assert f"{total}" == "tensor([[0, 1],\n        [1, 2],\n        [2, 3]])"


def test_reading_and_writing_elements() -> None:
    def block(torch: Any, X: Any) -> Any:
        X = X.clone()
        read = [X[-1].clone(), X[1:3].clone()]  # 可以用 [-1] 选择最后一个元素,可以用 [1:3] 选择第二个和第三个元素
        X[1, 2] = 9
        X[0:2, :] = 12  # 为多个元素赋值相同的值,我们只需要索引所有元素,然后为它们赋值
        return [*read, X]

    shown(block, np.arange(12, dtype=np.float32).reshape(3, 4), grad=True, backends=COMPILED)


def test_memory_is_kept_by_in_place_writes() -> None:
    def block(torch: Any) -> Any:
        X, Y = torch.ones(3, 4), torch.ones(3, 4)
        before = id(Y)
        Y = Y + X
        moved = id(Y) != before
        Z = torch.zeros_like(Y)
        place = Z.data_ptr()
        Z[:] = X + Y
        before = id(X)
        X += Y
        return moved, Z.data_ptr() == place, id(X) == before, X, Z

    shown(block)


def test_conversions() -> None:
    def block(torch: Any) -> Any:
        X = torch.ones(3, 4)
        A = X.numpy()
        B = torch.tensor(A)
        a = torch.tensor([3.5])  # 将大小为1的张量转换为 Python 标量
        return A, B, type(A).__name__, a, a.item(), float(a), int(a)

    shown(block)


def test_tensor_on_gpu() -> None:
    """以下代码只有在PyTorch GPU版本上才会执行."""

    def block(torch: Any) -> Any:
        x = torch.ones(2, 2)
        if torch.cuda.is_available():
            device = torch.device("cuda")
            y = torch.ones_like(x, device=device)  # 直接创建一个在GPU上的Tensor
            x = x.to(device)  # 等价于 .to("cuda")
            z = x + y
            return z.to("cpu", torch.double)  # to()还可以同时更改数据类型
        return (x + x).to("cpu", torch.double)

    shown(block)


# -- 3. 自动求导 ----------------------------------------------------------------------------------


def test_a_quadratic_form() -> None:
    """假设我们想对函数 y = 2xᵀx 关于列向量 x 求导."""

    def block(torch: Any) -> Any:
        x = torch.arange(4.0)
        x.requires_grad_(True)  # 等价于 x=torch.arange(4.0,requires_grad=True)
        nothing = x.grad  # 默认值是None
        y = 2 * torch.dot(x, x)
        y.backward()
        right = x.grad == 4 * x
        x.grad.zero_()  # 现在让我们计算x的另一个函数
        y = x.sum()
        y.backward()
        return nothing, right, x.grad

    shown(block)


def test_not_the_matrix_but_the_sum() -> None:
    def block(torch: Any) -> Any:
        x = torch.arange(4.0, requires_grad=True)
        y = x * x
        y.sum().backward()  # 等价于 y.backward(torch.ones(len(x)))
        first = x.grad.clone()
        x.grad.zero_()
        y = x * x
        y.backward(torch.ones(len(x)))
        return first, x.grad

    shown(block)


def test_backward_needs_one_number() -> None:
    for lib in (pytorch, sg):
        x = lib.arange(4.0, requires_grad=True)
        with pytest.raises(RuntimeError, match="scalar outputs"):
            (x * x).backward()


def detached(torch: Any, x: Any) -> Any:
    y = x * x
    u = y.detach()  # u的requires_grad属性为False
    z = u * x
    z.sum().backward()
    return x.grad == u


def test_detach() -> None:
    def block(torch: Any) -> Any:
        x = torch.arange(4.0, requires_grad=True)
        x.sum().backward()
        x.grad.zero_()
        equal = detached(torch, x)
        x.grad.zero_()
        y = x * x
        y.sum().backward()
        return equal, x.grad == 2 * x

    equal, other = shown(block)
    assert bool(equal.all()) and bool(other.all())


@pytest.mark.parametrize("backend", COMPILED)
def test_detach_compiled(backend: str) -> None:
    step = sg.compile(lambda x: detached(sg, x), backend=backend, fullgraph=True)
    assert bool(step(sg.arange(4.0, requires_grad=True)).all())


def f(a: Any) -> Any:
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    if b.sum() > 0:
        c = b
    else:
        c = 100 * b
    return c


NUMBERS = (0.7, -0.7, 3.0, 700.0, -1500.0, 0.01)


def test_control_flow() -> None:
    def block(torch: Any) -> Any:
        out = []
        for number in NUMBERS:
            a = torch.tensor(number, requires_grad=True)
            d = f(a)
            d.backward()
            out += [d, a.grad, a.grad == d / a]
        return out

    assert all(bool(x) for x in shown(block)[2::3])


def test_control_flow_with_random_numbers() -> None:
    for _ in range(5):
        a = sg.randn(size=(), requires_grad=True)
        d = f(a)
        d.backward()
        assert float(a.grad) == pytest.approx(float(d / a), rel=1e-6)  # 100 * b is rounded


@pytest.mark.parametrize("backend", COMPILED)
def test_control_flow_compiled(backend: str) -> None:
    compiled = sg.compile(f, backend=backend)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in (*NUMBERS, *NUMBERS):
            a, b = sg.tensor(number, requires_grad=True), sg.tensor(number, requires_grad=True)
            want, got = f(a), compiled(b)
            want.backward()
            got.backward()
            assert float(got) == float(want) and float(b.grad) == float(a.grad)
    paths = compiled.explain().paths  # one for each of the numbers, which take six ways; none is traced twice
    assert len(paths) == len(NUMBERS) and len(compiled.misses) == len(NUMBERS) - 1
    assert all("while b.norm() < 1000" in row[2] and int(row[1]) == 2 for row in paths)
