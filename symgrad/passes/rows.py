"""Loops over rows: what can be computed row by row, in several turns over the elements of a row.

A nest over extents (r…, n…) whose reductions fold the n… is one loop over rows. In each row come
loops over n…, turn after turn: what a turn has reduced is a number of the row, which later turns may
read (softmax: the maximum, then exponentials and their sum, then quotients). So a row stays in cache
from the first turn to the last, and no value over all points is written only to be read again. What
several turns read is computed again in each, or, if a function makes it dear and the row is not too
long, kept in memory for one row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from symgrad.ir.access import (
    Access,
    broadcast_strides,
    is_identity,
    iteration_space,
    space_key,
    squeezed,
    strides_of,
)
from symgrad.ir.costs import CHEAP, functions
from symgrad.ir.dims import Dim
from symgrad.ir.extents import Poly, same
from symgrad.ir.graph import Eqn, Value
from symgrad.ir.primitive import Reduce, Scalar, View, Write
from symgrad.ir.types import Shape

Key = tuple[Poly, ...]
LONGEST = 8192
"""Elements of a row that is kept: 32 KiB of float32, half of a common first-level cache."""


def is_reduction(eqn: Eqn) -> bool:
    """Whether the equation folds more than one element into one."""
    return kept_axes(eqn) is not None


def kept_axes(eqn: Eqn) -> list[int] | None:
    """Numbers, among the axes that are not plainly 1, of those a reduction keeps; None if it folds none."""
    if not isinstance(eqn.prim.lower, Reduce):
        return None
    axes = squeezed(eqn.inputs[0].type.shape)
    kept = [n for n, axis in enumerate(axes) if axis not in eqn.params["axis"]]
    return kept if len(kept) < len(axes) else None


def level(eqn: Eqn) -> int | None:
    """How many leading extents of its space index what `eqn` makes; None if others do."""
    kept = kept_axes(eqn)
    if kept is None:
        return len(space_key(iteration_space(eqn)))
    return len(kept) if kept == list(range(len(kept))) else None


@dataclass
class OpenNest:
    """A nest that still accepts equations; by rows of the first `rows` extents, unless that is 0.

    `levels` says of the values made here, as far as others here may read them, how many leading
    extents index them.
    """

    space: Shape
    key: Key
    eqns: list[Eqn] = field(default_factory=list)
    rows: int = 0
    writes: bool = False
    levels: dict[Value, int] = field(default_factory=dict)

    def hosts(self, key: Key) -> bool:
        """Whether a loop over `key` can be this one, its loop over rows, or one whose rows this is."""
        shared = min(len(key), len(self.key))
        if not shared or key[:shared] != self.key[:shared]:
            return False
        return self.rows in (0, shared) if len(key) < len(self.key) else self.rows == 0

    def rows_with(self, eqn: Eqn, key: Key, operands: Sequence[Access], rows: int = 0) -> int | str:
        """The rows the nest has once `eqn` has joined, after what gave it `rows` already, or why it cannot."""
        rows = rows or (self.rows if key == self.key else min(len(key), len(self.key)))
        for seen in operands:
            if seen.root not in self.levels:
                continue
            above = self.levels[seen.root]  # type: ignore[index]
            hint = seen.root.hint or "a value"  # type: ignore[union-attr]
            if above == len(key):
                if not (is_identity(seen) and space_key(seen.shape) == key):
                    return f"reads {hint} at other indices"
            elif above > len(key) or rows not in (0, above):
                return f"needs all of {hint} first"
            elif not reads_row(seen, iteration_space(eqn), above):
                return f"reads {hint} at other indices"
            else:
                rows = above
        if rows and (self.writes or isinstance(eqn.prim.lower, Write)):
            return "a part is written"
        return rows

    def add(self, eqn: Eqn, key: Key, operands: Sequence[Access]) -> None:
        """Let `eqn` join."""
        rows = self.rows_with(eqn, key, operands)
        assert isinstance(rows, int), rows
        self.rows = rows
        if len(key) > len(self.key):
            self.space, self.key = iteration_space(eqn), key
        self.eqns.append(eqn)
        self.writes = self.writes or isinstance(eqn.prim.lower, Write)

    def part(self, eqns: Sequence[Eqn]) -> tuple[Shape, tuple[Eqn, ...], int]:
        """The space, equations and rows of a nest of some of the equations."""
        space = max((iteration_space(e) for e in eqns), key=lambda space: len(space_key(space)))
        rank = len(space_key(space))
        by_rows = any(level(e) == self.rows for e in eqns) and self.rows < rank
        return space, tuple(eqns), self.rows if by_rows else 0


def reads_row(seen: Access, space: Shape, rows: int) -> bool:
    """Whether the view, over `space`, reads element r of its root at every point of row r."""
    strides = [broadcast_strides(seen, space)[i] for i in squeezed(space)]
    full = strides_of(seen.root.type)
    mine = [full[i] for i in squeezed(seen.root.type.shape)]
    wanted = [*mine, *[0] * (len(strides) - rows)]
    return int(seen.offset) == 0 and len(wanted) == len(strides) and all(map(same, strides, wanted))


def is_dear(eqn: Eqn) -> bool:
    """Whether to keep what `eqn` computes rather than compute it again."""
    lower = eqn.prim.lower
    if not isinstance(lower, Scalar):
        return not isinstance(lower, (Reduce, View))
    return "/" in lower.expr or not functions(eqn) <= CHEAP


def keeps(space: Shape, rows: int) -> bool:
    """Whether rows of `space` may be kept: their length is known, and not too long."""
    extents = [space[i] for i in squeezed(space)[rows:]]
    return not any(isinstance(e, Dim) for e in extents) and math.prod(extents) <= LONGEST


def plan_turns(
    space: Shape, eqns: Sequence[Eqn], rows: int, stored: Iterable[Value], roots: Mapping[Eqn, Sequence[Value]]
) -> tuple[dict[Value, int], tuple[Value, ...]]:
    """In which turn values are computed, and those kept for later turns.

    Reductions, numbers of a row and what is `stored` come as early as they can; values without a turn
    are computed wherever they are read.
    """
    stored, keep = set(stored), keeps(space, rows)
    ready: dict[Value, int] = {}
    turns: dict[Value, int] = {}
    for eqn in eqns:
        turn = max((ready[v] for v in roots[eqn] if v in ready), default=0)
        for value in eqn.outputs:
            ready[value] = turn + (is_reduction(eqn) and level(eqn) == rows)
            if is_reduction(eqn) or level(eqn) == rows or value in stored:
                turns[value] = turn
    needed: dict[Value, set[int]] = {}
    kept: list[Value] = []
    for eqn in reversed(eqns):
        out = eqn.out
        at = {turns[out]} if out in turns else needed.get(out, set())
        if out not in turns and len(at) > 1 and keep and is_dear(eqn):
            turns[out] = min(at)
            kept.append(out)
            at = {turns[out]}
        for value in roots[eqn]:
            needed.setdefault(value, set()).update(at)
    return turns, tuple(reversed(kept))
