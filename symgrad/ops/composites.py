"""Small functions made of others: names PyTorch has for formulas, no primitives of their own."""

from __future__ import annotations

from typing import Any

from symgrad.ops.functional import where
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor


@op
def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight (end - input), counted from the nearer end."""
    gap = end - input
    if isinstance(weight, Tensor):
        return where(abs(weight) < 0.5, input + gap * weight, end - gap * (1 - weight))  # type: ignore[arg-type]
    return input + gap * weight if -0.5 < weight < 0.5 else end - gap * (1 - weight)


def lerp_(self: Any, end: Any, weight: Any) -> Any:
    """In-place version of `lerp`."""
    if not isinstance(weight, Tensor) and -0.5 < weight < 0.5:
        return self.add_((end - self) * weight)
    return self.copy_(lerp(self, end, weight))


@op
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value * tensor1 * tensor2."""
    return input + _times(tensor1, value) * tensor2


@op
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
    """input + value * tensor1 / tensor2."""
    return input + _times(tensor1, value) / tensor2


def _times(tensor: Any, value: Any) -> Any:
    return tensor if type(value) in (int, float) and value == 1 else tensor * value

