"""Reductions as PyTorch spells them: dims and keepdim in front of a primitive over axes."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.public import op
from symgrad.ops.reduce import amax as amax_p
from symgrad.ops.reduce import amin as amin_p
from symgrad.ops.reduce import mean_ as mean_p
from symgrad.ops.reduce import sum_ as sum_p
from symgrad.ops.shapes import normalize_dim, reshape
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, bind1, ndarray

_ALL = [{"axis": tuple(range(ndim))} for ndim in range(65)]


def axes_of(input: Tensor, dim: Any) -> tuple[int, ...]:
    """Dimensions to reduce, sorted, all when `dim` is None."""
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(input.ndim))
    dims = [dim] if isinstance(dim, int) else list(dim)
    axes = [normalize_dim(d, input.ndim) for d in dims]
    if len(set(axes)) != len(axes):
        raise ShapeError(f"dim {axes[0]} appears multiple times in the list of dims")
    return tuple(sorted(axes)) if input.ndim else ()


def keep_dims(out: Tensor, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """`out` with the reduced extents put back as 1, if wanted."""
    if not keepdim:
        return out
    return reshape(out, tuple(1 if i in axes else e for i, e in enumerate(shape)))


@op
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over `dim` (all by default); bools and integers give int64."""
    if dim is None and not keepdim and dtype is None:
        data = input._data
        if type(data) is ndarray and data.dtype.kind == "f":
            return bind1(sum_p, input, _ALL[data.ndim])
    if dtype is not None:
        input = input.to(dtypes.as_dtype(dtype))
    elif input.dtype.category < dtypes.FLOATING and input.dtype is not dtypes.int64:
        input = input.to(dtypes.int64)
    axes = axes_of(input, dim)
    return keep_dims(bind(sum_p, (input,), {"axis": axes}), input.shape, axes, keepdim)


@op
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Arithmetic mean over `dim` (all by default)."""
    if dim is None and not keepdim and dtype is None:
        data = input._data
        if type(data) is ndarray and data.dtype.kind == "f":
            return bind1(mean_p, input, _ALL[data.ndim])
    if dtype is not None:
        input = input.to(dtypes.as_dtype(dtype))
    if not input.dtype.is_inexact:
        raise DTypeError(f"mean(): could not infer output dtype. Input dtype must be either a floating "
                         f"point or complex dtype. Got: {input.dtype.name}")
    axes = axes_of(input, dim)
    return keep_dims(bind(mean_p, (input,), {"axis": axes}), input.shape, axes, keepdim)


@op
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Largest over `dim` (all by default); equal maxima share the gradient."""
    axes = axes_of(input, dim)
    return keep_dims(bind(amax_p, (input,), {"axis": axes}), input.shape, axes, keepdim)


@op
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Smallest over `dim` (all by default); equal minima share the gradient."""
    axes = axes_of(input, dim)
    return keep_dims(bind(amin_p, (input,), {"axis": axes}), input.shape, axes, keepdim)


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` summed over the extents that broadcasting `shape` to it had repeated."""
    pad = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < pad or (shape[i - pad] == 1 and x.shape[i] != 1))
    if axes:
        x = bind(sum_p, (x,), {"axis": axes})
    return x if tuple(x.shape) == tuple(shape) else reshape(x, tuple(shape))
