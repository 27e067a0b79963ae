"""Histograms: which bin each element falls into, and the sums of the bins. No gradient flows."""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.ir.primitive import ArrayCall
from symgrad.ir.types import TensorType
from symgrad.ops.registry import primitive


def _histc(np: Any, x: Any, bins: Any, low: Any, high: Any) -> Any:
    """Counts in equal parts of [low, high], found by one division in x's own dtype; nan is in none."""
    flat = x.reshape(-1)
    low, high = _range(np, flat, low, high, 1)
    kind = x.dtype.type
    inside = flat[(flat >= kind(low)) & (flat <= kind(high))]
    place = ((inside - kind(low)) * kind(bins) / (kind(high) - kind(low))).astype("int64")
    return np.bincount(np.minimum(place, bins - 1), minlength=bins).astype(x.dtype)


def _range(np: Any, flat: Any, low: Any, high: Any, widen: Any) -> Any:
    """The range given; the data's, if that is empty; widened each way, if that is a point."""
    if low == high and flat.size:
        low, high = float(np.min(flat)), float(np.max(flat))
        if not np.isfinite(low) or not np.isfinite(high):
            raise ValueError("the range is not finite")
    return (low, high) if low != high else (low - widen, high + widen)


def _bin_edges(np: Any, x: Any, bins: Any, low: Any, high: Any) -> Any:
    """Equal parts, counted from the nearer end."""
    low, high = _range(np, x.reshape(-1), low, high, 0.5) if x.size or low != high else (0, 1)
    low, high, kind = x.dtype.type(low), x.dtype.type(high), x.dtype
    step, n = (high - low) / x.dtype.type(bins), np.arange(bins + 1)
    rising, falling = low + step * n.astype(kind), high - step * (bins - n).astype(kind)
    return np.where(n < (bins + 1) // 2, rising, falling).astype(kind)


def _bin_sums(np: Any, x: Any, edges: Any, weights: Any) -> Any:
    """Sums of weights (counts, if there are none) between neighbouring edges, the last edge counted in."""
    place = np.searchsorted(edges, x, "right") - 1
    place = np.where(x == edges[-1], edges.size - 2, place)
    inside = (place >= 0) & (place < edges.size - 1) & (x == x)
    given = None if weights is None else weights[inside].astype("float64")
    return np.bincount(place[inside], given, minlength=edges.size - 1).astype(x.dtype)


def _infer_edges(x: TensorType, bins: int, low: float, high: float) -> TensorType:
    return x.with_shape((bins + 1,))


def _infer_counts(x: TensorType, bins: int, low: float, high: float, dtype: Any) -> TensorType:
    return x.with_shape((bins,))


def _infer_sums(x: TensorType, edges: TensorType, *weights: TensorType) -> TensorType:
    if edges.ndim != 1 or edges.shape[0] < 2:
        raise ShapeError("torch.histogramdd(): bins tensor should have one dimension and more than one element")
    return x.with_shape((edges.shape[0] - 1,))


histc = primitive(
    "histc", "x", params=("bins", "low", "high", "dtype"), infer=_infer_counts, array="_histc(np, x, bins, low, high)",
    helpers={"_histc": _histc, "_range": _range}, lower=ArrayCall(), grad=dict(x=None),
    doc="Counts of elements in equal parts of [low, high], of the data's range if both are equal.",
)
bin_edges = primitive(
    "bin_edges", "x", params=("bins", "low", "high"), infer=_infer_edges, array="_bin_edges(np, x, bins, low, high)",
    helpers={"_bin_edges": _bin_edges, "_range": _range}, lower=ArrayCall(), grad=dict(x=None),
    doc="The edges of equal parts of [low, high], of the data's range if both are equal.",
)
bin_sums = primitive(
    "bin_sums", "x edges", infer=_infer_sums, array="_bin_sums(np, x, edges, None)",
    helpers={"_bin_sums": _bin_sums}, lower=ArrayCall(), grad=dict(x=None, edges=None),
    doc="Counts of elements between neighbouring edges.",
)
bin_weights = primitive(
    "bin_weights", "x edges weights", infer=_infer_sums, array="_bin_sums(np, x, edges, weights)",
    helpers={"_bin_sums": _bin_sums}, lower=ArrayCall(), grad=dict(x=None, edges=None, weights=None),
    doc="Sums of the weights of elements between neighbouring edges.",
)
