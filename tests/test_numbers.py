"""Numbers beside tensors and tensors of one number, whose eager paths are their own, against PyTorch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import symgrad as sg
from symgrad.tensor import numbers

NUMBERS = [2, 2.0, -0.5, 0, 0.0, -0.0, 1e38, 1e39, -1e300, math.inf, math.nan, 1 << 24, (1 << 24) + 1, 3]
OPERATIONS = {
    "add": lambda x, n: x + n, "sub": lambda x, n: x - n, "mul": lambda x, n: x * n, "div": lambda x, n: x / n,
    "radd": lambda x, n: n + x, "rsub": lambda x, n: n - x, "rmul": lambda x, n: n * x, "rdiv": lambda x, n: n / x,
    "add_": lambda x, n: x.clone().add_(n), "sub_": lambda x, n: x.clone().sub_(n),
    "alpha": lambda x, n: x.clone().add_(n if abs(n) < 1e38 else 1, alpha=-0.3), "mul_": lambda x, n: x.clone().mul_(n),
    "div_": lambda x, n: x.clone().div_(n),
}  # fmt: skip
VALUES = {"vector": [1.5, -0.0, 0.0, -3.25, 1e-30], "number": 0.7, "nothing": []}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", VALUES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_as_torch(name: str, shape: str, dtype: str) -> None:
    run = OPERATIONS[name]
    for number in NUMBERS * 2:  # the second time it is known
        mine = run(sg.tensor(VALUES[shape], dtype=getattr(sg, dtype)), number)
        theirs = run(torch.tensor(VALUES[shape], dtype=getattr(torch, dtype)), number)
        assert mine.dtype.name == dtype and tuple(mine.shape) == tuple(theirs.shape)
        np.testing.assert_array_equal(np.signbit(mine.numpy()), np.signbit(theirs.numpy()), str(number))
        np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=4e-7 if dtype == "float32" else 1e-15)


def test_few_numbers_are_kept() -> None:
    x = sg.ones(2)
    for k in range(3 * numbers.ROOM):
        assert (x * (k + 0.5)).tolist() == [k + 0.5] * 2
    assert len(numbers._known[np.dtype("f4")]) <= numbers.ROOM


def test_a_tensor_of_one_number_keeps_its_memory() -> None:
    memory = np.array(1.0, "f4")
    x = sg.from_numpy(memory)
    before = x._version
    x.add_(sg.tensor(2.0), alpha=0.5).mul_(3)
    assert memory == 6.0 and x._version == before + 2


def test_vectors_are_joined_along_what_they_have() -> None:
    a, b = sg.ones(2), sg.zeros(1)
    assert sg.cat([a, b], -1).tolist() == [1.0, 1.0, 0.0]
    with pytest.raises(IndexError):
        sg.cat([a, b], 1)


def test_counts_are_counted_in_place() -> None:
    for shape in ((), (2,)):
        mine, theirs = sg.zeros(shape, dtype=sg.int64), torch.zeros(shape, dtype=torch.int64)
        for x in (mine, theirs):
            x.add_(1).mul_(-7).sub_(3).add_(1 << 40, alpha=2).add_(x)
        assert mine.dtype is sg.int64 and mine.tolist() == theirs.tolist()
        with pytest.raises(RuntimeError):
            mine.div_(2)
        with pytest.raises(RuntimeError):
            mine.add_(0.5)
