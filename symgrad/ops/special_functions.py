"""Error functions, gamma functions and the Hurwitz zeta function in NumPy, which has none of them.

Everything is computed in float64 and rounded to the operand's dtype. The tables are this package's own: Chebyshev
interpolants of 60-digit values, as polynomials in a variable scaled to [-1, 1]; the backends print them too.
Emitted modules print these functions from their source, so they only name each other and the tables.
Errors over the range, in units in the last place (tested): erf 2, erfc 4, erfinv 3, lgamma and digamma of
positive numbers 4, polygamma 6; near a zero on the negative axis they are small beside 1, not beside the value.

Methods: erfc by (1 + 2x) exp(x^2) erfc(x) as a polynomial in (x - k) / (x + k) (M. M. Shepherd and
J. G. Laframboise, Math. Comp. 36, 1981); erfinv from a first guess in log(1 - x^2) (M. Giles, GPU Computing
Gems, 2010) by Halley's iteration; the gamma functions by recurrence to [1, 2], where their zeros are factored out,
by Stirling's series from 10 on, and by reflection (DLMF 5.5, 5.11); zeta by Euler and Maclaurin (DLMF 25.11).
"""

from __future__ import annotations

from typing import Any

ERFCX = (
    1.7962578252166137e-12, -7.339505008529537e-11, -4.9656323099808346e-11, 9.022149700340589e-10,
    5.820899514311053e-10, -6.545560212480267e-09, -4.453191645424113e-09, 4.0971223152703005e-08,
    2.4362700816477483e-08, -2.6114702359900956e-07, -5.8319503421458136e-08, 1.7534434251106334e-06,
    -9.728189861867202e-07, -1.1445049125831309e-05, 2.2383900563041527e-05, 5.164940777546399e-05,
    -0.0002901539763460068, 0.00029371359480570737, 0.0017556258319220233, -0.009746579547619623,
    0.02836227742156851, -0.05869339859054762, 0.09230432116019517, -0.10880393014170746, 0.08227673849015112,
    0.00358541548546369, -0.14024059858554702, 1.2375126308378275,
)  # fmt: skip
ERF = (
    -8.277859376900306e-16, 3.553348558664597e-14, -1.39761837868228e-12, 5.012951452976117e-11,
    -1.621795078119727e-09, 4.6785583311377526e-08, -1.1865684211512846e-06, 2.599164517570074e-05,
    -0.0004808724780316299, 0.007314485234578211, -0.0896037671090999, 1.0309528156012642,
)  # fmt: skip
LGAMMA = (
    -4.121881348704856e-13, 1.2510413599689193e-12, -1.4335363911170717e-12, 4.705387815328221e-12,
    -2.1320952445184018e-11, 6.659994986020335e-11, -2.0030279061447333e-10, 6.34708063084356e-10,
    -2.024502591283405e-09, 6.448537660005262e-09, -2.0616620561052955e-08, 6.622899723826762e-08,
    -2.1386491882116746e-07, 6.948461695085761e-07, -2.274246996515623e-06, 7.511391134979752e-06,
    -2.509432873100561e-05, 8.510090382507709e-05, -0.00029455070151447566, 0.0010498186644489656,
    -0.003913560937626382, 0.01572785026864124, -0.07297994795715304, 0.4831289505409809,
)  # fmt: skip
DIGAMMA = (
    -1.0015117602062808e-11, 2.918622732168261e-11, -2.7468150389464952e-11, 8.734528429142953e-11,
    -4.1977726367342283e-10, 1.2469984616707403e-09, -3.5032218996509724e-09, 1.0527692435026686e-08,
    -3.181266980138485e-08, 9.543298288278275e-08, -2.8620904099739414e-07, 8.589060721930695e-07,
    -2.578134894751126e-06, 7.741234508636364e-06, -2.3258232466707952e-05, 6.995018825112794e-05,
    -0.00021074841288961643, 0.0006368880303865817, -0.001935066664735652, 0.005936795278301761,
    -0.01855061538173984, 0.06013562106019684, -0.21181371064073024, 0.9510558760318328,
)  # fmt: skip
CENTRE = (
    -0.00015037725493721954, 0.0011813842991137426, -0.0013986084379836112, -0.005104127594332263,
    0.01990479376049688, -0.02236903578123114, -0.06649130612837582, 0.7755089494753185, 1.6835788303242212,
)  # fmt: skip
TAIL = (
    0.0039896686198661385, -0.0048119316150135585, -0.0025365594369439323, 0.0022158480352610804,
    0.004209888575130058, -0.004927767143922408, 0.000242707027421478, 2.298832736197047, 4.571813645519312,
)  # fmt: skip
BERNOULLI = (
    0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07,
    2.08767569878681e-08, -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13,
    8.586062056277845e-15, -2.174868698558062e-16,
)  # fmt: skip
STIRLING = (
    -1.3924322169059011, 0.17964437236883057, -0.029550653594771242, 0.00641025641025641,
    -0.0019175269175269176, 0.0008417508417508417, -0.0005952380952380953, 0.0007936507936507937,
    -0.002777777777777778, 0.08333333333333333,
)  # fmt: skip
PSI = (
    -26.456212121212122, 3.0539543302701198, -0.4432598039215686, 0.08333333333333333, -0.021092796092796094,
    0.007575757575757576, -0.004166666666666667, 0.003968253968253968, -0.008333333333333333,
    0.08333333333333333,
)  # fmt: skip


def _horner(coefficients: Any, x: Any) -> Any:
    p = coefficients[0]
    for c in coefficients[1:]:
        p = p * x + c
    return p


def _erfc_tail(np: Any, y: Any) -> Any:
    """erfc of y >= 0; exp(-y^2) in two factors, the square of the first exact."""
    y = np.minimum(y, 30.0)
    high = y.astype(np.float32).astype(np.float64)
    gauss = np.exp(-high * high) * np.exp((high - y) * (high + y))
    return gauss * _horner(ERFCX, (y - 3.75) / (y + 3.75)) / (1.0 + 2.0 * y)


def _erf_double(np: Any, x: Any) -> Any:
    y = np.abs(x)
    near = y * _horner(ERF, np.minimum(y, 1.0) ** 2 * (2.0 / 0.5625) - 1.0)
    return np.copysign(np.where(y < 0.75, near, 1.0 - _erfc_tail(np, y)), x)


def _erfc_double(np: Any, x: Any) -> Any:
    tail = _erfc_tail(np, np.abs(x))
    return np.where(x > 0.5, tail, np.where(x < -0.75, 2.0 - tail, 1.0 - _erf_double(np, x)))


def _erf(np: Any, x: Any) -> Any:
    """Error function."""
    return _erf_double(np, x.astype(np.float64)).astype(x.dtype)


def _erfc(np: Any, x: Any) -> Any:
    """1 - erf(x), accurate where that is small."""
    return _erfc_double(np, x.astype(np.float64)).astype(x.dtype)


def _erfinv(np: Any, x: Any) -> Any:
    """Inverse of erf: a first guess, and two steps of Halley's iteration."""
    z = np.abs(x.astype(np.float64))
    w = -np.log((1.0 - z) * (1.0 + z))
    near = _horner(CENTRE, np.minimum(w, 6.5) * (2.0 / 6.5) - 1.0)
    s = np.sqrt(np.maximum(w, 6.0))
    far = _horner(TAIL, (np.minimum(s, 7.0) - 2.449489742783178) * (2.0 / 4.550510257216822) - 1.0)
    y = z * np.where(w < 6.25, near, far)
    for _ in range(2):
        error = np.where(z < 0.5, _erf_double(np, y) - z, (1.0 - z) - _erfc_double(np, y))
        step = error * np.exp(y * y) * 0.8862269254527580
        y = y - step / (1.0 + y * step)
    y = np.where(z < 1.0, y, np.where(z == 1.0, np.inf, np.nan))
    return np.copysign(y, x).astype(x.dtype)


def _lgamma_positive(np: Any, x: Any) -> Any:
    big = np.maximum(x, 10.0)
    inverse = 1.0 / big
    series = _horner(STIRLING, inverse * inverse) * inverse
    large = (big - 0.5) * (np.log(big) - 1.0) - 0.5 + 0.9189385332046727 + series
    large = np.where(x > 1e17, x * (np.log(big) - 1.0), large)
    r = np.minimum(x, 10.0)
    product = np.ones_like(r)
    for _ in range(8):
        down = r >= 2.0
        r = np.where(down, r - 1.0, r)
        product = np.where(down, product * r, product)
    small = r < 1.0
    shift = np.where(small, -np.log(np.where(small, r, 1.0)), np.log(product))
    zeros = np.where(small, r * (r - 1.0), (r - 1.0) * (r - 2.0))  # of log gamma at r, or at r + 1
    near = zeros * _horner(LGAMMA, 2.0 * np.where(small, r + 1.0, r) - 3.0) + shift
    return np.where(x < 10.0, near, large)


def _lgamma(np: Any, x: Any) -> Any:
    """log |gamma(x)|; by reflection where x is negative."""
    y = x.astype(np.float64)
    size = np.abs(y)
    up = _lgamma_positive(np, size)
    part = size - np.floor(size)
    sine = np.sin(np.pi * np.minimum(part, 1.0 - part))
    down = np.log(np.pi / (np.maximum(size, 1e-308) * np.abs(sine))) - up
    down = np.where(part == 0.0, np.inf, np.where(size < 1e-17, -np.log(size), down))
    return np.where(np.isinf(y), np.inf, np.where(y <= 0.0, down, up)).astype(x.dtype)


def _digamma_positive(np: Any, x: Any) -> Any:
    big = np.maximum(x, 10.0)
    square = 1.0 / (big * big)
    large = np.log(big) - 0.5 / big - _horner(PSI, square) * square
    r = np.minimum(x, 10.0)
    total = np.zeros_like(r)
    for _ in range(8):
        down = r >= 2.0
        r = np.where(down, r - 1.0, r)
        total = np.where(down, total + 1.0 / r, total)
    small = r < 1.0
    total = np.where(small, -1.0 / np.where(small, r, 1.0), total)
    r = np.where(small, r + 1.0, r)
    root = (r - 1.4616321449683622) - 9.549995429965697e-17
    return np.where(x < 10.0, root * _horner(DIGAMMA, 2.0 * r - 3.0) + total, large)


def _digamma(np: Any, x: Any) -> Any:
    """Derivative of log gamma; by reflection where x is negative."""
    y = x.astype(np.float64)
    up = _digamma_positive(np, np.where(y > 0.0, y, 1.0 - y))
    part = y - np.rint(y)
    down = np.where(part == 0.0, np.nan, up - np.pi / np.tan(np.pi * part))
    down = np.where(y == 0.0, np.copysign(np.inf, -y), down)
    return np.where(y > 0.0, up, np.where(np.isnan(y), y, down)).astype(x.dtype)


def _zeta_positive(np: Any, s: int, q: Any) -> Any:
    """The sum of (q + k)^-s over k >= 0: ten terms, and the rest by derivatives at the end."""
    total = np.zeros_like(q)
    for k in range(10):
        total = total + (q + float(k)) ** -s
    a = q + 10.0
    power = a ** (1 - s)
    total = total + power / (s - 1) + power / a * 0.5
    factor, power = float(s), power / (a * a)
    for j in range(len(BERNOULLI)):
        total = total + BERNOULLI[j] * factor * power
        factor, power = factor * (s + 2 * j + 1) * (s + 2 * j + 2), power / (a * a)
    return total


def _polygamma(np: Any, x: Any, n: int) -> Any:
    """The n-th derivative of digamma, n >= 1: (-1)^(n+1) n! zeta(n + 1, x)."""
    y = x.astype(np.float64)
    negative = y <= 0.0
    part = y - np.floor(y)
    zeta = _zeta_positive(np, n + 1, np.where(negative, np.where(part > 0.0, part, 1.0), y))
    sign = -1.0 if n % 2 == 0 else 1.0
    other = _zeta_positive(np, n + 1, 1.0 - part) - _zeta_positive(np, n + 1, np.where(negative, 1.0 - y, 1.0))
    zeta = np.where(negative, np.where(part == 0.0, np.inf, zeta + sign * other), zeta)
    scale = sign
    for k in range(2, n + 1):
        scale = scale * k
    return (scale * np.where(np.isnan(y), y, zeta)).astype(x.dtype)


def needing(*names: str) -> dict[str, Any]:
    """Functions and tables by name, for a declaration's `helpers`."""
    return {name: globals()[name] for name in names}
