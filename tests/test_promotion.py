"""Result dtypes and values against PyTorch: every pair of dtypes, as tensor, 0-d tensor, Python and NumPy number.

Where PyTorch has no such operation, there must be an error here too.
"""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from oracle import BOTH, name_of, torch

import symgrad as sg

NAMES = ("bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128").split()
PYTHON = {"True": True, "2": 2, "-1": -1, "2.5": 2.5, "1+2j": 1 + 2j}
# (PyTorch takes np.bool_ and np.complex64 for floats, which is left to it.)
NUMPY = {"np.int32": np.int32(3), "np.int64": np.int64(2), "np.float32": np.float32(1.5),
         "np.float64": np.float64(2.5), "np.complex128": np.complex128(1 + 1j)}  # fmt: skip

OPERATIONS: dict[str, Any] = {
    "add": lambda T, a, b: a + b,
    "sub": lambda T, a, b: a - b,
    "mul": lambda T, a, b: a * b,
    "div": lambda T, a, b: a / b,
    "floor_divide": lambda T, a, b: a // b,
    "remainder": lambda T, a, b: a % b,
    "pow": lambda T, a, b: a**b,
    "eq": lambda T, a, b: a == b,
    "lt": lambda T, a, b: a < b,
    "ge": lambda T, a, b: a >= b,
    "and": lambda T, a, b: a & b,
    "xor": lambda T, a, b: a ^ b,
    "left shift": lambda T, a, b: a << b,
    "where": lambda T, a, b: T.where(T.tensor([True, False, True]), a, b),
    "fmod": lambda T, a, b: T.fmod(a, b),
    "copysign": lambda T, a, b: T.copysign(a, b),
    "float_power": lambda T, a, b: T.float_power(a, b),
    "clamp": lambda T, a, b: T.clamp(a, b),
    "add alpha": lambda T, a, b: T.add(a, b, alpha=2),
    "result_type": lambda T, a, b: T.result_type(a, b),
    "iadd": lambda T, a, b: T.clone(a).add_(b) if isinstance(a, T.Tensor) else a + b,
    "imul": lambda T, a, b: T.clone(a).mul_(b) if isinstance(a, T.Tensor) else a * b,
}  # fmt: skip
TENSORS: dict[str, Any] = {
    "maximum": lambda T, a, b: T.maximum(a, b),
    "atan2": lambda T, a, b: T.atan2(a, b),
    "hypot": lambda T, a, b: T.hypot(a, b),
    "logical_or": lambda T, a, b: T.logical_or(a, b),
    "logaddexp": lambda T, a, b: T.logaddexp(a, b),
    "gcd": lambda T, a, b: T.gcd(a, b),
    "promote_types": lambda T, a, b: T.promote_types(a.dtype, b.dtype),
    "can_cast": lambda T, a, b: T.can_cast(a.dtype, b.dtype),
}  # fmt: skip


SKIPPED = object()


def make(lib: Any, values: Any, dtype: str) -> Any:
    return lib.tensor(values, dtype=getattr(lib, dtype))


def outcome(lib: Any, function: Any, a: Any, b: Any) -> Any:
    """The result, or the kind of error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            out = function(lib, a(lib), b(lib))
            half = torch.complex32 in (out, getattr(out, "dtype", None))
            return "complex32" if half else out
        except (RuntimeError, TypeError, ValueError) as error:
            if "ComplexHalf" in str(error):
                return SKIPPED
            return RuntimeError if isinstance(error, NotImplementedError) else next(
                c for c in type(error).__mro__ if c.__module__ == "builtins")  # fmt: skip


def differ(function: Any, a: Any, b: Any) -> str:
    """What differs between the libraries, or nothing."""
    mine, theirs = (outcome(lib, function, a, b) for lib in BOTH)
    if theirs is SKIPPED:
        return ""
    if isinstance(theirs, str):  # of complex32, which is no dtype here: such results are complex64
        return "" if isinstance(mine, sg.Tensor) and mine.dtype is sg.complex64 or mine is sg.complex64 else "complex32"
    if isinstance(theirs, type) or isinstance(mine, type):
        return "" if mine is theirs else f"{mine} for {theirs}"
    if not isinstance(theirs, torch.Tensor):
        return "" if name_of(mine) == name_of(theirs) else f"{mine} for {theirs}"
    if name_of(mine.dtype) != name_of(theirs.dtype):
        return f"{mine.dtype} for {theirs.dtype}"
    if tuple(mine.shape) != tuple(theirs.shape):
        return f"{tuple(mine.shape)} for {tuple(theirs.shape)}"
    wide = "complex128" if theirs.is_complex() else "float64"
    have, want = mine.to(getattr(sg, wide)).numpy(), theirs.to(getattr(torch, wide)).numpy()
    dtypes = {name_of(x.dtype) for x in (theirs, a(torch), b(torch)) if isinstance(x, torch.Tensor)}
    rtol = max({"float16": 2e-3, "bfloat16": 2e-2}.get(d, 2e-6) for d in dtypes)
    same = np.allclose(have, want, rtol=rtol, atol=rtol, equal_nan=True)
    return "" if same else f"{have} for {want}"


def operands(kinds: str, dtype: str, values: Any) -> Any:
    return (lambda lib: make(lib, values, dtype)) if kinds == "tensor" else (lambda lib: make(lib, values[1], dtype))


@pytest.mark.parametrize("kinds", ["tensor-tensor", "tensor-0d", "0d-tensor", "0d-0d"])
@pytest.mark.parametrize("name", [*OPERATIONS, *TENSORS])
def test_tensors(name: str, kinds: str) -> None:
    function = {**OPERATIONS, **TENSORS}[name]
    first, second = kinds.split("-")
    wrong = []
    for one, two in itertools.product(NAMES, NAMES):
        if said := differ(function, operands(first, one, [1, 3, 2]), operands(second, two, [2, 1, 3])):
            wrong.append(f"{one}, {two}: {said}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", ["tensor", "0d"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_numbers(name: str, kind: str) -> None:
    wrong = []
    for dtype, (label, number) in itertools.product(NAMES, {**PYTHON, **NUMPY}.items()):
        tensor = operands(kind, dtype, [1, 3, 2])
        if said := differ(OPERATIONS[name], tensor, lambda lib: number):
            wrong.append(f"{dtype}, {label}: {said}")
        if name != "clamp" and label in PYTHON and (said := differ(OPERATIONS[name], lambda lib: number, tensor)):
            wrong.append(f"{label}, {dtype}: {said}")
    assert not wrong, "\n".join(wrong)


def test_default_dtype_decides_for_integers_and_numbers() -> None:
    for lib in BOTH:
        lib.set_default_dtype(lib.float64)
    try:
        for function in (lambda T, a, b: a / b, lambda T, a, b: a * 2.5, lambda T, a, b: T.exp(a),
                         lambda T, a, b: a * 1j):  # fmt: skip
            assert not differ(function, operands("tensor", "int32", [1, 3, 2]), operands("tensor", "int8", [2, 1, 3]))
    finally:
        for lib in BOTH:
            lib.set_default_dtype(lib.float32)
