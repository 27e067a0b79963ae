"""Every mode draws the same bits: NumPy functions, Numba text, CUDA text and the eager stream."""

from __future__ import annotations

import ctypes
import importlib.util
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symgrad.codegen.random_helpers import HELPERS, closure, numpy_helpers, source
from symgrad.runtime import philox
from symgrad.runtime.generator import Philox
from symgrad.runtime.philox import normal, philox_words, randint, uniform

SAMPLERS = {
    "philox_u32": np.uint32,
    "philox_u64": np.uint64,
    "uniform_f32": np.float32,
    "uniform_f64": np.float64,
    "normal_f32": np.float32,
    "normal_f64": np.float64,
    "randint_i64": np.int64,
}
STATES = [
    (0, 0),
    (1, 1),
    (42, 2**31 - 3),
    (2**32 - 1, 2**32 - 5),
    (2**63 + 12345, 2**32 + 7),
    (2**64 - 1, 2**53 + 1),
    (0x299F31D0A4093822, 2**64 - 9),
]
RANGES = [(0, 1), (-3, 10), (0, 2**32), (-(2**63), 2**63 - 1), (2**62, 2**63 - 1)]
FLOAT_DTYPES = [np.float32, np.float64]


def reference(name: str, seed: int, offset: int, n: int, low: int = 0, high: int = 1) -> Any:
    kind, _ = name.split("_")
    if name == "philox_u32":
        return philox_words(seed, offset, n)
    if name == "philox_u64":
        return philox.draws64(philox_words(seed, offset, 2 * n))
    if kind == "randint":
        return randint(seed, offset, n, low, high)
    return {"uniform": uniform, "normal": normal}[kind](seed, offset, n, SAMPLERS[name])


def load(path: Path, text: str) -> Any:
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "counter, key, words",
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000",
         "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
         "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)  # fmt: skip
def test_known_answers(counter: str, key: str, words: str) -> None:
    c = [int(word, 16) for word in counter.split()]
    k = [int(word, 16) for word in key.split()]
    x, y = philox.philox_rounds(
        np.array([[c[0]], [c[2]]], np.uint64), np.array([[c[1]], [c[3]]], np.uint64), k[0], k[1]
    )
    assert [f"{w:08x}" for w in (x[0, 0], y[0, 0], x[1, 0], y[1, 0])] == words.split()


def test_word_i_is_component_of_counter() -> None:
    seed, offset = 7, 2**32 - 2
    whole = philox_words(seed, offset, 23)
    for i in range(23):
        assert whole[i] == philox_words(seed, offset + i // 4, 4)[i % 4]
    big = philox_words(seed, offset, 3 * philox.BLOCK + 5)
    assert np.array_equal(big[-5:], philox_words(seed, offset + 3 * philox.BLOCK // 4, 5))


@pytest.fixture(scope="module")
def numba_module(tmp_path_factory: pytest.TempPathFactory) -> Any:
    pytest.importorskip("numba")
    text = "import numba as nb\nimport numpy as np\n\n\n" + source(HELPERS, "numba")
    for name in SAMPLERS:
        extra = ", low, high" if name == "randint_i64" else ""
        # A callee inherits its caller's fastmath unless it refuses: the samplers must.
        text += f"""

@nb.njit(fastmath=True)
def run_{name}(seed, offset, out{extra}):
    for i in range(out.size):
        out[i] = {name}(seed, offset, i{extra})
"""
    return load(tmp_path_factory.mktemp("numba") / "samplers.py", text)


@pytest.fixture(scope="module")
def cuda_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if shutil.which("g++") is None:
        pytest.skip("no g++")
    shim = """
#include <cmath>
#include <cstring>
#define __device__
static double __dmul_rn(double a, double b) { return a * b; }
static double __dadd_rn(double a, double b) { return a + b; }
static double __ddiv_rn(double a, double b) { return a / b; }
static double __dsqrt_rn(double a) { return std::sqrt(a); }
static float __fmul_rn(float a, float b) { return a * b; }
static long long __double_as_longlong(double a) { long long b; memcpy(&b, &a, 8); return b; }
static double __longlong_as_double(long long a) { double b; memcpy(&b, &a, 8); return b; }
"""
    ctype = {
        "u32": "unsigned int", "u64": "unsigned long long", "f32": "float", "f64": "double",
        "i64": "long long",
    }  # fmt: skip
    text = shim + source(HELPERS, "cuda")
    for name in SAMPLERS:
        extra = ", low, high" if name == "randint_i64" else ""
        text += f"""
extern "C" void run_{name}(unsigned long long seed, unsigned long long offset, long long n,
                           {ctype[name[-3:]]} *out, long long low, long long high) {{
  for (long long i = 0; i < n; ++i) out[i] = {name}(seed, offset, i{extra});
}}
"""
    folder = tmp_path_factory.mktemp("cuda")
    (folder / "samplers.cpp").write_text(text)
    subprocess.run(
        ["g++", "-O2", "-Wall", "-Werror", "-ffp-contract=off", "-shared", "-fPIC"]
        + ["samplers.cpp", "-o", "samplers.so"],
        cwd=folder,
        check=True,
    )
    return ctypes.CDLL(str(folder / "samplers.so"))


@pytest.mark.parametrize("name", SAMPLERS)
def test_numba_text_draws_the_same_bits(numba_module: Any, name: str) -> None:
    run = getattr(numba_module, f"run_{name}")
    for low, high in RANGES if name == "randint_i64" else RANGES[:1]:
        limits = (np.int64(low), np.int64(high)) if name == "randint_i64" else ()
        for seed, offset in STATES:
            out = np.empty(3001, SAMPLERS[name])
            run(np.uint64(seed), np.uint64(offset), out, *limits)
            same_bits(out, reference(name, seed, offset, out.size, low, high))


@pytest.mark.parametrize("name", SAMPLERS)
def test_cuda_text_draws_the_same_bits(cuda_library: ctypes.CDLL, name: str) -> None:
    run = getattr(cuda_library, f"run_{name}")
    u64, i64 = ctypes.c_ulonglong, ctypes.c_longlong
    for low, high in RANGES if name == "randint_i64" else RANGES[:1]:
        for seed, offset in STATES:
            out = np.empty(3001, SAMPLERS[name])
            address = out.ctypes.data_as(ctypes.c_void_p)
            run(u64(seed), u64(offset), i64(out.size), address, i64(low), i64(high))
            same_bits(out, reference(name, seed, offset, out.size, low, high))


def test_numpy_text_stands_alone(tmp_path: Path) -> None:
    text = "import numpy as np\n\n\n" + source(["uniform", "normal", "randint"], "numpy")
    module = load(tmp_path / "samplers.py", text)
    assert "symgrad" not in text and "Philox" not in vars(module)
    for seed, offset in STATES:
        for dtype in FLOAT_DTYPES:
            same_bits(module.normal(seed, offset, 999, dtype), normal(seed, offset, 999, dtype))
            same_bits(module.uniform(seed, offset, 999, dtype), uniform(seed, offset, 999, dtype))
        same_bits(module.randint(seed, offset, 99, -5, 7), randint(seed, offset, 99, -5, 7))


def test_closure_prints_callees_first_and_nothing_else() -> None:
    assert closure(["uniform_f32", "uniform_f64"]) == [
        "philox_u64", "philox_u32", "uniform_f32", "uniform_f64",
    ]  # fmt: skip
    assert "normal" not in source(["uniform_f32"], "cuda")
    assert "TAIL" not in closure(["uniform"], numpy_helpers())


def same_bits(got: Any, want: Any) -> None:
    assert got.dtype == want.dtype and got.shape == want.shape
    assert got.tobytes() == want.tobytes()


# The quantile at chosen draws: both extremes, both sides of each change of formula, the centre.
EDGE_DRAWS = np.array(
    [0, 2**64 - 1, 2**63, 2**63 - 1]
    + [
        int(p * 2.0**53) * 2**11 + d
        for p in (0.075, 0.925, 1.3887943864964e-11)
        for d in (0, 2**12)
    ]
    + [2**11 * int(2.0**k) for k in range(53)],
    np.uint64,
)


def test_quantile_accuracy() -> None:
    mpmath = pytest.importorskip("mpmath")
    rng = np.random.default_rng(0)
    tails = (rng.integers(0, 2**53, 150, np.uint64) >> rng.integers(0, 53, 150, np.uint64)) << 11
    draws = np.concatenate([EDGE_DRAWS, rng.integers(0, 2**64, 150, np.uint64), tails])
    got = philox.normal_quantile(draws)
    with mpmath.workdps(40):
        for draw, x in zip(draws.tolist(), got.tolist()):
            u = (mpmath.mpf(draw >> 11) + 0.5) / 2**53
            want = mpmath.mpf(x)
            for _ in range(3):
                want -= (mpmath.ncdf(want) - u) / mpmath.npdf(want)
            assert abs(x - want) <= 1e-15 * abs(want)


def test_quantile_is_symmetric_finite_and_monotone() -> None:
    draws = np.sort(np.concatenate([EDGE_DRAWS, philox.draws64(philox_words(3, 0, 20000))]))
    x = philox.normal_quantile(draws)
    same_bits(philox.normal_quantile(~draws), -x)
    assert np.isfinite(x).all() and (np.diff(x) >= 0).all()
    assert abs(x[0]) < 8.3 and not (x == 0).any()


def kolmogorov_smirnov(sample: Any, cdf: Any) -> float:
    expected = np.array([cdf(x) for x in np.sort(sample)])
    steps = np.arange(sample.size + 1) / sample.size
    gap = max((expected - steps[:-1]).max(), (steps[1:] - expected).max())
    return float(gap) * math.sqrt(sample.size)


@pytest.mark.parametrize("dtype", FLOAT_DTYPES)
def test_distributions(dtype: Any) -> None:
    n = 50_000
    u, x = uniform(11, 0, n, dtype), normal(12, 5, n, dtype)
    assert u.min() >= 0.0 and u.max() < 1.0
    assert abs(u.mean() - 0.5) < 4 / math.sqrt(12 * n) and abs(u.var() - 1 / 12) < 2e-3
    assert abs(x.mean()) < 4 / math.sqrt(n) and abs(x.var() - 1) < 4 * math.sqrt(2 / n)
    # 1.95 is the 0.1 % point of Kolmogorov's distribution.
    assert kolmogorov_smirnov(u, lambda v: v) < 1.95
    assert kolmogorov_smirnov(x, lambda v: 0.5 * (1 + math.erf(v / math.sqrt(2)))) < 1.95
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 4 / math.sqrt(n)


def test_randint_ends_and_frequencies() -> None:
    die = np.bincount(randint(1, 0, 60_000, 0, 6), minlength=6)
    assert die.size == 6 and ((die - 10_000) ** 2 / 10_000).sum() < 20.5  # 0.1 % of chi^2(5)
    assert (randint(1, 0, 100, 5, 6) == 5).all()
    ends = np.array([0, 0, 2**32 - 1, 2**32 - 1], np.uint32)
    for low, high in RANGES:
        assert philox.randint_from(ends, low, high).tolist() == [low, high - 1]
    draws = philox.draws64(philox_words(2, 0, 200)).tolist()
    low, high = -(2**61) - 7, 2**63 - 5
    want = [low + (draw * (high - low) >> 64) for draw in draws]
    assert randint(2, 0, 100, low, high).tolist() == want
    with pytest.raises(ValueError, match="low < high"):
        randint(0, 0, 1, 3, 3)


def test_uniform_ends() -> None:
    top = np.full(2, 2**32 - 1, np.uint32)
    assert philox.uniform_from(top, np.float32)[0] == np.float32(1 - 2.0**-24)
    assert philox.uniform_from(top, np.float64)[0] == 1 - 2.0**-53
    assert philox.uniform_from(0 * top, np.float64)[0] == 0.0
    with pytest.raises(TypeError, match="float16"):
        uniform(0, 0, 1, np.float16)


@pytest.mark.parametrize("seed, offset", STATES)
def test_stream_is_the_pure_function_however_it_is_split(seed: int, offset: int) -> None:
    stream, at = Philox(seed, offset), offset
    sizes = np.random.default_rng(seed).integers(0, 40, 300).tolist()
    for step, n in enumerate(sizes + [1023, 1024, 1025, 5000, 3, 0, 70000, 1]):
        kind, dtype = step % 4, FLOAT_DTYPES[step % 2]
        if kind == 0:
            same_bits(stream.words(n), philox_words(seed, at, n))
        elif kind == 1:
            same_bits(stream.normal(n, dtype), normal(seed, at, n, dtype))
        elif kind == 2:
            same_bits(stream.uniform(n, dtype), uniform(seed, at, n, dtype))
        else:
            same_bits(stream.randint(n, -2, 9), randint(seed, at, n, -2, 9))
        words = n * (1 if kind == 0 or (kind == 2 and dtype == np.float32) else 2)
        at = (at + philox.counters_for(words)) % 2**64
        assert stream.get_state() == (seed, at)


def test_stream_state() -> None:
    stream = Philox(5)
    first = stream.normal(10, np.float32)
    saved = stream.get_state()
    second = stream.normal(10, np.float32)
    stream.set_state(saved)
    same_bits(stream.normal(10, np.float32), second)
    stream.set_state((5, 0))
    again = stream.normal(10, np.float32)
    same_bits(again, first)
    again[:] = 0  # a draw is the caller's own array
    stream.set_state((5, 0))
    same_bits(stream.normal(10, np.float32), first)
    assert stream.reserve(7) == 5 and stream.offset == 12
    same_bits(stream.words(4), philox_words(5, 12, 4))
    assert Philox(-1).seed == 2**64 - 1


def test_empty_draws_take_no_counter() -> None:
    stream = Philox(1, 9)
    for empty in (
        stream.words(0), stream.uniform(0, np.float32), stream.normal(0, np.float64),
        stream.randint(0, 0, 2), philox_words(1, 2, 0), normal(1, 2, 0, np.float32),
    ):  # fmt: skip
        assert empty.shape == (0,)
    assert stream.get_state() == (1, 9)


def test_threads_share_a_stream_without_overlap() -> None:
    from concurrent.futures import ThreadPoolExecutor

    stream = Philox(3)
    with ThreadPoolExecutor(4) as pool:
        draws = list(pool.map(lambda _: stream.words(4).tobytes(), range(2000)))
    want = philox_words(3, 0, 8000).reshape(-1, 4)
    assert sorted(draws) == sorted(row.tobytes() for row in want)
