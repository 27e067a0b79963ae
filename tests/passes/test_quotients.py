"""The exponential of a log-softmax becomes a product, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import assert_becomes, read

import symgrad as sg
from symgrad.passes.quotients import quotients

BEFORE = """
def f(x: f32[4,4]):
    m = amax(x, axis=({top},))
    mk = view(m, shape={shape})
    s = sub(x, mk)
    e = exp({power})
    t = sum(e, axis=(1,))
    l = log(t)
    lk = view(l, shape=(4, 1))
    z = sub(s, lk)
    p = exp(z)
    return p"""


def test_the_exponential_of_a_log_softmax() -> None:
    assert_becomes(quotients(read(BEFORE.format(top=1, shape="(4, 1)", power="s"))), """
def f(x: f32[4,4]):
    m = amax(x, axis=(1,))
    mk = view(m, shape=(4, 1))
    s = sub(x, mk)
    e = exp(s)
    t = sum(e, axis=(1,))
    l = log(t)
    lk = view(l, shape=(4, 1))
    z = sub(s, lk)
    d = div(1.0, t)
    dk = view(d, shape=(4, 1))
    p = mul(e, dk)
    return p""")


@pytest.mark.parametrize("top, shape, power", [
    (0, "(1, 4)", "s"),  # the greatest of columns: a row's sum may vanish
    (1, "(1, 4)", "s"),  # the greatest of rows, beside columns
    (1, "(4, 1)", "x"),  # the sum is of others
])  # fmt: skip
def test_where_the_sum_may_overflow_or_is_of_others(top: int, shape: str, power: str) -> None:
    graph = read(BEFORE.format(top=top, shape=shape, power=power))
    assert quotients(graph) is graph


def test_without_the_maximum_it_stays() -> None:
    graph = read("""
def f(x: f32[4,4]):
    e = exp(x)
    t = sum(e, axis=(1,))
    l = log(t)
    lk = view(l, shape=(4, 1))
    z = sub(x, lk)
    p = exp(z)
    return p""")
    assert quotients(graph) is graph


@pytest.mark.parametrize("dtype, shape, dim", [("float32", (5, 7), 1), ("float64", (3, 4, 5), 1), ("float32", (6,), 0),
                                               ("float32", (), 0), ("float32", (0, 3), 1)])  # fmt: skip
def test_values_far_apart(dtype: str, shape: tuple[int, ...], dim: int) -> None:
    x = np.random.default_rng(0).normal(0, 60, shape).astype(dtype)
    if x.size > 4:
        x.flat[0], x.flat[-1] = -np.inf, 1e30
    use = sg.compile(lambda x: sg.log_softmax(x, dim).exp(), backend="numba", fullgraph=True)
    with np.errstate(all="ignore"):
        expected = sg.softmax(sg.tensor(x.astype(np.float64)), dim).numpy()
    np.testing.assert_allclose(use(sg.tensor(x)).numpy(), expected, rtol=1e-5, atol=1e-38)
