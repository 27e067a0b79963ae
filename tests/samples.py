"""Inputs for every primitive, as plain data: usual, 0-d, empty, broadcast, strided.

A sample's arrays are float64 (or the dtype the primitive wants); tests convert. `smooth` says that
finite differences are meaningful there; values are kept away from kinks and poles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad import dtypes

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
    pairs = [Sample(s.label, tuple(np.round(x) if isinstance(x, np.ndarray) else x for x in s.inputs), smooth=False)
             for s in binary()]  # fmt: skip
    ties = Sample("ties and nan", (np.array([1.0, 1.0, np.nan, -0.0]), np.array([1.0, 2.0, 1.0, 0.0])), smooth=False)
    return [*pairs, ties]


_ALL = slice(None)
_X = values(3, 4)

SAMPLES: dict[str, list[Sample]] = {
    "add": binary(), "sub": binary(), "mul": binary(), "div": binary(low2=0.5, high2=2.0),
    "neg": unary(), "exp": unary(), "log": unary(0.1, 3.0), "sin": unary(), "cos": unary(), "tanh": unary(),
    "sqrt": unary(0.1, 3.0), "sigmoid": unary(), "abs": unary(), "sign": unary(), "relu": unary(),
    "maximum": binary(), "minimum": binary(),
    "clamp": [*unary(min=-1.03, max=0.97), *unary(min=-0.51, max=None), *unary(min=None, max=0.77)],
    "pow": [s for n in (-2, -1, 0, 1, 2, 3, 4, 5, 7) for s in unary(0.5, 1.5, exponent=n)]
    + unary(exponent=3),
    "power": binary(0.3, 2.0, -2.0, 2.0),
    "eq": rounded(), "ne": rounded(), "lt": rounded(), "le": rounded(), "gt": rounded(), "ge": rounded(),
    "bitwise_and": logical(2), "bitwise_or": logical(2), "bitwise_not": logical(1),
    "where": [
        Sample("usual", (_X > 0, values(3, 4, seed=1), values(3, 4, seed=2))),
        Sample("0-d", (np.array(True), values(seed=1), values(seed=2))),
        Sample("empty", (np.zeros((2, 0), bool), values(2, 0), values(2, 0))),
        Sample("broadcast", (np.array([True, False, True])[:, None], values(1, 4, seed=1), values(seed=2))),
        Sample("strided", (_X > 0, strided(values(3, 4, seed=1)), values(3, 4, seed=2))),
        Sample("scalar", (_X > 0, values(3, 4, seed=1), 0.0)),
        Sample("scalar first", (_X > 0, 0.0, values(3, 4, seed=1))),
    ],
    "cast": [*unary(dtype=dtypes.float64),
             Sample("to int", (_X,), {"dtype": dtypes.int64}, smooth=False),
             Sample("to bool", (_X,), {"dtype": dtypes.bool_}, smooth=False),
             Sample("to float32", (_X,), {"dtype": dtypes.float32}, smooth=False)],
    "stop_gradient": [Sample(s.label, s.inputs, smooth=False) for s in unary()],
    "matmul": [
        Sample("usual", (values(3, 4), values(4, 2, seed=1))),
        Sample("batched", (values(2, 3, 4), values(2, 4, 2, seed=1))),
        Sample("broadcast batch", (values(2, 3, 4), values(4, 2, seed=1))),
        Sample("broadcast both", (values(2, 1, 3, 4), values(3, 4, 2, seed=1))),
        Sample("one by one", (values(1, 1), values(1, 1, seed=1))),
        Sample("empty inner", (values(3, 0), values(0, 2))),
        Sample("empty outer", (values(0, 4), values(4, 2))),
        Sample("strided", (strided(values(3, 4)), strided(values(4, 2, seed=1)))),
        Sample("transposed", (values(4, 3).T, values(2, 4, seed=1).T)),
    ],
    "mean": reduction(),
    "sum": [*reduction(), Sample("empty", (values(2, 0),), {"axis": (1,)})],
    "amax": reduction(), "amin": reduction(),
    "view": [
        Sample("usual", (_X,), {"shape": (2, 6)}), Sample("flat", (_X,), {"shape": (12,)}),
        Sample("0-d", (values(),), {"shape": (1, 1)}), Sample("to 0-d", (values(1, 1),), {"shape": ()}),
        Sample("empty", (values(2, 0),), {"shape": (0, 5)}), Sample("strided", (strided(_X),), {"shape": (4, 3)}),
        Sample("same memory", (_X.T,), {"shape": (4, 3, 1)}),
        Sample("broadcast", (np.broadcast_to(values(3, 1), (3, 4)),), {"shape": (12,)}),
    ],
    "permute": [
        Sample("usual", (values(2, 3, 4),), {"dims": (2, 0, 1)}), Sample("0-d", (values(),), {"dims": ()}),
        Sample("empty", (values(2, 0),), {"dims": (1, 0)}), Sample("strided", (strided(_X),), {"dims": (1, 0)}),
    ],
    "expand": [
        Sample("usual", (values(3, 1),), {"shape": (3, 4)}), Sample("new extents", (values(3),), {"shape": (2, 4, 3)}),
        Sample("0-d", (values(),), {"shape": (2, 3)}), Sample("to 0-d", (values(),), {"shape": ()}),
        Sample("empty", (values(1, 0),), {"shape": (3, 0)}), Sample("strided", (strided(_X),), {"shape": (2, 3, 4)}),
        Sample("to empty", (values(1, 2),), {"shape": (0, 2)}),
    ],
    "slice": [
        Sample("usual", (_X,), {"index": (slice(1, 3), slice(0, 4, 2))}), Sample("row", (_X,), {"index": (1, _ALL)}),
        Sample("element", (_X,), {"index": (1, -2)}), Sample("new extent", (_X,), {"index": (_ALL, None, _ALL)}),
        Sample("0-d", (values(),), {"index": ()}), Sample("0-d new", (values(),), {"index": (None,)}),
        Sample("empty", (_X,), {"index": (slice(2, 2), _ALL)}),
        Sample("strided", (strided(_X),), {"index": (slice(0, 3, 2), _ALL)}),
        Sample("past the end", (_X,), {"index": (slice(1, 99), slice(-2, None))}),
    ],
    "slice_write": [
        Sample("usual", (_X, values(2, 2, seed=1)), {"index": (slice(1, 3), slice(0, 4, 2))}),
        Sample("row", (_X, values(4, seed=1)), {"index": (1, _ALL)}),
        Sample("element", (_X, values(seed=1)), {"index": (1, -2)}),
        Sample("0-d", (values(), values(seed=1)), {"index": ()}),
        Sample("empty", (_X, values(0, 4)), {"index": (slice(2, 2), _ALL)}),
        Sample("strided", (strided(_X), strided(values(2, 4, seed=1))), {"index": (slice(0, 3, 2), _ALL)}),
    ],
    "clone": unary(), "contiguous": unary(),
    "full": [
        Sample("usual", (), dict(shape=(2, 3), dtype=dtypes.float32, value=1.5, device="cpu")),
        Sample("0-d", (), dict(shape=(), dtype=dtypes.int64, value=3, device="cpu")),
        Sample("empty", (), dict(shape=(0,), dtype=dtypes.bool_, value=True, device="cpu")),
    ],
    "iota": [
        Sample("usual", (), dict(shape=(5,), dtype=dtypes.int64, start=2, step=3)),
        Sample("float", (), dict(shape=(4,), dtype=dtypes.float32, start=0.5, step=-0.25)),
        Sample("empty", (), dict(shape=(0,), dtype=dtypes.int64, start=0, step=1)),
    ],
    "uniform": [Sample("usual", (3, 5), dict(shape=(4, 5), dtype=dtypes.float32)),
                Sample("0-d", (3, 5), dict(shape=(), dtype=dtypes.float64)),
                Sample("empty", (3, 5), dict(shape=(0, 2), dtype=dtypes.float32))],
    "normal": [Sample("usual", (3, 5), dict(shape=(4, 5), dtype=dtypes.float32)),
               Sample("0-d", (-3, 5), dict(shape=(), dtype=dtypes.float64)),
               Sample("empty", (3, 5), dict(shape=(0, 2), dtype=dtypes.float32))],
    "randint": [Sample("usual", (3, 5), dict(shape=(4, 5), dtype=dtypes.int64, low=-2, high=9)),
                Sample("0-d", (3, 5), dict(shape=(), dtype=dtypes.int64, low=0, high=2))],
}  # fmt: skip

WITHOUT_SAMPLES = {
    "custom": "carries a user's function; test_eager_function.py applies it",
    "gradients": "has no array form; the differentiate pass expands it",
}
