"""Every public function against PyTorch: values, dtypes, shapes, gradients, second derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import DTYPES, agree, make
from samples import strided, values

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

A, B, V = values(3, 4), values(3, 4, seed=1), values(4, seed=2)
P = values(3, 4, low=0.2, high=3.0)
CUBE, M, N = values(2, 3, 4), values(2, 4, 3, seed=1), values(4, 2, seed=3)

UNARY = ("exp log sin cos tanh sqrt sigmoid neg abs sign relu square reciprocal clone t sum mean amax amin "
         "flatten").split()  # fmt: skip
FUNCTIONS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    **{name: ((lambda n: lambda T, x: getattr(T, n)(x))(name), (P,)) for name in UNARY},
    **{f"method {name}": ((lambda n: lambda T, x: getattr(x, n)())(name), (P,)) for name in UNARY},
    "add": (lambda T, a, b: T.add(a, b), (A, B)),
    "add alpha": (lambda T, a, b: T.add(a, b, alpha=2.5), (A, B)),
    "sub alpha": (lambda T, a, b: a.sub(b, alpha=3), (A, B)),
    "mul": (lambda T, a, b: T.mul(a, b), (A, V)),
    "div": (lambda T, a, b: T.div(a, b), (A, P)),
    "operators": (lambda T, a, b: (a + b, a - b, a * b, a / b, -a, abs(a), +(a + 0)), (A, P)),
    "scalars": (lambda T, a: (a + 2, 2 + a, a - 1.5, 1.5 - a, a * 3, 3 * a, a / 4, 4 / a), (P,)),
    "maximum": (lambda T, a, b: T.maximum(a, b), (A, B)),
    "minimum": (lambda T, a, b: T.minimum(a, b), (A, V)),
    "maximum ties": (lambda T, a: T.maximum(a, a * 1), (A,)),
    "pow 2": (lambda T, a: a**2, (A,)),
    "pow 3": (lambda T, a: a**3, (A,)),
    "pow 0": (lambda T, a: a**0, (A,)),
    "pow 1": (lambda T, a: a**1, (A,)),
    "pow -1": (lambda T, a: a**-1, (P,)),
    "pow 17": (lambda T, a: a**17, (P,)),
    "pow 0.5": (lambda T, a: a**0.5, (P,)),
    "pow 2.5": (lambda T, a: T.pow(a, 2.5), (P,)),
    "pow tensor": (lambda T, a, b: a**b, (P, B)),
    "pow base": (lambda T, a: 2.0**a, (A,)),
    "pow zero": (lambda T, a, b: (a * 0) ** (b * 0), (A, B)),
    "clamp": (lambda T, a: T.clamp(a, -0.5, 0.75), (A,)),
    "clamp min": (lambda T, a: a.clamp(min=0), (A,)),
    "clamp max": (lambda T, a: a.clamp(max=0.3), (A,)),
    "clamp tensors": (lambda T, a, b: a.clamp(b - 1, b + 0.5), (A, B)),
    "where": (lambda T, a, b: T.where(a > 0, a, b), (A, B)),
    "where scalar": (lambda T, a: T.where(a > 0, a, 0.0), (A,)),
    "method where": (lambda T, a, b: a.where(a > b, b), (A, B)),
    "matmul": (lambda T, a, b: T.matmul(a, b), (A, N)),
    "operator @": (lambda T, a, b: a @ b, (A, N)),
    "mm": (lambda T, a, b: T.mm(a, b), (A, N)),
    "bmm": (lambda T, a, b: T.bmm(a, b), (CUBE, M)),
    "matmul batch": (lambda T, a, b: a @ b, (CUBE, N)),
    "matmul vector": (lambda T, a, b: a @ b, (A, V)),
    "vector matmul": (lambda T, a, b: a @ b, (V, N)),
    "vector matmul batch": (lambda T, a, b: a @ b, (V, M)),
    "batch matmul vector": (lambda T, a, b: a @ b, (CUBE, V)),
    "dot": (lambda T, a, b: T.dot(a, b), (V, V + 1)),
    "sum dim": (lambda T, a: (a.sum(0), a.sum(-1), a.sum((0, 2)), a.sum(1, keepdim=True)), (CUBE,)),
    "mean dim": (lambda T, a: (a.mean(0), a.mean(-1, True), a.mean((1, 2))), (CUBE,)),
    "amax dim": (lambda T, a: (a.amax(0), a.amin(-1, True), T.amax(a, (1, 2))), (CUBE,)),
    "amax ties": (lambda T, a: T.amax(a * 0 + 1, 0), (A,)),
    "view": (lambda T, a: (a.view(2, 6), a.view(-1), a.view((4, -1)), a.view_as(a.reshape(6, 2))), (A,)),
    "reshape": (lambda T, a: (T.reshape(a, (6, 2)), a.reshape(12), a.t().reshape(2, -1)), (A,)),
    "permute": (lambda T, a: (a.permute(2, 0, 1), T.permute(a, (0, -1, 1))), (CUBE,)),
    "transpose": (lambda T, a: (a.transpose(0, 2), T.transpose(a, -1, 1), a.mT), (CUBE,)),
    "T": (lambda T, a: a.T, (A,)),
    "expand": (lambda T, a: (a.expand(2, 3, 4), a[:, :1].expand(-1, 5), a[0].expand_as(a)), (A,)),
    "unsqueeze": (lambda T, a: (a.unsqueeze(0), T.unsqueeze(a, -1), a.unsqueeze(1)), (A,)),
    "squeeze": (lambda T, a: (a[:, :1].squeeze(), a[:1].squeeze(0), a.squeeze(1), a[None].squeeze((0, 1))), (A,)),
    "flatten dims": (lambda T, a: (a.flatten(1), T.flatten(a, 0, 1), a.flatten(-2, -1)), (CUBE,)),
    "index": (lambda T, a: (a[0], a[-1, 2], a[:, 1], a[1:, ::2], a[..., 0], a[None], a[:, None, 1:3]), (A,)),
    "contiguous": (lambda T, a: a.t().contiguous(), (A,)),
    "to": (lambda T, a: (a.to(T.float32), a.double(), a.half(), a.to("cpu")), (A,)),
    "lerp": (lambda T, a, b: (T.lerp(a, b, 0.3), a.lerp(b, 0.8)), (A, B)),
    "addcmul": (lambda T, a, b: (T.addcmul(a, b, b, value=0.5), a.addcmul(b, a)), (A, B)),
    "addcdiv": (lambda T, a, b: (T.addcdiv(a, a, b, value=0.5), a.addcdiv(a, b)), (A, P)),
    "new": (lambda T, a: (a.new_zeros(2), a.new_ones((2, 1)), a.new_full((1,), 3), T.zeros_like(a), T.ones_like(a),
                          T.full_like(a, 2.5)), (A,)),
    "norm": (lambda T, a: a.norm(), (A,)),
    "broadcast 0-d": (lambda T, a, b: a * b[0, 0] + b[1, 1], (A, B)),
    "empty": (lambda T, a: (a[:0].sum(), a[:0].sum(0), a[:0] * 2, a[:0] @ a.t(), a[:, :0] @ a[:, :0].t()), (A,)),
}  # fmt: skip


def leaves(lib: Any, arrays: Any, dtype: str, grad: bool = True) -> list[Any]:
    return [make(lib, a.astype(dtype), grad) for a in arrays]


def flat(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients(name: str, dtype: str) -> None:
    function, arrays = FUNCTIONS[name]

    def program(lib: Any) -> Any:
        xs = leaves(lib, arrays, dtype)
        outs = flat(function(lib, *xs))
        used = [o for o in outs if o.requires_grad]
        total = sum((o.double() * (i + 1)).sum() for i, o in enumerate(used))
        if used:
            total.backward()
        return (*outs, *[x.grad for x in xs])

    agree(program, *((5e-6, 2e-6) if dtype == "float32" else (1e-12, 1e-13)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_strided_operands(name: str) -> None:
    function, arrays = FUNCTIONS[name]
    agree(lambda lib: function(lib, *[make(lib, strided(a)) for a in arrays]), 1e-12, 1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_second_derivatives(name: str) -> None:
    function, arrays = FUNCTIONS[name]

    def program(lib: Any) -> Any:
        xs = leaves(lib, arrays, "float64")
        used = [o.double() for o in flat(function(lib, *xs)) if o.requires_grad]
        if not used:
            return ()
        total = sum((o * o * (i + 1)).sum() for i, o in enumerate(used))
        first = lib.autograd.grad(total, xs, create_graph=True)
        again = sum((g * g).sum() for g in first) + sum((x * 0).sum() for x in xs)
        return [g.detach() for g in first], lib.autograd.grad(again, xs)

    agree(program, 1e-11, 1e-11)


@pytest.mark.parametrize("name", UNARY)
def test_zero_dimensional_and_empty(name: str) -> None:
    for array in (np.array(0.7, np.float32), np.zeros((0,), np.float32), np.zeros((2, 0), np.float32)):
        agree(lambda lib: getattr(lib, name)(make(lib, array)))


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, 3e38], np.float32)


@pytest.mark.parametrize("name", "exp log sin cos tanh sqrt sigmoid neg abs sign relu square reciprocal".split())
def test_special_values(name: str) -> None:
    def program(lib: Any) -> Any:
        x = make(lib, SPECIAL, True)
        y = getattr(lib, name)(x)
        y.sum().backward()
        return y, x.grad

    agree(program)


def test_special_values_of_two() -> None:
    a, b = (x.reshape(-1).copy() for x in np.meshgrid(SPECIAL, SPECIAL))

    def program(lib: Any) -> Any:
        x, y = make(lib, a), make(lib, b)
        return (x + y, x * y, x / y, lib.maximum(x, y), lib.minimum(x, y), x == y, x < y, x >= y, x**y,
                x.clamp(-1, 1), lib.where(x > y, x, y))

    agree(program)


@pytest.mark.parametrize("name", "mul div atan2 hypot maximum minimum fmax fmin pow logaddexp xlogy copysign".split())
def test_gradients_at_special_values_of_two(name: str) -> None:
    a, b = (x.reshape(-1).copy() for x in np.meshgrid(SPECIAL, SPECIAL))

    def program(lib: Any) -> Any:
        x, y = make(lib, a, True), make(lib, b, True)
        getattr(lib, name)(x, y).sum().backward()
        return x.grad, y.grad

    agree(program)


def numbers(dtype: str) -> Any:
    return np.array([1, 0, 1] if dtype == "bool" else [1, 2, 3], dtype)


OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "**": lambda a, b: a**b, "<": lambda a, b: a < b, "==": lambda a, b: a == b, "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
}  # fmt: skip


@pytest.mark.parametrize("symbol", OPERATORS)
@pytest.mark.parametrize("kind", ["tensor-tensor", "tensor-0d", "0d-tensor", "tensor-scalar", "0d-scalar"])
def test_promotion_table(symbol: str, kind: str) -> None:
    operator = OPERATORS[symbol]
    left, right = kind.split("-")
    for first in DTYPES:
        for second in DTYPES if right != "scalar" else (True, 2, 2.5):
            def program(lib: Any) -> Any:
                a = make(lib, numbers(first) if left == "tensor" else numbers(first)[0])
                if right == "scalar":
                    return operator(a, second), lib.result_type(a, second)
                b = make(lib, numbers(second) if right == "tensor" else numbers(second)[0])
                return operator(a, b), lib.result_type(a, b)

            try:
                agree(lambda lib: program(lib)[0])
                agree(lambda lib: str(program(lib)[1]).rpartition(".")[2])
            except (AssertionError, RuntimeError, TypeError) as error:
                pytest.fail(f"{first} {symbol} {second}: {error}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", "exp sqrt neg abs sign relu sum mean amax square clone logical_not sigmoid".split())
def test_result_dtype_of_one(name: str, dtype: str) -> None:
    agree(lambda lib: getattr(lib, name)(make(lib, numbers(dtype))))


@pytest.mark.parametrize("dtype", DTYPES)
def test_conversions(dtype: str) -> None:
    array = np.array([0, 1, 2.9, -1.7, 100]) if dtype.startswith("float") else np.array([0, 1, 2, 3, 100])
    for name in ("bool", "int", "long", "short", "float", "double", "half"):
        agree(lambda lib: getattr(make(lib, array.astype(dtype)), name)())
    agree(lambda lib: make(lib, array.astype(dtype)).type_as(lib.ones(1)))


CREATION = {
    "tensor": lambda T: (T.tensor([1, 2]), T.tensor([1.0, 2]), T.tensor(3), T.tensor([[True], [False]]), T.tensor([])),
    "tensor dtype": lambda T: (T.tensor([1, 2], dtype=T.float64), T.tensor(1.5, dtype=T.int32)),
    "zeros": lambda T: (T.zeros(2, 3), T.zeros((2, 0)), T.zeros([]), T.zeros(3, dtype=T.int64), T.ones(2)),
    "full": lambda T: (T.full((2,), 1.5), T.full((), 2), T.full((1, 2), True), T.full([2], 3, dtype=T.float16)),
    "arange": lambda T: (T.arange(5), T.arange(1, 7, 2), T.arange(0.0, 1.0, 0.3), T.arange(5, 0, -2), T.arange(3, 3)),
    "linspace": lambda T: (T.linspace(-3.14, 3.14, 2000), T.linspace(0, 1, 1), T.linspace(2, -1, 7, dtype=T.float64),
                           T.linspace(0, 10, 5, dtype=T.int64), T.linspace(0, 1, 0)),
    "eye": lambda T: (T.eye(3), T.eye(2, 4), T.eye(2, dtype=T.int64)),
    "requires": lambda T: (T.zeros(2, requires_grad=True), T.tensor(1.0, requires_grad=True)),
    "as_tensor": lambda T: (T.as_tensor([1.5]), T.as_tensor(np.arange(3)), T.from_numpy(np.ones(2))),
    "legacy": lambda T: (T.FloatTensor([0.1]), T.LongTensor([1, 2]), T.DoubleTensor([[1, 2]]), T.ByteTensor([1])),
    "Tensor": lambda T: (T.Tensor([1, 2]), T.Tensor([[1.5]])),
    "legacy sizes": lambda T: (T.FloatTensor(2, 3).shape, T.FloatTensor(1).dtype is T.float32, T.Tensor(2, 3).shape,
                               isinstance(T.zeros(1), T.FloatTensor), isinstance(T.zeros(1), T.LongTensor)),
}  # fmt: skip


@pytest.mark.parametrize("name", CREATION)
def test_creation(name: str) -> None:
    agree(CREATION[name], 1e-7, 0)


def test_large_sums_are_as_accurate_as_torch() -> None:
    x = np.random.default_rng(0).normal(size=(2000, 50)).astype(np.float32)
    for axis in (0, 1, (0, 1)):
        agree(lambda lib: make(lib, x).sum(axis), 1e-5, 1e-4)
        agree(lambda lib: make(lib, x).mean(axis), 1e-5, 1e-6)
