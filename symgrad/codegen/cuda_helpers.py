"""The device functions of emitted CUDA: folds over lanes, exact integers, numbers that keep nan.

Each is text that the printer adds to a module whose kernels call it. A fold over lanes must be
reached by all threads of a block; all of them get the result.
"""

from __future__ import annotations

from symgrad.codegen.special_helpers import CUDA as SPECIAL
from symgrad.dtypes import int32, int64

C_TYPES = {
    "bool": "bool", "uint8": "unsigned char", "int8": "signed char", "int16": "short",
    "int32": "int", "int64": "long long", "float32": "float", "float64": "double",
}  # fmt: skip
UNSIGNED = {int32: "unsigned int", int64: "unsigned long long"}

WRAPPING = {"add": "+", "sub": "-", "mul": "*"}

FIXED = {  # those in capitals have names of their own only in headers
    "INF_F32": "#define INF_F32 __int_as_float(0x7f800000)\n",
    "NAN_F32": "#define NAN_F32 __int_as_float(0x7fc00000)\n",
    "INF_F64": "#define INF_F64 __longlong_as_double(0x7ff0000000000000ll)\n",
    "NAN_F64": "#define NAN_F64 __longlong_as_double(0x7ff8000000000000ll)\n",
    "maximum": """\
// The larger; nan if either is.
template <class T> static __device__ T maximum(T a, T b) { return a > b || a != a ? a : b; }
""",
    "minimum": """\
// The smaller; nan if either is.
template <class T> static __device__ T minimum(T a, T b) { return a < b || a != a ? a : b; }
""",
    "to_i32": """\
// x truncated; the least integer for nan and for what does not fit.
static __device__ int to_i32(double x) {
    return x > -2147483649.0 && x < 2147483648.0 ? (int)x : -2147483647 - 1;
}
""",
    "to_i64": """\
// x truncated; the least integer for nan and for what does not fit.
static __device__ long long to_i64(double x) {
    const bool fits = x >= -9223372036854775808.0 && x < 9223372036854775808.0;
    return fits ? (long long)x : -9223372036854775807ll - 1ll;
}
""",
    "floordiv_i64": """\
// a / b rounded down; 0 where b is 0.
static __device__ long long floordiv_i64(long long a, long long b) {
    if (b == 0 || b == -1) return b ? (long long)(0ull - (unsigned long long)a) : 0;
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}
""",
    "mod_i64": """\
// What rounding a / b down leaves: of b's sign; 0 where b is 0.
static __device__ long long mod_i64(long long a, long long b) {
    if (b == 0 || b == -1) return 0;
    return a % b + (a % b != 0 && (a < 0) != (b < 0) ? b : 0);
}
""",
    "shl_i64": """\
// a * 2^b, wrapping around; 0 where nothing is left.
static __device__ long long shl_i64(long long a, long long b) {
    return (unsigned long long)b < 64 ? (long long)((unsigned long long)a << b) : 0;
}
""",
    "shr_i64": """\
// a / 2^b rounded down.
static __device__ long long shr_i64(long long a, long long b) {
    return a >> ((unsigned long long)b < 64 ? b : 63);
}
""",
    "truncdiv_i64": """\
// a / b rounded towards 0; 0 where b is 0.
static __device__ long long truncdiv_i64(long long a, long long b) {
    if (b == 0 || b == -1) return b ? (long long)(0ull - (unsigned long long)a) : 0;
    return a / b;
}
""",
    "fmod_i64": """\
// What rounding a / b towards 0 leaves: of a's sign; 0 where b is 0.
static __device__ long long fmod_i64(long long a, long long b) {
    return b == 0 || b == -1 ? 0 : a % b;
}
""",
    "floordiv": """\
// a / b rounded down, from the exact remainder.
template <class T> static __device__ T floordiv(T a, T b) {
    if (b == 0) return a / b;
    const T rest = fmod(a, b);
    T q = (a - rest) / b;
    if (rest != 0 && (b < 0) != (rest < 0)) q -= 1;
    if (q == 0) return copysign((T)0, a / b);
    const T down = floor(q);
    return q - down > (T)0.5 ? down + 1 : down;
}
""",
    "mod": """\
// What rounding a / b down leaves: of b's sign.
template <class T> static __device__ T mod(T a, T b) {
    const T rest = fmod(a, b);
    if (rest == 0) return b != 0 ? copysign((T)0, b) : rest;
    return (b < 0) != (rest < 0) ? rest + b : rest;
}
""",
    "pow_i64": """\
// x multiplied n times, wrapping around; of negative n 0, but for 1 and -1.
static __device__ long long pow_i64(long long x, long long n) {
    if (n < 0) return x == 1 || (x == -1 && (n & 1)) ? x : x == -1;
    unsigned long long result = 1, square = (unsigned long long)x;
    for (; n > 0; n >>= 1, square *= square)
        if (n & 1) result *= square;
    return (long long)result;
}
""",
    "last_block": """\
// True in the block that finishes last, once it can read what all blocks wrote.
static __device__ bool last_block(unsigned int* done) {
    __shared__ bool last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicInc(done, gridDim.x - 1) == gridDim.x - 1;
    __syncthreads();
    __threadfence();
    return last;
}
""",
}

FIXED |= SPECIAL

WRAPPED = """\
// a {symbol} b, wrapping around.
static __device__ {type} {name}({type} a, {type} b) {{
    return ({type})(({unsigned})a {symbol} ({unsigned})b);
}}
"""

# Lanes that are neighbours: within a warp by shuffles, warps through shared memory. The first
# barrier keeps a sum from being overwritten while it is read.
ROW = """\
// The {what} of the values of `lanes` neighbouring threads (a power of two), in each of them.
static __device__ {type} {name}({type} v, int lanes) {{
    for (int d = (lanes < 32 ? lanes : 32) / 2; d > 0; d /= 2) {{
        const {type} w = __shfl_xor_sync(0xffffffffu, v, d);
        v = {fold};
    }}
    if (lanes <= 32) return v;
    __shared__ {type} part[{warps}];
    __syncthreads();
    if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
    __syncthreads();
    const int first = threadIdx.x / lanes * (lanes / 32);
    v = part[first];
    for (int k = 1; k < lanes / 32; ++k) {{
        const {type} w = part[first + k];
        v = {fold};
    }}
    return v;
}}
"""
COLUMN = """\
// The {what} of the values of `lanes` threads that are {threads} / lanes apart, in each of them.
static __device__ {type} {name}({type} v, int lanes) {{
    __shared__ {type} part[{threads}];
    const int apart = {threads} / lanes;
    __syncthreads();
    part[threadIdx.x] = v;
    __syncthreads();
    v = part[threadIdx.x % apart];
    for (int k = 1; k < lanes; ++k) {{
        const {type} w = part[threadIdx.x % apart + k * apart];
        v = {fold};
    }}
    return v;
}}
"""
WHAT = {"add": "sum", "mul": "product", "max": "largest", "min": "smallest"}
