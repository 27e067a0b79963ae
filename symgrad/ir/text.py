"""Graphs as text that is Python to the eye; `ir/parse.py` reads it back.

`print_graph` is deterministic: names come from hints through one namer. Trailing comments say each
output's type, the user's line, the phase, and what an equation was derived from.
`print_graph(parse(print_graph(g))) == print_graph(g)`.

    def loss(x: f32[64,10], *, w: f32[10,1], lr: host):
        h = matmul(x, w)  # f32[64,1] train.py:12
        w[...] = h
        return h

A graph that is a parameter (a branch, a loop's body) is a nested `def` before its equation, which names it.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from symgrad import dtypes
from symgrad.ir.graph import FORWARD, Atom, Eqn, Graph, Literal, Value

_CLEAN = re.compile(r"\W+")
_NOT_NAMES = ("host", "inf", "nan")  # they mean something where a value's name could stand


class Namer:
    """Deterministic unique names from hints; avoids keywords, what is reserved and what is `outside`."""

    def __init__(self, reserved: Iterable[str] = (), outside: AbstractSet[str] = frozenset()):
        self._used, self._outside = set(reserved), outside
        self._names: dict[Value, str] = {}
        self._next: dict[str, int] = {}

    def fresh(self, hint: str) -> str:
        """A name like `hint` that nothing has yet."""
        base = _CLEAN.sub("_", hint).strip("_") or "t"
        if base[0].isdigit() or keyword.iskeyword(base) or not base.isascii():
            base = "v" + (base if base.isascii() else "")
        name = base
        while name in self._used or name in self._outside:
            self._next[base] = self._next.get(base, 0) + 1
            name = f"{base}_{self._next[base]}"
        self._used.add(name)
        return name

    def __call__(self, value: Value) -> str:
        name = self._names.get(value)
        if name is None:
            name = self._names[value] = self.fresh(value.hint)
        return name


def namer_of(graph: Graph) -> Namer:
    """A namer that avoids what else stands in the graph's text: hosts and primitives."""
    return Namer((*_NOT_NAMES, *graph.hosts, *(eqn.prim.name for eqn in graph.eqns)))


def print_graph(graph: Graph, *, comments: bool = True) -> str:
    """The graph as text; `comments=False` leaves out types and locations."""
    namer = namer_of(graph)
    lines: list[tuple[str, str]] = []
    head = [f"{namer(v)}: {v.type}" for v in graph.inputs]
    if graph.cells or graph.hosts:
        head.append("*")
        head += [f"{namer(v)}: {v.type}" for v in graph.cells]
        head += [f"{name}: host" for name in graph.hosts]
    for eqn in graph.eqns:
        params = dict(eqn.params)
        for key, nested in sorted(eqn.graphs.items()):
            params[key] = nested = nested.replace(name=namer.fresh(nested.name))
            lines += [(line, "") for line in print_graph(nested, comments=comments).splitlines()]
        call = ", ".join(
            [print_atom(a, namer, eqn) for a in eqn.inputs]
            + [f"{k}={print_param(v)}" for k, v in sorted(params.items())]
        )
        targets = ", ".join(namer(v) for v in eqn.outputs)
        types = ", ".join(str(v.type) for v in eqn.outputs)
        note = " ".join(p for p in (
            types, str(eqn.loc or "").replace(" ", "_"), "" if eqn.phase == FORWARD else eqn.phase,
            f"<- {eqn.origin}" if eqn.origin else "") if p)  # fmt: skip
        lines.append((f"{targets} = {eqn.prim.name}({call})", note))
    for cell, value in graph.effects:
        lines.append((f"{namer(cell)}[...] = {print_atom(value, namer)}", ""))
    lines.append(("return " + ", ".join(print_atom(a, namer) for a in graph.outputs), ""))
    width = min(max(len(code) for code, _ in lines), 60)
    body = [
        f"    {code.ljust(width)}  # {note}" if comments and note else f"    {code}".rstrip()
        for code, note in lines
    ]
    return "\n".join([f"def {graph.name}({', '.join(head)}):", *body]) + "\n"


def print_atom(atom: Atom, name: Callable[[Value], str], eqn: Eqn | None = None) -> str:
    """A value's name, or a literal; a literal's dtype is left out where its equation gives it."""
    if isinstance(atom, Value):
        return name(atom)
    text = literal_text(atom)
    if atom.expr is not None:
        return f"host({atom.expr!r}, {atom.type.dtype.short}({text}))"
    first = _first_dtype(eqn.inputs) if eqn is not None else None
    return text if first is atom.type.dtype else f"{atom.type.dtype.short}({text})"


def literal_text(literal: Literal) -> str:
    """The shortest number that reads back as this literal in its own dtype."""
    value = literal.value
    if isinstance(value, float) and literal.type.dtype.itemsize < 8 and math.isfinite(value):
        return str(float(str(literal.type.dtype.np.type(value))))
    return _number(value)


def _first_dtype(inputs: Iterable[Atom]) -> dtypes.DType | None:
    return next((a.type.dtype for a in inputs if isinstance(a, Value)), None)


def _number(value: Any) -> str:
    if isinstance(value, complex):
        return f"complex({value.real!r}, {value.imag!r})"
    return repr(value) if isinstance(value, bool) else repr(value.real)


def print_param(value: Any) -> str:
    """A static parameter as a Python literal; dtypes by name."""
    if isinstance(value, (dtypes.DType, Graph)):
        return value.name
    if isinstance(value, tuple):
        return "(" + ", ".join(print_param(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, (bool, int, float, complex)):
        return _number(value)
    if value is None or value is Ellipsis or isinstance(value, str):
        return repr(value)
    if isinstance(value, slice):
        return f"slice({value.start}, {value.stop}, {value.step})"
    name = getattr(value, "__qualname__", None) or repr(value)
    return f"opaque({name!r})"
