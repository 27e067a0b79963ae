"""How much work a kernel is, so that threads are woken for what is worth it, and only for that.

In points that read and write eight bytes and do plain arithmetic, which take about 0.3 ns. It decides how loops are
written, so it depends on the program alone, never on the machine.
"""

from __future__ import annotations

import math

from symgrad.ir.access import iteration_space
from symgrad.ir.costs import weight
from symgrad.passes.schedule import Kernel


def work(step: Kernel) -> int:
    """Points that take as long as this kernel."""
    points = sum(int(math.prod(nest.space)) for nest in step.nests)
    moved = sum(int(value.type.nbytes) for value in (*step.reads, *step.writes)) // 8
    computed = sum(int(math.prod(iteration_space(eqn))) * weight(eqn) for nest in step.nests for eqn in nest.eqns)
    return max(points, moved) + computed

