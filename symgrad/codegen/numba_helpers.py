"""Scalar functions printed into Numba modules where the language's own differ at the edges.

Integers: division and its rest by 0 are 0 and never trap (LLVM leaves the least integer over -1 open),
shifts past the last bit leave the sign, powers wrap around. They compute in int64; the printer narrows.
Floats: quotients rounded down as NumPy and PyTorch round them.
"""

from __future__ import annotations

DECORATOR = '@njit(fastmath=False, forceinline=True, error_model="numpy")\n'
PLAIN = '@njit(fastmath=False, error_model="numpy")\n'

HELPERS: dict[str, str] = {
    "_floordiv": f'''{DECORATOR}def _floordiv(a, b):
    """a / b rounded down; 0 where b is 0."""
    a, b = int64(a), int64(b)
    if b == 0 or b == -1:
        return int64(0) - a if b else int64(0)
    return int64(a // b)
''',
    "_mod": f'''{DECORATOR}def _mod(a, b):
    """What rounding a / b down leaves: of b's sign; 0 where b is 0."""
    a, b = int64(a), int64(b)
    return int64(0) if b == 0 or b == -1 else int64(a % b)
''',
    "_truncdiv": f'''{DECORATOR}def _truncdiv(a, b):
    """a / b rounded towards 0; 0 where b is 0."""
    a, b = int64(a), int64(b)
    if b == 0 or b == -1:
        return int64(0) - a if b else int64(0)
    q = int64(a // b)
    return q + int64(1) if q < 0 and q * b != a else q
''',
    "_fmod": f'''{DECORATOR}def _fmod(a, b):
    """What rounding a / b towards 0 leaves: of a's sign; 0 where b is 0."""
    a, b = int64(a), int64(b)
    if b == 0 or b == -1:
        return int64(0)
    r = int64(a % b)
    return r - b if r != 0 and (a < 0) != (b < 0) else r
''',
    "_shl": f'''{DECORATOR}def _shl(a, b):
    """a * 2^b, wrapping around; 0 where nothing is left."""
    a, b = int64(a), int64(b)
    return int64(a << b) if 0 <= b < 64 else int64(0)
''',
    "_shr": f'''{DECORATOR}def _shr(a, b):
    """a / 2^b rounded down."""
    a, b = int64(a), int64(b)
    return int64(a >> b) if 0 <= b < 64 else int64(a >> int64(63))
''',
    "_pow": f'''{PLAIN}def _pow(x, n):
    """x multiplied n times, wrapping around; of negative n 0, but for 1 and -1."""
    x, n = int64(x), int64(n)
    if n < 0:
        return x if x == 1 or x == -1 and n & 1 else int64(x == -1)
    result = int64(1)
    while n > 0:
        if n & 1:
            result *= x
        x *= x
        n >>= 1
    return result
''',
}
for _t, _zero, _half, _one in (("float32", "float32(0.0)", "float32(0.5)", "float32(1.0)"),
                               ("float64", "0.0", "0.5", "1.0")):  # fmt: skip
    HELPERS[f"_floordiv_{_t}"] = f'''{DECORATOR}def _floordiv_{_t}(a, b):
    """a / b rounded down, from the exact remainder."""
    rest = np.fmod(a, b)
    q = (a - rest) / b
    q = q - {_one} if rest != {_zero} and (b < {_zero}) != (rest < {_zero}) else q
    down = np.floor(q)
    down = down + {_one} if q - down > {_half} else down
    down = down if q != {_zero} else math.copysign({_zero}, a / b)
    return down if b != {_zero} else a / b
'''
    HELPERS[f"_mod_{_t}"] = f'''{DECORATOR}def _mod_{_t}(a, b):
    """What rounding a / b down leaves: of b's sign."""
    rest = np.fmod(a, b)
    moved = rest + b if (b < {_zero}) != (rest < {_zero}) else rest
    return moved if rest != {_zero} else math.copysign({_zero}, b) if b != {_zero} else rest
'''
