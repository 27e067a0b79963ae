"""Samples of elementwise primitives."""

from __future__ import annotations

import numpy as np
from sampling import Sample, binary, logical, rounded, unary, values


def away(samples: list[Sample]) -> list[Sample]:
    """The samples with the first operand moved off multiples of the second, where quotients jump."""
    return [Sample(s.label, (s.inputs[0] + 0.013, *s.inputs[1:]), s.params) for s in samples]


def rough(samples: list[Sample]) -> list[Sample]:
    """The samples of a function that has steps: finite differences say nothing."""
    return [Sample(s.label, s.inputs, s.params, smooth=False) for s in samples]


def integers(low: int = -6) -> list[Sample]:
    """Pairs of integers, the second from `low` on, without 0."""
    a = np.arange(-6, 6).reshape(3, 4)
    b = np.where(a[::-1] + 6 + low == 0, 5, a[::-1] + 6 + low)
    return rough([Sample("usual", (a, b)), Sample("0-d", (np.asarray(a[0, 0]), np.asarray(b[0, 0]))),
                  Sample("empty", (a[:0], b[:0])), Sample("broadcast", (a, b[0]))])  # fmt: skip


def complexes(count: int = 1) -> list[Sample]:
    """Complex operands; their gradients are compared with PyTorch's, not with differences."""
    z = values(3, 4) + 1j * values(3, 4, seed=2)
    w = values(3, 4, seed=1) + 1j * values(3, 4, seed=3)
    kinds = {"usual": (z, w), "0-d": (np.asarray(z[0, 0]), np.asarray(w[1, 1])), "empty": (z[:0], w[:0]),
             "rows": (z.T, w.T)}  # fmt: skip
    return [Sample(label, operands[:count], smooth=False) for label, operands in kinds.items()]


POSITIVE, UNIT, QUOTIENT = unary(0.1, 3.0), unary(-0.9, 0.9), away(binary(low2=0.5, high2=2.0))

SAMPLES: dict[str, list[Sample]] = {
    **{name: unary() for name in "exp2 expm1 tan atan sinh cosh asinh sinc".split()},
    **{name: POSITIVE for name in "log2 log10 log1p rsqrt".split()},
    **{name: UNIT for name in "asin acos atanh".split()},
    "erf": unary(), "erfc": unary(), "erfinv": UNIT, "lgamma": unary(0.2, 4.0), "digamma": unary(0.2, 4.0),
    "polygamma": [*unary(0.4, 4.0, n=1), *unary(-0.9, -0.1, n=2)],
    "acosh": unary(1.1, 3.0), "logit": unary(0.1, 0.9),
    "atan2": binary(), "hypot": binary(), "logaddexp": binary(), "logaddexp2": binary(),
    "binary_entropy": [s for s in binary(0.1, 0.9, low2=0.0, high2=1.0) if "scalar" not in s.label],
    "xlogy": binary(low2=0.2, high2=3.0), "fmax": binary(), "fmin": binary(), "copysign": binary(),
    **{name: rough(unary()) for name in "floor ceil trunc round signbit isinf isfinite real_angle".split()},
    "floor_divide": rough(QUOTIENT), "trunc_divide": integers(), "remainder": QUOTIENT, "fmod": QUOTIENT,
    "heaviside": [s for s in rounded() if "scalar" not in s.label] + integers(),
    "bitwise_xor": logical(2), "bitwise_left_shift": integers(0), "bitwise_right_shift": integers(0),
    "gcd": integers(), "lcm": integers(),
    "sgn": complexes(), "conj": complexes(), "angle": complexes(), "real": complexes(), "imag": complexes(),
    "view_as_real": complexes(), "complex": rough(binary()[:8]),
    "view_as_complex": [Sample("usual", (values(3, 4, 2),), smooth=False), Sample("0-d", (values(2),), smooth=False),
                        Sample("empty", (values(0, 2),), smooth=False)],
}  # fmt: skip
