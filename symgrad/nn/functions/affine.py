"""Products with a weight, plus a bias."""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.declare import functional, widened
from symgrad.ops import functional as ops
from symgrad.tensor.core import Tensor

__all__ = ["bilinear", "linear"]


@functional(out=True)
def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input weight^T + bias.

    Shapes: input [..., in], weight [out, in] or [in], bias [out] -> [..., out]
    Gradient: dinput = g weight, dweight = g^T input, dbias = g summed over all but the last dimension
    >>> sg.nn.functional.linear(sg.ones(2, 3), sg.ones(1, 3), sg.tensor([0.5]))
    tensor([[3.5000],
            [3.5000]])
    """
    if bias is not None and input.dtype.is_half and weight.dtype is bias.dtype is input.dtype:
        wide = linear(*(widened("linear", x) for x in (input, weight, bias)))  # the sum is rounded once
        return ops.convert(wide, input.dtype)
    out = ops.matmul(input, ops.t(weight) if weight.ndim == 2 else weight)
    return out if bias is None else out + bias


@functional(top=True)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1^T weight[k] input2 + bias[k] for every k.

    Shapes: input1 [..., m], input2 [..., n], weight [out, m, n], bias [out] -> [..., out]
    >>> sg.nn.functional.bilinear(sg.tensor([1.0, 2.0]), sg.tensor([3.0]), sg.ones(1, 2, 1))
    tensor([9.])
    """
    a, b, w = input1, input2, weight
    if a.ndim != b.ndim or a.shape[:-1] != b.shape[:-1]:
        raise ShapeError(f"bilinear(): input dimensions do not match: got {list(a.shape)} and {list(b.shape)}")
    if w.ndim != 3 or a.shape[-1] != w.shape[1] or b.shape[-1] != w.shape[2]:
        raise ShapeError(f"bilinear(): inputs of {a.shape[-1]} and {b.shape[-1]} features do not fit a weight of shape "
                         f"{list(w.shape)}")  # fmt: skip
    if bias is not None and tuple(bias.shape) != (w.shape[0],):
        raise ShapeError(f"bilinear(): bias size does not match weight size: got {list(bias.shape)} and {w.shape[0]}")
    out, m, n = w.shape
    side = ops.reshape(ops.permute(w, (1, 0, 2)), (m, out * n))
    products: Any = ops.reshape(ops.matmul(a, side), (*a.shape[:-1], out, n))
    total = ops.to(ops.sum(products * ops.unsqueeze(b, -2), -1), a.dtype)
    return total if bias is None else total + bias
