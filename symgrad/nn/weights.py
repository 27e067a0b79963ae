"""Where a layer's parameters are declared: names, shapes, and the start most layers share."""

from __future__ import annotations

import math
from typing import Any

from symgrad.nn import init
from symgrad.nn.module import Module
from symgrad.nn.parameter import Parameter
from symgrad.ops.creation import empty


def declare(module: Module, device: Any, dtype: Any, **shapes: tuple[int, ...] | None) -> None:
    """Register parameters whose values are still to be written; None keeps the name of one that is not there."""
    for name, shape in shapes.items():
        made = None if shape is None else Parameter(empty(shape, device=device, dtype=dtype))
        module.register_parameter(name, made)


def start_affine(weight: Any, bias: Any) -> None:
    """Weights and bias, if there is one, uniform in ±1 / sqrt(inputs of one output)."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        inputs, _ = init.fans(weight)
        bound = 1 / math.sqrt(inputs) if inputs > 0 else 0
        init.uniform_(bias, -bound, bound)
