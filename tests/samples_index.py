"""Samples of indexed reads and writes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sampling import Sample, strided, values

_X, _Y = values(3, 4), values(2, 3, 4)
_I = np.array([2, 0, 2])
_J = np.array([[0, 3, 1], [1, 1, -2]])


def _how(*dims: int, aligned: bool = False, wrap: bool = True, **rest: Any) -> dict[str, Any]:
    return dict(dims=dims, aligned=aligned, wrap=wrap, **rest)


_PLACES = [
    ("usual", _X, (_I,), _how(0)), ("columns", _X, (_I,), _how(1)), ("0-d index", _X, (np.array(-1),), _how(0)),
    ("matrix of indices", _X, (_J,), _how(1)), ("int32", _X, (_I.astype("i4"),), _how(1, wrap=False)),
    ("both", _X, (_I, np.array([1, -1, 1])), _how(0, 1)), ("broadcast", _X, (_I[:, None], _J[0]), _how(0, 1)),
    ("middle", _Y, (_I,), _how(1)), ("neighbours", _Y, (_I, np.array([0, -4, 0])), _how(1, 2)),
    ("apart", _Y, (np.array([1, 0, 1]), np.array([0, 3, 0])), _how(0, 2)), ("vector", values(5), (_J,), _how(0)),
    ("along rows", _X, (np.array([[1, 0, 2], [1, 2, 2]]),), _how(0, aligned=True, wrap=False)),
    ("along columns", _X, (np.array([[0], [3]]),), _how(1, aligned=True, wrap=False)),
    ("one of each row", _X, (np.array([[0], [3], [1]]),), _how(1, aligned=True, wrap=False)),
    ("one of each column", _X, (np.array([[0, -1, 1, 2]]),), _how(0, aligned=True)),
    ("along the middle", _Y, (np.array([[[0, 1], [-1, 1]]]),), _how(1, aligned=True)),
    ("empty", _X, (np.zeros((0,), int),), _how(0)), ("of empty", values(2, 0), (np.array([1, 1]),), _how(0)),
    ("strided", strided(_X), (_I,), _how(0)), ("transposed", _Y.T, (_I, np.array([1, 2, 0])), _how(0, 1)),
]  # fmt: skip


def _values_for(x: Any, indices: Any, how: Any) -> Any:
    from symgrad.ops.index import _index

    return values(*_index(np, x, indices, **how).shape, seed=1)


def _distinct(sample: Sample) -> bool:
    """Whether no place is written twice: then a difference quotient sees what the gradient rules say."""
    from symgrad.ops.index import _index

    x, _, *indices = sample.inputs
    how = {k: v for k, v in sample.params.items() if k != "accumulate"}
    places = _index(np, np.arange(x.size).reshape(x.shape), indices, **how)
    return len(np.unique(places)) == places.size


def _writes(low: float = 0.0, **rest: Any) -> list[Sample]:
    """Every read as a write of as many values; then values that are broadcast."""
    found = [Sample(name, (x + low, _values_for(x, indices, how) + low, *indices), {**how, **rest})
             for name, x, indices, how in _PLACES]  # fmt: skip
    return [*found, Sample("one value", (_X + low, np.asarray(values(seed=2) + low), _I), {**_how(1), **rest}),
            Sample("a row", (_X + low, values(4, seed=2) + low, _I), {**_how(0), **rest}),
            Sample("strided value", (_X + low, strided(values(3, 4, seed=2) + low), _I), {**_how(0), **rest})]


def _classes(back: bool) -> list[Sample]:
    """Rows and a class for each: all count, some do, none does; and the gradient of that."""
    found = []
    for label, index in (("usual", [2, 0, 3]), ("one ignored", [2, -100, 3]), ("again", [1, 1, 1]), ("empty", [])):
        classes = np.array(index, np.int64)
        for reduction in ("mean", "sum", "none"):
            params = {"ignore_index": -100, "reduction": reduction}
            if label == "empty" and reduction == "mean":
                continue
            x = values(len(index), 4) if not back else values(*([len(index)] if reduction == "none" else []))
            found.append(Sample(f"{label} {reduction}", (x, classes), {**params, **({"classes": 4} if back else {})}))
    if not back:
        found.append(Sample("strided", (strided(_X), _I), {"ignore_index": 0, "reduction": "mean"}))
    return found


SAMPLES: dict[str, list[Sample]] = {
    "class_loss": _classes(False), "class_loss_back": _classes(True),
    "index": [Sample(name, (x, *indices), how) for name, x, indices, how in _PLACES],
    "index_put": [
        *_writes(accumulate=True),
        *[s for s in _writes(accumulate=False) if _distinct(s)],
    ],
    "in_range": [
        Sample("from the end", (np.array([[2, -3], [0, -1]]),), dict(dim=1, size=3, wrap=True)),
        Sample("usual", (_I,), dict(dim=0, size=3, wrap=False)),
        Sample("0-d", (np.array(1),), dict(dim=0, size=3, wrap=True)),
        Sample("int32", (_I.astype("i4"),), dict(dim=0, size=4, wrap=True)),
        Sample("empty", (np.zeros((0, 2), int),), dict(dim=0, size=0, wrap=True)),
    ],
    "index_reduce": [*_writes(3.0, how="multiply"), *_writes(how="maximum"), *_writes(how="minimum")],
}
