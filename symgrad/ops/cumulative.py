"""Running sums, products, extremes and their kin, along one dimension."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import returns, scans
from symgrad.ops.joining import cat
from symgrad.ops.public import op
from symgrad.ops.reductions import summable
from symgrad.ops.shapes import normalize_dim
from symgrad.ops.sorting import taken
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind


def _along(prim: Any, input: Tensor, dim: int) -> Tensor:
    return bind(prim, (input,), {"axis": normalize_dim(dim, input.ndim), "reverse": False})


@op(inplace=True)
def cumsum(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Sums up to each element along `dim`.

    Dtype: bools and integers give int64, unless `dtype` says otherwise.

    >>> sg.cumsum(sg.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 3., 6.])
    """
    return _along(scans.cumsum, summable(input, dtype), dim)


@op(inplace=True)
def cumprod(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """Products up to each element along `dim`.

    Dtype: bools and integers give int64, unless `dtype` says otherwise.
    Gradient: divides by nothing, so zeros are no exception.

    >>> sg.cumprod(sg.tensor([1.0, 2.0, 3.0]), 0)
    tensor([1., 2., 6.])
    """
    return _along(scans.cumprod, summable(input, dtype), dim)


@op
def logcumsumexp(input: Tensor, dim: int) -> Tensor:
    """log of the sums of exp(input) up to each element along `dim`, without overflow.

    >>> sg.logcumsumexp(sg.tensor([100.0, 100.0]), 0)
    tensor([100.0000, 100.6931])
    """
    if not input.dtype.is_inexact:
        raise DTypeError(f"logcumsumexp is not implemented for {input.dtype.name}", hint="convert with .float()")
    return _along(scans.logcumsumexp, input, dim)


def _running(name: str, prim: Any, input: Tensor, dim: int) -> Any:
    if input.dtype.is_complex:
        raise DTypeError(f"{name} is not implemented for {input.dtype.name}")
    axis = normalize_dim(dim, input.ndim)
    index = bind(prim, (input,), {"axis": axis})
    return getattr(returns, name)(taken(input, axis, index), index)


@op
def cummax(input: Tensor, dim: int) -> Any:
    """Largest element so far along `dim`, and where it was last met, as a named tuple (values, indices).

    >>> sg.cummax(sg.tensor([1.0, 3.0, 2.0, 3.0]), 0).indices
    tensor([0, 1, 1, 3])
    """
    return _running("cummax", scans.cummax_index, input, dim)


@op
def cummin(input: Tensor, dim: int) -> Any:
    """Smallest element so far along `dim`, and where it was last met, as a named tuple (values, indices).

    >>> sg.cummin(sg.tensor([3.0, 1.0, 2.0]), 0).values
    tensor([3., 1., 1.])
    """
    return _running("cummin", scans.cummin_index, input, dim)


@op
def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """Differences of neighbours along `dim`, n times; of bools, whether they differ.

    >>> sg.diff(sg.tensor([1, 4, 9, 16]), n=2)
    tensor([2, 2])
    """
    if input.ndim == 0:
        raise ShapeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ShapeError(f"order must be non-negative but got {n}")
    axis = normalize_dim(dim, input.ndim)
    parts = [x for x in (prepend, input, append) if x is not None]
    if len(parts) > 1 and n > 0:
        input = cat(parts, axis)
    head: list[Any] = [slice(None)] * input.ndim
    for _ in range(n):
        extent = input.shape[axis]
        if extent == 0:
            break
        head[axis] = slice(1, None)
        later = input.slice_read(tuple(head))
        head[axis] = slice(0, extent - 1)
        earlier = input.slice_read(tuple(head))
        input = later != earlier if input.dtype is dtypes.bool_ else later - earlier
    return input.clone() if n == 0 else input  # type: ignore[attr-defined, no-any-return]


@op(method=False, out=False, aliases=("trapz",))
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Tensor:
    """Integral along `dim` by the trapezoid rule, at the points x or dx apart.

    >>> sg.trapezoid(sg.tensor([1.0, 2.0, 3.0]))
    tensor(4.)
    """
    return _panels(y, x, dx, dim).sum(dim) / 2  # type: ignore[no-any-return]


@op(method=False, out=False)
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = 1.0, dim: int = -1) -> Tensor:
    """Integrals up to each point along `dim` by the trapezoid rule.

    >>> sg.cumulative_trapezoid(sg.tensor([1.0, 2.0, 3.0]))
    tensor([1.5000, 4.0000])
    """
    return cumsum(_panels(y, x, dx, dim), dim) / 2  # type: ignore[no-any-return]


def _panels(y: Tensor, x: Any, dx: Any, dim: int) -> Tensor:
    axis = normalize_dim(dim, y.ndim)
    whole: list[Any] = [slice(None)] * y.ndim
    whole[axis] = slice(1, None)
    right = y.slice_read(tuple(whole))
    whole[axis] = slice(0, y.shape[axis] - 1)
    pairs = right + y.slice_read(tuple(whole))
    if x is None:
        return pairs * dx
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != y.shape[axis]:
            raise ShapeError("There must be one `x` value for each sample point")
        x = x.reshape(tuple(-1 if i == axis else 1 for i in range(y.ndim)))
    return pairs * diff(x, dim=axis - y.ndim)


__all__ = ["cummax", "cummin", "cumprod", "cumsum", "cumulative_trapezoid", "diff", "logcumsumexp", "trapezoid"]
