"""Document 001, from "Tensor" to the statistics: every block as written, its typos mended."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from documents.blocks import shown

import symgrad as sg

pytestmark = pytest.mark.needs_torch
RNG = np.random.default_rng(1)
COMPILED = ("reference", "numpy", "numba")
SQUARE = RNG.random((5, 5), np.float32)
TALL = RNG.random((5, 3), np.float32)
FOUR = RNG.standard_normal((4, 4)).astype(np.float32)


# -- 新建 -----------------------------------------------------------------------------------------


def test_new() -> None:
    def block(torch: Any) -> Any:
        empty = torch.empty(5, 3)
        return [
            (empty.shape, empty.dtype),
            torch.ones(3, 3),
            torch.ones_like(empty),
            torch.zeros(5, 3, dtype=torch.long),
            torch.eye(5),
            torch.arange(start=0, end=8, step=2),  # 含头不含尾
            torch.linspace(start=0, end=9, steps=5),  # 均匀的取5个值,含头含尾
        ]

    shown(block)


def test_random() -> None:
    def block(torch: Any) -> Any:
        torch.manual_seed(2)  # 设置种子
        seed = torch.initial_seed()  # 查看种子
        x = torch.rand(5, 3)
        return seed, x, torch.randn(5, 3), torch.randn_like(x, dtype=torch.float)

    seed, *_ = shown(block, numbers=False)
    assert seed == 2


def test_the_seed_repeats_the_numbers() -> None:
    sg.manual_seed(2)
    first = sg.rand(5, 3)
    sg.manual_seed(2)
    assert bool((sg.rand(5, 3) == first).all()) and float(first.min()) >= 0 and float(first.max()) < 1


def test_new_from_other_data() -> None:
    def block(torch: Any) -> Any:
        return torch.tensor([5.5, 3], dtype=torch.float32), torch.from_numpy(np.ones((2, 2)))  # 用上面的也可以

    shown(block)


# -- 数据类型转换 ---------------------------------------------------------------------------------


def test_conversions() -> None:
    def block(torch: Any, x: Any) -> Any:
        return [x.int(), x.long(), x.float(), x.bool(), x.char(), x.double()]

    shown(block, (TALL - 0.5) * 9, backends=COMPILED)


def test_dtypes() -> None:
    def block(torch: Any) -> Any:
        return [
            torch.bool, torch.int, torch.short,
            torch.uint8,  # 这个是 ByteTensor
            torch.int, torch.int8, torch.int16, torch.int32, torch.long, torch.float, torch.float16,
            torch.float32, torch.float64, torch.double,
            torch.complex64,  # torch.complex32 is left out: NumPy has no such type
            torch.complex128,
        ]  # fmt: skip

    shown(block)


def test_rounding() -> None:
    def block(torch: Any, x: Any) -> Any:
        return x.round(), x.fix(), x.floor()

    shown(block, (TALL - 0.5) * 9, grad=True, backends=COMPILED)


# -- 运算 -----------------------------------------------------------------------------------------


def test_add() -> None:
    def block(torch: Any, x: Any, y: Any) -> Any:
        return torch.add(x, y), x + y

    shown(block, TALL, TALL * 2, grad=True, backends=COMPILED)


def test_add_out() -> None:
    def block(torch: Any, x: Any, y: Any) -> Any:
        result = torch.empty(5, 3)
        torch.add(x, y, out=result)
        return result

    shown(block, TALL, TALL * 2, backends=COMPILED)


def test_in_place() -> None:
    def block(torch: Any, x: Any, y: Any) -> Any:
        y.add_(x)  # 这个会把加法的结果赋值给y
        z = torch.zeros(5, 3)
        z.copy_(y)
        z.t_()
        return y, z

    shown(block, TALL, TALL * 2, backends=COMPILED)


# -- 取数 -----------------------------------------------------------------------------------------


def test_sizes_and_indexing() -> None:
    def block(torch: Any, x: Any) -> Any:
        # index 和 Numpy 一样; 获取按照 dim 计算的 第 index 组: dim=1 表示获取的是列,index=2 表示获取第 2 列
        return x.size(), x.numel(), x[:, 1], x.select(dim=1, index=2)

    size, *_ = shown(block, TALL, grad=True, backends=COMPILED)
    assert repr(size) == "torch.Size([5, 3])"


def test_out_of_tensors() -> None:
    def block(torch: Any, x: Any) -> Any:
        return x.numpy(), x.tolist(), x[0][0].item()

    shown(block, TALL)


def test_memory_is_shared() -> None:
    def block(torch: Any) -> Any:
        x = torch.ones(2)
        y = x.numpy()
        x += 1
        a = np.ones(5)
        b = torch.from_numpy(a)
        a += 1
        return f"{x} {y}", f"{a} {b}"

    first, second = shown(block)
    assert first == "tensor([2., 2.]) [2. 2.]"
    assert second == "[2. 2. 2. 2. 2.] tensor([2., 2., 2., 2., 2.], dtype=torch.float64)"


# -- reshape, GPU ---------------------------------------------------------------------------------


def test_reshape() -> None:
    def block(torch: Any, x: Any) -> Any:
        return x.reshape(2, -1), x.reshape(-1)

    shown(block, FOUR, grad=True, backends=COMPILED)


def test_device() -> None:
    def block(torch: Any) -> Any:
        device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
        x = torch.randn(4, 4).to(device)  # 先生成,再放入 GPU
        y = torch.randn(4, 4, device=device)  # 或者直接在 GPU 生成
        device = "cpu"  # 也可以是字符串
        return x.to(device), y.to(device), torch.cuda.is_available()

    shown(block, numbers=False)


# -- 基本运算, 矩阵运算 ---------------------------------------------------------------------------


def test_pointwise() -> None:
    def block(torch: Any, x: Any) -> Any:
        return [x.sqrt(), x.square(), x.exp(), x.cos(), x.cosh(), x.acos(), (x + 1).acosh(), x.arccos(),
                (x + 1).arccosh()]  # fmt: skip

    shown(block, SQUARE, grad=True, backends=COMPILED)


def test_products() -> None:
    def block(torch: Any, x: Any) -> Any:
        return x.matmul(x), x * x  # 矩阵积; 矩阵的点积

    shown(block, SQUARE, grad=True, backends=COMPILED)


@pytest.mark.parametrize("backend", ["", "numpy"])
def test_svd(backend: str) -> None:
    def block(torch: Any, x: Any) -> Any:
        U, S, V = x.svd()
        return S, U @ S.diag() @ V.t()

    shown(block, SQUARE.astype(np.float64), grad=True, backends=(backend,) if backend else ())


def test_old_eig() -> None:
    """PyTorch 2 has removed `Tensor.eig`; its successor says what the eigenvalues are."""
    x = sg.from_numpy(SQUARE)
    eigenvalues, eigenvectors = x.eig(eigenvectors=False)  # 默认不计算特征向量
    assert eigenvalues.shape == (5, 2) and eigenvectors.numel() == 0
    want = np.sort_complex(np.linalg.eigvals(SQUARE))
    got = np.sort_complex(eigenvalues.numpy()[:, 0] + 1j * eigenvalues.numpy()[:, 1])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_diag() -> None:
    def block(torch: Any, x1: Any) -> Any:
        return x1.diag()  # 对角线

    shown(block, SQUARE, grad=True, backends=COMPILED)


# -- 矩阵变换 -------------------------------------------------------------------------------------


def test_rearranging() -> None:
    def block(torch: Any, x: Any) -> Any:
        dim = 1
        # 按照 dim 确定的维度翻转; 转秩; 下三角矩阵; 上三角矩阵 (the document's `k=0` is `diagonal=0`)
        return x.flip(dim), x.t(), x.tril(diagonal=0), x.triu(diagonal=0)

    shown(block, SQUARE, grad=True, backends=COMPILED)


def test_cat() -> None:
    def block(torch: Any, x1: Any, x2: Any) -> Any:
        return torch.cat([x1, x2], dim=0)

    shown(block, TALL[:3, :2], TALL[2:, 1:], grad=True, backends=COMPILED)


def test_split() -> None:
    def block(torch: Any) -> Any:
        x = torch.arange(0, 12, step=1).reshape(2, 6)
        # 尽量均匀分为三份; 分为3份,大小分别是 1,3,2
        return x.chunk(chunks=3, dim=1), torch.split(x, split_size_or_sections=(1, 3, 2), dim=1)

    shown(block)


def test_split_of_an_operand() -> None:
    def block(torch: Any, x: Any) -> Any:
        return [*x.chunk(chunks=3, dim=1), *torch.split(x, split_size_or_sections=(1, 3, 1), dim=1)]

    shown(block, SQUARE, grad=True, backends=COMPILED)


def test_where_and_clip() -> None:
    def block(torch: Any, x1: Any, x2: Any) -> Any:
        return torch.where(x1 > 0.5, x1, x2), torch.clip(x1, min=0.4, max=0.6)

    shown(block, TALL[:3, :2], TALL[2:, 1:], grad=True, backends=COMPILED)


# -- 按位运算, 逻辑运算 ---------------------------------------------------------------------------


def test_bitwise() -> None:
    def block(torch: Any, x1: Any, x2: Any) -> Any:
        return [
            x1 & x2,  # 按位与
            x1 | x2,  # 按位或
            ~x1,  # 按位非
            x1 ^ x2,  # 按位异或
            x1.bitwise_and(x2), x1.bitwise_or(x2), x1.bitwise_xor(x2), x1.bitwise_not(),
            x1 << 1,  # 移位运算
            x1 >> 1,
            x1.bitwise_left_shift(1),
        ]  # fmt: skip

    # dtype 必须是 int 类型,最好是 uint8
    shown(block, np.array([1, 2, 3], np.uint8), np.array([1, 1, 1], np.uint8), backends=COMPILED)


def test_logical() -> None:
    def block(torch: Any, x2: Any) -> Any:
        x1 = torch.tensor([-0.9, 0, True, False], dtype=torch.bool)  # 0 转为 False,别的数字都转为 True
        x2 = x2 < 0.5  # >、<、==、 >=、 <= 都可以
        out = [x1.clone(), x1 * x2, x1 + x2]  # logic and, logic or
        x1 *= x2
        out += [x1.clone()]
        x1 += x2
        out += [x1.clone(), x1.logical_and(x2), x1.logical_or(x2), x1.logical_xor(x2)]
        x1.logical_xor_(x2)
        out += [x1.clone(), x1.logical_not()]
        x1.logical_not_()
        return [*out, x1]

    shown(block, RNG.random(4, np.float32), backends=COMPILED)


# -- 统计类运算 -----------------------------------------------------------------------------------


def test_statistics() -> None:
    def block(torch: Any, x: Any) -> Any:
        values, indices = x.max(dim=1, keepdim=True)
        ordered, places = x.sort(dim=1, descending=False)
        return [x.mean(), x.mean(dim=1, keepdim=True), x.max(), values, indices, x.min(), ordered, places,
                x.argmin(), x.argsort(), x.argmax(dim=1, keepdim=True), x.std()]  # fmt: skip

    shown(block, SQUARE, grad=True, backends=COMPILED)


def test_mode_and_histograms() -> None:
    def block(torch: Any, x: Any) -> Any:
        x = (x * 4).round()
        return [*x.mode(), x.histc(), x.histc(4, 0, 4), *x.histogram(4), *x.histogram(bins=3, range=(0.0, 2.0))]

    shown(block, SQUARE, backends=("reference", "numpy"))
