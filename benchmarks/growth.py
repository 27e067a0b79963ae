"""Training steps of any number of equations, and what each stage of compiling them takes."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from children import child

import symgrad as sg
from symgrad.bench import table
from symgrad.bench.workload import normal, parameters, tensors

STAGES = ("trace", "passes", "schedule", "print", "machine code")
PER_OPERATION = 4.5  # equations that an operation, its gradient and its update come to
MACHINE_CODE_UP_TO = 1000

# Each size in a process of its own, which has compiled another step before, so that all is imported.
STAGE_SECONDS = """
import sys
import growth
growth.stages(20)
print(*growth.stages(int(sys.argv[1])))
"""


def training_step(equations: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A step of about so many equations: products, sums and functions in turn, a parameter in every second."""
    rng = np.random.default_rng(0)
    count = max(1, round((equations - 5) / PER_OPERATION))
    weights = parameters(sg, [normal(rng, 16, 16) / 4 for _ in range(0, count, 4)])
    biases = parameters(sg, [normal(rng, 16) for _ in range(1, count, 4)])

    def step(x: Any, y: Any) -> Any:
        h = x
        for number in range(count):
            if number % 4 == 0:
                h = h @ weights[number // 4]
            elif number % 4 == 1:
                h = h + biases[number // 4]
            else:
                h = sg.tanh(h) if number % 4 == 2 else h * 0.5 + x
        loss = (h - y).pow(2).sum()
        loss.backward()
        with sg.no_grad():
            for param in (*weights, *biases):
                param -= 1e-3 * param.grad
                param.grad = None
        return loss

    return step, tensors(sg, [normal(rng, 8, 16), normal(rng, 8, 16)])


def stages(equations: int) -> list[float]:
    """The equations there are after the passes, then the seconds of each stage."""
    from time import perf_counter

    from symgrad.codegen.emit import emit
    from symgrad.passes.fuse import fuse
    from symgrad.passes.plan_memory import plan_memory

    step, data = training_step(equations)
    times = [perf_counter()]
    program = sg.compile(step, fullgraph=True).program(*data)
    times.append(perf_counter())
    graph = program.graph
    times.append(perf_counter())
    plan = plan_memory(fuse(graph))
    times.append(perf_counter())
    emit({"run": plan}, backend=program.backend, title="step", packs=program.layout.packs)
    times.append(perf_counter())
    found = [float(len(graph.eqns)), *np.diff(times)]
    if equations <= MACHINE_CODE_UP_TO and program.source:  # the text is made and kept before the clock starts
        start = perf_counter()
        assert program.executable
        found.append(perf_counter() - start)
    return found


def measure(equations: int, repeat: int) -> list[float]:
    """Medians of the stages over new processes with empty caches."""
    samples = []
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="symgrad-growth-") as folder:
            samples.append([float(word) for word in child(STAGE_SECONDS, str(equations), caches=Path(folder))])
    return [statistics.median(found) for found in zip(*samples)]


def show(found: list[list[float]]) -> None:
    """Seconds, and seconds for each equation."""
    rows = []
    for count, *seconds in found:
        cells = [f"{table.duration(s)} ({table.duration(s / count)})" for s in seconds]
        rows.append((f"{count:,.0f}", *cells, *["–"] * (len(STAGES) - len(cells))))
    table.show("Compiling a training step by its size", ("equations", *STAGES), rows,
               note="In brackets for one equation. Schedule: fusion and the memory plan.")  # fmt: skip


def plot(found: list[list[float]], target: Path) -> None:
    """Both axes logarithmic: seconds on the left, seconds for one equation on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    whole, single = figure.subplots(1, 2)
    for number, stage in enumerate(STAGES, 1):
        points = [(row[0], row[number]) for row in found if len(row) > number and row[number] > 0]
        if not points:
            continue
        counts, seconds = zip(*points)
        whole.loglog(counts, seconds, "o-", label=stage)
        single.loglog(counts, [s / n for n, s in points], "o-", label=stage)
    whole.set(xlabel="equations", ylabel="seconds")
    single.set(xlabel="equations", ylabel="seconds for one equation")
    whole.legend()
    figure.savefig(target)
