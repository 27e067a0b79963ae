"""Values of a graph on concrete arrays, each computed once and only when asked for.

A trace asks for its conditions one after the other while the graph still grows: what one has computed
the next finds. Gradients among their ancestors are derived by the pass that derives them in the program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.capture.capture import Capture
from symgrad.ir.builder import Rewriter
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.interpret import evaluate, literal_value
from symgrad.ops.gradients import gradients
from symgrad.passes.differentiate import expand, expand_inside
from symgrad.passes.recorder import Recorder
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class Evaluator:
    """Computes values of `eqns` (which may grow); `source` gives the arrays of inputs and cells."""

    def __init__(
        self, eqns: Sequence[Eqn], source: Callable[[Value], Any],
        lift: Callable[[Tensor], Value] | None = None, hosts: Mapping[str, Any] | None = None,
    ):  # fmt: skip
        self.eqns = eqns
        self.source = source
        self.hosts = hosts or {}
        self.makers: dict[Value, int] = {}
        self.indexed = 0
        self.taken: set[int] = set()
        self.expanded = Rewriter()
        self.recorder = Recorder(self.expanded, lift)
        self.places: dict[Value, int] = {}
        self.placed = 0
        self.arrays: dict[Value, Any] = {}

    def __call__(self, value: Value) -> Any:
        """The array of `value`."""
        with state.eagerly(), np.errstate(all="ignore"):
            self._take(value)
            return self._compute(self.expanded.atom(value))

    def _take(self, value: Value) -> None:
        """Put the equations that `value` needs among the expanded ones, in order."""
        for number in range(self.indexed, len(self.eqns)):
            self.makers.update((out, number) for out in self.eqns[number].outputs)
        self.indexed = len(self.eqns)
        needed: set[int] = set()
        stack: list[Atom] = [value]
        while stack:
            number = self.makers.get(stack.pop(), -1)  # type: ignore[arg-type]
            if number >= 0 and number not in needed and number not in self.taken:
                needed.add(number)
                stack += self.eqns[number].inputs
        for number in sorted(needed):
            eqn = self.eqns[number]
            mapped = self.expanded.map_inputs(eqn)
            if eqn.prim is not gradients:
                self.expanded.eqns.append(mapped)
                continue
            with self.recorder, state.no_grad():
                outs = expand(mapped, self.recorder)
            self.expanded.env.update(zip(eqn.outputs, outs))
        self.taken |= needed
        for number in range(self.placed, len(self.expanded.eqns)):
            self.places.update((out, number) for out in self.expanded.eqns[number].outputs)
        self.placed = len(self.expanded.eqns)

    def _compute(self, atom: Atom) -> Any:
        needed: set[int] = set()
        stack = [atom]
        while stack:
            value = stack.pop()
            if isinstance(value, Literal) or value in self.arrays:
                continue
            number = self.places.get(value, -1)
            if number < 0:
                self.arrays[value] = self.source(value)
            elif number not in needed:
                needed.add(number)
                stack += self.expanded.eqns[number].inputs
        for number in sorted(needed):
            evaluate(expand_inside(self.expanded.eqns[number]), self._read, self.arrays)
        return self._read(atom)

    def _read(self, atom: Atom) -> Any:
        return self.arrays[atom] if isinstance(atom, Value) else literal_value(atom, self.hosts)


def evaluator_of(capture: Capture) -> Evaluator:
    """What computes conditions during a trace: nothing concrete has been changed yet."""

    def source(value: Value) -> Any:
        cell = next(c for c in capture.cells.values() if c.entry is value)
        return on_host(cell.tensor._data)

    def lift(tensor: Tensor) -> Value:
        with state.eagerly():
            return capture.cell(tensor).entry

    return Evaluator(capture.builder.eqns, source, lift)


def on_host(array: Any) -> Any:
    """An array where NumPy computes."""
    return array if isinstance(array, np.ndarray) else array.get()
