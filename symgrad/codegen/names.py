"""Names of a module: one per place in memory, per host number and per named extent, used throughout.

A kernel calls a buffer what the entry calls it, so a reader follows a value by its name.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from functools import cached_property

from symgrad.ir.graph import Graph, Literal, Value
from symgrad.ir.text import Namer
from symgrad.passes.schedule import CELL, INPUT, OUT, TEMP, Home, Plan

RESERVED = frozenset(
    {*dir(builtins), "np", "cp", "numba", "math", "types", "time", "sys", "os", "run", "check", "float32",
     "float64", "int8", "int16", "int32", "int64", "uint8", "uint64", "bool_", "float16", "i", "j",
     "k", "l", "m", "n", "sample", "start", "stop", "njit", "blas", "glob", "workspace",
     # the samplers' functions, printed into modules that draw
     "uniform", "normal", "randint", "counters_for", "words_per", "philox_rounds", "philox_words",
     "draws64", "uniform_from", "normal_from", "randint_from", "normal_quantile", "negative_log",
     "polynomial", "draws", "draws_1", "draws_2", "draws_3", "first", "first_1", "first_2", "first_3"}
)  # fmt: skip


class Names:
    """The names of one entry's buffers, host numbers and extents."""

    def __init__(self, plan: Plan):
        self.plan = plan
        graph = plan.schedule.graph
        self.extents = extent_sources(graph)
        self.namer = Namer((*RESERVED, *self.extents))
        self.homes: dict[Home, str] = {}
        self.scratch: dict[Value, str] = {}
        self.hosts: dict[tuple[str, str], str] = {}
        for kind, values in ((INPUT, graph.inputs), (CELL, graph.cells)):
            for i, value in enumerate(values):
                self.homes[Home(kind, i)] = self.fresh(value.hint or kind)
        for (expr, _), literal in plan.schedule.hosts().items():
            known = [n for (e, d), n in self.hosts.items() if e == expr]
            self.hosts[expr, literal.type.dtype.name] = known[0] if known else self.fresh(host_hint(expr))
        for i, atom in enumerate(graph.outputs):
            hint = atom.hint if isinstance(atom, Value) else "out"
            self.homes[Home(OUT, i)] = self.fresh(hint or "out")
        for i, value in enumerate(plan.schedule.temps):
            self.homes[Home(TEMP, i)] = self.fresh(value.hint or "t")
        for value in plan.scratch:
            self.scratch[value] = self.fresh(f"{value.hint}_sums")

    def fresh(self, hint: str) -> str:
        """A name nothing in the module has."""
        return self.namer.fresh(hint)

    def local(self, taken: Iterable[str] = ()) -> Namer:
        """A namer for one kernel's locals, which avoids all module names and those `taken`."""
        return Namer(taken, outside=self.everywhere)

    @cached_property
    def places(self) -> frozenset[str]:
        """The names of places in memory."""
        return frozenset(self.homes.values())

    @cached_property
    def everywhere(self) -> frozenset[str]:
        """What means one thing in the whole module, collected once for all its kernels."""
        return frozenset((*RESERVED, *self.extents, *self.places, *self.scratch.values(), *self.hosts.values()))

    def host(self, literal: Literal) -> str:
        """The parameter that brings a host number."""
        return self.hosts[literal.expr or "", literal.type.dtype.name]


def words(text: str) -> set[str]:
    """The names that stand in a text of code; of a long one, once, not a search for each name."""
    return set(re.findall(r"[A-Za-z_]\w*", text))


def host_hint(expr: str) -> str:
    """A readable name for a host expression.

    >>> host_hint("(-lr)"), host_hint("(1.0 / n0)"), host_hint("(2.0 / (n0 * 10))")
    ('neg_lr', 'inv_n0', 'h_2_0_div_n0_mul_10')
    """
    words = expr.replace("(1.0 / ", "inv_").replace("(-", "neg_").replace("-", "_minus_")
    for symbol, word in (("**", "_pow_"), ("//", "_div_"), ("*", "_mul_"), ("/", "_div_"), ("+", "_plus_")):
        words = words.replace(symbol, word)
    clean = "_".join(p for p in "".join(c if c.isalnum() else "_" for c in words).split("_") if p)
    clean = clean[:40].rstrip("_") or "h"
    return clean if not clean[0].isdigit() else f"h_{clean}"


def extent_sources(graph: Graph) -> dict[str, tuple[int, int]]:
    """For each named extent, the external (number, axis) it is read from."""
    found: dict[str, tuple[int, int]] = {}
    for number, value in enumerate(graph.sources()):
        for axis, extent in enumerate(value.type.shape):
            expr = getattr(extent, "expr", None)
            if expr is not None and expr.isidentifier():
                found.setdefault(expr, (number, axis))
    return found
