"""The ordered list of passes, and the runner that times, verifies and remembers each.

A pass is a function Graph -> Graph. Timing, verification and dumps live here, not in the passes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from symgrad.config import config
from symgrad.ir.graph import Graph
from symgrad.passes.cse import cse
from symgrad.passes.dce import dce
from symgrad.passes.decompose import decompose
from symgrad.passes.erase import erase
from symgrad.passes.fold import fold
from symgrad.passes.hoist import hoist
from symgrad.passes.quotients import quotients
from symgrad.passes.simplify import simplify
from symgrad.passes.subgraphs import subgraphs
from symgrad.passes.widen import widen

Pass = Callable[[Graph], Graph]


@dataclass(frozen=True)
class Stage:
    """The graph after one pass."""

    name: str
    graph: Graph
    seconds: float

    def __str__(self) -> str:
        return f"# {self.name}: {len(self.graph.eqns)} equations, {self.seconds * 1e3:.2f} ms\n{self.graph}"


def name_of(step: Pass) -> str:
    """The name a stage gets."""
    return step.func.__name__ if isinstance(step, partial) else step.__name__


def optimize(exact: bool, nested: bool = False, loops: bool = False) -> tuple[Pass, ...]:
    """The passes after differentiation. `exact` keeps every bit and every layout eager has.

    `nested`: first, the same on the graphs of control flow. `loops`: the backend writes loops, not array calls.
    """
    steps: tuple[Pass, ...] = (widen, partial(decompose, loops=loops), erase, dce)
    if not exact:
        steps = (*steps, fold, simplify, cse, quotients, fold, simplify, cse, dce)
    if loops:
        steps = (*steps, hoist)
    return (dce, partial(subgraphs, passes=steps), *steps) if nested else steps


def run(graph: Graph, passes: Sequence[Pass], stages: list[Stage], *, verify: bool = False) -> Graph:
    """Apply `passes` in order, appending a Stage for each that is not a repeat without effect."""
    for step in passes:
        start = time.perf_counter()
        after = step(graph)
        seconds = time.perf_counter() - start
        if verify:
            after.verify()
        if after is not graph or name_of(step) not in {s.name for s in stages}:
            stages.append(Stage(name_of(step), after, seconds))
            if config.dump_dir:
                dump(stages)
        graph = after
    return graph


def dump(stages: list[Stage]) -> None:
    """Write the newest stage into the folder `SYMGRAD_DUMP` names."""
    os.makedirs(config.dump_dir, exist_ok=True)
    stage = stages[-1]
    path = os.path.join(config.dump_dir, f"{stage.graph.name}_{len(stages) - 1:02d}_{stage.name}.py")
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(stage))
