"""Equations that have nothing to do with each other, though they loop over the same extents.

Fused into one loop they would only compete for registers, and no compiler proves forty arrays distinct
to vectorise it: ten parameters of one shape are ten loops of a kernel, not one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from symgrad.ir.graph import Eqn, Value


def components(eqns: Sequence[Eqn], touched: Callable[[Eqn], Iterable[Value]]) -> list[tuple[Eqn, ...]]:
    """Groups of equations that touch no common value, in order of their first equations."""
    leader = list(range(len(eqns)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    seen: dict[Value, int] = {}
    for i, eqn in enumerate(eqns):
        for value in touched(eqn):
            a, b = find(seen.setdefault(value, i)), find(i)
            leader[max(a, b)] = min(a, b)
    groups: dict[int, list[Eqn]] = {}
    for i, eqn in enumerate(eqns):
        groups.setdefault(find(i), []).append(eqn)
    return [tuple(group) for group in groups.values()]
