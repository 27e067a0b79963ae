"""How much work a kernel is, so that threads are woken for what is worth it, and only for that.

In points that read and write eight bytes and do plain arithmetic, which take about 0.3 ns. It decides how loops are
written, so it depends on the program alone, never on the machine.
"""

from __future__ import annotations

import math
import re

from symgrad.ir.graph import Eqn
from symgrad.ir.primitive import Draw, Scalar
from symgrad.passes.rows import CHEAP, iteration_space
from symgrad.passes.schedule import Kernel

VECTORISED = {"exp", "log", "tanh", "expm1", "log1p", "sin", "cos", "atan", "erf", "sqrt"}
"""Functions that vector units compute in float32 (`codegen.vector_math`)."""

VECTOR, OTHER, DRAW = 2, 8, 4


def work(step: Kernel) -> int:
    """Points that take as long as this kernel."""
    points = sum(int(math.prod(nest.space)) for nest in step.nests)
    moved = sum(int(value.type.nbytes) for value in (*step.reads, *step.writes)) // 8
    computed = sum(int(math.prod(iteration_space(eqn))) * weight(eqn) for nest in step.nests for eqn in nest.eqns)
    return max(points, moved) + computed


def weight(eqn: Eqn) -> int:
    """Points that an element of this equation counts for beyond the one it is."""
    if isinstance(eqn.prim.lower, Draw):
        return DRAW
    if not isinstance(eqn.prim.lower, Scalar):
        return 0
    called = set(re.findall(r"(\w+)\(", eqn.prim.lower.expr)) - CHEAP
    return sum(VECTOR if name in VECTORISED else OTHER for name in called)
