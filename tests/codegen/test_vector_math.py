"""The inlined functions against wider arithmetic, over the whole range of their dtype."""

import math

import numpy as np
import pytest
from codegen.harness import emitted, graph_of, load, run

LIMITS = {"f32": {"exp": 1.5, "log": 1, "tanh": 2, "expm1": 2, "log1p": 2, "sin": 2, "cos": 2, "atan": 2,
                  "erf": 2, "erfc": 2},
          "f64": {"exp": 2, "log": 1.5, "tanh": 2}}  # fmt: skip
EXACT = {name: getattr(np, name, None) or np.vectorize(getattr(math, name), otypes=[float])
         for name in LIMITS["f32"] if name != "atan"} | {"atan": np.arctan}  # fmt: skip


def arguments(dtype: str) -> np.ndarray:
    """Bit patterns all over, numbers where the functions bend, and the special ones."""
    rng = np.random.default_rng(0)
    kind, bits = (np.float32, np.uint32) if dtype == "f32" else (np.float64, np.uint64)
    info = np.finfo(kind)
    step = 4093 if dtype == "f32" else 2**44 + 1
    anywhere = np.arange(0, 2 ** (8 * info.dtype.itemsize) - 1, step, dtype=np.uint64)
    limit = 100 if dtype == "f32" else 745
    special = [0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.625, info.tiny, info.smallest_subnormal, info.max]
    chosen = [rng.normal(size=50_000), rng.uniform(-limit, limit, 50_000), rng.uniform(0.3, 3, 50_000), special]
    return np.concatenate([anywhere.astype(bits).view(kind), *(np.asarray(c, kind) for c in chosen)])


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_error_in_units_in_the_last_place(dtype):
    x = arguments(dtype)
    names = sorted(LIMITS[dtype])
    lines = "\n".join(f"    {n}_1 = {n}(x)" for n in names)
    text = f"def f(x: {dtype}[{x.size}]):\n{lines}\n    return {', '.join(f'{n}_1' for n in names)}"
    graph = graph_of(text)
    module = emitted(graph, "numba")
    results, _ = run(module, load(module.source), graph, [x])
    for name, have in zip(names, results):
        with np.errstate(all="ignore"):
            true = EXACT[name](x.astype(np.float64 if dtype == "f32" else np.longdouble))
            near = true.astype(x.dtype)
        assert np.array_equal(np.isnan(have), np.isnan(near)), name
        assert np.array_equal(np.isinf(have), np.isinf(near)), name
        finite = np.isfinite(near)
        error = np.abs(have[finite] - true[finite]) / np.spacing(np.abs(near[finite]))
        assert error.max() <= LIMITS[dtype][name], (name, error.max(), x[finite][error.argmax()])
