"""Control flow as primitives: `cond`, `while_loop` and `scan` have graphs for parameters.

The gradient of each is control flow again, over the graphs' own gradients: a graph followed by one
`gradients` equation, which the `differentiate` pass expands like any other. So `cond` and `scan` have
derivatives of every order; a loop of unknown length keeps its states in a list, inside one primitive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.errors import ShapeError, TraceError
from symgrad.ir.graph import BACKWARD, Atom, Eqn, Graph, Value
from symgrad.ir.interpret import interpret
from symgrad.ir.primitive import Nested
from symgrad.ir.types import TensorType
from symgrad.ops.arithmetic import add_p
from symgrad.ops.creation import zeros
from symgrad.ops.gradients import gradients
from symgrad.ops.registry import primitive
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

# -- types --------------------------------------------------------------------------------------


def _takes(name: str, graph: Graph, types: Sequence[TensorType]) -> None:
    """The operands are what `graph` takes."""
    wanted = [(v.type.shape, v.type.dtype) for v in graph.inputs]
    if wanted != [(t.shape, t.dtype) for t in types]:
        raise ShapeError(f"{name}: {graph.name} takes ({', '.join(str(v.type) for v in graph.inputs)}), "
                         f"not ({', '.join(map(str, types))})")  # fmt: skip


def _gives(name: str, graph: Graph, types: Sequence[TensorType], what: str) -> None:
    """The first outputs of `graph` have these types."""
    if len(graph.outputs) < len(types):
        raise ShapeError(f"{name}: {graph.name} gives {len(graph.outputs)} results, not {len(types)}")
    for place, (atom, wanted) in enumerate(zip(graph.outputs, types)):
        if (atom.type.shape, atom.type.dtype) != (wanted.shape, wanted.dtype):
            raise ShapeError(f"{name}: {what} {place} is {atom.type} after {graph.name} and {wanted} before")


def plain(kind: TensorType, length: tuple[int, ...] = ()) -> TensorType:
    """A type without strides of its own, below `length` more rows."""
    return kind.with_shape((*length, *kind.shape))


def _infer_cond(*xs: TensorType, true: Graph, false: Graph) -> tuple[TensorType, ...]:
    for graph in (true, false):
        _takes("cond", graph, xs[1:])
    _gives("cond", false, [a.type for a in true.outputs], "output")
    return tuple(plain(a.type) for a in true.outputs)


def _infer_while(*xs: TensorType, cond: Graph, body: Graph, carries: int) -> tuple[TensorType, ...]:
    for graph in (cond, body):
        _takes("while_loop", graph, xs)
    _gives("while_loop", body, xs[:carries], "carry")
    return tuple(plain(t) for t in xs[:carries])


def _infer_while_backward(
    *xs: TensorType, cond: Graph, body: Graph, pull: Graph, carries: int, grads: int
) -> tuple[TensorType, ...]:
    _takes("while_loop_backward", body, xs[grads:])
    _takes("while_loop_backward", pull, xs)
    return tuple(plain(t) for t in xs[:grads])


def _infer_scan(
    *xs: TensorType, body: Graph, carries: int, scanned: int, length: int, reverse: bool, states: int
) -> tuple[TensorType, ...]:
    rows = xs[carries : carries + scanned]
    _takes("scan", body, [*xs[:carries], *(plain(t.with_shape(t.shape[1:])) for t in rows), *xs[carries + scanned :]])
    _gives("scan", body, xs[:carries], "carry")
    ys = [plain(a.type, (length,)) for a in body.outputs[carries:]]
    return (*(plain(t) for t in xs[:carries]), *ys)


# -- meaning ------------------------------------------------------------------------------------


def _run(graph: Graph, xs: Sequence[Any]) -> list[Any]:
    return [np.asarray(x) for x in interpret(graph, xs)[0]]


def _cond(xs: Any, true: Graph, false: Graph) -> tuple[Any, ...]:
    return tuple(_run(true if xs[0] else false, xs[1:]))


def _while_loop(xs: Any, cond: Graph, body: Graph, carries: int) -> tuple[Any, ...]:
    state, extras = list(xs[:carries]), xs[carries:]
    while _run(cond, [*state, *extras])[0]:
        state = _run(body, [*state, *extras])
    return tuple(state)


def _while_loop_backward(xs: Any, cond: Graph, body: Graph, pull: Graph, carries: int, grads: int) -> tuple[Any, ...]:
    found, state, extras = list(xs[:grads]), list(xs[grads : grads + carries]), xs[grads + carries :]
    states = []
    while _run(cond, [*state, *extras])[0]:
        states.append(state)
        state = _run(body, [*state, *extras])
    for state in reversed(states):
        found = _run(pull, [*found, *state, *extras])
    return tuple(found)


def _scan(
    xs: Any, body: Graph, carries: int, scanned: int, length: int, reverse: bool, states: int
) -> tuple[Any, ...]:
    state, rows, extras = list(xs[:carries]), xs[carries : carries + scanned], xs[carries + scanned :]
    ys = [np.empty((length, *map(int, a.type.shape)), a.type.dtype.np) for a in body.outputs[carries:]]
    for i in reversed(range(length)) if reverse else range(length):
        outs = _run(body, [*state, *(row[i] for row in rows), *extras])
        state = outs[:carries]
        for y, out in zip(ys, outs[carries:]):
            y[i] = out
    return (*state, *ys)


# -- gradients ----------------------------------------------------------------------------------


def _inexact(values: Sequence[Any]) -> list[int]:
    """The places a gradient can go."""
    return [i for i, x in enumerate(values) if (x.dtype if isinstance(x, Tensor) else x.type.dtype).is_inexact]


def pulled(graph: Graph, roots: Sequence[int], targets: Sequence[int]) -> tuple[list[Value], Eqn]:
    """Cotangents for some outputs of `graph`, and the equation for the gradients of some inputs."""
    seeds = [Value(plain(graph.outputs[i].type), "g") for i in roots]
    wanted = [graph.inputs[i] for i in targets]
    outs = tuple(Value(plain(v.type), f"g_{v.hint}") for v in wanted)
    params = dict(roots=len(seeds), stops=(True,) * len(wanted), hooks=())
    inputs: tuple[Atom, ...] = (*(graph.outputs[i] for i in roots), *seeds, *wanted)
    return seeds, Eqn(gradients, inputs, params, outs, None, BACKWARD)


def _added(found: Sequence[Value]) -> tuple[list[Value], list[Eqn], list[Value]]:
    """Accumulators for what each step finds: as they come in, the additions, as they go out."""
    before = [Value(v.type, f"{v.hint}_sum") for v in found]
    after = [Value(v.type, f"{v.hint}_sum") for v in found]
    eqns = [Eqn(add_p, (a, v), {}, (b,), None, BACKWARD) for a, v, b in zip(before, found, after)]
    return before, eqns, after


def _spread(count: int, places: Sequence[int], found: Sequence[Any]) -> tuple[Any, ...]:
    """A cotangent or None for each of `count` operands."""
    known = dict(zip(places, found))
    return tuple(known.get(i) for i in range(count))


def _cond_grad(g: dict[int, Tensor], xs: Any, true: Graph, false: Graph) -> tuple[Any, ...]:
    heads, targets = sorted(g), _inexact(xs[1:])
    if not targets:
        return (None,) * len(xs)
    branches = {}
    for name, graph in (("true", true), ("false", false)):
        seeds, eqn = pulled(graph, heads, targets)
        branches[name] = Graph(f"{graph.name}_backward", (*graph.inputs, *seeds), (*graph.eqns, eqn), eqn.outputs)
    found = bind(cond_p, (*xs, *(g[i] for i in heads)), branches)
    return (None, *_spread(len(xs) - 1, targets, found))


def _scan_grad(
    g: dict[int, Tensor], outs: Any, xs: Any, body: Graph, carries: int, scanned: int, length: int, reverse: bool,
    states: int,
) -> tuple[Any, ...]:  # fmt: skip
    """The scan run backwards over the states it went through, carrying cotangents and sums of them."""
    k, rows = carries, carries + scanned
    kept = outs[len(outs) - k :] if states else _states(xs, body, carries, scanned, length, reverse)
    ins = body.inputs
    fixed, slices, extras = _inexact(ins[:k]), _inexact(ins[k:rows]), _inexact(ins[rows:])
    heads = [i for i in sorted(g) if i >= k]
    targets = [*fixed, *(k + i for i in slices), *(rows + i for i in extras)]
    seeds, eqn = pulled(body, [*fixed, *heads], targets)
    a, b = len(fixed), len(fixed) + len(slices)
    before, sums, after = _added(eqn.outputs[b:])
    back = Graph(
        f"{body.name}_backward", (*seeds[:a], *before, *ins[:rows], *seeds[a:], *ins[rows:]),
        (*body.eqns, eqn, *sums), (*eqn.outputs[:a], *after, *eqn.outputs[a:b], *seeds[:a], *before))  # fmt: skip
    starts = [g[i] if i in g else _zeros(ins[i].type) for i in fixed] + [_zeros(v.type) for v in before]
    found = bind(
        scan_p, (*starts, *kept, *xs[k:rows], *(g[i] for i in heads), *xs[rows:]),
        dict(body=back, carries=len(starts), scanned=k + scanned + len(heads), length=length, reverse=not reverse,
             states=len(starts)))  # fmt: skip
    count = len(starts)
    return _spread(len(xs), [*fixed, *(rows + i for i in extras), *(k + i for i in slices)],
                   found[: count + len(slices)])  # fmt: skip


def _states(xs: Any, body: Graph, carries: int, scanned: int, length: int, reverse: bool) -> Any:
    """The carries that each step of a scan began with, where the scan itself does not keep them."""
    keeping = body.replace(outputs=(*body.outputs[:carries], *body.inputs[:carries]))
    params = dict(body=keeping, carries=carries, scanned=scanned, length=length, reverse=reverse, states=carries)
    return bind(scan_p, xs, params)[carries:]


def _while_grad(g: dict[int, Tensor], xs: Any, cond: Graph, body: Graph, carries: int) -> tuple[Any, ...]:
    """The loop once more, its states kept in a list; then over them backwards."""
    fixed, extras = _inexact(xs[:carries]), _inexact(xs[carries:])
    targets = [*fixed, *(carries + i for i in extras)]
    seeds, eqn = pulled(body, fixed, targets)
    before, sums, after = _added(eqn.outputs[len(fixed) :])
    pull = Graph(f"{body.name}_backward", (*seeds, *before, *body.inputs), (*body.eqns, eqn, *sums),
                 (*eqn.outputs[: len(fixed)], *after))  # fmt: skip
    starts = [g[i] if i in g else _zeros(body.inputs[i].type) for i in fixed] + [_zeros(v.type) for v in before]
    found = bind(while_backward_p, (*starts, *xs),
                 dict(cond=cond, body=body, pull=pull, carries=carries, grads=len(starts)))  # fmt: skip
    return _spread(len(xs), targets, found)


def _no_second(g: Any, xs: Any) -> Any:
    raise TraceError("the second derivative of a while_loop is not compiled",
                     hint="scan, over a known number of steps, has derivatives of every order")  # fmt: skip


def _zeros(kind: TensorType) -> Tensor:
    return zeros(kind.shape, dtype=kind.dtype, device=kind.device)


cond_p = primitive(
    "cond", "*xs", params=("true", "false"), infer=_infer_cond, array="_cond(xs, true, false)",
    helpers={"_cond": _cond}, lower=Nested(), grad=dict(xs=_cond_grad), multiple=True,
    doc="One of two graphs, run on the operands after the first, as the first says.",
    gradient="cond of the branches' gradients",
)  # fmt: skip
while_p = primitive(
    "while_loop", "*xs", params=("cond", "body", "carries"), infer=_infer_while,
    array="_while_loop(xs, cond, body, carries)", helpers={"_while_loop": _while_loop}, lower=Nested(),
    grad=dict(xs=_while_grad), multiple=True,
    doc="The first operands, replaced by the body's results for as long as the condition holds.",
    gradient="the body's gradients, over the states in reverse",
)  # fmt: skip
while_backward_p = primitive(
    "while_loop_backward", "*xs", params=("cond", "body", "pull", "carries", "grads"),
    infer=_infer_while_backward, array="_while_loop_backward(xs, cond, body, pull, carries, grads)",
    helpers={"_while_loop_backward": _while_loop_backward}, lower=Nested(), grad=dict(xs=_no_second), multiple=True,
    doc="A while_loop run keeping its states, then `pull` over them in reverse, which the first operands start.",
    gradient="none: an error that says so",
)  # fmt: skip
scan_p = primitive(
    "scan", "*xs", params=("body", "carries", "scanned", "length", "reverse", "states"), infer=_infer_scan,
    array="_scan(xs, body, carries, scanned, length, reverse, states)", helpers={"_scan": _scan}, lower=Nested(),
    grad=dict(xs=_scan_grad), multiple=True,
    doc="The body over the rows of operands; carries go from step to step, other results are stacked. "
        "The last `states` results are the carries each step began with.",
    gradient="scan of the body's gradients, in the other direction",
)  # fmt: skip
