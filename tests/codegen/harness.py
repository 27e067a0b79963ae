"""Run IR text on a backend beside the interpreter: the tools of this folder's tests."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from symgrad.codegen import Module, emit
from symgrad.compiler.emitted import planned
from symgrad.ir import Builder, Dim, Graph, TensorType, Value, parse
from symgrad.ir.access import reordered
from symgrad.ir.interpret import host_expressions, interpret
from symgrad.ops import PRIMITIVES
from symgrad.passes.widen import widen
from symgrad.runtime import cache

BACKENDS = ("numpy", "numba")


def graph_of(text: str) -> Graph:
    """The graph IR text says."""
    return parse(text, PRIMITIVES).verify()


def load(source: str) -> ModuleType:
    """Emitted source as the runtime loads it."""
    module = cache.load(cache.store(source, backend="numba", name="test"))
    if hasattr(module, "RUN_SIGNATURE"):
        module.run.compile(module.RUN_SIGNATURE)
    return module


def emitted(graph: Graph, backend: str, **options) -> Module:
    """The module of a graph, as the compiler makes it."""
    return emit({"run": planned(widen(graph), backend)}, backend=backend, title="test", **options)


def sample(type: TensorType, rng: np.random.Generator) -> np.ndarray:
    """An array of a type: normal floats, small integers, in the type's own strides."""
    dtype, shape = type.dtype.np, tuple(map(int, type.shape))
    if dtype.kind == "f":
        data = rng.normal(size=shape).astype(dtype)
    elif dtype.kind == "b":
        data = rng.integers(0, 2, size=shape).astype(dtype)
    else:
        data = rng.integers(0 if dtype.kind == "u" else -9, 10, size=shape).astype(dtype)
    return restrided(data, type)


def restrided(data: np.ndarray, type: TensorType) -> np.ndarray:
    """The same elements laid out as the type says."""
    if type.strides is None:
        return np.ascontiguousarray(data).reshape(data.shape)
    last = sum((int(e) - 1) * int(s) for e, s in zip(type.shape, type.strides)) + 1
    room = np.zeros(max(last, 1), data.dtype)
    out = np.lib.stride_tricks.as_strided(room, data.shape, [int(s) * data.itemsize for s in type.strides])
    out[...] = data
    return out


def run(module, loaded, graph, inputs, cells=(), hosts=None, packs=None, check=True):
    """Call the entry as the runtime does: (outputs, cells after the call)."""
    cells = [restrided(c.copy(), v.type) for c, v in zip(cells, graph.cells)]
    outs: dict[int, np.ndarray] = {}
    arenas: dict[str, np.ndarray] = {}
    packs = packs or {}
    for key, (name, offset) in packs.items():
        type = key.type if isinstance(key, Value) else graph.outputs[key].type
        size = max(offset + int(type.size), arenas[name].size if name in arenas else 0)
        arenas[name] = np.zeros(size, type.dtype.np)
    views = {}
    for key, (name, offset) in packs.items():
        type = key.type if isinstance(key, Value) else graph.outputs[key].type
        views[key] = arenas[name][offset : offset + int(type.size)].reshape(tuple(map(int, type.shape)))
        if isinstance(key, Value):
            views[key][...] = cells[graph.cells.index(key)]
            cells[graph.cells.index(key)] = views[key]
        else:
            outs[key] = views[key]
    args = []
    scope = {**{n: int(inputs_extent(graph, inputs, n)) for n in extent_names(graph)}, **(hosts or {})}
    for p in module.entries["run"].params:
        if p.kind == "input":
            args.append(inputs[p.index])
        elif p.kind == "cell":
            args.append(cells[p.index])
        elif p.kind == "host":
            args.append(eval(p.expr, {}, scope))
        elif p.kind == "pack":
            args.append(arenas[p.name])
        elif p.kind == "task":
            args.append({"task": -1, "region": 0}[p.name])
        else:
            array = np.full(tuple(map(int, p.shape)), 77, p.dtype.np)
            args.append(array)
            if p.kind == "out":
                outs[p.index] = shaped(array, graph.outputs[p.index].type)
    if check:
        assert loaded.check(*args) is None
    loaded.run(*args)
    return [outs[i] for i in range(len(graph.outputs))], cells


def extent_names(graph: Graph) -> set[str]:
    return {e.expr for v in graph.inputs for e in v.type.shape if isinstance(e, Dim)}


def inputs_extent(graph: Graph, inputs, name: str) -> int:
    return next(x.shape[i] for v, x in zip(graph.inputs, inputs)
                for i, e in enumerate(v.type.shape) if getattr(e, "expr", None) == name)  # fmt: skip


def shaped(array: np.ndarray, type: TensorType) -> np.ndarray:
    if not reordered(type):
        return array
    strides = [int(s) * array.itemsize for s in type.strides]
    return np.lib.stride_tricks.as_strided(array, tuple(map(int, type.shape)), strides)


def compare(graph: Graph, backend: str, *, seed=0, hosts=None, inputs=None, packs=None, ulps=8, show=False):
    """Run `graph` on `backend` and hold every result against the interpreter's."""
    rng = np.random.default_rng(seed)
    inputs = inputs if inputs is not None else [sample(v.type, rng) for v in graph.inputs]
    cells = [sample(v.type, rng) for v in graph.cells]
    scope = {**{n: inputs_extent(graph, inputs, n) for n in extent_names(graph)}, **(hosts or {})}
    values = {literal.expr: eval(literal.expr, {}, scope) for literal in host_expressions(graph)}
    with np.errstate(all="ignore"):
        outputs, news = interpret(graph, inputs, cells, values)
    module = emitted(graph, backend, packs=packs)
    if show:
        print(module.source)
    loaded = load(module.source)
    got, after = run(module, loaded, graph, inputs, cells, hosts, packs)
    expected_cells = list(cells)
    for (cell, _), new in zip(graph.effects, news):
        expected_cells[graph.cells.index(cell)] = new
    for number, (want, have) in enumerate(zip([*outputs, *expected_cells], [*got, *after])):
        same(np.asarray(want), have, exact=backend == "numpy", ulps=ulps, what=f"result {number} on {backend}")
    return module


def same(want: np.ndarray, have: np.ndarray, *, exact: bool, ulps: float, what: str) -> None:
    """Equal bits, or max-norm distance of at most `ulps` units in the last place of the largest."""
    assert want.shape == have.shape and want.dtype == have.dtype, (what, want.shape, have.shape, want.dtype)
    if exact or want.dtype.kind != "f":
        assert np.array_equal(want, have, equal_nan=want.dtype.kind == "f"), (what, want, have)
        return
    assert np.array_equal(np.isnan(want), np.isnan(have)), (what, want, have)
    finite = np.isfinite(want)
    assert np.array_equal(want[~finite & ~np.isnan(want)], have[~finite & ~np.isnan(want)]), what
    if finite.any():
        scale = np.abs(want[finite]).max() * np.finfo(want.dtype).eps
        assert np.abs(want[finite] - have[finite]).max() <= ulps * scale, (what, want, have)


def with_extents(graph: Graph, **named: tuple[str | None, ...]) -> Graph:
    """The graph with named extents for inputs, by the input's name: x=("n0", None)."""
    env = {}
    for value in graph.sources():
        type = value.type
        if value.hint in named:
            shape = tuple(Dim(e, n) if n else e for e, n in zip(type.shape, named[value.hint]))
            type = TensorType(shape, type.dtype, type.strides, type.device)
        env[value] = Value(type, value.hint)

    def atom(a):
        return env[a] if isinstance(a, Value) else a

    builder = Builder()
    for eqn in graph.eqns:
        outs = builder.emit(eqn.prim, tuple(map(atom, eqn.inputs)), eqn.params, loc=eqn.loc,
                            phase=eqn.phase, hints=tuple(v.hint for v in eqn.outputs))  # fmt: skip
        env.update(zip(eqn.outputs, outs))
    return Graph(graph.name, tuple(map(atom, graph.inputs)), tuple(builder.eqns),
                 tuple(map(atom, graph.outputs)), tuple(map(atom, graph.cells)), graph.hosts,
                 tuple((atom(c), atom(n)) for c, n in graph.effects))  # fmt: skip
