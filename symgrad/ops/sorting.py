"""Order along a dimension: sorts, largest k, medians, modes, quantiles; indices by a primitive, values by `gather`."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import order, returns
from symgrad.ops.index import read
from symgrad.ops.public import op
from symgrad.ops.reductions import keep_dims
from symgrad.ops.shapes import normalize_dim, reshape
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind


def taken(input: Tensor, axis: int, index: Tensor) -> Tensor:
    """The elements at indices along `axis` that are known to be right."""
    if not input.ndim:
        return input.clone()  # type: ignore[attr-defined, no-any-return]
    return read(input, (index,), (axis,), aligned=True)  # type: ignore[no-any-return]


def chosen(input: Tensor, axis: int, index: Tensor, keepdim: bool) -> tuple[Tensor, Tensor]:
    """The elements at one index per row, and the index, the axis gone unless kept."""
    if not input.ndim:
        return taken(input, axis, index), index
    kept = index.unsqueeze(axis)  # type: ignore[attr-defined]
    values = taken(input, axis, kept)
    return (values, kept) if keepdim else (values.squeeze(axis), index)


def _choose(name: str, prim: Any, input: Tensor, dim: int, keepdim: bool, **params: Any) -> Any:
    axis = normalize_dim(dim, input.ndim)
    order.needs_elements(name, input, axis)
    index = bind(prim, (input,), {"axis": axis, **params})
    return getattr(returns, name)(*chosen(input, axis, index, keepdim))


def _ordered(name: str, input: Tensor, bools: bool = True) -> None:
    if input.dtype.is_complex or (input.dtype is dtypes.bool_ and not bools):
        raise DTypeError(f"{name} does not support {input.dtype.name} input")


def _arg(name: str, prim: Any, input: Tensor, dim: int | None, keepdim: bool) -> Tensor:
    _ordered(f"{name}():", input, bools=False)
    if dim is None:
        if not input.numel():
            from symgrad.errors import DimError

            raise DimError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
        out = bind(prim, (reshape(input, (-1,)),), {"axis": 0})
        return keep_dims(out, tuple(input.shape), tuple(range(input.ndim)), keepdim)
    axis = normalize_dim(dim, input.ndim)
    return keep_dims(bind(prim, (input,), {"axis": axis}), tuple(input.shape), (axis,), keepdim)


@op
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the largest element along `dim`, or in the flattened tensor: the first, if several are equal.

    >>> sg.argmax(sg.tensor([[1.0, 5.0], [7.0, 7.0]]), dim=1)
    tensor([1, 0])
    """
    return _arg("argmax", order.argmax, input, dim, keepdim)


@op
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the smallest element along `dim`, or in the flattened tensor: the first, if several are equal.

    >>> sg.argmin(sg.tensor([3.0, 1.0, 1.0]))
    tensor(1)
    """
    return _arg("argmin", order.argmin, input, dim, keepdim)


@op(out=False)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Tensor:
    """The indices that sort along `dim`, always stably; nan counts as largest.

    >>> sg.argsort(sg.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    _ordered("argsort", input)
    return bind(order.argsort, (input,), {"axis": normalize_dim(dim, input.ndim), "descending": bool(descending)})


@op
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Elements in order along `dim`, always stably, as the named tuple (values, indices); nan counts as largest.

    >>> sg.sort(sg.tensor([3.0, 1.0, 2.0]), descending=True).values
    tensor([3., 2., 1.])
    """
    index = argsort(input, dim, descending)
    return returns.sort(taken(input, normalize_dim(dim, input.ndim), index), index)


@op
def msort(input: Tensor) -> Tensor:
    """Elements in order along the first dimension.

    >>> sg.msort(sg.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return sort(input, 0).values  # type: ignore[no-any-return]


@op
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (or smallest) along `dim`, in order, as the named tuple (values, indices).

    Of equal elements at the edge any may be taken. nan counts as largest.

    >>> sg.topk(sg.tensor([3.0, 1.0, 2.0]), 2).values
    tensor([3., 2.])
    """
    _ordered("topk", input, bools=False)
    axis = normalize_dim(dim, input.ndim)
    if not 0 <= k <= (input.shape[axis] if input.ndim else 1):
        raise ShapeError("selected index k out of range")
    index = bind(order.argtopk, (input,), {"axis": axis, "k": int(k), "largest": bool(largest)})
    return returns.topk(taken(input, axis, index), index)


@op
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest along `dim` (counted from 1), as the named tuple (values, indices).

    >>> sg.kthvalue(sg.tensor([3.0, 1.0, 2.0]), 2).values
    tensor(2.)
    """
    _ordered("kthvalue", input, bools=False)
    axis = normalize_dim(dim, input.ndim)
    order.needs_elements("kthvalue", input, axis)
    if not 1 <= k <= (input.shape[axis] if input.ndim else 1):
        raise ShapeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    return _choose("kthvalue", order.argkth, input, dim, keepdim, k=int(k))


@op
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Lower median of all; with a dim, the named tuple (values, indices) along it. nan if any is nan.

    Gradient: of all, shared equally by the elements equal to it; along a dim, to the element at the index.

    >>> sg.median(sg.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    return _median("median", input, dim, keepdim, False)


@op
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """Lower median of what is not nan; with a dim, the named tuple (values, indices) along it.

    >>> sg.nanmedian(sg.tensor([4.0, float("nan"), 1.0]))
    tensor(1.)
    """
    return _median("nanmedian", input, dim, keepdim, True)


def _median(name: str, input: Tensor, dim: int | None, keepdim: bool, skip_nan: bool) -> Any:
    _ordered(name, input, bools=False)
    if dim is None:
        return bind(order.median, (input,), {"skip_nan": skip_nan})
    return _choose(name, order.argmedian, input, dim, keepdim, skip_nan=skip_nan)


@op
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """Most frequent element along `dim`, the smallest of several, as the named tuple (values, indices).

    The index is the last one that holds it.

    >>> sg.mode(sg.tensor([3, 1, 3, 2])).values
    tensor(3)
    """
    _ordered("mode", input)
    return _choose("mode", order.argmode, input, dim, keepdim)


INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@op
def quantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *,
             interpolation: str = "linear") -> Tensor:  # fmt: skip
    """The q-th quantiles along `dim` (of all, by default), q from 0 to 1, a number or a 1-d tensor.

    Shapes: with a 1-d q, one result for each in a new first dimension.

    >>> sg.quantile(sg.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@op
def nanquantile(input: Tensor, q: Any, dim: int | None = None, keepdim: bool = False, *,
                interpolation: str = "linear") -> Tensor:  # fmt: skip
    """`quantile` of what is not nan; nan where nothing is left.

    >>> sg.nanquantile(sg.tensor([0.0, float("nan"), 2.0]), 0.5)
    tensor(1.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(name: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str,
              skip_nan: bool) -> Tensor:  # fmt: skip
    from symgrad.ops.functional import where

    if not input.numel():
        raise ShapeError(f"{name}() input tensor must be non-empty")
    if input.dtype not in (dtypes.float32, dtypes.float64):
        raise DTypeError(f"{name}() input tensor must be either float or double dtype", hint="convert with .float()")
    if interpolation not in INTERPOLATIONS:
        raise ShapeError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
                         f"{interpolation}")
    points, vector = _points(name, input, q)
    axis = None if dim is None else normalize_dim(dim, input.ndim)
    flat = axis is None or not input.ndim
    rows = reshape(input, (-1,)) if flat else input.unsqueeze(-1).transpose(axis, -1).squeeze(axis)  # type: ignore[attr-defined]
    ranked = sort(rows, -1).values
    n = ranked.shape[-1]
    last = (slice(None),) * (ranked.ndim - 1) + (slice(n - 1, n),)
    if skip_nan:
        count = (ranked == ranked).sum(-1, keepdim=True)
        ranks = points * where(count > 0, count - 1, 0).to(input.dtype)
    else:
        worst = ranked.slice_read(last)
        ranks = where(worst != worst, float(n - 1), points * float(n - 1))
    if interpolation == "nearest":
        out = taken(ranked, ranked.ndim - 1, ranks.round().to(dtypes.int64))
    else:
        floor = ranks.floor()
        ceil = ranks.ceil()
        low = taken(ranked, ranked.ndim - 1, (ceil if interpolation == "higher" else floor).to(dtypes.int64))
        out = low
        if interpolation in ("linear", "midpoint"):
            high = taken(ranked, ranked.ndim - 1, ceil.to(dtypes.int64))
            weight = ranks - floor if interpolation == "linear" else ranks * 0 + 0.5
            out = where(weight < 0.5, low + (high - low) * weight, high - (high - low) * (1 - weight))
    if keepdim:
        kept = (1,) * input.ndim if flat else tuple(1 if i == axis else e for i, e in enumerate(input.shape))
        out = out.reshape((*kept, out.shape[-1]))
    order_ = (out.ndim - 1, *range(out.ndim - 1))
    return out.permute(order_) if vector else out.squeeze(-1)  # type: ignore[no-any-return]


def _points(name: str, input: Tensor, q: Any) -> tuple[Tensor, bool]:
    """The wanted quantiles as a 1-d tensor, and whether they were given as one."""
    if isinstance(q, Tensor):
        if q.ndim > 1:
            raise ShapeError(f"{name}() q must be a scalar or 1D tensor")
        if q.dtype is not input.dtype:
            raise DTypeError(f"{name}() q tensor must be same dtype as the input tensor")
        return reshape(q, (-1,)), q.ndim == 1
    if not 0 <= q <= 1:
        raise ShapeError(f"{name}() q must be in the range [0, 1] but got {q}")
    from symgrad.ops.creation import full

    return full((1,), float(q), dtype=input.dtype), False
