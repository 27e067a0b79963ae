"""Counting and looking up: distinct elements, histograms, places in sorted rows.

How many distinct elements there are, or how large the largest count's index is, depends on the data:
`unique`, `unique_consecutive` and `bincount` run eagerly and refuse a trace.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DimError, DTypeError, ShapeError, TraceError
from symgrad.ops import histograms, order, returns
from symgrad.ops.public import op
from symgrad.ops.shapes import normalize_dim, reshape
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind


def _data(input: Tensor, name: str) -> Any:
    """The array of `input`, where its elements decide the shape of the result."""
    if state.capture() is not None:
        raise TraceError(f"{name}() has a result whose shape depends on the data", hint="call it outside the compiled "
                         "function, or use fullgraph=False")  # fmt: skip
    return input.array(f"{name}()")


@op(out=False)
def unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
           dim: int | None = None) -> Any:  # fmt: skip
    """The distinct elements, always sorted; of a dim, the distinct slices along it.

    With `return_inverse` also where in the result each element went, with `return_counts` how often each
    was there. Every nan is distinct. No gradient flows.

    >>> sg.unique(sg.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    data = _data(input, "unique")
    if input.dtype.is_complex:
        raise DTypeError(f"unique is not implemented for {input.dtype.name}")
    axis = _slices(input, dim)
    values, inverse, counts = np.unique(data, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    return _distinct(values, inverse.reshape(data.shape if axis is None else -1), counts, return_inverse, return_counts)


def _slices(input: Tensor, dim: int | None) -> int | None:
    """The dimension whose slices are told apart, if one is named."""
    if dim is None:
        return None
    axis = normalize_dim(dim, input.ndim)
    if any(e == 0 for i, e in enumerate(input.shape) if i != axis):
        raise ShapeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
    return axis


def _distinct(values: Any, inverse: Any, counts: Any, return_inverse: bool, return_counts: bool) -> Any:
    found = [wrap(np.ascontiguousarray(values))]
    if return_inverse:
        found.append(wrap(np.asarray(inverse, "int64")))
    if return_counts:
        found.append(wrap(np.asarray(counts, "int64")))
    return tuple(found) if len(found) > 1 else found[0]


@op(out=False)
def unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False,
                       dim: int | None = None) -> Any:  # fmt: skip
    """The elements without those equal to the one before; of a dim, the slices along it. No gradient flows.

    >>> sg.unique_consecutive(sg.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    data = _data(input, "unique_consecutive")
    axis = _slices(input, dim)
    if axis is not None and not input.ndim:
        raise DimError("Dimension specified as 0 but tensor has no dimensions")
    rows = data.reshape(-1, 1) if axis is None else np.moveaxis(np.atleast_1d(data), axis, 0)
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    starts = np.ones(len(flat), bool)
    starts[1:] = (flat[1:] != flat[:-1]).any(1)
    values = data.reshape(-1)[starts] if axis is None else np.moveaxis(rows[starts], 0, axis)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), len(flat)))
    return _distinct(values, inverse.reshape(data.shape) if axis is None else inverse, counts, return_inverse,
                     return_counts)  # fmt: skip


@op(out=False)
def bincount(input: Tensor, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in a 1-d tensor of integers; with weights, their sums.

    Dtype: int64; of weights float32 if they are, else float64.

    >>> sg.bincount(sg.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    data = _data(input, "bincount")
    if input.dtype.category not in (dtypes.BOOL, dtypes.INTEGRAL) or input.dtype is dtypes.bool_:
        raise DTypeError(f"bincount is not implemented for {input.dtype.name}", hint="convert with .long()")
    if minlength < 0:
        raise ShapeError("minlength should be >= 0")
    if input.ndim != 1 or (data.size and data.min() < 0):
        raise ShapeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(data.astype("int64"), minlength=minlength).astype("int64"))
    if weights.ndim != 1 or weights.shape[0] != input.shape[0]:
        raise ShapeError("weights should be 1-d and have the same length as input")
    given = _data(weights, "bincount").astype("float64")
    counts = np.bincount(data.astype("int64"), given, minlength)
    return wrap(counts.astype("float32" if weights.dtype is dtypes.float32 else "float64"))


@op
def searchsorted(sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
                 side: str | None = None, sorter: Any = None) -> Tensor:  # fmt: skip
    """Where in a sorted row (the last dimension) each element would be inserted.

    Before equal ones, or after with right=True. `sorter` is the argsort of a sequence not sorted.

    >>> sg.searchsorted(sg.tensor([1, 3, 5]), sg.tensor([3, 4]))
    tensor([1, 2])
    """
    if side not in (None, "left", "right"):
        raise ShapeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise ShapeError("torch.searchsorted(): side and right can't be set to opposites, got side of left while right "
                         "was True")  # fmt: skip
    if not sorted_sequence.ndim:
        raise ShapeError("torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension")
    if not isinstance(input, Tensor):
        from symgrad.ops.creation import full

        input = full((), input, dtype=sorted_sequence.dtype)
    if sorter is not None:
        sorted_sequence = sorted_sequence.gather(-1, sorter)  # type: ignore[attr-defined]
    params = {"right": bool(right or side == "right"), "small": bool(out_int32)}
    order.searchsorted.infer(*(_shape_only(x) for x in (sorted_sequence, input)), **params)
    return bind(order.searchsorted, (sorted_sequence, input), params)


def _shape_only(x: Tensor) -> Any:
    from symgrad.ir.types import TensorType

    return TensorType(tuple(x.shape), x.dtype)


@op
def bucketize(input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """Which of the half-open intervals between sorted boundaries each element lies in.

    >>> sg.bucketize(sg.tensor([0.5, 1.0, 2.5]), sg.tensor([1.0, 2.0]))
    tensor([0, 0, 2])
    """
    if boundaries.ndim != 1:
        raise ShapeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


@op(method=False)
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Whether each element is one of test_elements; with `invert`, whether it is none.

    >>> sg.isin(sg.tensor([1, 2, 3]), sg.tensor([2, 3]))
    tensor([False,  True,  True])
    """
    from symgrad.ops.functional import full_scalar, logical_not, promote, result_type

    if not isinstance(elements, Tensor) and not isinstance(test_elements, Tensor):
        raise TypeError("isin() received an invalid combination of arguments - got two numbers")
    dtype = result_type(elements, test_elements)
    a, b = (x if isinstance(x, Tensor) else full_scalar(x, dtype) for x in promote(elements, test_elements))
    found = bind(order.isin, (a, b), {})
    return logical_not(found) if invert else found  # type: ignore[no-any-return]


@op
def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """How many elements fall into each of `bins` equal parts of [min, max]; of the data's range, if both are 0.

    >>> sg.histc(sg.tensor([1.0, 2.0, 2.0, 4.0]), bins=3, min=1, max=4)
    tensor([1., 2., 1.])
    """
    if not input.dtype.is_floating_point:
        raise DTypeError(f"histc is not implemented for {input.dtype.name}", hint="convert with .float()")
    if bins <= 0:
        raise ShapeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if not (math.isfinite(min) and math.isfinite(max)):
        raise ShapeError(f"torch.histc: range of [{min}, {max}] is not finite")
    if min > max:
        raise ShapeError("torch.histc: max must be larger than min")
    return bind(histograms.histc, (input,), {"bins": int(bins), "low": float(min), "high": float(max),
                                             "dtype": input.dtype})  # fmt: skip


@op
def histogram(input: Tensor, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """Counts (or sums of weights) in bins, as the named tuple (hist, bin_edges).

    `bins` is how many equal parts of the range (of the data's, by default), or the edges in order;
    a bin holds its left edge, the last one also its right. With `density` the integral is 1.

    >>> sg.histogram(sg.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 3.0)).hist
    tensor([0., 2., 1., 0.])
    """
    if not input.dtype.is_floating_point or (input.dtype.is_half and range is None and not isinstance(bins, Tensor)):
        raise DTypeError(f"histogramdd is not implemented for {input.dtype.name}", hint="convert with .float()")
    low, high = (0.0, 0.0) if range is None else map(float, range)
    if isinstance(bins, Tensor):
        if bins.dtype is not input.dtype:
            raise DTypeError("torch.histogramdd(): dtype of bins and input should match, but got "
                             f"{bins.dtype.name} and {input.dtype.name}")
        edges = bins
    else:
        if bins <= 0:
            raise ShapeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        edges = bind(histograms.bin_edges, (input,), {"bins": int(bins), "low": low, "high": high})
    if weight is not None:
        if tuple(weight.shape) != tuple(input.shape):
            raise ShapeError("torch.histogramdd(): if weight tensor is provided it should have the same shape as the "
                             "input tensor excluding its innermost dimension")  # fmt: skip
        if weight.dtype is not input.dtype:
            raise DTypeError("torch.histogramdd(): if weight tensor is provided, input tensor and weight tensor should "
                             "have the same dtype")  # fmt: skip
    flat = reshape(input, (-1,))
    hist = bind(histograms.bin_sums, (flat, edges), {}) if weight is None else bind(
        histograms.bin_weights, (flat, edges, reshape(weight, (-1,))), {})
    if density:
        hist = hist / hist.sum() / (edges[1:] - edges[:-1])
    return returns.histogram(hist, edges)
