"""The numbers of a step: counts, and what is computed of them in float64.

Eagerly they are Python numbers, as in PyTorch. In a trace the count is a tensor, a cell of the program,
so that its value is no part of the trace; the formulas of the optimizers are written once for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ops.creation import full, full_like, ones, zeros
from symgrad.ops.functional import where
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


def zero(param: Tensor) -> Tensor:
    """A slot that counts steps: a 0-d float32 zero, as PyTorch keeps it."""
    return zeros((), dtype=dtypes.float32)


def one(param: Tensor) -> Tensor:
    """A slot for a running product."""
    return ones((), dtype=dtypes.float32)


def scalar(value: float) -> Callable[[Tensor], Tensor]:
    """A 0-d float32 slot that starts at `value`."""
    return lambda param: full((), float(value), dtype=dtypes.float32)


def filled(value: float) -> Callable[[Tensor], Tensor]:
    """A slot like the parameter, full of `value`; of complex ones both parts."""
    return lambda param: full_like(param, complex(value, value) if param.dtype.is_complex else value)


def counted(step: Any) -> Any:
    """Count one step in place; the count for float64 arithmetic."""
    step += 1
    return number(step)


def number(slot: Any) -> Any:
    """What a 0-d slot holds: a Python number, or in a trace a float64 tensor."""
    return slot.item() if state.capture() is None else slot.to(dtypes.float64)


def factor(value: Any, param: Tensor) -> Any:
    """A float64 result as what multiplies `param`: rounded to its dtype once, as a number is."""
    return value.to(param.dtype) if isinstance(value, Tensor) else value  # type: ignore[attr-defined]


def single(value: Any) -> Any:
    """A float64 result rounded to float32, as slots that hold numbers have it whatever their dtype."""
    return value.to(dtypes.float32) if isinstance(value, Tensor) else float(np.float32(value))  # type: ignore[attr-defined]


def choose(condition: Any, yes: Callable[[], Any], no: Callable[[], Any]) -> Any:
    """`yes()` or `no()`: one of them is computed for a Python condition, both for that of a tensor."""
    if isinstance(condition, Tensor):
        return where(condition, yes(), no())
    return yes() if condition else no()
