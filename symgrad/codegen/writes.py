"""A write into a slice as one expression: the new element inside the slice, the old one outside."""

from __future__ import annotations

from symgrad.codegen import loops
from symgrad.codegen.loops import INDEX, Expr, Op
from symgrad.dtypes import bool_
from symgrad.ir.types import Shape


def inside_slice(
    index: tuple[object, ...], shape: Shape, points: list[Expr]
) -> tuple[list[Expr], list[Expr]]:
    """Tests that the point is inside basic index `index`, and the position along each part axis.

    `points` has the point's subscript along each axis. The expressions are to be evaluated lazily:
    outside the slice a position is meaningless.
    """
    tests: list[Expr] = []
    places: list[Expr] = []
    axis = 0
    for item in index:
        if item is None:
            places.append(loops.index(0))
            continue
        point, extent = points[axis], shape[axis]
        axis += 1
        if not isinstance(item, slice):
            assert isinstance(item, int)
            wanted = loops.index(item + extent if item < 0 else item)
            tests.append(Op("eq", (point, wanted), bool_))
            continue
        if item != slice(None):
            first, stop, step = item.indices(int(extent))
            if stop < int(extent):
                tests.append(Op("lt", (point, loops.index(max(stop, 0))), bool_))
            if first:
                tests.append(Op("ge", (point, loops.index(first)), bool_))
                point = Op("sub", (point, loops.index(first)), INDEX)
            if step != 1:
                rest = Op("mod", (point, loops.index(step)), INDEX)
                tests.append(Op("eq", (rest, loops.index(0)), bool_))
                point = Op("floordiv", (point, loops.index(step)), INDEX)
        places.append(point)
    return tests, [*places, *points[axis:]]  # dimensions not named are whole
