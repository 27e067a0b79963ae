"""Where a value's elements live: the root that has memory, and strides into it.

Views and aliases do no work. Every value resolves to an `Access`: the value (or literal) that is
really computed or given, and the element layout by which it is seen. A view that no strides can say
is its own root, because somebody has to copy it.
"""

from __future__ import annotations

from dataclasses import dataclass

from symgrad.ir.dims import Dim
from symgrad.ir.extents import Poly, poly, same
from symgrad.ir.graph import Atom, Eqn, Graph, Literal, Value
from symgrad.ir.primitive import Alias, Reduce, Scalar, View, Write
from symgrad.ir.types import Shape, TensorType, contiguous_strides


@dataclass(frozen=True)
class Access:
    """`root` seen with this shape, element strides and offset."""

    root: Atom
    shape: Shape
    strides: Shape
    offset: int = 0


def strides_of(type: TensorType) -> Shape:
    """Element strides of a value that is computed: the type's if they leave no gaps, else row-major."""
    return type.strides if type.strides is not None and reordered(type) else contiguous_strides(type.shape)


def reordered(type: TensorType) -> bool:
    """Whether the type lays its elements out densely, but in another order than row-major."""
    if type.strides is None:
        return False
    step = 1
    for stride, extent in sorted((int(s), int(e)) for s, e in zip(type.strides, type.shape) if int(e) != 1):
        if stride != step:
            return False
        step *= extent
    return True


def own(atom: Atom) -> Access:
    """A root's access to itself."""
    return Access(atom, atom.type.shape, strides_of(atom.type))


def accesses(graph: Graph) -> dict[Value, Access]:
    """The access of every value of the graph."""
    found: dict[Value, Access] = {value: own(value) for value in graph.sources()}
    for eqn in graph.eqns:
        for position, value in enumerate(eqn.outputs):
            found[value] = _of_output(eqn, position, value, found)
    return found


def _of_output(eqn: Eqn, position: int, value: Value, found: dict[Value, Access]) -> Access:
    if isinstance(eqn.prim.lower, Alias):
        return access(eqn.inputs[position], found)
    if isinstance(eqn.prim.lower, View):
        base = access(eqn.inputs[0], found)
        if isinstance(base.root, Literal):
            return Access(base.root, value.type.shape, (0,) * value.type.ndim)
        layout = eqn.prim.lower.layout(base.shape, base.strides, base.offset, **eqn.params)
        if layout is not None:
            return Access(base.root, *layout)
    if eqn.prim.name == "full":
        literal = Literal(eqn.params["value"], value.type.dtype)
        return Access(literal, value.type.shape, (0,) * value.type.ndim)
    return own(value)


def access(atom: Atom, found: dict[Value, Access]) -> Access:
    """The access of an atom; a literal is its own root."""
    return found[atom] if isinstance(atom, Value) else own(atom)


def squeezed(shape: Shape) -> tuple[int, ...]:
    """The positions of extents that are not plainly 1 (a batch size that happens to be 1 stays)."""
    return tuple(i for i, e in enumerate(shape) if e != 1 or isinstance(e, Dim))


def space_key(shape: Shape) -> tuple[Poly, ...]:
    """What two iteration spaces must share to be one: extents, those of 1 left out."""
    return tuple(poly(shape[i]) for i in squeezed(shape))


def iteration_space(eqn: Eqn) -> Shape:
    """The shape an equation loops over: its operand's if it reduces or reorders, else its own."""
    if isinstance(eqn.prim.lower, (Reduce, View)):
        return eqn.inputs[0].type.shape
    assert isinstance(eqn.prim.lower, (Scalar, Write)) or not isinstance(eqn.prim.lower, Alias)
    return eqn.out.type.shape


def is_scalar(shape: Shape) -> bool:
    """Whether there is always exactly one element."""
    return not squeezed(shape)


def is_identity(seen: Access) -> bool:
    """Whether element k of the view is element k of the root, extents of 1 aside."""
    type = seen.root.type
    if int(seen.offset) != 0 or space_key(seen.shape) != space_key(type.shape):
        return False
    own_strides, full = strides_of(type), strides_of(type)
    mine = [seen.strides[i] for i in squeezed(seen.shape)]
    own_strides = tuple(full[i] for i in squeezed(type.shape))
    return all(same(a, b) for a, b in zip(mine, own_strides)) or int(type.size) == 0


def at_own_index(eqn: Eqn, seen: Access) -> bool:
    """Whether the loop of `eqn` reads at each of its points the element of the root with that index."""
    return is_identity(seen) and space_key(seen.shape) == space_key(iteration_space(eqn))


def broadcast_strides(seen: Access, shape: Shape) -> Shape:
    """Strides of the access when repeated to `shape` by NumPy's rule."""
    pad = len(shape) - len(seen.shape)
    inner = tuple(
        0 if int(e) == 1 and int(shape[pad + i]) != 1 else s
        for i, (e, s) in enumerate(zip(seen.shape, seen.strides))
    )
    return (0,) * pad + inner


def is_dense(seen: Access) -> bool:
    """Whether BLAS can read the last two extents: one of them dense, the other at least as long."""
    return not isinstance(seen.root, Literal) and leading(seen) is not None


def leading(seen: Access) -> tuple[bool, int] | None:
    """(transposed, leading dimension) of the matrix, or None if BLAS cannot read it."""
    rows, columns = seen.shape[-2:]
    down, across = seen.strides[-2:]
    if int(across) == 1 or int(columns) <= 1:
        if int(rows) <= 1:
            return False, columns
        if int(down) >= int(columns):
            return False, down
    if int(down) == 1 or int(rows) <= 1:
        if int(columns) <= 1:
            return True, rows
        if int(across) >= int(rows):
            return True, across
    return None
