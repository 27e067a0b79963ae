"""`backward()` inside a trace is one equation: `ga, gb = gradients(loss, one, a, b, roots=1, …)`.

Its outputs have the types of the values differentiated for; the `differentiate` pass expands it with
the same pullback the eager tape uses. It has no array form: no graph that runs contains one.
"""

from __future__ import annotations

from typing import Any

from symgrad.ir.primitive import ArrayCall
from symgrad.ir.types import TensorType
from symgrad.ops.registry import primitive


def _infer(*xs: TensorType, roots: int, stops: Any, hooks: Any = ()) -> tuple[TensorType, ...]:
    return tuple(t.with_shape(t.shape) for t in xs[2 * roots :])


gradients = primitive(
    "gradients", "*xs", params=("roots", "stops", "hooks"), infer=_infer,
    array="undefined_until_differentiated", lower=ArrayCall(), grad=dict(xs=None), multiple=True,
    doc="Cotangents of the last operands, given those of the first `roots`; paths end where stops says.",
)  # fmt: skip
