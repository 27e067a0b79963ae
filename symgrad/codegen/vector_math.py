'''Exponential functions for the Numba backend as straight arithmetic, which LLVM turns into vectors.

Numba's wheel has no vector maths library; a call of `math.exp` keeps a loop scalar. These inlined
functions reduce the argument, evaluate a polynomial and set exponent bits, without branches. Largest
errors over the whole range (tested): 2 units in the last place. Infinities, nan and denormals come out
as NumPy has them.

Method and coefficients: S. L. Moshier, Cephes Mathematical Library (1989), exp, log and tanh in both
precisions; argument reduction in two parts after W. J. Cody and W. Waite (1980). The polynomial of
expm1 is a minimax fit of its own; log1p carries the rounding error of 1 + x into log's polynomial.
'''

from __future__ import annotations

DECORATOR = '@njit(fastmath={"contract"}, forceinline=True, error_model="numpy")\n'


def steps(name: str, x: str, coefficients: list[str], dtype: str) -> str:
    """A polynomial as one line per power."""
    lines = [f"    {name} = {dtype}({coefficients[0]})"]
    lines += [f"    {name} = {name} * {x} + {dtype}({c})" for c in coefficients[1:]]
    return "\n".join(lines)


_EXP32 = ["1.9875691500e-4", "1.3981999507e-3", "8.3334519073e-3", "4.1665795894e-2",
          "1.6666665459e-1", "5.0000001201e-1"]  # fmt: skip
_EXP64_P = ["1.26177193074810590878e-4", "3.02994407707441961300e-2", "1.0"]
_EXP64_Q = ["3.00198505138664455042e-6", "2.52448340349684104192e-3", "2.27265548208155028766e-1", "2.0"]
_EXPM1_32 = ["1.980679968e-4", "1.398124713e-3", "8.333703653e-3", "4.166587062e-2", "1.666666338e-1"]
_LOG32 = ["7.0376836292e-2", "-1.1514610310e-1", "1.1676998740e-1", "-1.2420140846e-1",
          "1.4249322787e-1", "-1.6668057665e-1", "2.0000714765e-1", "-2.4999993993e-1",
          "3.3333331174e-1"]  # fmt: skip
_LOG64_P = ["1.01875663804580931796e-4", "4.97494994976747001425e-1", "4.70579119878881725854",
            "14.4989225341610930846", "17.9368678507819816313", "7.70838733755885391666"]  # fmt: skip
_LOG64_Q = ["1.0", "11.2873587189167450590", "45.2279145837532221105", "82.9875266912776603211",
            "71.1544750618563894466", "23.1251620126765340583"]  # fmt: skip
_TANH32 = ["-5.70498872745e-3", "2.06390887954e-2", "-5.37397155531e-2", "1.33314422036e-1",
           "-3.33332819422e-1"]  # fmt: skip
_TANH64_P = ["-9.64399179425052238628e-1", "-99.2877231001918586564", "-1614.68768441708447952"]
_TANH64_Q = ["1.0", "112.811678491632931402", "2235.48839060100448583", "4844.06305325125486048"]

HELPERS: dict[str, str] = {}

HELPERS["_exp_float32"] = f'''{DECORATOR}def _exp_float32(x):
    """e to the x: x = n ln 2 + r, a polynomial in r, n set as exponent bits."""
    y = x if x > float32(-104.0) else float32(-104.0)
    y = y if y < float32(89.0) else float32(89.0)
    n = np.floor(y * float32(1.4426950408889634) + float32(0.5))
    r = y - n * float32(0.693359375) + n * float32(2.12194440e-4)
{steps("p", "r", _EXP32, "float32")}
    p = p * r * r + r + float32(1.0)
    k = int32(n)
    half = int32(k >> int32(1))
    low = int32((half + int32(127)) << int32(23)).view(float32)
    high = int32((k - half + int32(127)) << int32(23)).view(float32)
    high = high if x > float32(-104.0) else float32(0.0)  # a product that vanishes by rounding is slow
    return x if x != x else p * low * high
'''

HELPERS["_exp_float64"] = f'''{DECORATOR}def _exp_float64(x):
    """e to the x: x = n ln 2 + r, a quotient in r, n set as exponent bits."""
    y = x if x > -746.0 else -746.0
    y = y if y < 710.0 else 710.0
    n = np.floor(y * 1.4426950408889634 + 0.5)
    r = y - n * 6.93145751953125e-1 - n * 1.42860682030941723212e-6
    square = r * r
{steps("p", "square", _EXP64_P, "float64")}
    p = p * r
{steps("q", "square", _EXP64_Q, "float64")}
    p = 1.0 + 2.0 * (p / (q - p))
    k = int64(int32(n))
    half = k >> 1
    low = int64((half + 1023) << 52).view(float64)
    high = int64((k - half + 1023) << 52).view(float64)
    high = high if x > -746.0 else 0.0  # a product that vanishes by rounding is slow
    return x if x != x else p * low * high
'''

HELPERS["_log_float32"] = f'''{DECORATOR}def _log_float32(x):
    """Natural logarithm: exponent bits times ln 2, and a polynomial in the mantissa."""
    tiny = x < float32(1.17549435e-38)
    y = x * float32(33554432.0) if tiny else x
    bits = float32(y).view(int32)
    e = float32((bits >> int32(23)) - int32(126)) - (float32(25.0) if tiny else float32(0.0))
    m = int32((bits & int32(0x007FFFFF)) | int32(0x3F000000)).view(float32)
    small = m < float32(0.707106781186547524)
    e = e - float32(1.0) if small else e
    m = m + m - float32(1.0) if small else m - float32(1.0)
    square = m * m
{steps("p", "m", _LOG32, "float32")}
    p = p * m * square - e * float32(2.12194440e-4) - float32(0.5) * square
    p = m + p + e * float32(0.693359375)
    p = float32(-math.inf) if x == float32(0.0) else p
    p = x if x == float32(math.inf) else p
    return p if x >= float32(0.0) else float32(math.nan)
'''

HELPERS["_log_float64"] = f'''{DECORATOR}def _log_float64(x):
    """Natural logarithm: exponent bits times ln 2, and a quotient in the mantissa."""
    tiny = x < 2.2250738585072014e-308
    y = x * 18014398509481984.0 if tiny else x
    bits = float64(y).view(int64)
    e = float64((bits >> 52) - 1022) - (54.0 if tiny else 0.0)
    m = int64((bits & 0x000FFFFFFFFFFFFF) | 0x3FE0000000000000).view(float64)
    small = m < 0.70710678118654752440
    e = e - 1.0 if small else e
    m = m + m - 1.0 if small else m - 1.0
    square = m * m
{steps("p", "m", _LOG64_P, "float64")}
{steps("q", "m", _LOG64_Q, "float64")}
    p = m * (square * p / q) - e * 2.121944400546905827679e-4 - 0.5 * square
    p = m + p + e * 0.693359375
    p = -math.inf if x == 0.0 else p
    p = x if x == math.inf else p
    return p if x >= 0.0 else math.nan
'''

HELPERS["_tanh_float32"] = f'''{DECORATOR}def _tanh_float32(x):
    """Hyperbolic tangent: a polynomial near 0, else by the exponential."""
    size = abs(x)
    square = x * x
{steps("p", "square", _TANH32, "float32")}
    near = p * square * x + x
    far = float32(1.0) - float32(2.0) / (_exp_float32(size + size) + float32(1.0))
    far = -far if x < float32(0.0) else far
    return near if size < float32(0.625) else far
'''

HELPERS["_tanh_float64"] = f'''{DECORATOR}def _tanh_float64(x):
    """Hyperbolic tangent: a quotient near 0, else by the exponential."""
    size = abs(x)
    square = x * x
{steps("p", "square", _TANH64_P, "float64")}
{steps("q", "square", _TANH64_Q, "float64")}
    near = x + x * square * (p / q)
    far = 1.0 - 2.0 / (_exp_float64(size + size) + 1.0)
    far = -far if x < 0.0 else far
    return near if size < 0.625 else far
'''

HELPERS["_expm1_float32"] = f'''{DECORATOR}def _expm1_float32(x):
    """e to the x, less 1: with x = n ln 2 + r, 2^n (e^r - 1) + (2^n - 1)."""
    y = x if x > float32(-20.0) else float32(-20.0)
    y = y if y < float32(89.0) else float32(89.0)
    n = np.floor(y * float32(1.4426950408889634) + float32(0.5))
    n = n if abs(x) > float32(0.5) else float32(0.0)
    r = y - n * float32(0.693359375) + n * float32(2.12194440e-4)
{steps("p", "r", _EXPM1_32, "float32")}
    p = p * r * (r * r) + (float32(0.5) * r * r + r)
    half = int32((int32(n) + int32(126)) << int32(23)).view(float32)
    p = float32(2.0) * (half * p + (half - float32(0.5)))
    return p if abs(x) > float32(1e-8) else x
'''

HELPERS["_log1p_float32"] = f'''{DECORATOR}def _log1p_float32(x):
    """Logarithm of 1 + x: as `_log_float32`, with what rounding 1 + x lost added to the mantissa."""
    y = float32(1.0) + x
    lost = x - (y - float32(1.0)) if x < float32(1.0) else float32(1.0) - (y - x)
    k = int32((float32(y).view(int32) - int32(0x3F3504F3)) >> int32(23))
    scale = int32((int32(127) - k if k < int32(127) else int32(0)) << int32(23)).view(float32)
    m = int32(float32(y).view(int32) - (k << int32(23))).view(float32) - float32(1.0) + lost * scale
    e = float32(k)
    square = m * m
{steps("p", "m", _LOG32, "float32")}
    p = p * m * square - e * float32(2.12194440e-4) - float32(0.5) * square
    p = m + p + e * float32(0.693359375)
    p = x if x == float32(math.inf) or x == float32(0.0) else p
    p = float32(-math.inf) if x == float32(-1.0) else p
    return p if x >= float32(-1.0) else float32(math.nan)
'''

NEEDS = {"_tanh_float32": ("_exp_float32",), "_tanh_float64": ("_exp_float64",)}
