"""Images of another size: each dimension in its turn, from the nearest element or from a weighted few.

Where an element of the result lies in the input is computed in float32, as PyTorch does, with the scale that
was asked for or, where a size was, with the ratio of the sizes.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.mean_pooling import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
)
from symgrad.ops import functional as ops
from symgrad.ops.gathering import index_select
from symgrad.ops.ranges import arange
from symgrad.tensor.core import Tensor

__all__ = ["interpolate", "upsample", "upsample_bilinear", "upsample_nearest"]

RANKS = {"nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5), "linear": (3,), "bilinear": (4,),
         "bicubic": (4,), "trilinear": (5,)}  # fmt: skip
"""Dimensions of the input that each mode is for."""


@functional()
def interpolate(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
                align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
                antialias: bool = False) -> Tensor:  # fmt: skip
    """`input` resampled to `size`, or to its size times `scale_factor`.

    `mode` is nearest, nearest-exact (of centres), linear, bilinear, trilinear, bicubic, or area (means). With
    `align_corners` the first and last elements keep their places, else the edges of the whole do.
    Shapes: input [N, C, …] with 1 to 3 dimensions of positions -> [N, C, *size]
    Gradient: g times the same weights, added up where elements were read more than once
    Raises: ValueError unless exactly one of size and scale_factor is given
    Source: Keys 1981, Cubic Convolution Interpolation (bicubic, a = -0.75)
    >>> sg.nn.functional.interpolate(sg.tensor([[[1.0, 3.0]]]), scale_factor=2, mode="linear")
    tensor([[[1.0000, 1.5000, 2.5000, 3.0000]]])
    """
    nearest = mode in ("nearest", "nearest-exact", "area")
    if nearest and align_corners is not None:
        raise ValueError("align_corners option can only be set with the interpolating modes: linear | bilinear | "
                         "bicubic | trilinear")
    length = tuple(input.shape[2:])
    wanted, factors = _sizes(length, size, scale_factor, bool(recompute_scale_factor) or mode == "area")
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if antialias:
        if mode not in ("bilinear", "bicubic") or input.ndim != 4:
            raise ValueError("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a "
                             "4-D tensor as input")
        raise NotImplementedError("interpolate: antialias=True is not there yet")
    if input.ndim not in RANKS.get(mode, ()):
        raise NotImplementedError(f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for "
                                  f"the modes: {' | '.join(RANKS)} (got {mode})")
    if any(e <= 0 for e in (*length, *wanted)) or input.shape[1] == 0:
        raise ShapeError(f"Input and output sizes should be greater than 0, but got input (size: "
                         f"{list(map(int, input.shape))}) and output (size: {list(map(int, wanted))})")
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[len(length) - 1](input, list(wanted))
    return _resampled(input, wanted, factors, mode, bool(align_corners))


def _sizes(length: Any, size: Any, scale_factor: Any, recompute: bool) -> tuple[list[int], list[float | None]]:
    """The size of the result, and the factor of each dimension where it decides about places."""
    n = len(length)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    what, given = ("size", size) if size is not None else ("scale_factor", scale_factor)
    if isinstance(given, (list, tuple)):
        if len(given) != n:
            raise ValueError(f"Input and {what} must have the same number of spatial dimensions, but got input with "
                             f"spatial dimensions of {list(map(int, length))} and {what} of {list(given)}.")
    else:
        given = [given] * n
    if size is not None:
        if any(not isinstance(e, int) for e in given):
            raise TypeError(f"expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], "
                            f"but got size with types {[type(e) for e in given]}")
        return list(given), [None] * n
    wanted = [_times(e, f) for e, f in zip(length, given)]
    return wanted, [None if recompute else float(f) for f in given]


def _times(extent: int, factor: float) -> int:
    return extent * int(factor) if factor == int(factor) else math.floor(float(extent) * factor)


def _resampled(input: Tensor, wanted: Any, factors: Any, mode: str, align: bool) -> Tensor:
    if input.dtype.category == dtypes.BOOL or input.dtype.is_complex or (
            not mode.startswith("nearest") and input.dtype.category == dtypes.INTEGRAL
            and input.dtype is not dtypes.uint8):  # fmt: skip
        raise DTypeError(f'"interpolate" of mode {mode} not implemented for {input.dtype.name}',
                         hint="convert with .float()")
    out = input
    if mode.startswith("nearest"):
        for d, (count, factor) in enumerate(zip(wanted, factors)):
            out = _nearest(out, 2 + d, count, factor, 0.5 if mode == "nearest-exact" else 0.0)
    else:
        bytes_ = input.dtype is dtypes.uint8
        out = ops.to(out, dtypes.float64 if bytes_ else dtypes.float32) if bytes_ or input.dtype.is_half else out
        taps = _cubic_taps if mode == "bicubic" else _linear_taps
        for d in reversed(range(len(wanted))):
            if wanted[d] != out.shape[2 + d] or factors[d] not in (None, 1.0):
                found = taps(_places(out, 2 + d, wanted[d], factors[d], align), out.shape[2 + d])
                out = _weighted(out, 2 + d, _in_fixed_point(found) if bytes_ else found)
                out = (out + 0.5).floor().clamp(min=0, max=255) if bytes_ else out  # type: ignore[attr-defined, operator]
    out = ops.to(out, input.dtype)
    return out.clone() if out is input else ops.contiguous(out)  # type: ignore[attr-defined, no-any-return]


def _nearest(x: Tensor, dim: int, count: int, factor: float | None, centre: float) -> Tensor:
    """The element under each of `count` places along a dimension."""
    length = x.shape[dim]
    repeats = count // length if count % length == 0 and factor in (None, count // length) else 0
    if repeats == 1:
        return x
    if repeats:
        ahead, after = tuple(x.shape[: dim + 1]), tuple(x.shape[dim + 1 :])
        repeated = ops.expand(ops.unsqueeze(x, dim + 1), (*ahead, repeats, *after))
        return ops.reshape(repeated, (*ahead[:-1], count, *after))
    scale = length / count if factor is None else 1.0 / factor
    places = (arange(count, dtype=dtypes.float32, device=x.device) + centre) * scale
    return index_select(x, dim, ops.to(places.floor(), dtypes.int64).clamp(max=length - 1))  # type: ignore[attr-defined]


def _places(x: Tensor, dim: int, count: int, factor: float | None, align: bool) -> Any:
    """Where the `count` elements of the result lie along a dimension of the input."""
    length = x.shape[dim]
    places = arange(count, dtype=x.dtype, device=x.device)
    if align:
        return places * ((length - 1) / (count - 1) if count > 1 else 0.0)
    return (places + 0.5) * (length / count if factor is None else 1.0 / factor) - 0.5


Taps = list[tuple[Tensor, Tensor]]
"""Indices of elements, and their weights, for each element of the result."""


def _weighted(x: Tensor, dim: int, taps: Taps) -> Tensor:
    """The sums along a dimension of elements times their weights."""
    out: Any = None
    for index, weight in taps:
        part = index_select(x, dim, index) * ops.reshape(weight, (-1, *[1] * (x.ndim - dim - 1)))  # type: ignore[operator]
        out = part if out is None else out + part
    return out  # type: ignore[no-any-return]


def _in_fixed_point(taps: Taps) -> Taps:
    """Weights rounded to as many binary places as leave the largest 15 bits: what PyTorch resamples bytes with."""
    largest: Any = None
    for _, weight in taps:
        largest = weight.amax() if largest is None else largest.maximum(weight.amax())
    powers = 2.0 ** arange(1, 23, dtype=dtypes.float64, device=taps[0][1].device)
    places = ((largest * powers + 0.5).floor() < 2**15).sum()
    unit = 2.0 ** ops.to(places, dtypes.float64)
    return [(i, (w.abs() * unit + 0.5).floor() * w.sign() / unit) for i, w in taps]  # type: ignore[attr-defined]


def _linear_taps(places: Any, length: int) -> Taps:
    """The two elements beside each place, and their weights."""
    places = places.clamp(min=0)
    first = ops.to(places.floor(), dtypes.int64).clamp(max=length - 1)
    part = (places - first).clamp(min=0, max=1)
    return [(first, 1 - part), ((first + 1).clamp(max=length - 1), part)]


def _cubic_taps(places: Any, length: int) -> Taps:
    """The four elements around each place, and their weights."""
    floor = places.floor()
    t, first = places - floor, ops.to(floor, dtypes.int64)
    a = -0.75
    near = lambda s: ((a + 2) * s - (a + 3)) * s * s + 1  # noqa: E731
    far = lambda s: ((a * s - 5 * a) * s + 8 * a) * s - 4 * a  # noqa: E731
    weights = (far(t + 1), near(t), near(1 - t), far(2 - t))
    return [((first + k - 1).clamp(min=0, max=length - 1), w) for k, w in enumerate(weights)]


@functional()
def upsample(input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
             align_corners: bool | None = None) -> Tensor:  # fmt: skip
    """`interpolate`, by its old name.

    >>> sg.nn.functional.upsample(sg.tensor([[[1.0, 3.0]]]), 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


@functional()
def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` to the nearest element, by its old name.

    >>> sg.nn.functional.upsample_nearest(sg.tensor([[[1.0, 3.0]]]), 4)
    tensor([[[1., 1., 3., 3.]]])
    """
    return interpolate(input, size, scale_factor, "nearest")


@functional()
def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` bilinearly with corners aligned, by its old name.

    >>> sg.nn.functional.upsample_bilinear(sg.tensor([[[[1.0, 3.0]]]]), (1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    return interpolate(input, size, scale_factor, "bilinear", True)
