"""Samples of linear algebra: matrices far from singular, with distinct singular values."""

from __future__ import annotations

from typing import Any

import numpy as np
from sampling import Sample, strided, values

_STABLE = 3 * np.eye(3)
_A, _BATCH = values(3, 3) + _STABLE, values(2, 3, 3) + _STABLE * np.array([1.0, -1.5])[:, None, None]
_B = values(3, 2, seed=1)
_SQUARES = [
    ("usual", _A), ("batch", _BATCH), ("empty batch", np.zeros((0, 3, 3))), ("empty matrix", np.zeros((2, 0, 0))),
    ("one by one", values(1, 1)), ("transposed", _A.T), ("strided", strided(_A)),
]  # fmt: skip
_RECTANGLES = [
    ("usual", values(4, 3)), ("wide", values(3, 5)), ("batch", values(2, 3, 2)), ("square", _A),
    ("no rows", values(0, 3)), ("no columns", values(2, 3, 0)), ("empty batch", values(0, 3, 2)),
    ("strided", strided(values(3, 4))),
]  # fmt: skip
_PAIRS = [
    ("usual", _A, _B), ("batch", _BATCH, values(2, 3, 2, seed=1)), ("one matrix", _A, values(2, 3, 2, seed=1)),
    ("one right side", _BATCH, _B), ("no columns", _A, values(3, 0)), ("empty", np.zeros((0, 0)), np.zeros((0, 2))),
    ("strided", strided(_A), strided(_B)), ("transposed", _A.T, _B),
]  # fmt: skip
_SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


def _all(found: list[Any], smooth: bool = True, **params: Any) -> list[Sample]:
    return [Sample(label, tuple(arrays), params, smooth) for label, *arrays in found]


def _some(found: list[Any], smooth: Any, **params: Any) -> list[Sample]:
    return [Sample(label, (x,), params, smooth(x)) for label, x in found]


def _positive(x: Any) -> Any:
    return x @ np.swapaxes(x, -1, -2) + np.eye(x.shape[-1])


SAMPLES: dict[str, list[Sample]] = {
    "inv": [*_all(_SQUARES, check=True), Sample("singular", (_SINGULAR,), {"check": False}, False)],
    "solve": [*_all(_PAIRS, check=True), Sample("singular", (_SINGULAR, _SINGULAR), {"check": False}, False)],
    "solve_triangular": [s for upper in (False, True) for unit in (False, True)
                         for s in _all(_PAIRS, upper=upper, unit=unit)],
    "det": [*_all(_SQUARES), Sample("singular", (_SINGULAR,), smooth=False)],
    "cofactor": [*_all(_SQUARES), Sample("singular", (_SINGULAR,), smooth=False)],
    "slogdet": _all(_SQUARES),
    "matrix_exp": _all(_SQUARES),
    "pinv": [Sample(label, (x, 0.0, 1e-15), {"hermitian": False}) for label, x in _RECTANGLES]
    + [Sample("hermitian", (_A + _A.T, 0.0, 1e-15), {"hermitian": True}, False)],
    "cholesky": [Sample(label, (_positive(x),), {"upper": upper, "check": True}, False)
                 for upper in (False, True) for label, x in _SQUARES],
    "qr": _all(_RECTANGLES, mode="reduced") + _some(_RECTANGLES, lambda x: x.shape[-2] <= x.shape[-1], mode="complete")
    + _all(_RECTANGLES, False, mode="r"),
    "svd": _all(_RECTANGLES, full=False) + _some(_RECTANGLES, lambda x: x.shape[-2] == x.shape[-1], full=True),
    "eigh": [Sample(label, (x,), {"uplo": uplo}, False) for uplo in "LU" for label, x in _SQUARES],
    "eig": _all(_SQUARES, False),
}  # fmt: skip
