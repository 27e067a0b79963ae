"""Products with a weight, plus a bias."""

from __future__ import annotations

from symgrad.nn.functions.declare import functional
from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

__all__ = ["linear"]


@functional()
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input weight^T + bias.

    Shapes: input [..., in], weight [out, in] or [in], bias [out] -> [..., out]
    Gradient: dinput = g weight, dweight = g^T input, dbias = g summed over all but the last dimension
    >>> sg.nn.functional.linear(sg.ones(2, 3), sg.ones(1, 3), sg.tensor([0.5]))
    tensor([[3.5000],
            [3.5000]])
    """
    out = ops.matmul(input, ops.t(weight) if weight.ndim == 2 else weight)
    return out if bias is None else out + bias
