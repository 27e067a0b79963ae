"""Inputs for every primitive, one table per family; see `sampling` for how they are made."""

from __future__ import annotations

import numpy as np
import samples_index
import samples_linalg
import samples_pointwise
import samples_reduce
import samples_shape
from sampling import Sample, binary, logical, reduction, rounded, strided, unary, values

from symgrad import dtypes

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
    "normalize": samples_reduce.normalizing(),
    "mse_loss": samples_reduce.squared_differences(),
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
        Sample("dimensions not named", (_X, values(2, 4, seed=1)), {"index": (slice(0, 3, 2),)}),
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
    "probabilities": [
        Sample("usual", (np.array([[0.1, 0.25], [0.9, 0.5]]),), {}),
        Sample("0-d", (np.array(0.5),), {}), Sample("empty", (np.zeros((0, 2), np.float32),), {}),
    ],
    "coordinate": [
        Sample("rows", (), dict(shape=(2, 3, 4), axis=0, dtype=dtypes.int64)),
        Sample("middle", (), dict(shape=(2, 3, 4), axis=1, dtype=dtypes.int32)),
        Sample("columns", (), dict(shape=(2, 3), axis=1, dtype=dtypes.int64)),
        Sample("empty", (), dict(shape=(0, 3), axis=1, dtype=dtypes.int64)),
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
for _family in (samples_pointwise, samples_reduce, samples_shape, samples_index, samples_linalg):
    assert not SAMPLES.keys() & _family.SAMPLES.keys()
    SAMPLES |= _family.SAMPLES

WITHOUT_SAMPLES = {
    "custom": "carries a user's function; test_eager_function.py applies it",
    "gradients": "has no array form; the differentiate pass expands it",
    "cond": "takes graphs; test_control_flow.py runs it on every backend",
    "while_loop": "takes graphs; test_control_flow.py runs it on every backend",
    "while_loop_backward": "takes graphs; test_control_flow.py runs it on every backend",
    "scan": "takes graphs; test_control_flow.py runs it on every backend",
}
