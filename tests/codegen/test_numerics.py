"""Precision and machine code: sums as accurate as eager's, float32 loops without float64, vectors."""

import re

import numpy as np
import pytest
from codegen.harness import BACKENDS, emitted, graph_of, load, run

from symgrad.native import engine

EPS = np.finfo(np.float32).eps


def outputs(text, inputs, backend):
    graph = graph_of(text)
    module = emitted(graph, backend)
    return run(module, load(module.source), graph, inputs)[0]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [2_000, 1_000_000])
def test_float32_sums_are_as_accurate_as_eager(n, backend):
    x = np.random.default_rng(0).random(n, dtype="f") + np.float32(0.1)
    rows = x.reshape(-1, 10)
    wide = x.reshape(100, -1)
    text = f"""
def f(x: f32[{n}], r: f32[{n // 10},10], w: f32[100,{n // 100}]):
    a = sum(x, axis=(0,))
    b = sum(r, axis=(0,))
    c = sum(r, axis=(1,))
    d = sum(w, axis=(0,))
    e = sum(w, axis=(1,))
    g = sum(w, axis=(0, 1))
    return a, b, c, d, e, g
"""
    found = outputs(text, [x, rows, wide], backend)
    parts = [(x, 0), (rows, 0), (rows, 1), (wide, 0), (wide, 1), (wide, None)]
    for (array, axis), have in zip(parts, found):
        true = array.sum(axis=axis, dtype="d")
        eager = np.abs(np.add.reduce(array, axis=axis) - true).max()
        assert np.abs(have - true).max() <= max(2 * eager, 4 * EPS * np.abs(true).max())


@pytest.mark.parametrize("backend", BACKENDS)
def test_extremes_propagate_nan_and_keep_infinities(backend):
    x = np.array([[1, np.nan, 3], [np.inf, 2, -5], [-np.inf, -0.0, 0]], "f")
    text = """
def f(x: f32[3,3]):
    a = amax(x, axis=(0,))
    b = amax(x, axis=(1,))
    c = amin(x, axis=(0, 1))
    d = amin(x, axis=(1,))
    return a, b, c, d
"""
    a, b, c, d = outputs(text, [x], backend)
    assert np.array_equal(a, x.max(0), equal_nan=True) and np.array_equal(b, x.max(1), equal_nan=True)
    assert np.isnan(c) and np.array_equal(d, x.min(1), equal_nan=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_float_sums_over_nothing_and_of_nan(backend):
    text = "def f(x: f32[3,0], y: f32[5]):\n    a = sum(x, axis=(1,))\n    b = sum(y, axis=(0,))\n    return a, b"
    a, b = outputs(text, [np.zeros((3, 0), "f"), np.array([1, np.inf, 2, -np.inf, 0], "f")], backend)
    assert a.tolist() == [0, 0, 0] and np.isnan(b)


def llvm(text):
    """The machine-independent code of an entry with its kernels, compiled anew."""
    loaded = load(emitted(graph_of(text), "numba").source)
    module, _ = engine.optimised(loaded.run.assembly(loaded.RUN_SIGNATURE))
    return "\n".join(f for f in str(module).split("\n\n") if "PyFloat_AsDouble" not in f)  # numbers come as Python's


def test_float32_elementwise_code_has_vectors_and_no_double():
    text = llvm("""
def fresh(x: f32[64,50], b: f32[50], k: f32[]):
    y = add(x, b)
    z = mul(y, 2.0)
    r = relu(z)
    w = div(r, k)
    v = sub(w, 0.5)
    return v
""")
    assert re.search(r"<(4|8|16) x float>", text)
    assert "double" not in re.sub(r"^(declare|@).*$", "", text, flags=re.M)


def test_float32_sum_code_has_vectors_and_double_only_between_blocks():
    text = llvm("""
def fresh(x: f32[4000], y: f32[4000]):
    d = sub(x, y)
    q = mul(d, d)
    s = sum(q, axis=(0,))
    return s
""")
    assert re.search(r"fadd reassoc.*<(4|8|16) x float>", text)
    assert not re.search(r"<\d+ x double>", text)


def test_largest_is_found_with_vectors():
    assert re.search(r"<(4|8|16) x i32>", llvm("""
def fresh(x: f32[4000]):
    s = amax(x, axis=(0,))
    return s
"""))
