"""Reverse-mode differentiation, written once and used three ways.

`pull_rules` calls a primitive's gradient formulas, `fit` makes a cotangent that of its own place: summed
where the operand was broadcast, cast where it was promoted. `engine.backward` walks the eager tape with
them, the `differentiate` pass equations; either may be recorded, which gives derivatives of derivatives.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symgrad.ops.functional import sum_to
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import ndarray
from symgrad.tensor.tape import call_rule


def fit(g: Tensor, shape: Any, dtype: Any) -> Tensor:
    """`g` summed to `shape` and cast to `dtype`: the cotangent of what was broadcast or promoted.

    Of a complex cotangent a real operand gets the real part.
    """
    data = g._data
    if type(data) is ndarray:
        if data.shape != shape:
            g = sum_to(g, tuple(shape))
        if data.dtype is dtype.np:
            return g
    elif tuple(g.shape) != tuple(shape):
        g = sum_to(g, tuple(shape))
    if g.dtype.is_complex and not dtype.is_complex:
        g = g.real
    return g if g.dtype is dtype else g.to(dtype)


def pull_rules(rules: Any, g: Any, values: dict[str, Any], params: Any) -> Iterable[tuple[int, Any]]:
    """Call each rule; yield (operand position, its cotangent)."""
    for positions, rule, args in rules:
        got = call_rule(rule, args, g, values, params)
        if len(positions) == 1 and not isinstance(got, tuple):
            yield positions[0], got
        else:
            yield from enumerate(got) if len(positions) == 1 else zip(positions, got)
