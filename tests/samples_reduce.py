"""Samples of reductions, scans and sorts."""

from __future__ import annotations

from typing import Any

import numpy as np
from sampling import Sample, reduction, strided, unary, values

from symgrad import dtypes


def over(**params: Any) -> list[Sample]:
    """Reductions that take more than their axes."""
    return [Sample(s.label, s.inputs, {**s.params, **params}, s.smooth and s.label not in ("0-d", "none"))
            for s in reduction() if s.label != "empty kept"]  # fmt: skip


def truths() -> list[Sample]:
    """Bools, some of which hold."""
    return [Sample(s.label, (np.asarray(s.inputs[0] > 0.5),), s.params, smooth=False) for s in (
        *reduction(), Sample("empty", (values(2, 0),), {"axis": (1,)}))]  # fmt: skip


def along(smooth: bool = True, empty: bool = True, low: float = -2.0, high: float = 2.0, **params: Any) -> list[Sample]:
    """One axis, and the kinds of memory."""
    x = values(3, 4, low=low, high=high)
    found = [
        Sample("usual", (x,), {"axis": 1, **params}, smooth),
        Sample("first", (x,), {"axis": 0, **params}, smooth),
        Sample("middle", (values(2, 3, 4, low=low, high=high),), {"axis": 1, **params}, smooth),
        Sample("vector", (values(5, low=low, high=high),), {"axis": 0, **params}, smooth),
        Sample("0-d", (values(low=low, high=high),), {"axis": 0, **params}, smooth),
        Sample("strided", (strided(x),), {"axis": 1, **params}, smooth),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), {"axis": 0, **params}, smooth),
        Sample("kept empty", (values(2, 0),), {"axis": 0, **params}, smooth),
    ]
    return [*found, Sample("empty", (values(2, 0),), {"axis": 1, **params}, smooth)] if empty else found


def normalizing() -> list[Sample]:
    """One axis, all, and the kinds of memory; a little added to the variance."""
    x = values(3, 4)
    return [
        Sample("usual", (x,), {"axis": (1,), "eps": 0.1}),
        Sample("channels", (values(2, 3, 4),), {"axis": (0, 2), "eps": 0.1}),
        Sample("all", (x,), {"axis": (0, 1), "eps": 0.1}), Sample("vector", (values(5),), {"axis": (0,), "eps": 0.1}),
        Sample("strided", (strided(x),), {"axis": (1,), "eps": 0.1}),
        Sample("transposed", (values(4, 3).T,), {"axis": (0,), "eps": 0.1}),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), {"axis": (0,), "eps": 0.1}),
        Sample("empty kept", (values(0, 2),), {"axis": (1,), "eps": 0.1}),
    ]  # fmt: skip


def squared_differences() -> list[Sample]:
    """The mean and the sum, of every kind of memory."""
    return [
        Sample(f"{label} {reduction}", (x, y), {"reduction": reduction})
        for label, x, y in (
            ("usual", values(3, 4), values(3, 4, seed=1)), ("0-d", values(), values(seed=1)),
            ("strided", strided(values(3, 4)), values(3, 4, seed=1)),
            ("broadcast", np.broadcast_to(values(3, 1), (3, 4)), values(3, 4, seed=1)),
            ("empty", values(2, 0), values(2, 0)))
        for reduction in ("mean", "sum") if label != "empty" or reduction == "sum"
    ]  # fmt: skip


def scan(**params: Any) -> list[Sample]:
    """Both directions along one axis, zeros among the elements."""
    holes = np.array([[1.5, 0.0, -2.0, 0.5], [0.0, 3.0, 0.0, 1.0]])
    return [*along(reverse=False, **params), *along(reverse=True, **params),
            Sample("zeros", (holes,), {"axis": 1, "reverse": False, **params}),
            Sample("zeros back", (holes,), {"axis": 1, "reverse": True, **params})]  # fmt: skip


def ties(**params: Any) -> list[Sample]:
    """Equal elements and nans, where an order has to be chosen."""
    x = np.array([[2.0, 1.0, 2.0, 1.0, 2.0], [np.nan, 3.0, np.nan, 3.0, 0.0]])
    return [Sample("ties and nan", (x,), {"axis": 1, **params}, smooth=False),
            Sample("ties down", (x,), {"axis": 0, **params}, smooth=False)]  # fmt: skip


def index(empty: bool = False, **params: Any) -> list[Sample]:
    """What finds places along one axis."""
    return [*along(False, empty, **params), *ties(**params)]


def ranges(**params: Any) -> list[Sample]:
    """A range that is given, and that of the data."""
    return [Sample(s.label, s.inputs, {"bins": 4, "low": low, "high": high, **params}, smooth=False)
            for low, high in ((-1.0, 1.0), (0.0, 0.0)) for s in unary()]  # fmt: skip


_HOLES = np.array([[2.0, 0.0, 3.0], [0.0, 0.5, 0.0]])
_X = values(3, 4)
_EDGES = np.array([-1.5, -0.5, 0.5, 1.5])

SAMPLES: dict[str, list[Sample]] = {
    "prod": [*reduction(), Sample("empty", (values(2, 0),), {"axis": (1,)}),
             Sample("one zero", (_HOLES,), {"axis": (0,)}), Sample("two zeros", (_HOLES,), {"axis": (1,)}),
             Sample("zeros all", (_HOLES,), {"axis": (0, 1)})],
    "max": reduction(), "min": reduction(), "any": truths(), "all": truths(),
    "var": [*over(correction=1), *over(correction=0)], "std": over(correction=1),
    "logsumexp": [*reduction(), Sample("empty", (values(2, 0),), {"axis": (1,)}, smooth=False),
                  Sample("infinite", (np.array([[-np.inf, 1.0], [-np.inf, -np.inf], [np.inf, 0.0]]),), {"axis": (1,)},
                         smooth=False)],
    "softmax": along(), "log_softmax": along(),
    "vector_norm": [
        *(s for ord in (2.0, 1.0, 0.0, 3.0, 2.5, 0.5, -1.0) for s in over(ord=ord)),
        *(Sample(f"{s.label} {ord}", s.inputs, s.params, smooth=False) for ord in (np.inf, -np.inf)
          for s in over(ord=ord)),
        *(Sample("extreme", (values(3, 4, low=0.5),), {"axis": (1,), "ord": ord}) for ord in (np.inf, -np.inf)),
    ],
    "cumsum": scan(), "cumprod": scan(), "logcumsumexp": scan(),
    "linear_scan": [
        *(Sample(s.label, (values(*s.inputs[0].shape, seed=1), *s.inputs), s.params, s.smooth) for s in scan()),
    ],
    "cummax_index": index(True), "cummin_index": index(True),
    "argmax": index(), "argmin": index(), "argmode": index(),
    "put_along": [
        Sample("usual", (_X, np.array([[0, 2, 1, 0]] * 3)), {"axis": 1, "size": 3}),
        Sample("first", (_X, np.array([[1, 0, 1, 1]] * 3)), {"axis": 0, "size": 2}),
        Sample("last", (_X, np.array([[1, 0, 1, 1]] * 3)), {"axis": 2, "size": 2}),
        Sample("0-d", (values(), np.array(2)), {"axis": 0, "size": 3}),
        Sample("empty", (values(2, 0), np.zeros((2, 0), np.int64)), {"axis": 1, "size": 2}),
        Sample("strided", (strided(_X), strided(np.array([[1, 0, 1, 1]] * 3))), {"axis": 1, "size": 2}),
    ],
    "max_dim": along(empty=False), "min_dim": along(empty=False),
    "argsort": [*index(True, descending=False), *index(True, descending=True)],
    "argtopk": [*index(k=1, largest=True), *index(k=1, largest=False),
                *(Sample("of many", (values(3, 40),), {"axis": 1, "k": 4, "largest": down}, smooth=False)
                  for down in (True, False))],
    "argkth": index(k=1),
    "argmedian": [*index(skip_nan=False), *index(skip_nan=True)],
    "median": [Sample(s.label, s.inputs, s.params, s.label in ("usual", "strided"))
               for skip in (True, False) for s in unary(skip_nan=skip)],
    "searchsorted": [
        Sample("usual", (_EDGES, _X), {"right": False, "small": False}, smooth=False),
        Sample("right", (_EDGES, np.round(_X) + 0.5), {"right": True, "small": True}, smooth=False),
        Sample("rows", (np.sort(_X, 1), values(3, 5)), {"right": False, "small": False}, smooth=False),
        Sample("0-d", (_EDGES, values()), {"right": False, "small": False}, smooth=False),
        Sample("empty", (_EDGES, values(2, 0)), {"right": False, "small": False}, smooth=False),
        Sample("strided", (_EDGES, strided(_X)), {"right": False, "small": False}, smooth=False),
    ],
    "isin": [
        Sample("usual", (np.round(_X), np.array([1.0, 2.0])), smooth=False),
        Sample("0-d", (np.round(values()), np.array([1.0, 0.0])), smooth=False),
        Sample("empty", (values(2, 0), np.array([1.0])), smooth=False),
        Sample("strided", (strided(np.round(_X)), np.array([[1.0], [2.0]])), smooth=False),
    ],
    "histc": ranges(dtype=dtypes.float64), "bin_edges": ranges(),
    "bin_sums": [Sample("usual", (values(9), _EDGES), smooth=False), Sample("0-d 1", (values(1), _EDGES), smooth=False),
                 Sample("empty", (values(0), _EDGES), smooth=False)],
    "bin_weights": [Sample("usual", (values(9), _EDGES, values(9, seed=1)), smooth=False),
                    Sample("0-d 1", (values(1), _EDGES, values(1, seed=1)), smooth=False)],
}  # fmt: skip
