"""Edges added to (or, by negative amounts, cut from) the last dimensions of a tensor."""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.ops.arrange import flip
from symgrad.ops.joining import cat
from symgrad.ops.public import op
from symgrad.ops.shapes import expand, slice_read, slice_write
from symgrad.tensor.core import Tensor

MODES = ("constant", "reflect", "replicate", "circular")


@op(namespace="nn.functional", method=False, out=False)
def pad(input: Tensor, pad: Any, mode: str = "constant", value: Any = None) -> Tensor:
    """`pad` is (left, right) of the last dimension, then of the one before, …; negative amounts cut.

    `mode` says what the edges hold: a constant `value`, the mirrored inside without its border, the border
    repeated, or the other end.
    Gradient: cut to the inside, edges added to where they were read
    Raises: RuntimeError where a mirror would need more than there is
    >>> sg.nn.functional.pad(sg.tensor([1, 2, 3]), (1, 2))
    tensor([0, 1, 2, 3, 0, 0])
    """
    amounts = [int(p) for p in pad]
    if mode not in MODES:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if len(amounts) % 2:
        raise ShapeError("Padding length must be divisible by 2")
    if len(amounts) // 2 > input.ndim:
        raise ShapeError(f"Padding length should be less than or equal to two times the input dimension but got "
                         f"padding length {len(amounts)} and input of dimension {input.ndim}")
    sides = [(input.ndim - 1 - i, amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)]
    if mode == "constant":
        return _constant(input, sides, 0 if value is None else value)
    if value is not None and value != 0:
        raise ValueError(f"Padding mode '{mode}' doesn't take in value argument")
    if len(sides) not in (1, 2, 3) or input.ndim - len(sides) not in (1, 2):
        raise NotImplementedError("Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now")
    out = input
    for d, left, right in sides:
        out = _edges(out, d, left, right, mode)
    return out.clone() if out is input else out


def part(x: Tensor, dim: int, start: int, stop: int) -> Tensor:
    """x[..., start:stop, ...] along `dim`."""
    return slice_read(x, (*(slice(None),) * dim, slice(start, stop), *(slice(None),) * (x.ndim - dim - 1)))


def _constant(input: Tensor, sides: list[tuple[int, int, int]], value: Any) -> Tensor:
    from symgrad.ops.creation import full

    shape = list(input.shape)
    place = [slice(None)] * input.ndim
    inside = input
    for d, left, right in sides:
        extent = int(input.shape[d])
        shape[d] = input.shape[d] + (left + right)
        if shape[d] < 0:
            raise ShapeError(f"The input size {extent}, plus negative padding {left} and {right} resulted in a "
                             "negative output size, which is invalid. Check dimension "
                             f"{d} of your input.")
        if left < 0 or right < 0:
            inside = part(inside, d, max(-left, 0), max(extent + min(right, 0), 0))
        first = max(left, 0)
        place[d] = slice(first, first + int(inside.shape[d]))
    whole = full(tuple(shape), value if input.dtype.is_inexact else int(value), dtype=input.dtype, device=input.device)
    return slice_write(whole, inside, tuple(place))


def _edges(x: Tensor, d: int, left: int, right: int, mode: str) -> Tensor:
    extent = int(x.shape[d])
    limit = extent - 1 if mode == "reflect" else extent
    if mode != "replicate" and max(left, right) > limit:
        if mode == "reflect":
            raise ShapeError(f"Padding size should be less than the corresponding input dimension, but got: padding "
                             f"({left}, {right}) at dimension {d} of input {list(x.shape)}")
        raise ShapeError("Padding value causes wrapping around more than once.")
    if extent + left + right < (0 if mode == "circular" else 1) or mode == "replicate" and not extent:
        raise ShapeError(f"input (size: {extent}) is too small: padding ({left}, {right}) leaves nothing")
    inside = part(x, d, max(-left, 0), extent + min(right, 0)) if left < 0 or right < 0 else x
    source = inside if mode == "circular" else x
    before, after = _ends(source, d, max(left, 0), max(right, 0), int(source.shape[d]), mode)
    found = [p for p in (before, inside, after) if p is not None]
    return cat(found, d) if len(found) > 1 else found[0]


def _ends(x: Tensor, d: int, left: int, right: int, extent: int, mode: str) -> tuple[Tensor | None, Tensor | None]:
    if mode == "reflect":
        return (flip(part(x, d, 1, left + 1), d) if left else None,
                flip(part(x, d, extent - 1 - right, extent - 1), d) if right else None)  # fmt: skip
    if mode == "circular":
        return part(x, d, extent - left, extent) if left else None, part(x, d, 0, right) if right else None
    wide = lambda at, n: expand(part(x, d, at, at + 1), (*x.shape[:d], n, *x.shape[d + 1 :]))  # noqa: E731
    return wide(0, left) if left else None, wide(extent - 1, right) if right else None
