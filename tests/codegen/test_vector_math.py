"""The inlined functions against wider arithmetic, over the whole range of their dtype."""

import numpy as np
import pytest
from codegen.harness import emitted, graph_of, load, run

LIMITS = {("exp", "f32"): 1.5, ("exp", "f64"): 2, ("log", "f32"): 1, ("log", "f64"): 1.5,
          ("tanh", "f32"): 2, ("tanh", "f64"): 2}  # fmt: skip


def arguments(dtype: str) -> np.ndarray:
    """Bit patterns all over, numbers where the functions bend, and the special ones."""
    rng = np.random.default_rng(0)
    kind, bits = (np.float32, np.uint32) if dtype == "f32" else (np.float64, np.uint64)
    info = np.finfo(kind)
    anywhere = rng.integers(0, 2 ** (8 * info.dtype.itemsize) - 1, size=200_000, dtype=np.uint64)
    limit = 100 if dtype == "f32" else 745
    special = [0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.625, info.tiny, info.smallest_subnormal, info.max]
    return np.concatenate([
        anywhere.astype(bits).view(kind), rng.normal(size=50_000), rng.uniform(-limit, limit, 50_000),
        rng.uniform(0.3, 3, 50_000), special]).astype(kind)  # fmt: skip


@pytest.mark.parametrize("dtype", ["f32", "f64"])
def test_error_in_units_in_the_last_place(dtype):
    x = arguments(dtype)
    names = sorted({name for name, _ in LIMITS})
    lines = "\n".join(f"    {n}_1 = {n}(x)" for n in names)
    text = f"def f(x: {dtype}[{x.size}]):\n{lines}\n    return {', '.join(f'{n}_1' for n in names)}"
    graph = graph_of(text)
    module = emitted(graph, "numba")
    results, _ = run(module, load(module.source), graph, [x])
    for name, have in zip(names, results):
        with np.errstate(all="ignore"):
            true = getattr(np, name)(x.astype(np.float64 if dtype == "f32" else np.longdouble))
            near = true.astype(x.dtype)
        assert np.array_equal(np.isnan(have), np.isnan(near)), name
        assert np.array_equal(np.isinf(have), np.isinf(near)), name
        finite = np.isfinite(near)
        error = np.abs(have[finite] - true[finite]) / np.spacing(np.abs(near[finite]))
        assert error.max() <= LIMITS[name, dtype], (name, error.max(), x[finite][error.argmax()])
