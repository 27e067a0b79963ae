"""PyTorch as the oracle: the same program written once runs on both, and what it gives is compared."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symgrad as sg

torch = pytest.importorskip("torch")

DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
BOTH = (sg, torch)


def make(lib: Any, array: Any, requires_grad: bool = False) -> Any:
    """A tensor of `lib` with its own copy of `array`, strides kept."""
    data = np.copy(array, order="K")
    if lib is sg:
        out = sg.from_numpy(data)
    else:
        out = torch.from_numpy(data) if data.ndim or data.dtype != np.bool_ else torch.tensor(bool(data))
    return out.requires_grad_(requires_grad)


def array_of(x: Any) -> Any:
    x = x.detach()
    return x.numpy() if isinstance(x, sg.Tensor) else x.resolve_conj().resolve_neg().numpy(force=True)


def name_of(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def assert_same(mine: Any, theirs: Any, rtol: float = 2e-6, atol: float = 1e-7) -> None:
    """Equal structure, dtype, shape, values within rounding, and whether they require grad."""
    if isinstance(theirs, (tuple, list)):
        assert len(mine) == len(theirs)
        for a, b in zip(mine, theirs):
            assert_same(a, b, rtol, atol)
    elif isinstance(theirs, torch.Tensor):
        assert isinstance(mine, sg.Tensor)
        assert name_of(mine.dtype) == name_of(theirs.dtype)
        assert tuple(mine.shape) == tuple(theirs.shape)
        if theirs.dtype is torch.float16:
            rtol, atol = 2e-3, 1e-3
        np.testing.assert_allclose(array_of(mine), array_of(theirs), rtol=rtol, atol=atol)
        assert mine.requires_grad == theirs.requires_grad
    elif isinstance(theirs, float):
        assert isinstance(mine, float)
        assert mine == pytest.approx(theirs, rel=rtol, abs=atol, nan_ok=True)
    else:
        assert mine == theirs


def agree(program: Callable[[Any], Any], rtol: float = 2e-6, atol: float = 1e-7) -> None:
    """`program(torch)` and `program(symgrad)` give the same, or raise the same builtin error."""
    try:
        theirs = program(torch)
    except (NameError, UnboundLocalError):  # a mistake in the program, not an answer
        raise
    except Exception as error:  # noqa: BLE001 - whatever PyTorch raises is the oracle
        with pytest.raises(builtin(error)):
            program(sg)
        return
    assert_same(program(sg), theirs, rtol, atol)


def warned(call: Callable[[], Any]) -> list[tuple[type[Warning], str]]:
    """Every warning of a call, also one given before: its class and text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [(w.category, str(w.message)) for w in caught]


def warn_alike(program: Callable[[Any], Any]) -> list[tuple[type[Warning], str]]:
    """The warnings of `program(symgrad)`, which are those of `program(torch)`."""
    mine, theirs = (warned(lambda lib=lib: program(lib)) for lib in BOTH)  # type: ignore[misc]
    assert mine == theirs
    return mine


def builtin(error: BaseException) -> type[BaseException]:
    """The first class of `error` that is Python's own (what is not implemented is a RuntimeError here)."""
    if isinstance(error, NotImplementedError):
        return RuntimeError
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")
