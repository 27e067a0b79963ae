"""What the tests of reductions and sorts run on: arrays with ties, nans, infinities, no elements, 0 dims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import agree, make

FLOATS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
ALL = ("bool", *INTEGERS, *FLOATS)
EXACT = ("bool", "int64", "float64")


def arrays(dtype: str, *, nans: bool = True) -> dict[str, Any]:
    """Arrays of a dtype, by what is special about them."""
    kind = np.dtype(dtype)
    rng = np.random.default_rng(len(dtype))

    def drawn(*shape: int) -> Any:
        if kind.kind in "fc":
            return np.asarray(rng.permutation(np.prod(shape, dtype=int)).reshape(shape) * 0.37 - 2).astype(kind)
        low, high = {"b": (0, 2), "u": (0, 5), "i": (-4, 5)}[kind.kind]
        return np.asarray(rng.integers(low, high, shape)).astype(kind)

    found = {
        "vector": drawn(6), "matrix": drawn(3, 5), "cube": drawn(2, 3, 4), "0-d": drawn(), "one": drawn(1),
        "transposed": drawn(4, 3).T, "empty": drawn(0), "no columns": drawn(2, 0), "no rows": drawn(0, 3),
    }  # fmt: skip
    if kind.kind == "f" and nans:
        mixed = drawn(4, 5)
        mixed[0, 1], mixed[2, 0], mixed[3, 2], mixed[1] = np.nan, np.inf, -np.inf, np.nan
        found["nan and inf"] = mixed
    return found


def ties(dtype: str = "float64") -> Any:
    """Few distinct values, zeros among them."""
    values = np.array([[0, 2, 2, 1, 0], [1, 1, 0, 0, 2], [2, 2, 2, 0, 1]])
    return values.astype(dtype)


def everywhere(call: Callable[[Any, Any], Any], dtypes: Any = ALL, *, only: Any = None, **tolerance: float) -> None:
    """`call(lib, x)` gives the same, or raises alike, on arrays of each of the dtypes."""
    for dtype in dtypes:
        for label, array in arrays(dtype).items():
            if only is None or label in only:
                try:
                    agree(lambda lib: call(lib, make(lib, array)), **tolerance)
                except BaseException as error:
                    error.add_note(f"on {dtype} {label}")
                    raise


def differentiated(call: Callable[[Any, Any], Any], array: Any, order: int = 2) -> Callable[[Any], Any]:
    """A program: first (and second) derivatives of a function of the results at `array`."""

    def program(lib: Any) -> Any:
        x = make(lib, array, requires_grad=True)
        out = call(lib, x)
        outs = [o for o in (out if isinstance(out, tuple) else (out,)) if o.dtype.is_floating_point]
        loss = sum((o * o * 0.5 + o).sum() for o in outs)
        (g,) = lib.autograd.grad(loss, [x], create_graph=True)
        if order == 1 or not g.requires_grad:
            return [g.detach()]
        (h,) = lib.autograd.grad((g * g).sum(), [x], allow_unused=True)
        return [g.detach()] if h is None else [g.detach(), h]

    return program


def gradients(call: Callable[[Any, Any], Any], *found: Any, nans: bool = False, order: int = 2) -> None:
    """Both derivatives (or the first alone) agree on float64 arrays (those given, or the usual ones)."""
    for array in found or arrays("float64", nans=nans).values():
        agree(differentiated(call, array, order), rtol=1e-9, atol=1e-9)
