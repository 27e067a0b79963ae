"""What every elementwise family needs: conversion, choice, and the words of gradient formulas.

Gradient formulas are written in the operators every tensor has, so that they serve the eager tape,
the `differentiate` pass and derivatives of derivatives alike. Un-broadcasting is done once, where
cotangents are accumulated; no formula mentions it. A cotangent is the conjugate of a Wirtinger
derivative, as PyTorch's; so a formula conjugates the factors of what it multiplies.
"""

from __future__ import annotations

from typing import Any

from numpy import ndarray

from symgrad.ir.primitive import Alias, Scalar
from symgrad.ir.types import TensorType
from symgrad.ops.registry import elementwise, elementwise_strides, primitive
from symgrad.tensor.core import Tensor


def _cast_type(x: TensorType, dtype: Any) -> TensorType:
    return TensorType(x.shape, dtype, elementwise_strides(x.shape, (x,)), x.device)


cast = primitive(
    "cast", "x", params=("dtype",), infer=_cast_type, array="x.astype(dtype.np)", lower=Scalar("x"),
    grad=dict(x=lambda g, x_dtype: g.to(x_dtype)),
    doc="Conversion to another dtype; float to int truncates.", gradient="dx = g in x's dtype",
)
stop_gradient = primitive(
    "stop_gradient", "x", infer=lambda x: x, array="(x)", lower=Alias(), grad=dict(x=None),
    doc="The same values, through which no gradient flows.", gradient="none",
)  # fmt: skip


def _where(np: Any, cond: Any, a: Any, b: Any) -> Any:
    """`np.where`; of many floats or zero, a mask of bits: NumPy's loop branches at each element."""
    kept, other = (a, b) if isinstance(a, np.ndarray) else (b, a)
    if cond.size > 4096 and cond.flags.c_contiguous and isinstance(kept, np.ndarray) and kept.dtype.char in "fd" \
            and not isinstance(other, np.ndarray) and other == 0 and not np.signbit(other) \
            and np.broadcast(cond, kept).shape == cond.shape:  # fmt: skip
        word = "i4" if kept.dtype.char == "f" else "i8"
        mask = cond.view("i1").astype(word)
        mask = np.negative(mask, out=mask) if kept is a else np.subtract(mask, 1, out=mask)
        return np.bitwise_and(mask, kept.view(dtype=word), out=mask).view(kept.dtype)
    return np.where(cond, a, b)


where = elementwise(
    "where", "cond a b", scalar="a if cond else b", array="_where(np, cond, a, b)", mixed=True,
    helpers={"_where": _where},
    grad=dict(cond=None, a=lambda g, cond: where_(cond, g, 0), b=lambda g, cond: where_(cond, 0, g)),
    doc="a where cond holds, else b; cond is bool.", gradient="da = g where cond, db = g elsewhere",
)


def where_(cond: Any, a: Any, b: Any) -> Any:
    """`where` as formulas use it."""
    from symgrad.ops.choice import where

    return where(cond, a, b)


def no_gradient(g: Any) -> Any:
    """The cotangent of what changes nothing: zeros, also where g is not finite."""
    from symgrad.ops.creation import zeros_like

    return zeros_like(g)


def conj(x: Any) -> Any:
    """The conjugate; a real operand as it is."""
    if isinstance(x, Tensor):
        data = x._data
        if type(data) is ndarray:
            return x.conj() if data.dtype.kind == "c" else x
        return x.conj() if x.dtype.is_complex else x
    return x.conjugate() if type(x) is complex else x


def tensor_like(x: Any, like: Any) -> Any:
    """x as a tensor, where it may be a Python number beside the tensor `like`."""
    from symgrad.ops.creation import ones_like

    return x if isinstance(x, Tensor) else ones_like(like) * x
