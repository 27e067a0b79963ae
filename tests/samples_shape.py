"""Samples of views, joins and creation."""

from __future__ import annotations

import numpy as np
from sampling import Sample, strided, values

from symgrad import dtypes

_X = values(3, 4)
_CUBE = values(2, 3, 4)
_D = lambda offset=0, dim1=0, dim2=1: {"offset": offset, "dim1": dim1, "dim2": dim2}  # noqa: E731

SAMPLES: dict[str, list[Sample]] = {
    "cat": [
        Sample("usual", (_X, values(2, 4, seed=1)), {"dim": 0, "sizes": (3, 2)}),
        Sample("three", (_X, values(3, 1, seed=1), values(3, 2, seed=2)), {"dim": 1, "sizes": (4, 1, 2)}),
        Sample("one", (_X,), {"dim": 1, "sizes": (4,)}),
        Sample("0-d expanded", (values(1), values(1, seed=1)), {"dim": 0, "sizes": (1, 1)}),
        Sample("empty", (_X, values(0, 4)), {"dim": 0, "sizes": (3, 0)}),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)), _X), {"dim": 0, "sizes": (3, 3)}),
        Sample("strided", (strided(_X), strided(values(3, 2, seed=1))), {"dim": 1, "sizes": (4, 2)}),
        Sample("transposed", (values(4, 3).T, values(4, 3, seed=1).T), {"dim": 0, "sizes": (3, 3)}),
    ],
    "diagonal": [
        Sample("usual", (_X,), _D()), Sample("above", (_X,), _D(2)), Sample("below", (_X,), _D(-1)),
        Sample("batched", (_CUBE,), _D(1, 2, 0)), Sample("0-d result", (values(1, 1),), _D()),
        Sample("empty", (values(0, 4),), _D()), Sample("past the corner", (_X,), _D(7)),
        Sample("strided", (strided(_X),), _D(1)), Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), _D()),
    ],
    "diagonal_write": [
        Sample("usual", (_X, values(3, seed=1)), _D()), Sample("above", (_X, values(2, seed=1)), _D(2)),
        Sample("below", (_X, values(2, seed=1)), _D(-1)), Sample("batched", (_CUBE, values(3, 1, seed=1)), _D(1, 2, 0)),
        Sample("tall", (values(5, 2), values(2, seed=1)), _D(-1)),
        Sample("to 0-d", (values(1, 1), values(1, seed=1)), _D()),
        Sample("empty", (values(0, 4), values(0)), _D()), Sample("past the corner", (_X, values(0)), _D(7)),
        Sample("strided", (strided(_X), strided(values(3, seed=1))), _D()),
    ],
    "unfold": [
        Sample("usual", (_X,), dict(dim=1, size=2, step=1, dilation=1)),
        Sample("apart", (_X,), dict(dim=1, size=2, step=2, dilation=1)),
        Sample("dilated", (values(2, 9),), dict(dim=1, size=3, step=2, dilation=2)),
        Sample("gaps", (values(7),), dict(dim=0, size=2, step=3, dilation=1)),
        Sample("first", (_CUBE,), dict(dim=0, size=2, step=1, dilation=1)),
        Sample("0-d", (values(),), dict(dim=0, size=1, step=1, dilation=1)),
        Sample("size 0", (_X,), dict(dim=0, size=0, step=1, dilation=1)),
        Sample("empty", (values(0, 4),), dict(dim=1, size=2, step=1, dilation=1)),
        Sample("strided", (strided(_X),), dict(dim=0, size=2, step=1, dilation=1)),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), dict(dim=0, size=2, step=1, dilation=1)),
    ],
    "overlap_add": [
        Sample("usual", (values(2, 3, 2),), dict(dim=1, length=4, step=1, dilation=1)),
        Sample("apart", (values(2, 2, 2),), dict(dim=1, length=4, step=2, dilation=1)),
        Sample("gaps", (values(2, 2),), dict(dim=0, length=7, step=3, dilation=1)),
        Sample("dilated", (values(2, 3, 3),), dict(dim=1, length=9, step=2, dilation=2)),
        Sample("dilated apart", (values(2, 3, 2),), dict(dim=1, length=12, step=4, dilation=2)),
        Sample("first", (values(2, 3, 4, 2),), dict(dim=0, length=3, step=1, dilation=1)),
        Sample("size 0", (values(3, 4, 0),), dict(dim=0, length=2, step=1, dilation=1)),
        Sample("no window", (values(2, 0, 3),), dict(dim=1, length=2, step=1, dilation=1)),
        Sample("strided", (strided(values(2, 3, 2)),), dict(dim=0, length=3, step=1, dilation=1)),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 2)),), dict(dim=0, length=4, step=1, dilation=1)),
    ],
    "as_strided": [
        Sample("usual", (values(12),), dict(size=(2, 3), stride=(4, 1), offset=1)),
        Sample("overlap", (values(6),), dict(size=(3, 3), stride=(1, 1), offset=0)),
        Sample("repeated", (values(6),), dict(size=(3, 2), stride=(0, 2), offset=1)),
        Sample("0-d", (values(6),), dict(size=(), stride=(), offset=2)),
        Sample("empty", (values(6),), dict(size=(0, 2), stride=(2, 1), offset=0)),
        Sample("strided", (strided(values(12)),), dict(size=(2, 3), stride=(4, 1), offset=1)),
    ],
    "as_strided_write": [
        Sample("usual", (values(12), values(2, 3, seed=1)), dict(stride=(4, 1), offset=1)),
        Sample("0-d", (values(6), values(seed=1)), dict(stride=(), offset=2)),
        Sample("empty", (values(6), values(0, 2)), dict(stride=(2, 1), offset=0)),
        Sample("strided", (strided(values(12)), strided(values(2, 3, seed=1))), dict(stride=(4, 1), offset=1)),
    ],
    "as_strided_add": [
        Sample("usual", (values(2, 3),), dict(length=12, stride=(4, 1), offset=1)),
        Sample("overlap", (values(3, 3),), dict(length=6, stride=(1, 1), offset=0)),
        Sample("0-d", (values(),), dict(length=6, stride=(), offset=2)),
        Sample("empty", (values(0, 2),), dict(length=6, stride=(2, 1), offset=0)),
        Sample("strided", (strided(values(2, 3)),), dict(length=12, stride=(4, 1), offset=1)),
    ],
    "flip": [
        Sample("usual", (_X,), {"dims": (0, 1)}), Sample("one", (_CUBE,), {"dims": (1,)}),
        Sample("none", (_X,), {"dims": ()}), Sample("0-d", (values(),), {"dims": ()}),
        Sample("empty", (values(2, 0),), {"dims": (0, 1)}), Sample("strided", (strided(_X),), {"dims": (1,)}),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), {"dims": (0,)}),
    ],
    "bits": [
        Sample("usual", (_X,), {"dtype": dtypes.int64}, smooth=False),
        Sample("narrower", (_X,), {"dtype": dtypes.int32}, smooth=False),
        Sample("wider", (_X,), {"dtype": dtypes.complex128}, smooth=False),
        Sample("0-d", (values(),), {"dtype": dtypes.int64}, smooth=False),
        Sample("empty", (values(2, 0),), {"dtype": dtypes.int32}, smooth=False),
        Sample("strided", (strided(_X),), {"dtype": dtypes.int64}, smooth=False),
    ],
    "poisson_quantile": [
        Sample("usual", (values(3, 4, low=0.0, high=1.0), values(3, 4, low=0.0, high=9.0, seed=1)), smooth=False),
        Sample("0-d", (values(low=0.0, high=1.0), values(low=50.0, high=900.0)), smooth=False),
        Sample("empty", (values(2, 0), values(2, 0)), smooth=False),
        Sample("strided", (strided(values(3, 4, low=0.0, high=1.0)), values(3, 4, high=5.0)), smooth=False),
    ],
    **{name: [
        Sample("usual", (_X,), {"diagonal": 0}), Sample("above", (_X,), {"diagonal": 2}),
        Sample("below", (_CUBE,), {"diagonal": -1}), Sample("empty", (values(2, 0),), {"diagonal": 0}),
        Sample("0-d matrix", (values(1, 1),), {"diagonal": 0}), Sample("far", (_X,), {"diagonal": -9}),
        Sample("strided", (strided(_X),), {"diagonal": 1}),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), {"diagonal": 0}),
    ] for name in ("tril", "triu")},
}  # fmt: skip
