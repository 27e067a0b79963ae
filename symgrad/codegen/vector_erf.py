'''The error functions of float32 for the Numba backend as straight arithmetic (see `vector_math`).

erf is a polynomial near 0 and 1 - exp(t q(t)) beyond. erfc has relative precision down to where it
vanishes, for which float32 is too narrow: exp(-x^2) times a polynomial in (x - 2) / (x + 2), in float64.
Coefficients are minimax fits.
'''

from __future__ import annotations

from symgrad.codegen.vector_math import DECORATOR, steps

_NEAR = ["8.349602191e-5", "-8.137852139e-4", "5.200604302e-3", "-2.685922555e-2", "1.128369237e-1",
         "-3.761263353e-1", "1.283791666e-1"]  # fmt: skip
_FAR = ["-1.123131546e-5", "3.228039683e-4", "-3.642459552e-3", "2.376206417e-2", "-1.062368792e-1",
        "-6.351513154e-1", "-1.128648491"]  # fmt: skip
_SCALED = ["-3.99446698955687858e-4", "-1.22799888029767323e-3", "1.31330711201411202e-3",
           "8.63009400384491756e-3", "-8.0601419616613098e-3", "-5.42038828483690182e-2",
           "1.64055425315108433e-1", "-1.6603146107083179e-1", "-9.27639850039935835e-2",
           "1.27697839396793527"]  # fmt: skip
_EXP = ["1.39505246317175071e-3", "8.36890821553039141e-3", "4.16662053006679086e-2",
        "1.66665186829080631e-1", "5.00000009534038704e-1", "1.0", "1.0"]  # fmt: skip

HELPERS: dict[str, str] = {
    "_erf_float32": f'''{DECORATOR}def _erf_float32(x):
    \"\"\"Error function.\"\"\"
    size = abs(x)
    square = x * x
{steps("p", "square", _NEAR, "float32")}
    near = p * x + x
    t = size if size < float32(4.0) else float32(4.0)
{steps("p", "t", _FAR, "float32")}
    far = math.copysign(float32(1.0) - _exp_float32(p * t), x)
    far = x if x != x else far
    return near if size < float32(0.925) else far
''',
    "_erfc_float32": f'''{DECORATOR}def _erfc_float32(x):
    \"\"\"1 - erf(x), precise where little is left.\"\"\"
    y = abs(float64(x))
    y = y if y < 10.5 else 10.5
    square = y * y
    n = np.floor(square * -1.4426950408889634 + 0.5)
    r = -square - n * 0.6931471805599453
{steps("p", "r", _EXP, "float64")}
    power = int64((int64(int32(n)) + 1023) << 52).view(float64)
    scale = 1.0 / ((y + 2.0) * (1.0 + 2.0 * y))
    t = (y - 2.0) * (1.0 + 2.0 * y) * scale
{steps("q", "t", _SCALED, "float64")}
    tail = p * power * q * (y + 2.0) * scale
    tail = tail if x >= float32(0.0) else 2.0 - tail
    return x if x != x else float32(tail)
''',
}
NEEDS = {"_erf_float32": ("_exp_float32",)}
