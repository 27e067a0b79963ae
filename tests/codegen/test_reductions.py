"""Reductions made of others, scans and selections, compiled: values and gradients are eager's, on every backend."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.testing import cuda_module

BACKENDS = ("reference", "numpy", "numba", "cupy")
X = np.array([[1.5, 0.0, -2.0, 0.7], [0.0, 3.0, 0.0, -1.1], [0.5, 1.0, 2.0, 0.3]])

PROGRAMS: dict[str, Any] = {
    "prod": lambda x: (x.prod(), x.prod(0), x.prod(1, True)),
    "extremes": lambda x: (x.max(), x.min(), x.amax(1), x.amin(0), *x.max(1)[:1], *x.min(0)[:1]),
    "truth": lambda x: ((x > 0).any().to(x.dtype) * x, (x > 0).all(1).to(x.dtype) * x[:, 0], x.count_nonzero() * x),
    "moments": lambda x: (x.var(), x.std(1), x.var(0, correction=0, keepdim=True) * x, *sg.std_mean(x, 1)),
    "exponentials": lambda x: (x.logsumexp(1), x.logsumexp((0, 1)), x.softmax(0), x.log_softmax(-1)),
    "norms": lambda x: (x.norm(), x.norm(1, 0), x.norm(3, 1), x.norm(float("inf"), 1), (x - 9).norm(0.5, 1)),
    "nans": lambda x: ((x - 0.9).log().nansum(1), (x - 0.9).log().nanmean(0)),
    "scans": lambda x: (x.cumsum(0), x.cumprod(1), x.logcumsumexp(1), x.cummax(1).values, x.cummin(0).values),
    "orders": lambda x: (x.sort(1).values, x.sort(0, True)[0], x.topk(2, 1).values, x.kthvalue(2, 1).values),
    "middles": lambda x: (x.median(), x.median(1).values, x.nanmedian(1).values, x.quantile(0.3, 1), x.mode(1).values),
    "statistics": lambda x: (sg.cov(x), sg.corrcoef(x), x.diff(), sg.trapezoid(x), sg.cdist(x, x + 1)),
}


def flat(results: Any) -> list[Any]:
    return [r.detach().numpy() for r in results]


def differentiated(call: Any, x: Any) -> tuple[list[Any], list[Any]]:
    """The results at x, and the gradient of their weighted sum."""
    x = x.clone().requires_grad_(True)
    outs = call(x)
    loss = sum((o * (i + 1) * 0.3 + o * o).sum() for i, o in enumerate(outs))
    return flat(outs), flat(sg.autograd.grad(loss, [x]))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_is_eager(name: str, backend: str) -> None:
    call = PROGRAMS[name]
    x = sg.tensor(X)
    with cuda_module.emulated() if backend == "cupy" else nullcontext():
        mine = differentiated(sg.compile(call, backend=backend, fullgraph=True), x)
    for have, want in zip(mine, differentiated(call, x)):
        for a, b in zip(have, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_indices_and_names(backend: str) -> None:
    def call(x):
        return x.max(1), x.sort(0), x.argmax(), x.argsort(1, True), sg.searchsorted(x[0].sort().values, x), x.cummax(1)

    x = sg.tensor(X)
    with cuda_module.emulated() if backend == "cupy" else nullcontext():
        found = sg.compile(call, backend=backend, fullgraph=True)(x)
    wanted = call(x)
    assert type(found[0]) is type(wanted[0]) and found[0].indices.tolist() == wanted[0].indices.tolist()
    for mine, theirs in zip((*found[1], *found[2:5], *found[5]), (*wanted[1], *wanted[2:5], *wanted[5])):
        assert mine.tolist() == theirs.tolist() and mine.dtype is theirs.dtype


def test_reductions_of_composites_fuse() -> None:
    """A softmax is one kernel's loops, and no array call."""
    source = sg.compile(lambda x: x.softmax(1), backend="numba").program(sg.tensor(X)).source
    assert "np.exp" not in source and "_softmax" not in source


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_half_precision_is_computed_in_float32(backend: str) -> None:
    for dtype in (sg.float16, sg.bfloat16):
        x = sg.tensor(X, dtype=dtype)
        for call in (lambda x: x.var(1), lambda x: x.logsumexp(1), lambda x: x.cumsum(1), lambda x: x.max(1).values):
            mine = sg.compile(call, backend=backend)(x)
            assert mine.dtype is dtype
            np.testing.assert_allclose(mine.float().numpy(), call(x).float().numpy(), rtol=1e-2)
