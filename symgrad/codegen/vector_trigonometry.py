'''Sine, cosine and arc tangent of float32 for the Numba backend as straight arithmetic (see `vector_math`).

An angle is reduced in float64, as a number of turns: the product with 1/(2 pi) is summed over the six
pieces of it that any float32 needs, whole turns dropped from each; a piece has 29 bits, so that its product
with a float32 is exact. No angle is too large, and none needs a branch. Polynomials are minimax fits.
'''

from __future__ import annotations

from symgrad.codegen.vector_math import DECORATOR, steps

TURNS = ("0.15915494225919247", "8.327028684640414e-10", "5.69002511952534e-19", "6.317065083361892e-27",
         "5.595982707708916e-36", "6.551008005084739e-45")  # fmt: skip
_SIN = ["2.718025742e-6", "-1.983930225e-4", "8.333329274e-3", "-1.666666664e-1"]
_COS = ["2.443220784e-5", "-1.38873081e-3", "4.166664552e-2"]
_ATAN = ["-1.79362029e-3", "1.091459896e-2", "-3.117783214e-2", "5.795757842e-2", "-8.403449336e-2",
         "1.095218539e-1", "-1.426424159e-1", "1.999854827e-1", "-3.333329909e-1"]  # fmt: skip


def _turn(name: str, quadrants: str, doc: str, zero: str) -> str:
    '''Sine or cosine: the turn's fraction, its quadrant, and both polynomials in what is left.'''
    pieces = "\n".join(
        f"    part = float64(x) * {piece}\n    turns += part - np.rint(part)" for piece in TURNS[1:-1])
    return f'''{DECORATOR}def {name}(x):
    \"\"\"{doc}\"\"\"
    part = float64(x) * {TURNS[0]}
    turns = part - np.rint(part)
{pieces}
    turns += float64(x) * {TURNS[-1]}
    turns = (turns - np.rint(turns)) * 4.0
    quadrant = np.rint(turns)
    r = float32((turns - quadrant) * 1.5707963267948966)
    quadrant = float32(quadrant)
    square = r * r
{steps("p", "square", _SIN, "float32")}
    sine = p * square * r + r
{steps("p", "square", _COS, "float32")}
    cosine = p * square * square - float32(0.5) * square + float32(1.0)
{quadrants}
    return {zero}
'''


HELPERS: dict[str, str] = {
    "_sin_float32": _turn("_sin_float32", '''\
    p = cosine if abs(quadrant) == float32(1.0) else sine
    p = -p if quadrant < float32(0.0) or quadrant == float32(2.0) else p
    p = p if quadrant != float32(-2.0) else -sine''', "Sine.", "p if x != float32(0.0) else x"),
    "_cos_float32": _turn("_cos_float32", '''\
    p = sine if abs(quadrant) == float32(1.0) else cosine
    p = -p if quadrant > float32(0.0) or quadrant == float32(-2.0) else p''', "Cosine.", "p"),
    "_atan_float32": f'''{DECORATOR}def _atan_float32(x):
    \"\"\"Arc tangent: a polynomial up to 1, and beyond by that of 1/x.\"\"\"
    size = abs(x)
    z = float32(1.0) / size if size > float32(1.0) else size
    square = z * z
{steps("p", "square", _ATAN, "float32")}
    p = p * square * z + z
    p = float32(1.5707963267948966) - p if size > float32(1.0) else p
    return math.copysign(p, x)
''',
}  # fmt: skip
