"""The loop IR: typed scalar expressions, statements, and functions over flat buffers.

Lowering gives each kernel as `Nest` statements, which say *what* is iterated and reduced, not how.
A mapping (`cpu_map` here, a GPU's beside it) turns nests into the concrete statements; printers see
only those. Every expression has a dtype; `INDEX` is the unsigned one of subscripts and extents.
Walking and rewriting are derived from the dataclass fields, once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from symgrad.dtypes import INTEGRAL, DType

INDEX = DType("uint64", "index", np.uint64, INTEGRAL)


# -- expressions --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Const:
    """A number of a dtype."""

    value: Any
    dtype: DType


@dataclass(frozen=True)
class Var:
    """A local scalar, a scalar parameter or an extent."""

    name: str
    dtype: DType


@dataclass(frozen=True)
class Load:
    """One element; a buffer with strides of its own (`ndim` not 1) takes one index per extent."""

    buffer: str
    index: tuple["Expr", ...]
    dtype: DType


@dataclass(frozen=True)
class Op:
    """A scalar function from `codegen.scalars` applied to arguments."""

    fn: str
    args: tuple["Expr", ...]
    dtype: DType


Expr = Const | Var | Load | Op


# -- statements ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comment:
    """A line for the reader."""

    text: str


@dataclass(frozen=True)
class Let:
    """Name a value once. `note` is the user's line it comes from."""

    name: str
    value: Expr
    note: str = ""


@dataclass(frozen=True)
class Assign:
    """Set a variable that changes: an accumulator."""

    name: str
    value: Expr
    note: str = ""


@dataclass(frozen=True)
class Store:
    """Write one element."""

    buffer: str
    index: tuple[Expr, ...]
    value: Expr
    note: str = ""


@dataclass(frozen=True)
class For:
    """`var` from `start` to `stop` by `step`. `kind`: serial, block, lanes (vectorisable)."""

    var: str
    start: Expr
    stop: Expr
    step: Expr
    body: tuple["Stmt", ...]
    kind: str = "serial"


@dataclass(frozen=True)
class If:
    """The body, where `test` holds: a guard where threads run instead of loops."""

    test: Expr
    body: tuple["Stmt", ...]


@dataclass(frozen=True)
class Local:
    """Memory of the kernel's own: `size` elements of `dtype`, not set to anything."""

    name: str
    dtype: DType
    size: int


@dataclass(frozen=True)
class Do:
    """A call that is made for what it stores."""

    call: Op


@dataclass(frozen=True)
class Axis:
    """One extent of an iteration space."""

    name: str
    extent: Expr


@dataclass(frozen=True)
class Reduction:
    """Fold `value` by `op` over the axes `over` (numbers into the nest's axes).

    The result is the scalar variable `name` if all axes are folded, else it goes to the buffers
    `stores` (buffer, index over the axes kept). `scratch` is a float64 buffer for sums under way;
    names of accumulators begin with `stem`.
    """

    name: str
    stem: str
    op: str
    value: Expr
    over: tuple[int, ...]
    stores: tuple[tuple[str, Expr], ...] = ()
    scratch: str = ""
    note: str = ""


@dataclass(frozen=True)
class Nest:
    """For every point of the axes: the body, then the reductions take their values.

    The body may hold nests that go on from there: their first `inside` axes are those of the nest
    around them, and what they fold over all the others is a variable of its body.
    """

    axes: tuple[Axis, ...]
    body: tuple["Stmt", ...]
    reductions: tuple[Reduction, ...] = ()
    inside: int = 0


Stmt = Comment | Let | Assign | Store | For | If | Nest | Local | Do


# -- functions ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Param:
    """A parameter: a buffer ("array" of `ndim`), a "scalar", or an "extent"."""

    name: str
    kind: str
    dtype: DType
    ndim: int = 1


@dataclass(frozen=True)
class Function:
    """A kernel: what it is called with and what it does."""

    name: str
    params: tuple[Param, ...]
    body: tuple[Stmt, ...]
    doc: str = ""


# -- derived ------------------------------------------------------------------------------------

_NODES = {
    node: tuple(f.name for f in fields(node))
    for node in (Const, Var, Load, Op, Comment, Let, Assign, Store, For, If, Axis, Reduction, Nest, Local, Do)
}


def children(node: Any) -> Iterator[Any]:
    """The nodes directly inside `node`."""
    for name in _NODES[type(node)]:
        yield from _nodes(getattr(node, name))


def _nodes(value: Any) -> Iterator[Any]:
    if type(value) in _NODES:
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Any) -> Iterator[Any]:
    """`node` and all nodes inside, outermost first."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(reversed(list(children(top))))


def rewrite(node: Any, visit: Callable[[Any], Any]) -> Any:
    """`node` with `visit` applied to every node, innermost first."""

    def mapped(value: Any) -> Any:
        if type(value) in _NODES:
            return rewrite(value, visit)
        if isinstance(value, tuple):
            new = tuple(mapped(item) for item in value)
            return value if all(a is b for a, b in zip(new, value)) else new
        return value

    changes = {}
    for name in _NODES[type(node)]:
        old = getattr(node, name)
        if (new := mapped(old)) is not old:
            changes[name] = new
    return visit(replace(node, **changes) if changes else node)


# -- index arithmetic ---------------------------------------------------------------------------


def index(value: int) -> Const:
    """A constant subscript or extent."""
    return Const(int(value), INDEX)


def add(a: Expr, b: Expr) -> Expr:
    """a + b on indices, without adding nothing."""
    if isinstance(a, Const) and isinstance(b, Const):
        return index(a.value + b.value)
    if a == index(0):
        return b
    return a if b == index(0) else Op("add", (a, b), INDEX)


def mul(a: Expr, b: Expr) -> Expr:
    """a * b on indices, without multiplying by one."""
    if isinstance(a, Const) and isinstance(b, Const):
        return index(a.value * b.value)
    if index(0) in (a, b):
        return index(0)
    if a == index(1):
        return b
    return a if b == index(1) else Op("mul", (a, b), INDEX)
