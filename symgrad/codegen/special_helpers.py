"""Digamma, polygamma and the inverse error function as scalar functions for Numba and CUDA.

The methods and tables of `ops/special_functions.py`, element by element; in float64 for both precisions,
since their sums cancel. What the libraries of both targets have (erf, erfc, lgamma) is not here.
"""

from __future__ import annotations

from symgrad.ops import special_functions as tables

DECORATOR = '@njit(fastmath=False, error_model="numpy")\n'


def _steps(name: str, x: str, coefficients: tuple[float, ...], indent: str, end: str = "", head: str = "") -> str:
    """A polynomial by Horner's rule, a line per power."""
    lines = [f"{indent}{head}{name} = {coefficients[0]!r}{end}"]
    lines += [f"{indent}{name} = {name} * {x} + {c!r}{end}" for c in coefficients[1:]]
    return "\n".join(lines)


def _python(name: str, x: str, coefficients: tuple[float, ...], depth: int = 1) -> str:
    return _steps(name, x, coefficients, "    " * depth)


def _c(name: str, x: str, coefficients: tuple[float, ...], depth: int = 1, head: str = "") -> str:
    return _steps(name, x, coefficients, "    " * depth, ";", head)


def _narrow(name: str, extra: str = "") -> str:
    return f'''{DECORATOR}def {name}_float32({extra}x):
    """The float64 function, rounded."""
    return float32({name}_float64({extra}float64(x)))
'''


NUMBA: dict[str, str] = {
    "_digamma_float64": f'''{DECORATOR}def _digamma_float64(x):
    """Derivative of log gamma; by reflection where x is negative."""
    if x == 0.0:
        return math.copysign(math.inf, -x)
    total, y = 0.0, x
    if x < 0.0:
        part = x - np.rint(x)
        if part == 0.0:
            return math.nan
        total, y = -math.pi / math.tan(math.pi * part), 1.0 - x
    if not y < 10.0:
        square = 1.0 / (y * y)
{_python("p", "square", tables.PSI, 2)}
        return total + (math.log(y) - 0.5 / y - p * square)
    while y >= 2.0:
        y -= 1.0
        total += 1.0 / y
    if y < 1.0:
        total -= 1.0 / y
        y += 1.0
    t = 2.0 * y - 3.0
{_python("p", "t", tables.DIGAMMA)}
    return total + ((y - 1.4616321449683622) - 9.549995429965697e-17) * p
''',
    "_zeta_float64": f'''{DECORATOR}def _zeta_float64(s, q):
    """The sum of (q + k)^-s over k >= 0, for positive q."""
    total = 0.0
    for k in range(10):
        total += (q + float64(k)) ** -s
    a = q + 10.0
    power = a ** (1.0 - s)
    total += power / (s - 1.0) + power / a * 0.5
    power, factor, j = power / (a * a), s, 0.0
    for b in ({", ".join(map(repr, tables.BERNOULLI[:3]))},
              {", ".join(map(repr, tables.BERNOULLI[3:6]))},
              {", ".join(map(repr, tables.BERNOULLI[6:9]))},
              {tables.BERNOULLI[9]!r}):
        total += b * factor * power
        factor *= (s + 2.0 * j + 1.0) * (s + 2.0 * j + 2.0)
        power /= a * a
        j += 1.0
    return total
''',
    "_polygamma_float64": f'''{DECORATOR}def _polygamma_float64(n, x):
    """The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x); by reflection where x is negative."""
    sign = -1.0 if n % 2.0 == 0.0 else 1.0
    scale, k = sign, 2.0
    while k <= n:
        scale *= k
        k += 1.0
    if x > 0.0:
        return scale * _zeta_float64(n + 1.0, x)
    part = x - np.floor(x)
    if part == 0.0:
        return scale * math.inf
    if part != part:
        return part
    other = _zeta_float64(n + 1.0, 1.0 - part) - _zeta_float64(n + 1.0, 1.0 - x)
    return scale * (_zeta_float64(n + 1.0, part) + sign * other)
''',
    "_erfinv_float64": f'''{DECORATOR}def _erfinv_float64(x):
    """Inverse of erf: a first guess, and two steps of Halley's iteration."""
    z = abs(x)
    if not z < 1.0:
        return math.copysign(math.inf, x) if z == 1.0 else math.nan
    w = -math.log((1.0 - z) * (1.0 + z))
    if w < 6.25:
        t = w * (2.0 / 6.5) - 1.0
{_python("y", "t", tables.CENTRE, 2)}
    else:
        t = (math.sqrt(w) - 2.449489742783178) * (2.0 / 4.550510257216822) - 1.0
{_python("y", "t", tables.TAIL, 2)}
    y *= z
    for _ in range(2):
        error = math.erf(y) - z if z < 0.5 else (1.0 - z) - math.erfc(y)
        step = error * math.exp(y * y) * 0.8862269254527580
        y -= step / (1.0 + y * step)
    return math.copysign(y, x)
''',
    "_digamma_float32": _narrow("_digamma"),
    "_polygamma_float32": _narrow("_polygamma", "n, "),
    "_erfinv_float32": _narrow("_erfinv"),
}
NEEDS = {
    "_polygamma_float64": ("_zeta_float64",),
    **{f"_{name}_float32": (f"_{name}_float64",) for name in ("digamma", "polygamma", "erfinv")},
}

CUDA: dict[str, str] = {
    "digamma": f"""\
// Derivative of log gamma; by reflection where x is negative.
static __device__ double digamma_f64(double x) {{
    if (x == 0) return copysign(__longlong_as_double(0x7ff0000000000000ll), -x);
    double total = 0, y = x;
    if (x < 0) {{
        const double part = x - rint(x);
        if (part == 0) return part / part;
        total = -3.141592653589793 / tan(3.141592653589793 * part);
        y = 1 - x;
    }}
    if (!(y < 10)) {{
        const double square = 1 / (y * y);
{_c("p", "square", tables.PSI, 2, "double ")}
        return total + (log(y) - 0.5 / y - p * square);
    }}
    while (y >= 2) {{
        y -= 1;
        total += 1 / y;
    }}
    if (y < 1) {{
        total -= 1 / y;
        y += 1;
    }}
    const double t = 2 * y - 3;
{_c("p", "t", tables.DIGAMMA, 1, "double ")}
    return total + ((y - 1.4616321449683622) - 9.549995429965697e-17) * p;
}}
template <class T> static __device__ T digamma(T x) {{ return (T)digamma_f64(x); }}
""",
    "polygamma": f"""\
// The sum of (q + k)^-s over k >= 0, for positive q.
static __device__ double zeta_f64(double s, double q) {{
    const double bernoulli[] = {{
        {", ".join(map(repr, tables.BERNOULLI[:3]))},
        {", ".join(map(repr, tables.BERNOULLI[3:6]))},
        {", ".join(map(repr, tables.BERNOULLI[6:9]))},
        {tables.BERNOULLI[9]!r}}};
    double total = 0;
    for (int k = 0; k < 10; ++k) total += pow(q + k, -s);
    const double a = q + 10;
    double power = pow(a, 1 - s), factor = s;
    total += power / (s - 1) + power / a * 0.5;
    power /= a * a;
    for (int j = 0; j < 10; ++j) {{
        total += bernoulli[j] * factor * power;
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2);
        power /= a * a;
    }}
    return total;
}}
// The n-th derivative of digamma: (-1)^(n+1) n! zeta(n + 1, x); by reflection where x is negative.
static __device__ double polygamma_f64(double n, double x) {{
    const double sign = fmod(n, 2.0) == 0 ? -1 : 1;
    double scale = sign;
    for (int k = 2; k <= n; ++k) scale *= k;
    if (x > 0) return scale * zeta_f64(n + 1, x);
    const double part = x - floor(x);
    if (part == 0) return scale * __longlong_as_double(0x7ff0000000000000ll);
    if (part != part) return part;
    const double other = zeta_f64(n + 1, 1 - part) - zeta_f64(n + 1, 1 - x);
    return scale * (zeta_f64(n + 1, part) + sign * other);
}}
template <class T> static __device__ T polygamma(T n, T x) {{ return (T)polygamma_f64(n, x); }}
""",
    "inverse_erf": f"""\
// Inverse of erf: a first guess, and two steps of Halley's iteration.
static __device__ double inverse_erf_f64(double x) {{
    const double z = fabs(x);
    if (!(z < 1)) return z == 1 ? copysign(__longlong_as_double(0x7ff0000000000000ll), x) : 0 * x / 0.0;
    const double w = -log((1 - z) * (1 + z));
    double y;
    if (w < 6.25) {{
        const double t = w * (2.0 / 6.5) - 1;
{_c("y", "t", tables.CENTRE, 2)}
    }} else {{
        const double t = (sqrt(w) - 2.449489742783178) * (2.0 / 4.550510257216822) - 1;
{_c("y", "t", tables.TAIL, 2)}
    }}
    y *= z;
    for (int k = 0; k < 2; ++k) {{
        const double error = z < 0.5 ? erf(y) - z : (1 - z) - erfc(y);
        const double step = error * exp(y * y) * 0.8862269254527580;
        y -= step / (1 + y * step);
    }}
    return copysign(y, x);
}}
template <class T> static __device__ T inverse_erf(T x) {{ return (T)inverse_erf_f64(x); }}
""",
}
