"""`repr` is PyTorch's, character by character."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import make, torch
from sampling import values

import symgrad as sg

RNG = np.random.default_rng(0)
ARRAYS = {
    "0-d": np.float32(1.5),
    "0-d int": np.array(3),
    "0-d bool": np.array(True),
    "0-d whole": np.float32(2),
    "ints": np.arange(5),
    "negative ints": np.array([-1, 22, 333]),
    "int32": np.arange(3, dtype=np.int32),
    "bools": np.array([[True, False], [False, False]]),
    "floats": values(3).astype(np.float32),
    "matrix": values(3, 4).astype(np.float32),
    "cube": values(2, 2, 3).astype(np.float32),
    "float64": values(2, 2),
    "float16": values(3).astype(np.float16),
    "whole floats": np.array([1, 2, 30], np.float32),
    "whole and nan": np.array([1, np.nan, np.inf, -np.inf], np.float32),
    "nan": np.array([np.nan], np.float32),
    "fraction and inf": np.array([0.5, np.inf, -np.inf, np.nan], np.float32),
    "tiny": np.array([1e-5, 1.0], np.float32),
    "huge": np.array([1e9, 1.5], np.float32),
    "huge whole": np.array([1e9, 1.0], np.float32),
    "wide range": np.array([0.01, 100.5], np.float32),
    "zeros": np.zeros((2, 3), np.float32),
    "minus zero": np.array([-0.0, 0.0], np.float32),
    "empty": np.zeros(0, np.float32),
    "empty 2-d": np.zeros((2, 0), np.float32),
    "empty ints": np.zeros(0, np.int64),
    "empty 2-d ints": np.zeros((0, 3), np.int64),
    "long": RNG.normal(size=40).astype(np.float32),
    "long ints": np.arange(60),
    "summarised": np.arange(2000.0, dtype=np.float32),
    "summarised normal": RNG.normal(size=3000).astype(np.float32),
    "summarised matrix": RNG.normal(size=(50, 40)).astype(np.float32),
    "summarised cube": np.arange(4 * 30 * 20).reshape(4, 30, 20),
    "narrow long": np.arange(2000).reshape(1000, 2),
    "mixed signs": np.array([[-1.5, 2], [300.25, -4]], np.float32),
    "uint8": np.arange(4, dtype=np.uint8),
    "e-notation negative": np.array([-1e-6, 3.0], np.float32),
    "wide row": RNG.normal(size=(2, 30)).astype(np.float32),
    "large 0-d": np.float32(123456.789),
    "small 0-d": np.float32(1.2345e-7),
    "seven extents": np.zeros((1,) * 4, np.float32),
}


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("grad", [False, True])
def test_repr_is_torchs(name: str, grad: bool) -> None:
    array = ARRAYS[name]
    if grad and array.dtype.kind != "f":
        pytest.skip("integers do not require grad")
    assert repr(make(sg, array, grad)) == repr(make(torch, array, grad))


PROGRAMS = {
    "grad_fn": lambda T: T.ones(2, requires_grad=True) * 2,
    "grad_fn of sum": lambda T: T.ones(2, requires_grad=True).sum(),
    "grad_fn of pow": lambda T: T.ones(2, requires_grad=True) ** 2,
    "grad_fn long": lambda T: T.linspace(0, 1, 30, requires_grad=True) * 2,
    "parameter": lambda T: T.nn.Parameter(T.zeros(2, 2)),
    "frozen parameter": lambda T: T.nn.Parameter(T.zeros(2), requires_grad=False),
    "double parameter": lambda T: T.nn.Parameter(T.zeros(2, dtype=T.float64)),
    "str of size": lambda T: T.zeros(2, 3).shape,
    "format": lambda T: f"{T.tensor(1.5)} {T.tensor(2.25):.1f} {T.tensor([1, 2])} {T.tensor(3)}",
    "item in a string": lambda T: f"y = {T.tensor(0.1).item()}",
    "device": lambda T: (T.device("cpu"), T.device("cuda:0"), str(T.device("cuda", 1))),
    "list": lambda T: T.tensor([[1.5, 2]]).tolist(),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_printed_programs(name: str) -> None:
    def shown(lib: Any) -> str:
        return repr(PROGRAMS[name](lib))

    assert shown(sg) == shown(torch)
