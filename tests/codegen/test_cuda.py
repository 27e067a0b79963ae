"""CUDA without a GPU: whole modules through the emulation, every kernel through NVRTC."""

from __future__ import annotations

import numpy as np
import pytest
from codegen import harness, test_graphs, test_primitives
from codegen.harness import compare, graph_of

from symgrad.testing import cuda_module, nvrtc

pytestmark = pytest.mark.skipif(
    cuda_module.available() is not None, reason=cuda_module.available() or ""
)


@pytest.fixture(autouse=True)
def emulated(monkeypatch):
    """Modules are loaded with `cupy` emulated."""
    monkeypatch.setattr(harness, "load", cuda_module.load_module)
    with np.errstate(all="ignore"):
        yield


def accepted(module):
    """The module, once NVRTC has compiled its kernels."""
    if nvrtc.available() is None:
        cuda_module.compile_kernels(module.source)
    return module


def held(text, **options):
    """Hold a graph against the interpreter, and its kernels against the compiler."""
    graph = graph_of(text) if isinstance(text, str) else text
    return accepted(compare(graph, "cupy", **options))


@pytest.mark.parametrize("name", test_graphs.GRAPHS)
def test_graph_equals_the_interpreter(name):
    held(test_graphs.GRAPHS[name], hosts=test_graphs.HOSTS, ulps=16)


@pytest.mark.parametrize("rows, columns", [(0, 3), (3, 0), (1, 5), (5, 1), (1, 1), (1500, 3)])
def test_extents_of_zero_and_one(rows, columns):
    test_graphs.test_extents_of_zero_and_one(rows, columns, "cupy")


DTYPES = ("bool", *test_primitives.INTEGERS, "f32", "f64")


def without_float16(text):
    """The same graph without float16, which goes through CuPy's own functions."""
    head, *lines = text.splitlines()
    kept = [line for line in lines[:-1] if "float16" not in line]
    outs = [line.split()[0] for line in kept]
    return "\n".join([head, *kept, f"    return {', '.join(outs)}"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_elementwise(dtype, rng):
    text = without_float16(test_primitives.elementwise(dtype))
    a, b = test_primitives.specials(dtype, rng), test_primitives.specials(dtype, rng)
    if np.issubdtype(b.dtype, np.signedinteger):
        b = np.maximum(b, 0)  # NumPy refuses integers to negative powers
    module = held(text, inputs=[a, b, rng.integers(0, 2, (4, 9)).astype(bool)], ulps=4)
    assert "cp.where" not in module.source, "a kernel, not array calls"


@pytest.mark.parametrize("dtype", (*DTYPES, "f16"))
def test_reductions_and_views(dtype):
    test_primitives.test_reductions_and_views(dtype, "cupy")
