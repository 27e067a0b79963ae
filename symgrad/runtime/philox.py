"""A random number is a pure function of (seed, position), computed the same way in every mode.

Philox4x32-10 turns counter `offset + i // 4` under key `seed` into word `i`; a sampler turns words
into numbers with + - * / sqrt and integer operations only. IEEE 754 rounds each of these correctly,
so NumPy, Numba and CUDA agree to the last bit (`codegen/random_helpers.py` spells the same steps
out as scalar code). No sampler rejects: how many words an operation takes depends on its shape
alone, so fusing, dropping or recomputing an operation moves no other one's numbers.

This file is printed into modules of the NumPy backend, so it stands alone; the stateful stream is
`runtime/generator.py`.

Sources: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3 (Philox);
Wichura 1988, Algorithm AS 241 (quantile); Lemire 2019, Fast random integer generation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

MASK32 = 0xFFFFFFFF
MASK64 = 0xFFFFFFFFFFFFFFFF
PHILOX_ROUNDS = 10
PHILOX_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
PHILOX_WEYL = (0x9E3779B9, 0xBB67AE85)
WORDS_PER = {
    ("uniform", np.dtype("float32")): 1,
    ("uniform", np.dtype("float64")): 2,
    ("normal", np.dtype("float32")): 2,
    ("normal", np.dtype("float64")): 2,
    ("randint", np.dtype("int64")): 2,
}
# Elements worked on at a time. One block's temporaries stay in the L2 cache, yet (measured: 2x) are
# big enough that malloc keeps their pages instead of returning them to the system after each use.
BLOCK = 32768

# AS 241's rational approximations: (numerator, denominator), highest power first. `CENTRAL` is in
# 0.425^2 - q^2 where |q| <= 0.425, `TAIL` in r - 1.6 and `FAR_TAIL` in r - 5, r = sqrt(-log p).
CENTRAL = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
     4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
     1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
     2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
     4.2313330701600911252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
     1.27045825245236838258e0, 3.64784832476320460504e0, 5.76949722146069140550e0,
     4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
     1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e0,
     2.05319162663775882187e0, 1.0),
)  # fmt: skip
FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
     2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580e0,
     5.46378491116411436990e0, 6.65790464350110377720e0),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
     7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
     5.99832206555887937690e-1, 1.0),
)  # fmt: skip
# log m = 2 atanh(s) = 2 s (1 + s^2/3 + s^4/5 + ...), s = (m - 1) / (m + 1); for m in
# [sqrt(1/2), sqrt(2)) the first dropped term is under 1e-17 of the -log p it is added to.
ATANH = tuple(1.0 / k for k in range(19, 0, -2))
LN2 = 0.6931471805599453
SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


def counters_for(words: int) -> int:
    """How many counters an operation that needs `words` words takes."""
    return (words + 3) // 4


def words_per(kind: str, dtype: Any) -> int:
    """How many 32-bit words one number takes; `kind` is uniform, normal or randint.

    >>> words_per("uniform", "float32"), words_per("uniform", "float64"), words_per("normal", "f4")
    (1, 2, 2)
    """
    words = WORDS_PER.get((kind, np.dtype(dtype)))
    if words is None:
        raise TypeError(f"no {kind} sampler for dtype {np.dtype(dtype)}")
    return words


def philox_rounds(x: Any, y: Any, key_lo: int, key_hi: int) -> tuple[Any, Any]:
    """Ten Philox rounds on n counters at once.

    Shapes: x [2, n] holds words 0 and 2 of each counter, y [2, n] words 1 and 3 -> the same pair
    Dtype: uint64, values below 2^32
    """
    multipliers = np.array(PHILOX_MULTIPLIERS, np.uint64).reshape(2, 1)
    keys = np.array(
        [
            [(key_lo + r * PHILOX_WEYL[0]) & MASK32, (key_hi + r * PHILOX_WEYL[1]) & MASK32]
            for r in range(PHILOX_ROUNDS)
        ],
        np.uint64,
    ).reshape(PHILOX_ROUNDS, 2, 1)
    shift, mask = np.uint64(32), np.uint64(MASK32)
    for key in keys:
        crossed = (x * multipliers)[::-1]
        x = crossed >> shift
        x ^= y
        x ^= key
        crossed &= mask
        y = crossed
    return x, y


def philox_words(seed: int, offset: int, count: int) -> Any:
    """The first `count` words of counters `offset`, `offset + 1`, ... (modulo 2^64).

    Shapes: -> [count]
    Dtype: uint32
    Cost: 30 ns per counter of four words, at least 35 us
    Source: Salmon et al. 2011
    >>> [hex(word) for word in philox_words(0, 0, 4)]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    counters = counters_for(count)
    out = np.empty((counters, 4), np.uint32)
    step = BLOCK // 4
    for start in range(0, counters, step):
        n = min(step, counters - start)
        counter = np.arange(n, dtype=np.uint64) + np.uint64((offset + start) & MASK64)
        x, y = np.zeros((2, n), np.uint64), np.zeros((2, n), np.uint64)
        x[0], y[0] = counter & np.uint64(MASK32), counter >> np.uint64(32)
        x, y = philox_rounds(x, y, seed & MASK32, (seed >> 32) & MASK32)
        out[start : start + n, 0::2] = x.T
        out[start : start + n, 1::2] = y.T
    return out.reshape(-1)[:count]


def draws64(words: Any) -> Any:
    """uint32[2n] -> uint64[n], the first word of each pair in the low half."""
    pairs = words.astype("<u4", copy=False).view("<u8")
    return pairs.astype(np.uint64, copy=False)


def uniform_from(words: Any, dtype: Any) -> Any:
    """Uniform numbers in [0, 1): the top 24 bits of one word, or the top 53 bits of two.

    Shapes: words [n * words_per] -> [n]
    Dtype: float32 or float64
    """
    if words_per("uniform", dtype) == 1:
        return (words >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return (draws64(words) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def polynomial(x: Any, coefficients: Any) -> Any:
    """Horner's rule, highest power first."""
    value = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= x
        value += coefficient
    return value


def negative_log(count: Any) -> Any:
    """-log(count * 2^-54) of whole float64 numbers 1 <= count < 2^53."""
    bits = count.view(np.int64)
    exponent = (bits - SQRT_HALF_BITS) >> 52  # count = m * 2^exponent, sqrt(1/2) <= m < sqrt(2)
    m = (bits - (exponent << 52)).view(np.float64)
    s = (m - 1.0) / (m + 1.0)
    return (54 - exponent).astype(np.float64) * LN2 - (s + s) * polynomial(s * s, ATANH)


def normal_quantile(draws: Any) -> Any:
    """The standard normal quantile of u = (k + 1/2) * 2^-53, k the top 53 bits of each draw.

    u itself needs 54 bits, so the odd whole number 2k + 1 - 2^53 = (u - 1/2) * 2^54 stands for it:
    exact, symmetric about 0, and never at u = 0 or 1. |x| <= 8.3.

    Shapes: draws [n] -> [n]
    Dtype: uint64 -> float64, relative error <= 1e-15
    Source: Wichura 1988, PPND16
    """
    centred = ((draws >> np.uint64(10)) | np.uint64(1)).view(np.int64) - 2**53
    q = centred.astype(np.float64) * 2.0**-54
    r = 0.180625 - q * q
    x = polynomial(r, CENTRAL[0]) * q / polynomial(r, CENTRAL[1])
    tail = np.flatnonzero(np.abs(q) > 0.425)
    if tail.size:
        r = np.sqrt(negative_log((2**53 - np.abs(centred[tail])).astype(np.float64)))
        size = polynomial(r - 1.6, TAIL[0]) / polynomial(r - 1.6, TAIL[1])
        far = np.flatnonzero(r > 5.0)
        if far.size:
            beyond = r[far] - 5.0
            size[far] = polynomial(beyond, FAR_TAIL[0]) / polynomial(beyond, FAR_TAIL[1])
        x[tail] = np.copysign(size, q[tail])
    return x


def normal_from(words: Any, dtype: Any) -> Any:
    """Standard normal numbers, one of two words each, computed in float64 and rounded once.

    Shapes: words [2n] -> [n]
    Dtype: float32 or float64
    """
    draws = draws64(words)
    out = np.empty(draws.size, np.dtype(dtype))
    for start in range(0, draws.size, BLOCK):
        out[start : start + BLOCK] = normal_quantile(draws[start : start + BLOCK])
    return out


def randint_from(words: Any, low: int, high: int) -> Any:
    """Whole numbers in [low, high): the high half of a 64-bit draw times s = high - low.

    No draw is rejected, so a value's probability is off 1 / s by less than 2^-64 and that of any
    set of values by less than s * 2^-64: 2^-32 for s = 2^32.

    Shapes: words [2n] -> [n]
    Dtype: int64
    Source: Lemire 2019, without its rejection step
    """
    if not -(2**63) <= low < high <= 2**63:
        raise ValueError(f"randint needs low < high within int64, got [{low}, {high})")
    draws = draws64(words)
    shift, mask = np.uint64(32), np.uint64(MASK32)
    span_hi, span_lo = np.uint64((high - low) >> 32), np.uint64((high - low) & MASK32)
    draw_hi, draw_lo = draws >> shift, draws & mask
    # Schoolbook product of two-digit numbers to base 2^32; no partial sum exceeds 64 bits.
    middle = draw_hi * span_lo + (draw_lo * span_lo >> shift)
    carried = draw_lo * span_hi + (middle & mask)
    product_hi = draw_hi * span_hi + (middle >> shift) + (carried >> shift)
    return (product_hi + np.uint64(low & MASK64)).view(np.int64)


def uniform(seed: int, offset: int, n: int, dtype: Any) -> Any:
    """`uniform_from` the words at `offset`: n numbers in [0, 1).

    >>> uniform(0, 0, 3, "float32")
    array([0.39904642, 0.88052016, 0.73571277], dtype=float32)
    """
    return uniform_from(philox_words(seed, offset, n * words_per("uniform", dtype)), dtype)


def normal(seed: int, offset: int, n: int, dtype: Any) -> Any:
    """`normal_from` the words at `offset`: n standard normal numbers."""
    return normal_from(philox_words(seed, offset, n * words_per("normal", dtype)), dtype)


def randint(seed: int, offset: int, n: int, low: int, high: int) -> Any:
    """`randint_from` the words at `offset`: n int64 numbers in [low, high)."""
    return randint_from(philox_words(seed, offset, 2 * n), low, high)
