"""The oracle is tested first: right kernels give NumPy's result, each kind of wrong one is named."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest

from symgrad.testing import cuda_shim, nvrtc
from symgrad.testing.cuda_shim import KernelFault, Order, build, run_kernel
from symgrad.testing.nvrtc import CompileError, compile_cubin

pytestmark = pytest.mark.skipif(
    cuda_shim.available() is not None, reason=cuda_shim.available() or ""
)
needs_nvrtc = pytest.mark.skipif(nvrtc.available() is not None, reason=nvrtc.available() or "")

SAXPY = """
extern "C" __global__ void saxpy(const float* __restrict__ x, float* __restrict__ y, float a,
                                 int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        y[i] = __fadd_rn(__fmul_rn(a, x[i]), y[i]);
}
"""
TREE_SUM = """
extern "C" __global__ void tree_sum(const float* x, float* out, int n) {
    __shared__ float part[256];
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;
    part[t] = i < n ? x[i] : 0.0f;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s >>= 1) {
        if (t < s) part[t] += part[t + s];
        __syncthreads();
    }
    if (t == 0) out[blockIdx.x] = part[0];
}
"""
WARP_SUM = """
__device__ __forceinline__ double warp_sum(double v) {
    for (int d = 16; d > 0; d >>= 1) v += __shfl_down_sync(0xffffffffu, v, d);
    return v;
}
extern "C" __global__ void __launch_bounds__(128) warp_sums(const double* x, double* down,
                                                            double* flip, unsigned int* votes) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    double v = x[i], w = v;
    for (int m = 16; m > 0; m >>= 1) w += __shfl_xor_sync(0xffffffffu, w, m);
    unsigned int positive = __ballot_sync(0xffffffffu, x[i] > 0.0);
    v = warp_sum(v);
    double first = __shfl_sync(0xffffffffu, v, 0);
    flip[i] = w;
    if (threadIdx.x % 32 == 0) { down[i / 32] = first; votes[i / 32] = positive; }
}
"""
LAST_BLOCK = """
extern "C" __global__ void sum_all(const float* __restrict__ x, volatile double* partial,
                                   unsigned int* ticket, float* out, int n) {
    extern __shared__ double part[];
    __shared__ bool last;
    int t = threadIdx.x;
    double total = 0.0;
    for (int i = blockIdx.x * blockDim.x + t; i < n; i += gridDim.x * blockDim.x) total += x[i];
    part[t] = total;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s >>= 1) {
        if (t < s) part[t] += part[t + s];
        __syncthreads();
    }
    if (t == 0) {
        partial[blockIdx.x] = part[0];
        __threadfence();
        last = atomicInc(ticket, gridDim.x - 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (last && t == 0) {
        total = 0.0;
        for (int b = 0; b < gridDim.x; b++) total += partial[b];
        out[0] = (float)total;
    }
}
"""
TRANSPOSE = """
extern "C" __global__ void transpose(const float* a, float* out, int rows, int cols) {
    __shared__ float tile[16][17];
    int c = blockIdx.x * 16 + threadIdx.x, r = blockIdx.y * 16 + threadIdx.y;
    if (r < rows && c < cols) tile[threadIdx.y][threadIdx.x] = a[r * cols + c];
    __syncthreads();
    c = blockIdx.y * 16 + threadIdx.x; r = blockIdx.x * 16 + threadIdx.y;
    if (r < cols && c < rows) out[r * rows + c] = tile[threadIdx.x][threadIdx.y];
}
"""
MATHS = """
#include <math_constants.h>
extern "C" __global__ void maths(const float* x, float* out, long long n) {
    long long i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    float v = fminf(fmaxf(x[i], -CUDART_INF_F), CUDART_INF_F);
    float y = tanhf(v) + expm1f(v) * log1pf(fabsf(v)) + rsqrtf(1.0f + v * v) + copysignf(2.0f, v);
    out[i] = isnan(v) ? __int_as_float(__float_as_int(v)) : y + (float)rint((double)v);
}
"""
GOOD = {
    next(iter(cuda_shim.parse_kernels(source))): source
    for source in (SAXPY, TREE_SUM, WARP_SUM, LAST_BLOCK, TRANSPOSE, MATHS)
}
ORDERS: tuple[Order, ...] = get_args(Order)
both_orders = pytest.mark.parametrize("order", ORDERS)
N = np.int32(1000)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(7).standard_normal(1000).astype(np.float32)


@needs_nvrtc
@pytest.mark.parametrize("name", GOOD)
def test_good_kernels_compile_for_the_device(name: str) -> None:
    assert compile_cubin(GOOD[name], name).startswith(b"\x7fELF")


@needs_nvrtc
def test_nvrtc_shows_its_log_and_the_source() -> None:
    with pytest.raises(CompileError, match=r'(?s)"wrong" is undefined.*3 \|     y = wrong'):
        compile_cubin('extern "C" __global__ void k(float y) {\n\n    y = wrong;\n}', "k")
    with pytest.raises(CompileError, match="no extern"):
        compile_cubin(SAXPY, "absent")


def test_shim_shows_the_log_and_the_source() -> None:
    with pytest.raises(CompileError, match=r"(?s)kernel.cu:3.*wrong.*3 \|     y = wrong"):
        build('extern "C" __global__ void k(float y) {\n\n    y = wrong;\n}')


@both_orders
def test_saxpy(order: Order, x: np.ndarray) -> None:
    y = x[::-1].copy()
    run_kernel(SAXPY, "saxpy", 3, 128, [x, y, np.float32(2), N], order=order)
    np.testing.assert_array_equal(y, np.float32(2) * x + x[::-1])


@both_orders
def test_tree_sum(order: Order, x: np.ndarray) -> None:
    out = np.zeros(4, np.float32)
    run_kernel(TREE_SUM, "tree_sum", 4, 256, [x, out, N], order=order)
    want = np.pad(x, (0, 24)).reshape(4, 256).sum(1)
    np.testing.assert_allclose(out, want, rtol=1e-5, atol=1e-5)


@both_orders
def test_warp_sums(order: Order, x: np.ndarray) -> None:
    values = x[:256].astype(np.float64)
    down, flip, votes = np.zeros(8), np.zeros(256), np.zeros(8, np.uint32)
    run_kernel(WARP_SUM, "warp_sums", 2, 128, [values, down, flip, votes], order=order)
    want = values.reshape(8, 32).sum(1)
    np.testing.assert_allclose(down, want)
    np.testing.assert_allclose(flip, np.repeat(want, 32))
    bits = (values.reshape(8, 32) > 0) @ (1 << np.arange(32))
    np.testing.assert_array_equal(votes, bits)


@both_orders
def test_last_block_done(order: Order, x: np.ndarray) -> None:
    partial, ticket, out = np.zeros(5), np.zeros(1, np.uint32), np.zeros(1, np.float32)
    args = [x, partial, ticket, out, N]
    for _ in range(2):  # the ticket wraps to zero, so the kernel can be launched again
        run_kernel(LAST_BLOCK, "sum_all", 5, 64, args, shared_bytes=64 * 8, order=order)
        np.testing.assert_allclose(out[0], x.sum(dtype=np.float64), rtol=1e-6)
        assert ticket[0] == 0


@both_orders
def test_two_dimensional_blocks(order: Order, x: np.ndarray) -> None:
    a, out = x.reshape(25, 40), np.zeros((40, 25), np.float32)
    args = [a, out, np.int32(25), np.int32(40)]
    run_kernel(TRANSPOSE, "transpose", (3, 2), (16, 16), args, order=order)
    np.testing.assert_array_equal(out, a.T)


def test_mathematics_is_libm(x: np.ndarray) -> None:
    out = np.empty_like(x)
    x[:3] = np.nan, 0.0, -0.0
    run_kernel(MATHS, "maths", 8, 128, [x, out, np.int64(1000)])
    v = x.astype(np.float64)
    want = np.tanh(v) + np.expm1(v) * np.log1p(abs(v)) + 1 / np.sqrt(1 + v * v) + np.rint(v)
    # fmaxf drops a NaN, as on the device.
    want[0] = np.inf
    np.testing.assert_allclose(out[1:], (want + np.copysign(2, v))[1:], rtol=2e-6, atol=2e-6)


def kernel(body: str) -> str:
    """A kernel of the usual parameters, for the wrong ones below."""
    return f'extern "C" __global__ void k(const float* x, float* y, int n) {{\n{body}\n}}'


RACE = kernel("y[0] = x[blockIdx.x * blockDim.x + threadIdx.x];")
SHARED_RACE = kernel("""
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = s[63 - threadIdx.x];
""")


@pytest.mark.parametrize("source", [RACE, SHARED_RACE], ids=["last_writer", "missing_barrier"])
def test_a_race_shows_as_two_results(source: str, x: np.ndarray) -> None:
    results = {}
    for order in ORDERS:
        results[order] = np.zeros(64, np.float32)
        run_kernel(source, "k", 1, 64, [x, results[order], N], order=order)
    assert not np.array_equal(results["forward"], results["reversed"])


@both_orders
def test_shared_memory_starts_as_nan_in_every_block(order: Order, x: np.ndarray) -> None:
    source = kernel("""
        __shared__ float s[2];
        if (threadIdx.x < x[blockIdx.x]) s[threadIdx.x] = 1.0f;
        __syncthreads();
        y[2 * blockIdx.x + threadIdx.x] = s[threadIdx.x];
    """)
    wanted, y = np.array([2, 1, 0], np.float32), np.zeros(6, np.float32)
    run_kernel(source, "k", 3, 2, [wanted, y, N], order=order)
    np.testing.assert_array_equal(y, [1, 1, 1, np.nan, np.nan, np.nan])


PAST = r"argument 1 'y' \(float32\[1000\]\): (touched|written) 0 bytes past its end"
BEFORE = r"argument 1 'y' \(float32\[1000\]\): (touched|written) 4 bytes before its start"
WRONG = {
    "write_past_the_end": ("y[blockIdx.x * blockDim.x + threadIdx.x] = 1.0f;", PAST),
    "write_before_the_start": ("y[(int)threadIdx.x - 1] = 1.0f;", BEFORE),
    "far_write": ("y[n + 100000] = 1.0f;", r"argument 1 .* 400000 bytes past"),
    "wild_pointer": ("*(float*)0 = 1.0f;", "touched the invalid address 0x0"),
    "shared_index": ("__shared__ float s[8]; s[threadIdx.x] = 0; y[0] = s[n & 7];", "shared or"),
    "division_by_zero": ("y[0] = n / (int)threadIdx.x;", "integer division by zero"),
    "some_threads_exit": (
        "if (threadIdx.x >= 100) return;\n__syncthreads();",
        r"divergent __syncthreads\(\): 100 of 128 threads wait at line 3 .* has ended",
    ),
    "two_barriers": (
        "if (threadIdx.x < 32)\n__syncthreads();\nelse\n__syncthreads();",
        r"divergent __syncthreads\(\): 32 of 128 threads wait at line 3 .* at line 5",
    ),
    "half_warp_shuffle": (
        "float v = x[0];\nif (threadIdx.x & 1)\nv = __shfl_down_sync(~0u, v, 1);\n__syncthreads();",
        r"divergent warp operation: .* line 4 .*mask 0xffffffff\), but thread .*at line 5",
    ),
    "lane_outside_its_mask": ("__syncwarp(1u);", "0x00000001 does not name the calling lane"),
}


@both_orders
@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_kernel_fails_by_name(case: str, order: Order, x: np.ndarray) -> None:
    body, message = WRONG[case]
    y = x.copy()
    with pytest.raises(KernelFault, match=message):
        run_kernel(kernel(body), "k", 8, 128, [x, y, N], order=order)
    np.testing.assert_array_equal(y, x)  # a faulting launch changes nothing
    test_tree_sum(order, x)  # and leaves the shim fit for the next one


def test_a_read_outside_faults_on_the_flush_side(x: np.ndarray) -> None:
    for order, index in zip(ORDERS, ("n", "-1"), strict=True):
        with pytest.raises(KernelFault, match="argument 0"):
            run_kernel(kernel(f"y[0] = x[{index}];"), "k", 1, 1, [x, x.copy(), N], order=order)


def test_an_endless_kernel_runs_into_the_limit(x: np.ndarray) -> None:
    module = build(kernel("volatile const float* v = x; while (v[0] == v[0]) {}"))
    with pytest.raises(KernelFault, match="still running after 0.1 s"):
        module.launch("k", 1, 32, [x, x.copy(), N], seconds=0.1)


def test_arguments_are_taken_only_as_declared(x: np.ndarray) -> None:
    module, a = build(SAXPY), np.float32(2)
    cases: list[tuple[list[Any], str]] = [
        ([x, x.astype(np.float64), a, N], "argument 1 'y' wants an array of float32, got float64"),
        ([x, x.copy(), 2.0, N], "argument 2 'a' wants a NumPy scalar of float32, got float"),
        ([x, x.copy(), a], "takes 4 arguments, got 3"),
    ]
    for wrong, message in cases:
        with pytest.raises(TypeError, match=message):
            module.launch("saxpy", 1, 32, wrong)
    with pytest.raises(ValueError, match="overlap, and one is written"):
        module.launch("saxpy", 1, 32, [x, x, a, N])
    with pytest.raises(ValueError, match="exceeds 128 threads"):
        build(WARP_SUM).launch("warp_sums", 1, 256, [])


@both_orders
def test_overlapping_and_strided_arrays_keep_their_memory(order: Order, x: np.ndarray) -> None:
    source = kernel("for (int i = threadIdx.x; i < n; i += blockDim.x) y[2 * i] = x[2 * i] + 1;")
    y = x.copy()
    run_kernel(source, "k", 1, 64, [y[::2], y[::2], np.int32(500)], order=order)
    np.testing.assert_array_equal(y[::2], x[::2] + 1)
    np.testing.assert_array_equal(y[1::2], x[1::2])
