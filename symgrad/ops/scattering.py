"""Scattering under PyTorch's names: writes at indices that run along with the tensor, combined or not."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.functional import full_scalar, where
from symgrad.ops.index import index_reduce_p, put
from symgrad.ops.public import op
from symgrad.ops.shapes import expand, normalize_dim, reshape, slice_read
from symgrad.ops.writing import Written, copied, fit_number, in_place
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

HOW = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}


def line(x: Tensor) -> Tensor:
    """A 0-d tensor as a vector of one."""
    return reshape(x, (1,)) if x.ndim == 0 else x


def number(value: Any, dtype: dtypes.DType) -> Tensor:
    """A number as a 0-d tensor of a dtype that can hold it."""
    return full_scalar(fit_number(value, dtype), dtype)


def _scattered(input: Tensor, dim: int, index: Tensor, src: Any, name: str) -> tuple[Tensor, int, Tensor, Tensor]:
    """The operands of a scatter, checked, none of them 0-d but a number."""
    place = normalize_dim(dim, input.ndim)
    if index.dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError(f"{name}(): Expected dtype int32/int64 for index", hint="convert it with .long()")
    x, at = line(input), line(index)
    if at.ndim != x.ndim and index.numel():
        raise ShapeError("Index tensor must have the same number of dimensions as self tensor")
    large = any(m > n for d, (m, n) in enumerate(zip(at.shape, x.shape)) if d != place)
    shown = f"Expected index {list(map(int, index.shape))} to be no larger than self {list(map(int, input.shape))} " \
        f"apart from dimension {place}"  # fmt: skip
    if not isinstance(src, Tensor):
        if large:
            raise ShapeError(shown)
        return x, place, _fitted(at, x), number(src, input.dtype)
    if src.dtype is not input.dtype:
        raise DTypeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    v = line(src)
    if v.ndim != x.ndim and index.numel():
        raise ShapeError("Index tensor must have the same number of dimensions as src tensor")
    if large or any(m > n for m, n in zip(at.shape, v.shape)):
        raise ShapeError(f"{shown} and to be no larger size than src {list(map(int, src.shape))}")
    at = _fitted(at, x)
    if at.numel() == 0:
        return x, place, at, number(0, input.dtype)
    if tuple(v.shape) != tuple(at.shape):
        v = slice_read(v, tuple(slice(0, int(e)) for e in at.shape))
    return x, place, at, v


def _fitted(at: Tensor, x: Tensor) -> Tensor:
    """An index without elements in as many dimensions as x has."""
    return at if at.ndim == x.ndim else reshape(at, (0,) + (1,) * (x.ndim - 1))


def _plan_scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
                  reduce: str | None = None) -> Written:  # fmt: skip
    if reduce not in (None, "add", "multiply"):
        raise DTypeError("reduce argument must be either add or multiply.")
    source = value if src is None else src
    if source is None:
        raise TypeError("scatter() missing 1 required argument: 'src' or 'value'")
    x, place, at, v = _scattered(input, dim, index, source, "scatter")
    return Written(x, v, (at,), (place,), True, False, reduce or "")


@op(out="exact", inplace=in_place("scatter_", _plan_scatter))
def scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None,
            reduce: str | None = None) -> Tensor:  # fmt: skip
    """A copy of `input` with src[i, j, …] written where `gather` by `index` would read; `src` may be a number.

    Of several written to one place the last stays. `reduce`: "add" or "multiply" with what is there.
    Gradient: dinput = g with zeros at the indices, dsrc = g at the indices
    >>> sg.scatter(sg.zeros(2, 3), 1, sg.tensor([[2], [0]]), 5.0)
    tensor([[0., 0., 5.],
            [5., 0., 0.]])
    """
    return copied(input, _plan_scatter(input, dim, index, src, value=value, reduce=reduce))


def _plan_scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Written:
    x, place, at, v = _scattered(input, dim, index, src, "scatter_add")
    return Written(x, v, (at,), (place,), True, False, "add")


@op(out="exact", inplace=in_place("scatter_add_", _plan_scatter_add))
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `input` with src[i, j, …] added where `gather` by `index` would read.

    Gradient: dinput = g, dsrc = g at the indices
    >>> sg.scatter_add(sg.zeros(3), 0, sg.tensor([0, 0, 2]), sg.tensor([1.0, 2.0, 3.0]))
    tensor([3., 0., 3.])
    """
    return copied(input, _plan_scatter_add(input, dim, index, src))


@op(out="exact", inplace=True)
def scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *,
                   include_self: bool = True) -> Tensor:  # fmt: skip
    """A copy of `input` where all that `src` brings to one place is made one: "sum", "prod", "mean", "amax", "amin".

    What was there takes part unless `include_self` is False.
    >>> sg.scatter_reduce(sg.tensor([1.0, 1.0]), 0, sg.tensor([0, 0]), sg.tensor([5.0, 2.0]), "amax")
    tensor([5., 1.])
    """
    x, place, at, v = _scattered(input, dim, index, src, "scatter_reduce")
    return combined(x, v, ((at,), (place,), True, False), reduce, include_self, input)


def combined(x: Tensor, v: Tensor, places: Any, reduce: str, include_self: bool, like: Tensor) -> Tensor:
    """x with all of v that meets at one place made one, in the shape of `like`."""
    if reduce not in ("sum", "mean", *HOW):
        raise ShapeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    indices, dims, aligned, wrap = places
    if not include_self:
        x = put(x, number(_neutral(reduce, x.dtype), x.dtype), *places)
    if reduce in HOW:
        params = {"dims": dims, "aligned": aligned, "wrap": wrap, "how": HOW[reduce]}
        return reshape(bind(index_reduce_p, (x, v, *indices), params), tuple(like.shape))
    out = put(x, v, indices, dims, aligned, wrap, True)
    if reduce == "mean":
        one = number(1, x.dtype)
        counts = expand(one, tuple(x.shape))
        if not include_self:
            counts = put(counts, number(0, x.dtype), *places)
        counts = put(counts, one, indices, dims, aligned, wrap, True)
        counts = where(counts == 0, 1, counts)
        out = out / counts if x.dtype.is_inexact else _floor(out, counts)
    return reshape(out, tuple(like.shape))


def _floor(a: Any, b: Any) -> Any:
    return a // b


def _neutral(reduce: str, dtype: dtypes.DType) -> Any:
    """The number that leaves every other as it is."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    low = reduce == "amax"
    if dtype.is_floating_point:
        return -float("inf") if low else float("inf")
    if dtype is dtypes.bool_:
        return not low
    info = np.iinfo(dtype.np)
    return int(info.min if low else info.max)
