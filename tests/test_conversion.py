"""Tensors and what is around them: dtypes, devices, NumPy, DLPack, copies, pickles; against PyTorch."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from oracle import agree, torch

import symgrad as sg

DTYPES = [
    getattr(sg, n)
    for n in (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    )
]
TO = {
    "dtype": lambda T, x: x.to(T.float64),
    "device": lambda T, x: x.to("cpu"),
    "both": lambda T, x: x.to("cpu", T.int32),
    "device object": lambda T, x: x.to(T.device("cpu"), T.half),
    "words": lambda T, x: x.to(dtype=T.int64, device="cpu"),
    "tensor": lambda T, x: x.to(T.zeros(1, dtype=T.float64)),
    "two": lambda T, x: x.to(T.zeros(1, dtype=T.int8), True),
    "flags": lambda T, x: x.to(T.float32, True, True),
    "non_blocking": lambda T, x: x.to("cpu", non_blocking=True),
    "bfloat16": lambda T, x: x.to(T.bfloat16).float(),
    "type name": lambda T, x: x.type("torch.DoubleTensor"),
    "type dtype": lambda T, x: x.type(T.int16),
    "type class": lambda T, x: x.type(T.LongTensor),
    "type": lambda T, x: x.type(),
    "type_as": lambda T, x: x.type_as(T.zeros(1, dtype=T.float64)),
    "nonsense": lambda T, x: x.to([1]),
    "bad type": lambda T, x: x.type("FloatTensor"),
    "all names": lambda T, x: [
        getattr(x, n)()
        for n in ("int", "long", "short", "char", "byte", "bool", "float", "double", "half", "cfloat", "cdouble")
    ],
    "gradient": lambda T, x: x.detach().requires_grad_(True).to(T.float64).requires_grad,
    "itself": lambda T, x: [
        x.to(T.float32) is x,
        x.to("cpu") is x,
        x.float() is x,
        x.cpu() is x,
        x.contiguous() is x,
        x.to(T.float32, copy=True) is x,
        x.type_as(x) is x,
    ],
}


@pytest.mark.parametrize("name", TO)
def test_to(name: str) -> None:
    agree(lambda T: TO[name](T, T.tensor([[1.5, -2.25], [0.0, 3.0]])))


def test_gradient_through_conversions() -> None:
    def program(T: Any) -> Any:
        x = T.tensor([1.5, -2.0], requires_grad=True)
        (x.double() * 2).to(T.complex64).abs().float().half().float().sum().backward()
        return x.grad

    agree(program)


PYTHON = {
    "numbers": lambda T: [
        float(T.tensor(2.5)),
        int(T.tensor(-2.7)),
        bool(T.tensor(0.0)),
        complex(T.tensor(1 + 2j)),
        int(T.tensor([3])),
        bool(T.tensor([[True]])),
    ],
    "complex to float": lambda T: float(T.tensor(1 + 2j)),
    "real complex to float": lambda T: float(T.tensor(1 + 0j)),
    "many to float": lambda T: float(T.ones(2)),
    "many to bool": lambda T: bool(T.ones(2)),
    "none to bool": lambda T: bool(T.ones(0)),
    "index": lambda T: ([1, 2, 3][T.tensor(1)], "ab" * T.tensor(2), list(range(T.tensor(3)))),
    "float index": lambda T: [1, 2][T.tensor(1.0)],
    "len": lambda T: (len(T.zeros(3, 2)), [tuple(r.shape) for r in T.zeros(2, 3)]),
    "len of 0-d": lambda T: len(T.tensor(1)),
    "iterate 0-d": lambda T: list(T.tensor(1)),
    "unpack": lambda T: (lambda a, b: (a, b))(*T.tensor([1, 2])),
    "in": lambda T: [2 in T.tensor([1, 2]), T.tensor(5) in T.arange(3), 0.5 in T.zeros(2)],
    "string in": lambda T: "a" in T.zeros(2),
    "item": lambda T: [T.tensor(v).item() for v in (1, 2.5, True, 1j)],
    "item of half": lambda T: [T.tensor(0.1, dtype=getattr(T, k)).item() for k in ("half", "bfloat16", "float32")],
    "items": lambda T: T.ones(2).item(),
    "tolist": lambda T: [T.tensor(v).tolist() for v in (1, [1.5], [[True], [False]], [], [1j])],
    "sizes": lambda T: [
        f(T.zeros(2, 3))
        for f in (
            lambda x: x.size(),
            lambda x: x.size(1),
            lambda x: x.dim(),
            lambda x: x.ndim,
            lambda x: x.ndimension(),
            lambda x: x.numel(),
            lambda x: x.nelement(),
            lambda x: x.stride(),
            lambda x: x.stride(0),
            lambda x: x.element_size(),
            lambda x: x.itemsize,
            lambda x: x.nbytes,
            lambda x: x.is_contiguous(),
            lambda x: x.t().is_contiguous(),
            lambda x: x[1:].storage_offset(),
            lambda x: x.is_cuda,
            lambda x: x.get_device(),
            lambda x: x.untyped_storage().nbytes(),
            lambda x: x.data_ptr() == x.view(6).data_ptr(),
            lambda x: x[1].data_ptr() - x.data_ptr(),
            lambda x: x.is_floating_point(),
            lambda x: x.is_complex(),
            lambda x: len(x.storage()),
            lambda x: str(x.device),
            lambda x: str(x.dtype).split(".")[1],
        )
    ],
    "empty strides": lambda T: [T.zeros(s).stride() for s in ((0,), (0, 3), (2, 0, 4))],
}


@pytest.mark.filterwarnings("ignore:TypedStorage", "ignore:Conversion of an array")
@pytest.mark.parametrize("name", PYTHON)
def test_what_python_asks(name: str) -> None:
    agree(PYTHON[name])


NUMPY = {
    "shared": lambda T, x: (x.numpy().__iadd__(1), x),
    "asarray": lambda T, x: np.asarray(x) + 1,
    "asarray of a dtype": lambda T, x: np.asarray(x, dtype=np.float64),
    "array": lambda T, x: (np.array(x).__iadd__(1), x),
    "ufunc": lambda T, x: np.sin(x),
    "ufunc of two": lambda T, x: np.add(x, np.ones(3, np.float32)),
    "compare": lambda T, x: np.greater(x, 1),
    "mean": lambda T, x: float(np.mean(x.numpy())),
    "requires grad": lambda T, x: x.requires_grad_().numpy(),
    "forced": lambda T, x: (x.requires_grad_() * 2).numpy(force=True),
    "transposed": lambda T, x: x.view(3, 1).t().numpy().strides,
    "stack": lambda T, x: np.stack([x, x]),
    "times array": lambda T, x: x * T.from_numpy(np.arange(3.0, dtype=np.float32)),
}


@pytest.mark.parametrize("name", NUMPY)
def test_numpy(name: str) -> None:
    def program(T: Any) -> Any:
        found = NUMPY[name](T, T.tensor([1.0, 2.0, 3.0]))
        return tuple(T.from_numpy(f) if isinstance(f, np.ndarray) else f
                     for f in (found if isinstance(found, tuple) else (found,)))  # fmt: skip

    agree(program)


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "float32", "complex64"])
def test_dlpack_shares_memory_with_other_libraries(kind: str) -> None:
    mine = sg.ones(2, 3, dtype=getattr(sg, kind))
    theirs = torch.from_dlpack(mine)
    assert theirs.data_ptr() == mine.data_ptr() and theirs.dtype is getattr(torch, kind)
    back = sg.from_dlpack(theirs)
    assert back.data_ptr() == mine.data_ptr() and back.dtype is mine.dtype
    assert np.from_dlpack(mine[:, 1:]).strides == mine[:, 1:].numpy().strides
    assert tuple(map(int, mine.__dlpack_device__())) == (1, 0)
    back[0] = 0
    assert not bool(mine[0].any())


def test_dlpack_of_what_requires_grad() -> None:
    for T in (sg, torch):
        with pytest.raises(BufferError):
            np.from_dlpack(T.ones(2, requires_grad=True))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_copies_of_every_dtype(dtype: Any, again: Any) -> None:
    whole = sg.arange(12).reshape(3, 4).to(dtype)
    for x in (whole, whole.t(), whole[:, ::2], whole[1], whole[0, 0], whole[:0], whole[:1].expand(3, 4)):
        y = again(x)
        assert y.dtype is dtype and y.stride() == x.stride() and bool((y == x).all())
        assert not np.shares_memory(y.numpy(), x.numpy()) or not x.numel()


def linked(T: Any, again: Any) -> Any:
    x = T.arange(6.0).reshape(2, 3)
    a, b, c = again([x, x[1], x])
    a[1, 0] = 100
    return b, a is c, x


@pytest.mark.parametrize("again", [copy.deepcopy, copy.copy, lambda x: pickle.loads(pickle.dumps(x))],
                         ids=["deepcopy", "copy", "pickle"])  # fmt: skip
def test_copies_keep_what_they_share(again: Any) -> None:
    if again is copy.deepcopy:
        agree(lambda T: linked(T, again))
    got = linked(sg, again)
    assert got[0][0] == 100 and got[1]


def test_copies_of_leaves() -> None:
    def program(T: Any) -> Any:
        x = T.ones(2, requires_grad=True)
        (x * 3).sum().backward()
        p = T.nn.Parameter(T.zeros(2))
        p.grad = T.ones(2)
        x.note = "kept"
        y, q, z, r = copy.deepcopy(x), copy.deepcopy(p), copy.copy(x), pickle.loads(pickle.dumps(p))
        with T.no_grad():
            z.add_(1)
        return (
            y,
            y.grad,
            y.note,
            q,
            q.grad,
            type(q) is T.nn.Parameter,
            z,
            x,
            r,
            type(r) is T.nn.Parameter,
            r.requires_grad,
        )

    agree(program)


def test_a_result_cannot_be_deep_copied() -> None:
    agree(lambda T: copy.deepcopy(T.ones(1, requires_grad=True) * 2))


def test_bits_are_shared_with_other_dtypes() -> None:
    def program(T: Any) -> Any:
        x = T.tensor([1.0, -2.0, 3.0, 4.0])
        x.view(T.int32)[0] = 0
        return x, x.view(T.int16), x.view(T.complex64), x.view(T.uint8).shape, x.reshape(2, 2).view(T.float64).shape

    agree(program)
    agree(lambda T: T.ones(3).view(T.complex64))
    agree(lambda T: T.ones(()).view(T.int16))
    agree(lambda T: T.ones(2, 3).t().view(T.int16))


def test_printing_uses_no_gradient_and_names_grad_fn() -> None:
    x = sg.ones(2, requires_grad=True)
    assert str(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward0>)"
