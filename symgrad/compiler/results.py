"""Who owns what a compiled call returns: pooled memory, handed on the moment somebody holds it.

Gradients and scalar outputs of a program lie in one arena per dtype (one argument of the emitted
entry each, not one per gradient). `p.grad` is a promise until it is read; reading it, or keeping an
output tensor, makes the arena the reader's, and the next call takes another.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.ir.graph import Atom
from symgrad.tensor.core import Tensor, wrap

_ALIGN = 16  # elements: a cache line of float32


class Promise:
    """A gradient that nobody has looked at yet."""

    __slots__ = ("arena", "index")

    def __init__(self, arena: "Arena", index: int):
        self.arena = arena
        self.index = index

    def materialize(self) -> Tensor:
        """The gradient as a tensor; its arena now belongs to whoever asked."""
        self.arena.escaped = True
        return wrap(self.arena.views[self.index])


class Layout:
    """Which outputs share an arena, and where in it."""

    def __init__(self, outputs: Sequence[Atom], pooled: Sequence[int], scalars: Sequence[int]):
        self.outputs = outputs
        self.pooled = tuple(dict.fromkeys([*scalars, *pooled]))
        self.scalars = tuple(scalars)
        self.sizes: dict[Any, int] = {}
        self.places: dict[int, tuple[str, int]] = {}
        for index in self.pooled:
            kind = outputs[index].type
            start = self.sizes.get(kind.dtype, 0)
            self.places[index] = (f"out_{kind.dtype.short}", start)
            step = int(kind.size)
            self.sizes[kind.dtype] = start + (step if step < _ALIGN else -(-step // _ALIGN) * _ALIGN)

    @property
    def packs(self) -> dict[int, tuple[str, int]]:
        """For the emitter: output index -> (arena argument, element offset)."""
        return self.places


class Arena:
    """One generation of the pooled outputs.

    The generated call reads its members as attributes: `array` (when there is one dtype), `s0 …` the
    scalar views, `g7 …` the promises by output index.
    """

    def __init__(self, layout: Layout, arrays: Any = np):
        self.arrays = {f"out_{d.short}": arrays.zeros(n, d.np) for d, n in layout.sizes.items()}
        self.array = next(iter(self.arrays.values()), None)
        self.views: dict[int, Any] = {}
        for index, (name, start) in layout.places.items():
            kind = layout.outputs[index].type
            flat = self.arrays[name][start : start + int(kind.size)]
            self.views[index] = flat.reshape(tuple(int(e) for e in kind.shape))
        self.count = len(layout.scalars)
        for number, index in enumerate(layout.scalars):
            setattr(self, f"s{number}", self.views[index])
        self.promises = {index: Promise(self, index) for index in layout.pooled}
        for index, promise in self.promises.items():
            setattr(self, f"g{index}", promise)
        self.escaped = False

    def held(self) -> bool:
        """Whether somebody keeps an output or has read a gradient."""
        if self.escaped:
            return True
        return any(sys.getrefcount(getattr(self, f"s{i}")) > HELD for i in range(self.count))


def _baseline() -> int:
    """The reference count seen for a view that nobody outside its arena holds."""

    class Probe:
        s0: Any = None

    probe = Probe()
    views = {0: np.zeros(1)[:1]}
    probe.s0 = views[0]
    return sys.getrefcount(probe.s0)


HELD = _baseline()
