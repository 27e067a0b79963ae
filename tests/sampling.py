"""How samples are made: operands as plain data, usual, 0-d, empty, broadcast, strided.

A sample's arrays are float64 (or the dtype the primitive wants); tests convert. `smooth` says that
finite differences are meaningful there; values are kept away from kinks and poles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Sample:
    """One set of operands and parameters for a primitive."""

    label: str
    inputs: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)
    smooth: bool = True


def values(*shape: int, low: float = -2.0, high: float = 2.0, seed: int = 0) -> Array:
    """Distinct, unordered float64 numbers in (low, high), none within a hundredth of the range of 0."""
    count = int(np.prod(shape))
    order = np.random.default_rng(seed + 7 * count).permutation(count)
    spread = low + (high - low) * (order + 0.5 + 0.1 * (seed % 4)) / max(count, 1)
    gap = 0.01 * (high - low)
    return np.where(np.abs(spread) < gap, spread + 3 * gap, spread).reshape(shape)


def strided(array: Array) -> Array:
    """The same elements as `array` in column-major memory with gaps."""
    wide = np.zeros(tuple(2 * e for e in reversed(array.shape)), array.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)].transpose()
    view[...] = array
    return view


def unary(low: float = -2.0, high: float = 2.0, **params: Any) -> list[Sample]:
    """The five kinds for a primitive of one operand."""
    one = lambda *shape: values(*shape, low=low, high=high)  # noqa: E731
    return [
        Sample("usual", (one(3, 4),), params),
        Sample("0-d", (one(),), params),
        Sample("empty", (one(2, 0),), params),
        Sample("broadcast", (np.broadcast_to(one(3, 1), (3, 4)),), params),
        Sample("strided", (strided(one(3, 4)),), params),
    ]


def binary(low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None) -> list[Sample]:
    """The kinds for a primitive of two broadcasting operands."""
    a = lambda *shape: values(*shape, low=low, high=high)  # noqa: E731
    lo, hi = low if low2 is None else low2, high if high2 is None else high2
    b = lambda *shape: values(*shape, low=lo, high=hi, seed=1)  # noqa: E731
    return [
        Sample("usual", (a(3, 4), b(3, 4))),
        Sample("0-d", (a(), b())),
        Sample("empty", (a(2, 0), b(2, 0))),
        Sample("empty broadcast", (a(0, 4), b(1, 4))),
        Sample("broadcast row", (a(3, 4), b(4))),
        Sample("broadcast both", (a(3, 1), b(1, 4))),
        Sample("broadcast 0-d", (a(2, 3), b())),
        Sample("strided", (strided(a(3, 4)), b(3, 4))),
        Sample("scalar right", (a(3, 4), float(b()))),
        Sample("scalar left", (float(a()), b(3, 4))),
    ]


def logical(count: int) -> list[Sample]:
    """Bools and integers."""
    bools = values(3, 4) > 0, values(3, 4, seed=1) > 0
    ints = np.arange(-6, 6).reshape(3, 4), np.arange(12).reshape(3, 4)[::-1]
    return [Sample(label, pair[:count], smooth=False) for label, pair in (
        ("bools", bools), ("ints", ints), ("0-d", (np.array(True), np.array(False))),
        ("empty", (np.zeros((2, 0), bool),) * 2), ("strided", tuple(strided(x) for x in ints)),
    )]  # fmt: skip


def reduction() -> list[Sample]:
    """All axes, one, several, none; the kinds of memory."""
    x = values(2, 3, 4)
    return [
        Sample("all", (x,), {"axis": (0, 1, 2)}),
        Sample("first", (x,), {"axis": (0,)}),
        Sample("last", (x,), {"axis": (2,)}),
        Sample("outer two", (x,), {"axis": (0, 1)}),
        Sample("none", (x,), {"axis": ()}),
        Sample("0-d", (values(),), {"axis": ()}),
        Sample("empty kept", (values(2, 0),), {"axis": (0,)}),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), {"axis": (0,)}),
        Sample("strided", (strided(x),), {"axis": (1,)}),
    ]


def rounded() -> list[Sample]:
    """Values with ties and both signs, where comparisons matter."""
    pairs = [Sample(s.label, tuple(np.asarray(np.round(x)) if isinstance(x, np.ndarray) else x for x in s.inputs),
                    smooth=False) for s in binary()]  # fmt: skip
    ties = Sample("ties and nan", (np.array([1.0, 1.0, np.nan, -0.0]), np.array([1.0, 2.0, 1.0, 0.0])), smooth=False)
    return [*pairs, ties]
