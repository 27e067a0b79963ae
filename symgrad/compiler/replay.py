"""A traced graph run again op by op through `bind`, so that the tape records it like eager code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.ir.graph import Eqn, Graph, Value
from symgrad.ops.control_flow import run_scan
from symgrad.ops.elementwise import stop_gradient
from symgrad.ops.nested import cond_p, while_p
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind


def replay(graph: Graph, tensors: dict[Value, Tensor], hosts: dict[str, Any]) -> list[Tensor]:
    """Run a traced graph through `bind`, so that it is recorded like eager code."""
    env: dict[Any, Any] = dict(tensors)

    def read(atom: Any) -> Any:
        if isinstance(atom, Value):
            return env[atom]
        return atom.value if atom.expr is None else eval(atom.expr, {"__builtins__": {}, "abs": abs}, hosts)

    for eqn in graph.eqns:
        if all(value in env for value in eqn.outputs):
            continue
        inputs = tuple(map(read, eqn.inputs))
        if eqn.prim is stop_gradient:
            results: Any = inputs[0].detach()
        elif eqn.graphs:
            results = _control(eqn, inputs, hosts)
        else:
            results = bind(eqn.prim, inputs, dict(eqn.params))
        for value, result in zip(eqn.outputs, results if eqn.prim.multiple else (results,)):
            env[value] = result
    return [env[a] if isinstance(a, Value) else wrap(np.asarray(a.value)) for a in graph.outputs]


def _control(eqn: Eqn, inputs: Sequence[Any], hosts: dict[str, Any]) -> Any:
    """Control flow as Python: only what runs is recorded."""
    params = eqn.params

    def run(graph: Graph, given: Sequence[Any]) -> list[Tensor]:
        return replay(graph, dict(zip(graph.inputs, given)), hosts)

    if eqn.prim is cond_p:
        return run(params["true"] if inputs[0] else params["false"], inputs[1:])
    carries = params["carries"]
    state, extras = list(inputs[:carries]), inputs[carries:]
    if eqn.prim is while_p:
        while run(params["cond"], [*state, *extras])[0]:
            state = run(params["body"], [*state, *extras])
        return state
    rows, extras = extras[: params["scanned"]], extras[params["scanned"] :]

    def step(carry: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
        outs = run(params["body"], [*carry, *slices, *extras])
        return outs[:carries], outs[carries:]

    state, stacked = run_scan(step, state, rows, params["length"], params["reverse"])
    return [*state, *stacked]
