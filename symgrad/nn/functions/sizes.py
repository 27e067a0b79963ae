"""What layers with windows are given as one number or one for each dimension, and the errors of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgrad.errors import ShapeError
from symgrad.ops.padding import pad
from symgrad.ops.shapes import unsqueeze
from symgrad.ops.windows import span
from symgrad.tensor.core import Tensor

Sizes = int | Sequence[int]


def each(name: str, what: str, given: Any, n: int) -> tuple[int, ...]:
    """`given` for each of n dimensions: one number stands for all."""
    if isinstance(given, int):
        return (given,) * n
    found = tuple(int(e) if not isinstance(e, int) else e for e in given)
    if len(found) == 1:
        return found * n
    if len(found) != n:
        raise ShapeError(f"{name}: expected {what} to be a single integer value or a list of {n} values to match the "
                         f"convolution dimensions, but got {what}={list(found)}")
    return found


def positive(name: str, what: str, given: tuple[int, ...]) -> None:
    """Refuse a kernel size, stride or dilation of 0 or less."""
    if any(e <= 0 for e in given):
        raise ShapeError(f"{name}: {what} should be greater than zero, but got {list(given)}")


def batched(name: str, input: Tensor, n: int) -> tuple[Tensor, bool]:
    """The input with a batch dimension, and whether it had one."""
    if input.ndim == n + 2:
        return input, True
    if input.ndim != n + 1:
        raise ShapeError(f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of "
                         f"size: {list(map(int, input.shape))}")
    return unsqueeze(input, 0), False


def padded(input: Tensor, before: Sequence[int], after: Sequence[int], value: Any = 0) -> Tensor:
    """The last dimensions with so many elements of `value` on each side."""
    if not any(before) and not any(after):
        return input
    amounts = [e for pair in zip(reversed(before), reversed(after)) for e in pair]
    return pad(input, amounts, value=value)


def reach(count: int, size: int, stride: int, dilation: int) -> int:
    """How many elements `count` windows lie over."""
    return (count - 1) * stride + span(size, dilation)
