"""What the functions of scalar formulas cost, beside reading a number and writing one."""

from __future__ import annotations

import re

from symgrad.ir.graph import Eqn
from symgrad.ir.primitive import Draw, Scalar

CHEAP = {"abs", "maximum", "minimum", "clamp", "floor", "ceil", "trunc", "rint", "index"}
"""Functions that cost less than keeping their result."""

VECTORISED = {"exp", "log", "tanh", "expm1", "log1p", "sin", "cos", "atan", "erf", "sqrt"}
"""Functions that vector units compute in float32."""

VECTOR, OTHER, DRAW = 2, 8, 4


def functions(eqn: Eqn) -> set[str]:
    """The functions an elementwise equation calls."""
    lower = eqn.prim.lower
    return set(re.findall(r"(\w+)\(", lower.expr)) if isinstance(lower, Scalar) else set()


def weight(eqn: Eqn) -> int:
    """How many times 0.3 ns an element of this equation takes, to be read and written apart."""
    if isinstance(eqn.prim.lower, Draw):
        return DRAW
    return sum(VECTOR if name in VECTORISED else OTHER for name in functions(eqn) - CHEAP)
