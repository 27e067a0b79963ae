"""The matrix product, from which mm, bmm, mv, dot, linear are composed."""

from __future__ import annotations

from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Gemm
from symgrad.ir.types import TensorType, broadcast_shapes
from symgrad.ops.registry import primitive


def _infer_matmul(a: TensorType, b: TensorType) -> TensorType:
    shown = f"\n  a: {a}   b: {b}"
    if a.dtype is not b.dtype:
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}{shown}")
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]}){shown}",
            hint="transpose one of them, or check in_features of the layer",
        )
    try:
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(f"matmul: batch extents do not broadcast{shown}") from None
    return TensorType((*batch, a.shape[-2], b.shape[-1]), a.dtype, None, a.device)


matmul = primitive(
    "matmul", "a b", infer=_infer_matmul, array="matmul", lower=Gemm(),
    grad=dict(a=lambda g, b: g @ b.mT, b=lambda g, a: a.mT @ g),
    doc="Matrix product over the last two extents, batched over the rest.",
    gradient="da = g b^T, db = a^T g", source="Giles 2008, matrix derivative results",
)  # fmt: skip
