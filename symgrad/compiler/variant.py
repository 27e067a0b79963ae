"""One compiled signature: binds arrays to the emitted entry, runs it, and leaves eager's state behind.

Order of a call: resolve arrays and host numbers (nothing changed yet) → run the entry, which writes
cells in place → commit: versions, `.grad`, generator offsets. A failure before the commit leaves all
state as it was. A program with branches writes no cell itself: see `compiler/paths.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from symgrad.capture.cells import memory_of, same_memory
from symgrad.capture.outputs import Output
from symgrad.compiler.backends import Entry, array_module
from symgrad.compiler.evaluate import Evaluator, on_host
from symgrad.compiler.fastpath import generate
from symgrad.compiler.guards import Guards
from symgrad.compiler.paths import OtherPath, turned
from symgrad.compiler.program import Program
from symgrad.compiler.pullback import attach_backward
from symgrad.compiler.results import Arena, Layout
from symgrad.errors import BackendError, InplaceError
from symgrad.ir.access import reordered
from symgrad.ir.graph import Graph, Value
from symgrad.ir.interpret import host_expressions
from symgrad.runtime.threads import TASKS, THRESHOLD, parallel_run, step_lock
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import out_of_range
from symgrad.tensor.pytree import unflatten
from symgrad.tensor.tape import FREED, Node
from symgrad.tensor.views import bind_view, detached


class Variant:
    """A program bound to the state it reads and writes."""

    def __init__(self, program: Program):
        self.program = program
        traced = program.traced
        self.traced = traced
        self.arrays = array_module(program.backend)
        self.epoch = -1
        self.calls = 0
        entry_name = "run" if program.seam is None else "forward"
        self.entry: Entry = program.executable.entries[entry_name]
        self.graph: Graph = program.interface(entry_name)
        self.guards = Guards(traced)  # after the passes: hooks and custom Functions read things too
        self.sources: dict[Value, Any] = {value: leaf for leaf, value in traced.arguments}
        for cell in traced.cells:
            self.sources[cell.entry] = cell.argument if cell.argument is not None else cell.tensor
        self.written = [c.argument if c.argument is not None else c.tensor for c in traced.cells if c.written]
        self.written_memory = {memory_of(w) for w in self.written if isinstance(w, Tensor)}
        self.written_places = frozenset(w for w in self.written if isinstance(w, int))
        self.shapes = [(tuple(int(e) for e in a.type.shape), a.type.dtype.np) for a in self.graph.outputs]
        self.layout: Layout = program.layout
        # A call that fails, or turns out to be on another path, must leave the last one's gradients.
        spared = traced.branches or program.executable.half_written
        self.generation = [Arena(self.layout, self.arrays) for _ in range(2 if spared else 1)]
        self.workspace = {
            n: self.arrays.empty(p.size, p.dtype.np) for n, p in enumerate(self.entry.params) if p.kind == "ws"}
        self.host_code = {
            n: compile(p.expr, "<host>", "eval") for n, p in enumerate(self.entry.params) if p.kind == "host"}
        self.needs_hosts = bool(self.host_code) or program.seam is not None or any(
            o.kind == "host" for o in traced.outputs)
        self.host_constants: dict[int, Any] = {}
        self.bound: dict[Value, Any] = {}
        befores = {id(slot.before) for slot in traced.grad_reads}
        self.movable = program.seam is None and not any(id(t) in befores for t in self._fixed())
        self.freed = [self._freed_node(i) for i in range(len(traced.outputs))]
        self.run_tasks = partial(run_tasks, self.entry)
        self.deferred = [cell for cell, _ in traced.graph.effects] if traced.branches else []

    def _fixed(self) -> Iterator[Any]:
        """Tensors of the trace's that a call returns, leaves as a gradient, or has as an argument."""
        yield from (tensor for _, tensor in (*self.traced.joined, *self.traced.pinned))
        for output in self.traced.outputs:
            yield from output.item[:1] if isinstance(output.item, tuple) else (output.item,)
        yield from (slot.now for slot, index in self.traced.grads if index < 0)

    def renew(self) -> Arena:
        """A new generation of pooled outputs, where somebody holds the one that is next."""
        self.generation[-1] = arena = Arena(self.layout, self.arrays)
        return arena

    def free_of(self, tensor: Tensor) -> bool:
        """Whether a tensor lies on no memory this program writes."""
        return memory_of(tensor) not in self.written_memory

    def hot(self, leaves: list[Any]) -> Any:
        """The generated call for this state, made when the structure was last checked; None if general."""
        return generate(self, leaves, step_lock)

    # -- guards -------------------------------------------------------------------------------

    def miss(self, leaves: list[Any]) -> str | None:
        """Why this variant does not apply to these arguments now, or None."""
        reason = None
        if self.guards.grad_reads and self.movable and (moved := self.guards.moved_grads(leaves)):
            self._rebind(moved)
        if self.epoch != state.epoch[0]:
            epoch = state.epoch[0]
            reason = self.guards.changed_structure()
            if reason is None:
                self.epoch = epoch
                self.written_memory = {memory_of(w) for w in self.written if isinstance(w, Tensor)}
        if reason is None:
            reason = self.aliased(leaves) or self.guards.changed_always() or self.guards.changed_grads(leaves)
        if reason is None and self.guards.conditions:
            reason = self.guards.failed_condition(self.host_values(leaves))
        return reason

    def _rebind(self, moved: dict[int, Tensor]) -> None:
        """Let other tensors stand where the trace had these: gradients that are new after `zero_grad()`."""
        self.guards.rebind(moved)
        self.written = [moved.get(id(w), w) for w in self.written]
        for value, place in self.sources.items():
            self.sources[value] = moved.get(id(place), place)
        for cell in self.traced.cells:
            cell.tensor = moved.get(id(cell.tensor), cell.tensor)
        for slot in self.traced.grad_reads:
            slot.before = moved.get(id(slot.before), slot.before)  # type: ignore[arg-type]
        self.bound = {}
        self.epoch = -1  # whether they share memory otherwise than those is still to be looked at

    def aliased(self, leaves: list[Any]) -> str | None:
        """Whether arguments share memory with written state otherwise than they did in the trace."""
        for place, tensor in self.traced.pinned:
            if leaves[place] is not tensor:
                return "an argument is no longer the tensor that the function also reaches otherwise"
        for place, tensor in self.traced.joined:
            if not same_memory(_tensor(leaves[place]), tensor):
                return "an argument no longer shares memory with other state"
        joined = {place for place, _ in self.traced.joined}
        given = {memory_of(_tensor(leaves[w])) for w in self.written_places - joined}
        if given and any(memory_of(c.tensor) in given for c in self.traced.cells if c.argument is None):
            return "an argument that is written shares memory with other state"
        if self.written_memory:
            pinned = joined.union(place for place, _ in self.traced.pinned)
            for i, leaf in enumerate(leaves):
                if not isinstance(leaf, (Tensor, np.ndarray)) or i in pinned or i in self.written_places:
                    continue
                if not self.free_of(_tensor(leaf)):
                    return "an argument shares memory with state that is written"
        return None

    def host_values(self, leaves: list[Any]) -> dict[str, Any]:
        """Host names and their values at this call."""
        from symgrad.capture.capture import signed

        values: dict[str, Any] = {}
        for name, (holder, key) in self.traced.hosts.items():
            if holder == "argument":
                values[name] = leaves[key]
            elif hasattr(type(holder), "__getitem__"):
                values[name] = holder[key]
            else:
                values[name] = signed(getattr(holder, key))
        for name, (leaf, axis) in self.traced.dims.items():
            values[name] = leaves[leaf].shape[axis]
        return values

    # -- running ------------------------------------------------------------------------------

    def run(self, leaves: list[Any], *, checked: bool = True) -> Any:
        """One call, the general way; OtherPath if it is not for this variant (unless `checked` is off)."""
        with step_lock:
            arrays, copied = self._sources(leaves)
            arena = self.generation[-1]
            if self.layout.pooled and arena.held():
                arena = self.renew()
            memory, outs = allocate(self.graph, arena.views, self.arrays)
            hosts = self.host_values(leaves) if self.needs_hosts else {}
            given: list[Any] = []
            for number, param in enumerate(self.entry.params):
                if param.kind == "input":
                    given.append(arrays[self.graph.inputs[param.index]])
                elif param.kind == "cell":
                    given.append(arrays[self.graph.cells[param.index]])
                elif param.kind == "host":
                    value = eval(self.host_code[number], {"__builtins__": {}, "abs": abs}, hosts)
                    self.host_constants[number] = param.dtype.np.type(value)
                    given.append(self.host_constants[number])
                elif param.kind == "out":
                    given.append(memory[param.index])
                elif param.kind == "pack":
                    given.append(arena.arrays[param.name])
                elif param.kind == "ws":
                    given.append(self.workspace[number])
            invoke(self.entry, given)
            if self.traced.branches:
                outs = self._settle(outs, arrays, checked)
            for original, copy in copied:
                np.copyto(original, copy)
            self.generation.reverse()
            self._commit(leaves, arena, outs)
            self.bound = {} if copied else arrays
        self.calls += 1
        return self._results(leaves, outs, arrays, hosts)

    def _settle(self, outs: list[Any], arrays: dict[Value, Any], checked: bool) -> list[Any]:
        """Check that this was the path; then the cells get their new values, the last outputs."""
        first = self.traced.first_branch
        conditions = outs[first : first + len(self.traced.branches)]
        other = turned(self.traced.outcomes, map(bool, conditions)) if checked else None
        if other is not None:
            raise OtherPath(other)
        count = len(outs) - len(self.deferred)
        for cell, new in zip(self.deferred, outs[count:]):
            arrays[cell][...] = new
        return outs[:count]

    def interpreted(self, leaves: list[Any]) -> Iterator[bool]:
        """How the branches turn out, one by one, without running the program."""
        arrays, _ = self._sources(leaves)
        names = self.host_values(leaves)
        hosts = {h.expr or "": eval(h.expr or "", {"__builtins__": {}, "abs": abs}, names)
                 for h in host_expressions(self.traced.graph)}  # fmt: skip
        value_of = Evaluator(self.traced.graph.eqns, lambda v: on_host(arrays[v]), self.traced.lift, hosts)
        for branch in self.traced.branches:
            yield bool(value_of(branch.value))

    def _sources(self, leaves: list[Any]) -> tuple[dict[Value, Any], list[tuple[Any, Any]]]:
        """The array of each input and cell; what is not aligned is copied in (and back if written)."""
        arrays: dict[Value, Any] = {}
        copied = []
        written = {id(w) for w in self.written if not isinstance(w, int)}
        for value in self.graph.sources():
            place = self.sources[value]
            holder = leaves[place] if isinstance(place, int) else place
            array = holder._data if isinstance(holder, Tensor) else holder
            if not isinstance(array, self.arrays.ndarray):
                raise BackendError(
                    f"a tensor of type {value.type} is not where backend {self.program.backend!r} computes",
                    hint="move tensors and modules with .to('cuda') or .to('cpu')")
            changed = id(holder) in written or isinstance(place, int) and place in self.written_places
            if changed and not getattr(array.flags, "writeable", True):
                raise InplaceError("the function writes into a read-only array", hint="pass a copy of it")
            if not getattr(array.flags, "aligned", True):
                copy = np.array(array, order="K")
                if changed:
                    copied.append((array, copy))
                array = copy
            arrays[value] = array
        return arrays, copied

    def _commit(self, leaves: list[Any], arena: Arena, outs: list[Any]) -> None:
        for place in self.written:
            holder = leaves[place] if isinstance(place, int) else place
            if isinstance(holder, Tensor):
                owner = holder.owner
                owner._version += 1
                owner._modified = state.tick()
        for slot, index in self.traced.grads:
            tensor = slot.tensor if slot.argument is None else leaves[slot.argument]
            if index >= 0:
                tensor._grad = arena.promises[index] if index in arena.promises else wrap(outs[index])
            else:
                tensor._grad = slot.now
        for generator, counters in self.traced.draws:
            generator.reserve(counters)

    # -- results ------------------------------------------------------------------------------

    def _results(self, leaves: list[Any], outs: list[Any], arrays: dict[Value, Any], hosts: dict[str, Any]) -> Any:
        traced = self.traced
        differentiable = state.is_grad_enabled() and self.program.seam is not None
        tensors = [wrap(array) for array in outs]
        results: list[Any] = []
        for number, output in enumerate(traced.outputs):
            results.append(self._result(number, output, leaves, tensors, hosts))
        if differentiable:
            attach_backward(self, leaves, results, outs, arrays, hosts)
        for number, output in enumerate(traced.outputs):
            if output.kind == "repeat":
                results[number] = results[output.index]
            elif output.kind == "part":
                results[number] = view_of(results[output.index], output)
        return unflatten(traced.structure, results)

    def _result(
        self, number: int, output: Output, leaves: list[Any], tensors: list[Tensor], hosts: dict[str, Any]
    ) -> Any:
        if output.kind == "value":
            tensor = tensors[output.index]
            if output.freed:
                tensor._rg, tensor._node = True, self.freed[number]
            return tensor
        if output.kind == "argument":
            return leaves[output.index]
        if output.kind == "view":
            base = leaves[output.index] if output.index >= 0 else output.item[0]
            return view_of(base, replace(output, item=output.item[1]))
        if output.kind == "host":
            return eval(output.item, {"__builtins__": {}, "abs": abs}, hosts)
        return output.item

    def _freed_node(self, number: int) -> Any:
        """The node of an output whose graph the step itself has consumed."""
        output = self.traced.outputs[number]
        if output.kind != "value" or not output.freed:
            return None
        shape, dtype = self.shapes[output.index]
        maker = next((e for e in reversed(self.traced.graph.eqns)
                      if self.traced.graph.outputs[output.index] in e.outputs), None)  # fmt: skip
        node = Node(maker.prim if maker else None, {}, (), None, FREED, np.empty(shape, dtype))
        return node


def _tensor(leaf: Any) -> Tensor:
    return leaf if isinstance(leaf, Tensor) else wrap(leaf)


def view_of(base: Tensor, output: Output) -> Tensor:
    """An output that is a view of `base` by the steps `output.item`, or `base` detached."""
    if not output.item:
        return detached(base)
    with state.set_grad_enabled(state.is_grad_enabled() and output.requires_grad):
        out = base if output.requires_grad else detached(base)
        for prim, params in output.item:
            out = bind_view(prim, out, params)
    return out


def invoke(entry: Entry, given: list[Any]) -> None:
    """Run an entry, as one task or, where the work repays waking a thread, as several."""
    function = entry.direct or entry.function
    try:
        if entry.work is None:
            function(*given)
        elif entry.work < THRESHOLD:
            function(*given, -1, 0)
        else:
            run_tasks(entry, function, given)
    except IndexError as error:
        raise out_of_range(error) from error


def run_tasks(entry: Entry, function: Any, given: Any) -> None:
    """Region after region: all parts on the thread pool, then what follows them.

    The result does not depend on the pool.
    """
    if entry.regions.start:
        function(*given, -2, 0)
    for region in entry.regions:
        parallel_run(lambda task, region=region: function(*given, task, region), TASKS)  # type: ignore[misc]
        function(*given, -2, region)


def allocate(graph: Graph, pooled: dict[int, Any], arrays: Any = np) -> tuple[list[Any], list[Any]]:
    """Fresh memory for a graph's outputs, as the entry takes it and as the user sees it.

    An output whose type has strides of its own is flat memory to the entry and a view to the user.
    """
    memory, seen = [], []
    for index, atom in enumerate(graph.outputs):
        kind = atom.type
        if index in pooled:
            memory.append(pooled[index])
            seen.append(pooled[index])
            continue
        shape = tuple(int(e) for e in kind.shape)
        if not reordered(kind):
            array = arrays.empty(shape, kind.dtype.np)
            memory.append(array)
            seen.append(array)
        else:
            flat = arrays.empty(int(kind.size), kind.dtype.np)
            strides = tuple(int(s) * kind.dtype.itemsize for s in kind.strides or ())
            memory.append(flat)
            seen.append(arrays.lib.stride_tricks.as_strided(flat, shape, strides))
    return memory, seen
