"""What to keep so that other values can be computed again: a minimum vertex cut.

Source: Jain et al., the recomputation cut of PyTorch's AOTAutograd; maximum flow by augmenting paths (Ford and
Fulkerson, 1956). The flow runs from what is wanted to what it is made of. A search that finds no path leaves
behind values from which no later search can find one, so each value is given up once, and the time is near-linear
in graphs where what depends on each other lies together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from symgrad.ir.graph import Value

HEADER = 64
"""Bytes that a buffer costs beside its elements, so that few are kept rather than many."""

Half = tuple[Value, bool]  # where flow comes to a value, or (True) leaves it for what it is made of
Feeds = Callable[[Value], Sequence[Value] | None]
Cost = Callable[[Value], int]


def cheapest(wanted: Iterable[Value], feeds: Feeds, cost: Cost, toll: Cost = lambda value: 0) -> list[Value]:
    """The values of least total cost from which all `wanted` can be computed, in the order they are met.

    `feeds` are what a value can be computed from again, or None if it cannot be; `toll` is what computing it again
    costs. Among cuts of one cost it is the one nearest to what is wanted, so that least is computed twice.
    """
    flow = _Flow(feeds, cost, toll)
    for value in wanted:
        while path := flow.path_from(value):
            flow.push(path)
    return [value for value, left in flow.closed if not left and (value, True) not in flow.closed]


_ENDLESS = 2**62


class _Flow:
    def __init__(self, feeds: Feeds, cost: Cost, toll: Cost):
        self.feeds, self.cost, self.toll = feeds, cost, toll
        self.paid: dict[Value, int] = defaultdict(int)
        self.through: dict[Value, int] = defaultdict(int)
        self.along: dict[tuple[Value, Value], int] = defaultdict(int)
        self.readers: dict[Value, list[Value]] = defaultdict(list)
        self.closed: dict[Half, None] = {}

    def path_from(self, wanted: Value) -> list[Half]:
        """A way with room from `wanted` to where flow may end; if there is none, all that was met is closed."""
        came_from: dict[Half, Half | None] = {(wanted, False): None}
        waiting = [(wanted, False)] if (wanted, False) not in self.closed else []
        for half in waiting:  # grows as it is walked
            value, leaving = half
            if leaving and self.end(value) > 0:
                path: list[Half] = []
                at: Half | None = half
                while at is not None:
                    path.append(at)
                    at = came_from[at]
                return path[::-1]
            for after in self.onward(value, leaving):
                if after not in came_from and after not in self.closed:
                    came_from[after] = half
                    waiting.append(after)
        self.closed.update(dict.fromkeys(waiting))
        return []

    def onward(self, value: Value, leaving: bool) -> list[Half]:
        """Where flow can go on, or be taken back."""
        if leaving:
            back: list[Half] = [(value, False)] if self.through[value] else []
            return [*((feed, False) for feed in self.feeds(value) or ()), *back]
        back = [(reader, True) for reader in self.readers[value] if self.along[reader, value]]
        return [(value, True), *back] if self.room(value) > 0 else back

    def end(self, value: Value) -> int:
        """How much may end at a value: anything where it cannot be computed again, else its toll."""
        return _ENDLESS if self.feeds(value) is None else self.toll(value) - self.paid[value]

    def room(self, value: Value) -> int:
        """How much more may flow through a value."""
        return self.cost(value) - self.through[value]

    def push(self, path: list[Half]) -> None:
        """Send along the path what it has room for."""
        steps = list(zip(path, path[1:]))
        last, _ = path[-1]
        amount = min(self.end(last), *(self._room(a, b) for a, b in steps))
        self.paid[last] += amount
        for (a, leaving), (b, _) in steps:
            if a is b:
                self.through[a] += -amount if leaving else amount
            elif leaving:
                if not self.along[a, b]:
                    self.readers[b].append(a)
                self.along[a, b] += amount
            else:
                self.along[b, a] -= amount

    def _room(self, start: Half, stop: Half) -> int:
        (a, leaving), (b, _) = start, stop
        if a is b:
            return self.through[a] if leaving else self.room(a)
        return self.along[b, a] if not leaving else _ENDLESS
