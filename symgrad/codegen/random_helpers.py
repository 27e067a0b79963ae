"""The samplers of `runtime/philox.py` as source text for the modules that backends print.

A helper is a scalar function of (seed, offset, i): element i of the operation whose first counter
is `offset`. The text for Numba and for CUDA performs the operations of the NumPy functions in the
same order, each rounded on its own. CUDA text spells `__dmul_rn`, `__dadd_rn`, `__ddiv_rn`,
`__dsqrt_rn`, `__fmul_rn`; Numba text says `fastmath=False`, since a callee that says nothing
inherits the `contract` and `reassoc` of the first caller that compiles it.
Polynomials are printed from the tables there, so there is one definition of every coefficient.

LLVM vectorises a loop over these helpers (3x) only if they are inlined before it looks at the loop,
hence `forceinline`, and if no division can raise, hence `error_model="numpy"`.

Printed text needs `import numpy as np` (numpy), that and `import numba as nb` (numba), or besides
the intrinsics above `__double_as_longlong` and `__longlong_as_double` (cuda).
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from symgrad.runtime import philox


@dataclass(frozen=True, slots=True)
class Helper:
    """Source text of one function per target, and the names of the helpers it calls."""

    needs: tuple[str, ...] = ()
    numba: str = ""
    cuda: str = ""
    numpy: str = ""


def closure(names: Iterable[str], table: Mapping[str, Helper] | None = None) -> list[str]:
    """`names` and all they need, each once, callees first.

    >>> closure(["normal_f32"])
    ['philox_u64', 'negative_log', 'normal_f64', 'normal_f32']
    """
    known = HELPERS if table is None else table
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name not in order:
            for needed in known[name].needs:
                visit(needed)
            order[name] = None

    for name in names:
        visit(name)
    return list(order)


def source(names: Iterable[str], target: str) -> str:
    """The text of `names` and their needs for `target`: numba, cuda or numpy."""
    table = numpy_helpers() if target == "numpy" else HELPERS
    return "\n\n".join(getattr(table[name], target) for name in closure(names, table))


def _numba_polynomial(name: str, x: str, coefficients: tuple[float, ...]) -> str:
    steps = [f"{name} = {coefficients[0]!r} * {x} + {coefficients[1]!r}"]
    steps += [f"{name} = {name} * {x} + {c!r}" for c in coefficients[2:]]
    return "\n".join(steps)


def _cuda_polynomial(name: str, x: str, coefficients: tuple[float, ...]) -> str:
    steps = [f"{name} = __dadd_rn(__dmul_rn({coefficients[0]!r}, {x}), {coefficients[1]!r});"]
    steps += [f"{name} = __dadd_rn(__dmul_rn({name}, {x}), {c!r});" for c in coefficients[2:]]
    return "\n".join(steps)


def _fill(template: str, **blocks: str) -> str:
    """`template` with each line `@name` replaced by that block at the line's indentation."""
    lines = []
    for line in template.strip("\n").split("\n"):
        name = line.strip()
        if name.startswith("@") and name[1:] in blocks:
            indent = line[: -len(name)]
            lines += [indent + text for text in blocks[name[1:]].split("\n")]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


_NUMBA_PHILOX_U64 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def philox_u64(seed, offset, i):
    # Words 2i and 2i + 1 of the counters from `offset` on (the first one low): Philox4x32-10.
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    counter = np.uint64(offset) + (np.uint64(i) >> np.uint64(1))
    key_lo, key_hi = np.uint64(seed) & mask, np.uint64(seed) >> half
    x0, x1, x2, x3 = counter & mask, counter >> half, np.uint64(0), np.uint64(0)
    for _ in range(10):
        p0, p1 = x0 * np.uint64(0xD2511F53), x2 * np.uint64(0xCD9E8D57)
        x0, x1 = (p1 >> half) ^ x1 ^ key_lo, p1 & mask
        x2, x3 = (p0 >> half) ^ x3 ^ key_hi, p0 & mask
        key_lo = (key_lo + np.uint64(0x9E3779B9)) & mask
        key_hi = (key_hi + np.uint64(0xBB67AE85)) & mask
    odd = (np.uint64(i) & np.uint64(1)) != np.uint64(0)
    return (x2 | (x3 << half)) if odd else (x0 | (x1 << half))
"""
_CUDA_PHILOX_U64 = """
static __device__ unsigned long long philox_u64(
    unsigned long long seed, unsigned long long offset, unsigned long long i) {
  // Words 2i and 2i + 1 of the counters from `offset` on (the first one low): Philox4x32-10.
  const unsigned long long mask = 0xFFFFFFFFull;
  const unsigned long long counter = offset + (i >> 1);
  unsigned long long key_lo = seed & mask, key_hi = seed >> 32;
  unsigned long long x0 = counter & mask, x1 = counter >> 32, x2 = 0, x3 = 0;
  for (int round = 0; round < 10; ++round) {
    const unsigned long long p0 = x0 * 0xD2511F53ull, p1 = x2 * 0xCD9E8D57ull;
    x0 = (p1 >> 32) ^ x1 ^ key_lo;
    x1 = p1 & mask;
    x2 = (p0 >> 32) ^ x3 ^ key_hi;
    x3 = p0 & mask;
    key_lo = (key_lo + 0x9E3779B9ull) & mask;
    key_hi = (key_hi + 0xBB67AE85ull) & mask;
  }
  return (i & 1) ? (x2 | (x3 << 32)) : (x0 | (x1 << 32));
}
"""

_NUMBA_PHILOX_U32 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def philox_u32(seed, offset, i):
    pair = philox_u64(seed, offset, np.uint64(i) >> np.uint64(1))
    return np.uint32(pair >> ((np.uint64(i) & np.uint64(1)) << np.uint64(5)))
"""
_CUDA_PHILOX_U32 = """
static __device__ unsigned int philox_u32(
    unsigned long long seed, unsigned long long offset, unsigned long long i) {
  return (unsigned int)(philox_u64(seed, offset, i >> 1) >> ((i & 1) << 5));
}
"""

# A CPU's loop draws a block of numbers at a time (see codegen/draws.py): all four of each counter.
_NUMBA_UNIFORM_BLOCK_F32 = """
@nb.njit(fastmath=False, error_model="numpy")
def uniform_block_f32(draws, seed, offset, first, count):
    # The numbers of `count` elements, from the first of the counter that has element `first`.
    begin = np.uint64(offset) + (first >> np.uint64(2))
    for c in range(((first & np.uint64(3)) + count + np.uint64(3)) >> np.uint64(2)):
        i = c << np.uint64(2)
        draws[i] = uniform_f32(seed, begin, i)
        draws[i | np.uint64(1)] = uniform_f32(seed, begin, i | np.uint64(1))
        draws[i | np.uint64(2)] = uniform_f32(seed, begin, i | np.uint64(2))
        draws[i | np.uint64(3)] = uniform_f32(seed, begin, i | np.uint64(3))
"""

_NUMBA_UNIFORM_F32 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def uniform_f32(seed, offset, i):
    return np.float32(philox_u32(seed, offset, i) >> np.uint32(8)) * np.float32(2.0**-24)
"""
_CUDA_UNIFORM_F32 = """
static __device__ float uniform_f32(
    unsigned long long seed, unsigned long long offset, unsigned long long i) {
  return __fmul_rn((float)(philox_u32(seed, offset, i) >> 8), 5.9604644775390625e-08f);
}
"""

_NUMBA_UNIFORM_F64 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def uniform_f64(seed, offset, i):
    return np.float64(philox_u64(seed, offset, i) >> np.uint64(11)) * 2.0**-53
"""
_CUDA_UNIFORM_F64 = """
static __device__ double uniform_f64(
    unsigned long long seed, unsigned long long offset, unsigned long long i) {
  return __dmul_rn((double)(philox_u64(seed, offset, i) >> 11), 1.1102230246251565e-16);
}
"""

_NUMBA_NEGATIVE_LOG = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def negative_log(count):
    # -log(count * 2^-54) of a whole float64 number 1 <= count < 2^53.
    bits = np.float64(count).view(np.int64)
    exponent = (bits - np.int64(SQRT_HALF)) >> np.int64(52)
    m = np.int64(bits - (exponent << np.int64(52))).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    @series
    return np.float64(np.int64(54) - exponent) * LN2 - (s + s) * series
"""
_CUDA_NEGATIVE_LOG = """
static __device__ double negative_log(double count) {
  // -log(count * 2^-54) of a whole number 1 <= count < 2^53.
  const long long bits = __double_as_longlong(count);
  const long long exponent = (bits - SQRT_HALFll) >> 52;
  const double m = __longlong_as_double(bits - (exponent << 52));
  const double s = __ddiv_rn(__dadd_rn(m, -1.0), __dadd_rn(m, 1.0));
  const double square = __dmul_rn(s, s);
  double series;
  @series
  const double whole = __dmul_rn((double)(54 - exponent), LN2);
  return __dadd_rn(whole, -__dmul_rn(__dadd_rn(s, s), series));
}
"""

_NUMBA_NORMAL_F64 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def normal_f64(seed, offset, i):
    # AS 241 at u = 1/2 + centred * 2^-54, centred odd.
    odd = (philox_u64(seed, offset, i) >> np.uint64(10)) | np.uint64(1)
    centred = np.int64(odd) - np.int64(0x20000000000000)
    q = np.float64(centred) * 2.0**-54
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        @central_numerator
        @central_denominator
        return numerator * q / denominator
    r = np.sqrt(negative_log(np.float64(np.int64(0x20000000000000) - abs(centred))))
    if r <= 5.0:
        r = r - 1.6
        @tail_numerator
        @tail_denominator
    else:
        r = r - 5.0
        @far_numerator
        @far_denominator
    x = numerator / denominator
    return -x if q < 0.0 else x
"""
_CUDA_NORMAL_F64 = """
static __device__ double normal_f64(
    unsigned long long seed, unsigned long long offset, unsigned long long i) {
  // AS 241 at u = 1/2 + centred * 2^-54, centred odd.
  const long long odd = (long long)((philox_u64(seed, offset, i) >> 10) | 1ull);
  const long long centred = odd - 0x20000000000000ll;
  const double q = __dmul_rn((double)centred, 5.551115123125783e-17);
  double r, numerator, denominator;
  if (q >= -0.425 && q <= 0.425) {
    r = __dadd_rn(0.180625, -__dmul_rn(q, q));
    @central_numerator
    @central_denominator
    return __ddiv_rn(__dmul_rn(numerator, q), denominator);
  }
  r = negative_log((double)(0x20000000000000ll - (centred < 0 ? -centred : centred)));
  r = __dsqrt_rn(r);
  if (r <= 5.0) {
    r = __dadd_rn(r, -1.6);
    @tail_numerator
    @tail_denominator
  } else {
    r = __dadd_rn(r, -5.0);
    @far_numerator
    @far_denominator
  }
  r = __ddiv_rn(numerator, denominator);
  return q < 0.0 ? -r : r;
}
"""

_NUMBA_NORMAL_F32 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def normal_f32(seed, offset, i):
    return np.float32(normal_f64(seed, offset, i))
"""
_CUDA_NORMAL_F32 = """
static __device__ float normal_f32(
    unsigned long long seed, unsigned long long offset, unsigned long long i) {
  return (float)normal_f64(seed, offset, i);
}
"""

_NUMBA_RANDINT_I64 = """
@nb.njit(fastmath=False, forceinline=True, error_model="numpy")
def randint_i64(seed, offset, i, low, high):
    # low + the high half of draw * (high - low); schoolbook product to base 2^32.
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    draw = philox_u64(seed, offset, i)
    span = np.uint64(high) - np.uint64(low)
    draw_hi, draw_lo, span_hi, span_lo = draw >> half, draw & mask, span >> half, span & mask
    middle = draw_hi * span_lo + ((draw_lo * span_lo) >> half)
    carried = draw_lo * span_hi + (middle & mask)
    product_hi = draw_hi * span_hi + (middle >> half) + (carried >> half)
    return np.int64(product_hi + np.uint64(low))
"""
_CUDA_RANDINT_I64 = """
static __device__ long long randint_i64(
    unsigned long long seed, unsigned long long offset, unsigned long long i,
    long long low, long long high) {
  // low + the high half of draw * (high - low); schoolbook product to base 2^32.
  const unsigned long long mask = 0xFFFFFFFFull;
  const unsigned long long draw = philox_u64(seed, offset, i);
  const unsigned long long span = (unsigned long long)high - (unsigned long long)low;
  const unsigned long long draw_hi = draw >> 32, draw_lo = draw & mask;
  const unsigned long long span_hi = span >> 32, span_lo = span & mask;
  const unsigned long long middle = draw_hi * span_lo + ((draw_lo * span_lo) >> 32);
  const unsigned long long carried = draw_lo * span_hi + (middle & mask);
  const unsigned long long product_hi = draw_hi * span_hi + (middle >> 32) + (carried >> 32);
  return (long long)(product_hi + (unsigned long long)low);
}
"""


def _polynomials(render: Callable[[str, str, tuple[float, ...]], str]) -> dict[str, str]:
    tables = {"central": philox.CENTRAL, "tail": philox.TAIL, "far": philox.FAR_TAIL}
    blocks = {"series": render("series", "square", philox.ATANH)}
    for name, (numerator, denominator) in tables.items():
        blocks[f"{name}_numerator"] = render("numerator", "r", numerator)
        blocks[f"{name}_denominator"] = render("denominator", "r", denominator)
    return blocks


def _helper(numba: str, cuda: str, *needs: str) -> Helper:
    constants = {"SQRT_HALF": hex(philox.SQRT_HALF_BITS), "LN2": repr(philox.LN2)}
    for name, text in constants.items():
        numba, cuda = numba.replace(name, text), cuda.replace(name, text)
    return Helper(
        needs,
        numba=_fill(numba, **_polynomials(_numba_polynomial)),
        cuda=_fill(cuda, **_polynomials(_cuda_polynomial)),
    )


HELPERS: dict[str, Helper] = {
    "philox_u64": _helper(_NUMBA_PHILOX_U64, _CUDA_PHILOX_U64),
    "philox_u32": _helper(_NUMBA_PHILOX_U32, _CUDA_PHILOX_U32, "philox_u64"),
    "uniform_f32": _helper(_NUMBA_UNIFORM_F32, _CUDA_UNIFORM_F32, "philox_u32"),
    "uniform_f64": _helper(_NUMBA_UNIFORM_F64, _CUDA_UNIFORM_F64, "philox_u64"),
    "negative_log": _helper(_NUMBA_NEGATIVE_LOG, _CUDA_NEGATIVE_LOG),
    "normal_f64": _helper(_NUMBA_NORMAL_F64, _CUDA_NORMAL_F64, "philox_u64", "negative_log"),
    "normal_f32": _helper(_NUMBA_NORMAL_F32, _CUDA_NORMAL_F32, "normal_f64"),
    "uniform_block_f32": _helper(_NUMBA_UNIFORM_BLOCK_F32, "", "uniform_f32"),
    "randint_i64": _helper(_NUMBA_RANDINT_I64, _CUDA_RANDINT_I64, "philox_u64"),
}


@cache
def numpy_helpers() -> dict[str, Helper]:
    """Each constant and function of `runtime/philox.py` above its class, as NumPy text.

    Annotations and all but the first line of a docstring are left out: the text needs no import
    but `import numpy as np`.
    """
    text = inspect.getsource(philox)
    lines, table, last = text.split("\n"), dict[str, Helper](), 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            break
        first, last = last, node.end_lineno or 0
        if isinstance(node, ast.FunctionDef):
            name, printed = node.name, _bare_function(node)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, printed = node.targets[0].id, "\n".join(lines[first:last]).strip("\n")
        else:
            continue
        used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        needs = tuple(known for known in table if known in used)
        table[name] = Helper(needs, numpy=printed + "\n")
    return table


def _bare_function(node: ast.FunctionDef) -> str:
    node.returns = None
    for arg in node.args.args:
        arg.annotation = None
    summary = (ast.get_docstring(node) or "").split("\n")[0]
    node.body[0] = ast.Expr(ast.Constant(summary))
    return ast.unparse(node)
