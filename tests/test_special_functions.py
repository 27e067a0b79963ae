"""Special functions against mpmath, in units in the last place: eagerly, and in native and CUDA kernels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.testing import cuda_module

mpmath = pytest.importorskip("mpmath")
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
R = np.random.default_rng(0)
TINY = 10.0 ** R.uniform(-30, 0, 60)
POSITIVE = np.concatenate([R.uniform(0, 12, 200), 10.0 ** R.uniform(-30, 30, 60), 1 + R.normal(size=40) * 1e-3,
                           2 + R.normal(size=40) * 1e-3, 1.46 + R.normal(size=20) * 1e-2])  # fmt: skip
NEGATIVE = -R.uniform(0, 20, 100)

# function, mpmath's, arguments, units allowed, whether a zero is near (errors are then small beside 1)
CASES: dict[str, tuple[Callable[..., Any], Any, Any, float, bool]] = {
    "erf": (sg.erf, mpmath.erf, np.concatenate([R.uniform(-6, 6, 200), TINY]), 2, False),
    "erfc": (sg.erfc, mpmath.erfc, np.concatenate([R.uniform(-6, 9, 200), TINY]), 4, False),
    "erfinv": (sg.erfinv, mpmath.erfinv, np.concatenate([R.uniform(-1, 1, 99), 1 - TINY[TINY > 1e-6], TINY]), 3, False),
    "lgamma": (sg.lgamma, lambda x: mpmath.re(mpmath.loggamma(x)), POSITIVE, 4, False),
    "digamma": (sg.digamma, mpmath.digamma, POSITIVE, 4, False),
    "trigamma": (lambda x: sg.polygamma(1, x), lambda x: mpmath.polygamma(1, x), POSITIVE, 6, False),
    "polygamma 4": (lambda x: sg.polygamma(4, x), lambda x: mpmath.polygamma(4, x), R.uniform(0.1, 40, 100), 8, False),
    "lgamma below 0": (sg.lgamma, lambda x: mpmath.re(mpmath.loggamma(x)), NEGATIVE, 4, True),
    "digamma below 0": (sg.digamma, mpmath.digamma, NEGATIVE, 8, True),
    "trigamma below 0": (lambda x: sg.polygamma(1, x), lambda x: mpmath.polygamma(1, x), NEGATIVE, 8, True),
}  # fmt: skip


@pytest.mark.parametrize("mode", ["eager", "numba", "cupy"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_error_in_units_in_the_last_place(name: str, dtype: str, mode: str) -> None:
    function, true, arguments, limit, zeros = CASES[name]
    if mode == "cupy" and (reason := cuda_module.available()) is not None:
        pytest.skip(reason)
    x = arguments.astype(dtype)
    if mode != "eager":
        function = sg.compile(function, backend=mode, fullgraph=True)
    with cuda_module.emulated() if mode == "cupy" else nullcontext():
        have = function(sg.from_numpy(x)).numpy()
    assert have.dtype == x.dtype
    with mpmath.workdps(40):
        exact = [true(mpmath.mpf(float(v))) for v in x]
        want = np.array([float(v) for v in exact])
        error = np.array([float(abs(mpmath.mpf(float(h)) - e)) for h, e in zip(have, exact)])
    scale = np.maximum(np.abs(want), 1.0) if zeros else np.abs(want)
    usual = (scale > np.finfo(x.dtype).tiny) & (scale < np.finfo(x.dtype).max)
    units = error[usual] / np.spacing(scale[usual].astype(x.dtype))
    assert units.max() <= limit, (units.max(), x[usual][units.argmax()])


@pytest.mark.parametrize("mode", ["eager", "numba", "cupy"])
def test_special_values(mode: str) -> None:
    torch = pytest.importorskip("torch")
    if mode == "cupy" and (reason := cuda_module.available()) is not None:
        pytest.skip(reason)
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1, -2, 1, 2, -1.5, 1.5, 1e19, 3e9])

    def program(x: Any) -> Any:
        return sg.erf(x), sg.erfc(x), sg.erfinv(x), sg.lgamma(x), sg.digamma(x)

    run = program if mode == "eager" else sg.compile(program, backend=mode, fullgraph=True)
    with cuda_module.emulated() if mode == "cupy" else nullcontext():
        outs = run(sg.from_numpy(x))
    for name, have in zip(("erf", "erfc", "erfinv", "lgamma", "digamma"), outs):
        want = getattr(torch, name)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(have.numpy(), want, rtol=1e-13, err_msg=name)
