"""Nests as GPU threads, so that the result depends on the extents alone, never on the grid.

Elementwise nests become loops over the grid. A sum over everything goes by chunks of 1,024 elements,
one block each; the block that finishes last adds the chunks, in float64, and goes on with the 0-d
rest of the kernel, so loss, gradients and update take one launch. A sum over some axes gives each
element it keeps a group of lanes: neighbours where the innermost axis is folded, apart by the width
of a row where it is kept, so that either way neighbouring threads read neighbouring elements.

Threads cannot wait for other blocks. So a nest folded over several sets of axes becomes several
launches: those that only read go first, the one that also stores goes last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symgrad.codegen import loops
from symgrad.codegen.gpu_loops import GpuKernel, Launch, Part, finished, stride
from symgrad.codegen.loops import INDEX, Expr, Function, Load, Nest, Reduction, Stmt, Store, Var
from symgrad.codegen.statements import stored


def gpu_map(function: Function, strided: Mapping[str, int]) -> list[Launch]:
    """The launches that do what `function` says; `strided` are buffers with strides, and their ranks."""
    body = tuple(_flat(stmt, strided) for stmt in function.body)
    numbers = [n for n, stmt in enumerate(body) if isinstance(stmt, Nest)]
    if not numbers:
        return [finished(Launch(replace(function, body=body), 1, always=True), function, strided)]
    before = tuple(s for s in body[: numbers[0]] if not isinstance(s, Store))
    after: list[Stmt] = [s for s in body[numbers[0] :] if not isinstance(s, (Nest, Store))]
    after += [s for s in body if isinstance(s, Store)]
    early: list[Part] = []
    main: list[Part] = []
    for number in numbers:
        nest = body[number]
        assert isinstance(nest, Nest)
        _separate(nest, early, main)
    found = []
    for n, part in enumerate(early):
        name = f"{function.name}_part{n + 1}"
        found.append(GpuKernel(function, strided, name).launch([part], before, ()))
    if main or after:
        found.append(GpuKernel(function, strided, function.name).launch(main, before, tuple(after)))
    return found


def _separate(nest: Nest, early: list[Part], main: list[Part]) -> None:
    """Add the runs over `nest`: one for each set of axes folded, what stores being the last."""
    full = tuple(r for r in nest.reductions if len(r.over) == len(nest.axes))
    groups: dict[tuple[int, ...], list[Reduction]] = {}
    for r in nest.reductions:
        if len(r.over) < len(nest.axes):
            groups.setdefault(r.over, []).append(r)
    waiting = [tuple(g) for g in groups.values()]
    if waiting and not full:
        main.append(Part(nest, waiting.pop(), True))
    elif full or stored(nest.body):
        main.append(Part(nest, full, True))
    early += [Part(nest, g, False) for g in waiting]


def _flat(stmt: Stmt, strided: Mapping[str, int]) -> Stmt:
    """`stmt` with the subscripts of strided buffers as one number."""

    def visit(node: object) -> object:
        if not isinstance(node, (Load, Store)) or node.buffer not in strided:
            return node
        place: Expr = loops.index(0)
        for axis, index in enumerate(node.index):
            place = loops.add(place, loops.mul(index, Var(stride(node.buffer, axis), INDEX)))
        return replace(node, index=(place,))

    return loops.rewrite(stmt, visit)  # type: ignore[no-any-return]
