"""Run a user's function once with symbols and keep everything a compiled program must know.

The trace is a transaction: concrete tensors, gradients, generators and Python objects are afterwards
as they were, whether it succeeded or raised. Its `Traced` result says what to compute (`graph`), what
to hand back, which state to write, and under which conditions all that holds.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad.capture.branches import Branch, Item
from symgrad.capture.capture import Capture
from symgrad.capture.cells import Cell, GradSlot
from symgrad.capture.outputs import Output, describe_outputs
from symgrad.capture.reads import Read, Reads
from symgrad.capture.unify import unify
from symgrad.errors import RandomStateError, SideEffectError
from symgrad.ir.dims import Dim
from symgrad.ir.graph import Eqn, Graph, Value
from symgrad.ops.custom import custom
from symgrad.ops.gradients import gradients
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, concretization, fresh_node, wrap
from symgrad.tensor.pytree import flatten, unflatten


@dataclass
class Traced:
    """A function's meaning for one signature."""

    graph: Graph
    structure: Any
    outputs: list[Output]
    arguments: list[tuple[int, Value]]
    cells: list[Cell]
    grads: list[tuple[GradSlot, int]]
    hosts: dict[str, tuple[Any, Any]]
    dims: dict[str, tuple[int, int]]
    conditions: tuple[str, ...]
    reads: list[Read]
    members: list[tuple[Any, str, Any]]
    names: list[tuple[Any, str, tuple[str, ...]]]
    draws: list[tuple[Any, int]]
    leaf_of: dict[Value, Tensor]
    grad_reads: list[GradSlot] = field(default_factory=list)
    differentiable: tuple[int, ...] = ()
    pinned: tuple[tuple[int, Tensor], ...] = ()
    seconds: float = 0.0
    argument_of: dict[int, int] = field(default_factory=dict)
    made: frozenset[int] = frozenset()
    touched: tuple[Tensor, ...] = ()
    joined: tuple[tuple[int, Tensor], ...] = ()
    leaf_hooks: tuple[tuple[Tensor, tuple[Any, ...]], ...] = ()
    lift: Any = None
    attend: Any = nullcontext
    branches: tuple[Branch, ...] = ()
    first_branch: int = 0

    @property
    def outcomes(self) -> tuple[bool, ...]:
        """The path: how each branch on a tensor's value turned out, in order."""
        return tuple(b.outcome for b in self.branches)


def trace(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], evaluator: Any = None,
    moving: Collection[tuple[int, int]] = (),
) -> Traced:
    """Capture `function(*args, **kwargs)`; raises a TraceError where it cannot be one static graph.

    `evaluator(capture)` gives what computes a condition's value during the trace; without one, a branch
    on a tensor's value cannot be captured either. Conditions are the graph's last outputs. `moving`: which
    extents, by argument and dimension, get names besides the first of each argument: those of the rest are
    numbers, which loops are faster for.
    """
    start = time.perf_counter()
    leaves, structure = flatten((args, kwargs))
    tensors: list[Tensor] = []
    place: list[int] = []
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, (Tensor, np.ndarray)):
            tensors.append(_alias(leaf) if isinstance(leaf, Tensor) else wrap(leaf))
            place.append(i)
    with state.eagerly():
        capture = Capture(tensors, place)
    capture.evaluator = evaluator
    names = _leaf_names(function, args, kwargs)
    given = list(leaves)
    for i, tensor in zip(place, tensors):
        if isinstance(given[i], Tensor):
            given[i] = tensor
    for i, leaf in enumerate(leaves):
        if type(leaf) is float:
            given[i] = capture.host(names.get(i, f"arg{i}"), leaf, "argument", i)
    call_args, call_kwargs = unflatten(structure, given)
    dims = _tag_extents(capture, tensors, place, names, moving)
    reads = Reads(capture.born)
    old = state.enter_capture(capture)
    try:
        reads.roots(function, [*call_args, *call_kwargs.values(), *leaves])
        with reads:
            result = function(*call_args, **call_kwargs)
        traced = _finish(capture, reads, function, result, tensors, place)
    except BaseException:
        reads.random_consumed()
        reads.side_effects()
        for undo in reversed(capture.undo):
            undo()
        raise
    finally:
        state.enter_capture(old)
    traced.dims = dims
    traced.seconds = time.perf_counter() - start
    return traced


def _alias(argument: Tensor) -> Tensor:
    """An argument that is a view, without its base: the next call's may have another."""
    if argument._view is None:
        return argument
    alias = wrap(argument._data, type(argument))
    alias._rg, alias._node, alias._grad = argument._rg, fresh_node(argument), argument._grad
    return alias


def _leaf_names(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[int, str]:
    """Names of top-level arguments by leaf number."""
    target = function.forward if hasattr(function, "forward") and not inspect.isfunction(function) else function
    try:
        bound = inspect.signature(target).bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {}
    names: dict[int, str] = {}
    number = 0
    labels: list[tuple[str, Any]] = []
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            labels += [(f"{name}{k}", v) for k, v in enumerate(value)]
        elif kind is inspect.Parameter.VAR_KEYWORD:
            labels += list(value.items())
        else:
            labels.append((name, value))
    by_id = {id(v): n for n, v in labels}
    for value in (*args, *kwargs.values()):
        count = len(flatten(value)[0])
        base = by_id.get(id(value), "arg")
        for k in range(count):
            names[number + k] = base if count == 1 else f"{base}_{k}"
        number += count
    return names


def _tag_extents(
    capture: Capture, tensors: list[Tensor], place: list[int], names: dict[int, str],
    moving: Collection[tuple[int, int]],
) -> dict[str, tuple[int, int]]:
    """Give argument types extents that know their origin; equal extents share a name."""
    dims: dict[str, tuple[int, int]] = {}
    by_extent: dict[int, Dim] = {}
    for number, tensor in enumerate(tensors):
        cell = capture.cell(tensor)
        if cell.argument != place[number]:
            continue
        shape = []
        for axis, extent in enumerate(cell.entry.type.shape):
            if extent > 1 and (axis == 0 or (place[number], axis) in moving):
                if extent not in by_extent:
                    name = f"n{len(dims)}"
                    dims[name] = (place[number], axis)
                    by_extent[extent] = Dim(extent, name)
                extent = by_extent[extent]
            shape.append(extent)
        cell.entry.type = cell.entry.type.with_shape(tuple(shape), cell.entry.type.strides)
        capture.extents[id(tensor)] = tuple(shape)
        cell.entry.hint = names.get(place[number], f"arg{number}")
    return dims


def _finish(
    capture: Capture, reads: Reads, function: Any, result: Any, tensors: list[Tensor], place: list[int]
) -> Traced:
    _refuse_effects(reads)
    _name_cells(capture, reads)
    leaves, structure = flatten(result)
    if any(type(leaf) is Item for leaf in leaves):
        raise concretization("returning what .item() gave")
    values: list[Any]
    outputs, values = describe_outputs(capture, leaves)
    for slot in capture.grads.values():
        slot.argument = capture.arguments.get(id(slot.tensor))
    grads: list[tuple[GradSlot, int]] = []
    for slot in capture.grads.values():
        if not slot.written or slot.now is slot.before and slot.read_first:
            continue
        index = -1
        if slot.now is not None and type(slot.now._data) is Value:
            index = len(values)
            values.append(capture.value_of(slot.now))
        grads.append((slot, index))
    first_branch = len(values)
    values += [branch.value for branch in capture.branches]
    for one, other in capture.shared:
        if one.written or other.written:
            raise SideEffectError("two tensors share memory in part and one of them is written",
                                  hint="clone() one of them")  # fmt: skip
    cells = list({id(c): c for c in capture.cells.values()}.values())
    arguments = [(c.argument, c.entry) for c in cells if c.argument is not None and not c.written]
    arguments.sort(key=lambda pair: pair[0])
    state_cells = [c for c in cells if c.argument is None or c.written]
    graph = unify(Graph(
        getattr(function, "__name__", type(function).__name__.lower()),
        tuple(v for _, v in arguments), tuple(capture.builder.eqns), tuple(values),
        tuple(c.entry for c in state_cells), tuple(capture.hosts),
        tuple((c.entry, c.now) for c in state_cells if c.written and c.now is not c.entry),
    ))  # fmt: skip
    traced = Traced(
        graph, structure, outputs, arguments, state_cells, grads, dict(capture.hosts), {},
        tuple(capture.conditions), reads.guards(set(capture.by_memory)), list(capture.members.values()),
        list(capture.names.values()),
        [(entry[0], entry[1]) for entry in capture.draws.values()], dict(capture.leaf_of),
        [s for s in capture.grads.values() if s.read_first],
        tuple(i for i, o in enumerate(outputs) if o.group >= 0),
    )  # fmt: skip
    traced.branches, traced.first_branch = tuple(capture.branches), first_branch
    traced.argument_of = dict(capture.arguments)
    traced.joined = tuple(
        (cell.argument, t) for t in capture.touched.values()
        if (cell := capture.cells.get(id(t))) is not None and cell.argument is not None)
    traced.touched = tuple(capture.touched.values())
    traced.made = frozenset(id(t) for t in capture.leaf_of.values() if type(t._data) is Value)

    traced.leaf_hooks = tuple(
        pair for pair in capture.leaf_hooks.values() if id(pair[0]) not in capture.arguments)
    traced.pinned = _pinned(capture, reads, tensors)

    def lift(tensor: Tensor) -> Value:
        """A concrete tensor that a hook or custom backward brings in becomes one more cell."""
        with state.eagerly():
            cell = capture.cell(tensor)
        if cell not in traced.cells and cell.argument is None:
            traced.cells.append(cell)
        return cell.entry

    @contextmanager
    def attend() -> Iterator[None]:
        """User code that runs while the gradients are derived: what it reads is guarded, what it changes refused."""
        try:
            with reads:
                yield
        except BaseException:
            reads.random_consumed()
            reads.side_effects()
            raise
        _refuse_effects(reads)
        traced.reads[:] = reads.guards(set(capture.by_memory))

    traced.lift = lift
    if any(eqn.prim is custom or eqn.params.get("hooks") for eqn in graph.eqns):
        traced.attend = attend
    return traced


def _refuse_effects(reads: Reads) -> None:
    """Raise if user code drew from a global random state or changed an object; both are put back."""
    if reads.random_consumed():
        raise RandomStateError(
            "Python's or NumPy's global random state was consumed while tracing; its draw would be "
            "frozen into the graph", loc=reads.random_loc,
            hint="draw with symgrad's own generator, or pass the number as an argument")
    changed = reads.side_effects()
    drawn = [read for read in changed if read.seen[0] == "generator"]
    if drawn:
        raise RandomStateError(
            f"{drawn[0].text} was drawn from while tracing; its draw would be frozen into the graph",
            loc=drawn[0].loc, hint="draw with symgrad's own generator, or pass the number as an argument")
    if changed:
        raise SideEffectError(
            f"the traced function changed {changed[0].text!r}, which the compiled program would not",
            loc=changed[0].loc, hint="return the value and change the object outside")


def _pinned(capture: Capture, reads: Reads, tensors: list[Tensor]) -> tuple[tuple[int, Tensor], ...]:
    """Arguments that user code also reaches by another way: the trace holds for these very tensors."""
    reached: set[int] = set()
    for read in reads.found.values():
        value = read.current()
        items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        reached.update(map(id, items))
    reached.update(id(value) for _, _, value in capture.members.values())
    reached.update(id(t) for t in capture.stepped)
    return tuple((capture.arguments[id(t)], t) for t in tensors if id(t) in reached)


def _name_cells(capture: Capture, reads: Reads) -> None:
    """Hints for cells: module member paths, else the variable they were read from."""
    prefix: dict[int, str] = {}
    for module, name, value in capture.members.values():
        path = f"{prefix.get(id(module), '')}{name}"
        if not isinstance(value, Tensor):
            prefix[id(value)] = path + "_"
        elif id(value) in capture.cells:
            capture.cells[id(value)].entry.hint = capture.cells[id(value)].entry.hint or path
    for read in reads.found.values():
        value = read.current()
        if isinstance(value, Tensor) and id(value) in capture.cells:
            cell = capture.cells[id(value)]
            cell.entry.hint = cell.entry.hint or read.text.rpartition(".")[2]
    for module, _, _ in capture.members.values():
        for param, slots in getattr(module, "state", {}).items() if hasattr(module, "param_groups") else ():
            for key, slot in slots.items():
                if isinstance(slot, Tensor) and id(slot) in capture.cells and id(param) in capture.cells:
                    cell = capture.cells[id(slot)]
                    cell.entry.hint = cell.entry.hint or f"{capture.cells[id(param)].entry.hint or 'p'}_{key}"
    for cell in capture.cells.values():
        cell.entry.hint = cell.entry.hint or "state"
        if cell.written:
            cell.now.hint = f"{cell.entry.hint}_new"
    for eqn in capture.builder.eqns:
        name_operands(eqn)
        if eqn.prim is gradients:
            for target, out in zip(eqn.inputs[2 * eqn.params["roots"] :], eqn.outputs):
                if isinstance(target, Value):
                    out.hint = f"g_{target.hint}"


def name_operands(eqn: Eqn) -> None:
    """What a nested graph is given is called there as it is outside."""
    for graph in eqn.graphs.values():
        for outer, inner in zip(reversed(eqn.inputs), reversed(graph.inputs)):
            if isinstance(outer, Value) and not inner.hint:
                inner.hint = outer.hint
        for nested in graph.eqns:
            name_operands(nested)
