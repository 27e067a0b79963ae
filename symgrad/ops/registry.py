"""The table of primitives: every declaration registers itself here, and nothing else is an op."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symgrad.dtypes import DType, bool_
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import ArrayCall, Lowering, Primitive, Scalar
from symgrad.ir.types import TensorType, broadcast_shapes, same_layout

PRIMITIVES: dict[str, Primitive] = {}


def primitive(
    name: str,
    operands: str,
    *,
    infer: Callable[..., Any],
    array: str,
    grad: Mapping[Any, Any],
    lower: Lowering,
    **rest: Any,
) -> Primitive:
    """Declare a primitive; the only way one comes to be."""
    assert name not in PRIMITIVES, f"primitive {name} is declared twice"
    prim = Primitive(name, tuple(operands.split()), infer, array, grad, lower, **rest)
    PRIMITIVES[name] = prim
    return prim


LETTERS = "bifc"
"""One letter per dtype category: bool, integers, floats, complex; `kinds` are made of them."""


def elementwise(
    name: str,
    operands: str,
    *,
    array: str,
    scalar: str = "",
    grad: Mapping[Any, Any] | None = None,
    result: DType | Callable[[DType], DType] | None = None,
    kinds: str = LETTERS,
    mixed: bool = False,
    **rest: Any,
) -> Primitive:
    """Declare an elementwise primitive.

    Operands broadcast and, unless `mixed`, share one dtype, of the `kinds` given, which is the result's
    unless `result` says another. Without `grad` it is not differentiable; without `scalar` no loop
    computes it, only the array form does.
    """
    names = operands.split()

    def infer(*types: TensorType, **params: Any) -> TensorType:
        if not mixed and any(t.dtype is not types[0].dtype for t in types):
            raise DTypeError(f"{name}: operands differ in dtype: {', '.join(map(str, types))}")
        dtype = types[-1].dtype
        check_kind(name, dtype, kinds)
        if result is not None:
            dtype = result if isinstance(result, DType) else result(dtype)
        shape = broadcast(name, names, types)
        return TensorType(shape, dtype, elementwise_strides(shape, types), types[0].device)

    return primitive(
        name, operands, infer=infer, array=array, lower=Scalar(scalar) if scalar else ArrayCall(),
        grad=grad if grad is not None else dict.fromkeys(names), **rest,
    )  # fmt: skip


def check_kind(name: str, dtype: DType, kinds: str) -> None:
    """Raise PyTorch's error if an operation has no meaning for a dtype."""
    if LETTERS[dtype.category] not in kinds:
        hint = "convert with .float()" if kinds in ("f", "fc") and not dtype.is_inexact else ""
        raise DTypeError(f'"{name}" not implemented for {dtype.name}', hint=hint)


def broadcast(name: str, names: Any, types: tuple[TensorType, ...]) -> tuple[int, ...]:
    """The common shape, or PyTorch's error about the extents that do not match."""
    if all(t.shape == types[0].shape for t in types):
        return types[0].shape
    try:
        return broadcast_shapes(*(t.shape for t in types))
    except ValueError:
        pass
    a, b = [t for t in types if t.shape][:2]
    rank = max(a.ndim, b.ndim)
    for axis in range(-1, -rank - 1, -1):
        m = a.shape[axis] if -axis <= a.ndim else 1
        n = b.shape[axis] if -axis <= b.ndim else 1
        if m != n and 1 not in (m, n):
            raise ShapeError(
                f"{name}: The size of tensor a ({m}) must match the size of tensor b ({n}) at "
                f"non-singleton dimension {rank + axis}\n  "
                + "   ".join(f"{n}: {t}" for n, t in zip(names, types))
            )
    raise ShapeError(f"{name}: shapes do not broadcast: {', '.join(map(str, types))}")


def elementwise_strides(shape: tuple[int, ...], types: tuple[TensorType, ...]) -> tuple[int, ...] | None:
    """Strides eager gives an elementwise result: memory order of the operands (NumPy's 'K')."""
    if all(t.strides is None for t in types) or len(shape) < 2:
        return None
    strided = []
    for t in types:
        if t.ndim:
            full = t.strides or _row_major(t.shape)
            pad = len(shape) - t.ndim
            strided.append((0,) * pad + tuple(0 if e == 1 else s for e, s in zip(t.shape, full)))
    order = list(range(len(shape)))
    for i in range(1, len(order)):
        place = i
        for j in range(i - 1, -1, -1):
            swap, ambiguous = False, True
            for strides in strided:
                outer, inner = strides[order[j]], strides[order[place]]
                if outer and inner:
                    if inner <= outer:
                        swap = False
                    elif ambiguous:
                        swap = True
                    ambiguous = False
            if ambiguous:
                continue
            if not swap:
                break
            order.insert(j, order.pop(place))
            place = j
    strides_out = [0] * len(shape)
    step = 1
    for axis in reversed(order):
        strides_out[axis] = step
        step = step * shape[axis] if shape[axis] else step
    return None if same_layout(shape, tuple(strides_out)) else tuple(strides_out)


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    from symgrad.ir.types import contiguous_strides

    return contiguous_strides(shape)


BOOL = bool_
