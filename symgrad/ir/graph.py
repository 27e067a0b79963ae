"""The graph: an immutable list of equations in SSA form, in topological order by construction.

`Value` identity is its name; names in text come from hints through one deterministic namer.
Cells are state (parameters, buffers, optimizer slots): read at every call and, where `effects`
says so, written at the end of it. Hosts name scalars that Python owns (a learning rate, an extent);
literals whose `expr` mentions them are computed anew at each call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from symgrad.dtypes import DType
from symgrad.errors import Loc
from symgrad.ir.primitive import Primitive
from symgrad.ir.types import TensorType

FORWARD, BACKWARD, UPDATE = "forward", "backward", "update"


class Value:
    """A tensor the program computes or is given; compared by identity."""

    __slots__ = ("type", "hint")

    def __init__(self, type: TensorType, hint: str = ""):
        self.type = type
        self.hint = hint

    def __repr__(self) -> str:
        return f"<{self.hint or 'value'}: {self.type}>"


class Literal:
    """A scalar written in the graph, typed.

    `expr` is set when the host computes it anew at each call, from an argument's extents or from a
    hyper-parameter: then `value` is only what it was in the trace, and no rule may look at it.
    """

    __slots__ = ("value", "expr", "type")

    def __init__(self, value: Any, dtype: DType, expr: str | None = None):
        self.value = dtype.np.type(value).item()
        self.expr = expr if expr is not None else getattr(value, "expr", None)
        self.type = TensorType((), dtype)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Literal) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def key(self) -> tuple[str, DType]:
        """What makes two literals one (repr, so that -0.0 is not 0.0 and nan is nan)."""
        return (self.expr or repr(self.value), self.type.dtype)

    def __repr__(self) -> str:
        return f"{self.type.dtype.short}({self.expr or self.value!r})"


Atom = Value | Literal


@dataclass(frozen=True, eq=False)
class Eqn:
    """One equation: outputs = prim(inputs, **params).

    `phase` is forward, backward or update. `origin` is, for an equation made by a gradient rule,
    the forward equation it came from (provenance, not meaning).
    """

    prim: Primitive
    inputs: tuple[Atom, ...]
    params: Mapping[str, Any]
    outputs: tuple[Value, ...]
    loc: Loc | None = None
    phase: str = FORWARD
    origin: str = ""

    @property
    def graphs(self) -> "dict[str, Graph]":
        """The parameters that are graphs: the parts of control flow."""
        return {name: p for name, p in self.params.items() if isinstance(p, Graph)}

    @property
    def out(self) -> Value:
        """The single output."""
        (out,) = self.outputs
        return out

    def operands(self) -> dict[str, Any]:
        """Inputs by operand name."""
        return self.prim.named(self.inputs)


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole program: inputs, cells and hosts in; equations; outputs and effects out."""

    name: str
    inputs: tuple[Value, ...]
    eqns: tuple[Eqn, ...]
    outputs: tuple[Atom, ...]
    cells: tuple[Value, ...] = ()
    hosts: tuple[str, ...] = ()
    effects: tuple[tuple[Value, Atom], ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        from symgrad.ir.text import print_graph

        return print_graph(self)

    def verify(self) -> "Graph":
        """Check every invariant; returns the graph itself. See `symgrad.ir.verify`."""
        from symgrad.ir.verify import verify

        return verify(self)

    def to_networkx(self) -> Any:
        """The analysis view: a `networkx.DiGraph` of equations. See `symgrad.ir.analysis`."""
        from symgrad.ir.analysis import to_networkx

        return to_networkx(self)

    def sources(self) -> tuple[Value, ...]:
        """All values that come from outside."""
        return (*self.inputs, *self.cells)

    def results(self) -> Iterator[Atom]:
        """All atoms that leave: outputs, then new values of cells."""
        yield from self.outputs
        for _, value in self.effects:
            yield value

    def replace(self, **changes: Any) -> "Graph":
        """A copy with fields changed."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Graph(**{**fields, **changes})
