"""Making tensors, against PyTorch: dtypes and counts, sharing, errors; and the same inside a trace."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from oracle import agree, torch

import symgrad as sg

NUMBERS = (0, 1, -3, 5, 0.0, 0.5, -1.25, 2.75, 7, 1e-3, 0.1)


def test_arange_counts_as_pytorch_does() -> None:
    for start, end, step in itertools.product(NUMBERS, NUMBERS, (1, 2, -1, 0.1, 0.25, -0.3, 3, 0)):
        agree(lambda T: T.arange(start, end, step), rtol=1e-6)
    for end in (*range(6), 2.5, 0.1, True):
        agree(lambda T: T.arange(end))


@pytest.mark.parametrize("kind", ["int64", "int32", "uint8", "float16", "float32", "float64", "bool", "complex64"])
def test_arange_of_a_dtype(kind: str) -> None:
    for start, end, step in ((0, 5, 1), (0.5, 5.2, 1), (0.5, 5.2, 1.5), (5, 0, -2), (1, 8, 2.5)):
        agree(lambda T: T.arange(start, end, step, dtype=getattr(T, kind)), rtol=1e-3)


@pytest.mark.parametrize("kind", ["int64", "uint8", "float16", "bfloat16", "float32", "float64", "complex64"])
def test_linspace_and_logspace(kind: str) -> None:
    for start, end, steps in itertools.product((0, 1, -2.5, 0.1), (0, 3, 7.7), (0, 1, 2, 3, 10, 33)):
        agree(lambda T: T.linspace(start, end, steps, dtype=getattr(T, kind)).to(T.complex128), rtol=1e-6)
        if kind != "uint8":
            agree(
                lambda T: T.logspace(start, end, steps, base=2.0, dtype=getattr(T, kind)).to(T.complex128),
                rtol={"float16": 2e-3, "bfloat16": 2e-2}.get(kind, 2e-6),
            )


DATA: dict[str, Any] = {
    "int": 3,
    "float": 0.5,
    "bool": True,
    "complex": 1 + 2j,
    "list": [1, 2],
    "mixed": [1, 2.5],
    "bool and int": [True, 2],
    "bool and float": [True, 0.5],
    "int and complex": [1, 2j],
    "nested": [[1, 2], [3, 4]],
    "tuple": ((1.0,), (2.0,)),
    "empty": [],
    "empty nested": [[], []],
    "empty deep": [[[]]],
    "ragged": [[1, 2], [3]],
    "ragged deep": [[[1]], [[2, 3]]],
    "list and number": [[1], 2],
    "number and list": [1, [2]],
    "string": "abc",
    "strings": ["a"],
    "none": None,
    "nones": [None],
    "huge": 2**63,
    "negative huge": -(2**63),
    "numpy scalar": np.float32(1.5),
    "numpy float": np.float64(1.5),
    "numpy int": np.int32(3),
    "numpy scalars": [np.float32(1), np.float32(2)],
    "numpy floats": [np.float64(1)],
    "numpy mixed": [np.int32(1), 2.5],
    "numpy ints": [np.int16(1), np.int8(3)],
    "array": np.arange(3, dtype=np.int16),
    "array 2-d": np.ones((2, 3)),
    "arrays": [np.ones(2, np.float32), np.zeros(2, np.float32)],
    "transposed": np.arange(6).reshape(2, 3).T,
    "half array": np.ones(2, np.float16),
    "objects": np.array([None]),
    "range": range(3),
    "dict": {1: 2},
    "unsigned": np.ones(2, np.uint16),
    "set": {1},
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("kind", [None, "float64", "int32", "bool", "complex64"])
def test_tensor_of_data(name: str, kind: str | None) -> None:
    if name in ("set", "unsigned", "objects") or (name, kind) == ("numpy scalars", "int32"):
        for T in (sg, torch):
            if name == "set":
                with pytest.raises((RuntimeError, TypeError)):
                    T.tensor(DATA[name])
        return
    agree(lambda T: T.tensor(DATA[name], **({} if kind is None else {"dtype": getattr(T, kind)})))


INSIDE = {
    "0-d tensors": lambda T: T.tensor([T.tensor(1), T.tensor(2.5)]),
    "one element": lambda T: T.tensor([T.tensor([1.0]), 2]),
    "tensor and float": lambda T: T.tensor([T.tensor(1), 0.5]),
    "vectors": lambda T: T.tensor([T.tensor([1, 2]), T.tensor([3, 4])]),
    "double inside": lambda T: T.tensor([T.tensor(1.0, dtype=T.float64), 1.0]),
    "size": lambda T: T.tensor(T.zeros(2, 3).shape),
    "as_tensor of list": lambda T: T.as_tensor([1, 2.0]),
    "as_tensor dtype": lambda T: T.as_tensor(np.arange(3), dtype=T.float32),
    "new": lambda T: (
        T.ones(1, dtype=T.float64).new_tensor([1, 2]),
        T.ones(1).new_zeros(2, 3),
        T.ones(1).new_ones((2,)),
        T.ones(1, dtype=T.int8).new_full((2,), 3),
        T.ones(1).new_empty(3).shape,
    ),
    "old constructors": lambda T: (
        T.FloatTensor([1, 2]),
        T.LongTensor([[1.0]]),
        T.FloatTensor(2, 3).shape,
        T.Tensor(2).shape,
        T.Tensor([1, 2]),
        T.Tensor(T.Size([2, 3])).shape,
        T.ByteTensor(0),
        T.Tensor().shape,
    ),
    "isinstance": lambda T: [
        isinstance(T.zeros(1), c) for c in (T.FloatTensor, T.Tensor, T.LongTensor, T.DoubleTensor)
    ],
    "full kinds": lambda T: (
        T.full((2,), 1),
        T.full((2,), True),
        T.full((), 1.5),
        T.full((2,), 1j),
        T.full([1], 2, dtype=T.half),
    ),
    "full of a tensor": lambda T: T.full((2,), T.tensor(3.5)),
    "full too large": lambda T: T.full((2,), 300, dtype=T.uint8),
    "full wraps": lambda T: T.full((2,), -9, dtype=T.uint8),
    "sizes": lambda T: (
        T.zeros(2, 3).shape,
        T.zeros((2, 3)).shape,
        T.ones([2]).shape,
        T.zeros(()).shape,
        T.empty(0).shape,
        T.zeros(size=(2,)).shape,
    ),
    "negative size": lambda T: T.zeros(-1),
    "float size": lambda T: T.zeros(2.0),
    "scalar_tensor": lambda T: (T.scalar_tensor(2), T.scalar_tensor(True, dtype=T.bool)),
    "eye": lambda T: (T.eye(2), T.eye(2, 3, dtype=T.int64), T.eye(0)),
    "eye negative": lambda T: T.eye(-1),
    "likes": lambda T: [f(T.arange(6).reshape(2, 3).t()) for f in (T.zeros_like, T.ones_like)],
    "like strides": lambda T: (
        T.zeros_like(T.zeros(2, 3).t()).stride(),
        T.full_like(T.zeros(2, 3, 4).permute(2, 0, 1), 1).stride(),
        T.rand_like(T.zeros(2, 3)).shape,
    ),
    "like dtype": lambda T: T.full_like(T.arange(3), 2.5, dtype=T.float32),
    "requires_grad": lambda T: T.zeros(2, requires_grad=True),
    "integers with grad": lambda T: T.zeros(2, dtype=T.int64, requires_grad=True),
    "tensor with grad": lambda T: T.tensor([1, 2], requires_grad=True),
    "empty_strided": lambda T: T.empty_strided((2, 3), (1, 2)).stride(),
    "out": lambda T: T.zeros(2, out=T.ones(2)),
    "block_diag": lambda T: T.block_diag(T.ones(2, 2), T.tensor([3.0]), T.tensor(4.0)),
    "words": lambda T: T.zeros(2, device="cpu", layout=T.strided, pin_memory=False),
    "frombuffer": lambda T: T.frombuffer(bytearray(range(8)), dtype=T.int16, count=2, offset=2),
    "frombuffer odd": lambda T: T.frombuffer(bytearray(7), dtype=T.int16),
    "constants": lambda T: [T.inf, T.pi, T.e, T.newaxis, math.isnan(T.nan)],
    "is_tensor": lambda T: [T.is_tensor(T.zeros(1)), T.is_tensor(1), T.numel(T.zeros(2, 3)), T.is_storage(1)],
}


@pytest.mark.filterwarnings("ignore:The given")
@pytest.mark.parametrize("name", INSIDE)
def test_made_in_other_ways(name: str) -> None:
    agree(INSIDE[name])


def test_memory_is_shared_or_not_as_pytorch_does() -> None:
    def program(T: Any) -> Any:
        a = np.zeros(3)
        shared = T.from_numpy(a), T.as_tensor(a), T.asarray(a), T.frombuffer(a, dtype=T.float64)
        copied = T.tensor(a), T.asarray(a, copy=True), T.as_tensor(a, dtype=T.float32), T.asarray([1.0])
        a[0] = 7
        t = T.zeros(2)
        return *shared, *copied, T.as_tensor(t) is t, T.asarray(t) is t

    agree(program)


ARRAYS = {
    "reversed": np.arange(3)[::-1],
    "other order": np.arange(3, dtype=">i4"),
    "strings": np.array(["a"]),
    "list": [1, 2],
    "0-d": np.array(2.5),
    "strided": np.arange(8.0)[::2],
}


@pytest.mark.parametrize("name", ARRAYS)
def test_from_numpy(name: str) -> None:
    agree(lambda T: T.from_numpy(ARRAYS[name]))


def test_defaults() -> None:
    def program(T: Any) -> Any:
        found = []
        for kind in (T.float64, T.float16, T.float32):
            T.set_default_dtype(kind)
            found += [T.zeros(1), T.tensor(1.5), T.arange(0, 1, 0.5), T.linspace(0, 1, 2), T.full((1,), 0.5)]
        T.set_default_tensor_type("torch.DoubleTensor")
        found.append(T.ones(1))
        T.set_default_tensor_type(T.FloatTensor)
        return found, str(T.get_default_device())

    try:
        agree(program)
    finally:
        for T in (sg, torch):
            T.set_default_dtype(T.float32)


def test_what_is_absent_says_so() -> None:
    with pytest.raises(TypeError, match="complex32"):
        sg.zeros(2, dtype=sg.complex32)
    if not sg.cuda.is_available():
        for make in (
            lambda: sg.zeros(2, device="cuda"),
            lambda: sg.zeros(2).cuda(),
            lambda: sg.set_default_device("cuda"),
        ):
            with pytest.raises(RuntimeError, match="cuda"):
                make()
    with sg.device("cpu"):
        assert sg.zeros(1).device == sg.device("cpu")
    with pytest.raises(RuntimeError, match="device string"):
        sg.device("tpu")
    assert sg.cuda.device_count() >= 0 and not sg.backends.mps.is_available()


TRACED = {
    "zeros": lambda x: sg.zeros(x.shape) + x,
    "full": lambda x: sg.full(x.shape, 2.5),
    "eye": lambda x: sg.eye(4) @ x,
    "eye of extents": lambda x: sg.eye(x.shape[0], x.shape[1]) * x,
    "ones_like": lambda x: sg.ones_like(x.t()) + x.t(),
    "arange": lambda x: sg.arange(x.shape[1]) * x,
    "float arange": lambda x: sg.arange(0.5, 3, 0.5) * x,
    "down": lambda x: sg.arange(5, 0, -1) * x,
    "half arange": lambda x: sg.arange(5, dtype=sg.float16) + x,
    "linspace": lambda x: sg.linspace(0, 1, 5) * x,
    "tensor": lambda x: sg.tensor([1.0, 2, 3, 4, 5]) * x,
    "new_tensor": lambda x: x.new_tensor([1, 2.0]),
    "complex": lambda x: sg.full((2,), 1 + 2j) * x[0, 0],
    "indices": lambda x: sg.tril_indices(3, 3),
    "block_diag": lambda x: sg.block_diag(x, x[:2]),
}


@pytest.mark.parametrize("name", TRACED)
def test_inside_a_trace(name: str, backend: str) -> None:
    x = sg.arange(20.0).reshape(4, 5)
    want, got = TRACED[name](x), sg.compile(TRACED[name], backend=backend, fullgraph=True)(x)
    assert got.dtype is want.dtype and got.stride() == want.stride()
    np.testing.assert_array_equal(got.numpy(), want.numpy())
