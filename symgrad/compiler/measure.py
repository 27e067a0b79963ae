"""How long each kernel of a program takes, beside the least time that its memory traffic or arithmetic needs.

The program is compiled once more with a clock read between the entry's statements, and run on a copy of its
state and on arrays made up for the types of its arguments: random floats, zeros for integers. (Made-up weights would
saturate a softmax: what follows then computes with denormal numbers, many times slower than a step really is.)
"""

from __future__ import annotations

import math
import time
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.compiler.results import Arena
from symgrad.ir.graph import Value
from symgrad.ir.primitive import Gemm
from symgrad.native import Function
from symgrad.native.clock import actions
from symgrad.passes.schedule import Kernel, Run, Step

if TYPE_CHECKING:
    from symgrad.compiler.variant import Variant

RUNS = 30


def kernel_seconds(variant: "Variant") -> dict[str, float]:
    """Seconds of each step by name, and of each run of steps (the least of several calls).

    Empty where the entry is not one native function.
    """
    function = variant.entry.function
    if not isinstance(function, Function) or function.signature is None:
        return {}
    names = [turn_name(steps) for steps, _ in next(iter(variant.program.schedule.values())).turns()]
    if len(actions(function.tree.body)) != len(names):  # a kernel without anything to do has no statement
        return {}
    run, clock = function.timed(function.signature)
    arguments = made_up(variant)
    with np.errstate(all="ignore"):
        run(*arguments)  # page faults and cold caches
        best = np.full(clock.shape, np.inf)
        for _ in range(RUNS):
            clock[:] = 0
            run(*arguments)
            best = np.minimum(best, clock)
    return {name: float(spent) * 1e-9 for name, spent in zip(names, best)}


def turn_name(steps: tuple[Step, ...]) -> str:
    """What a step, or a run of them, is called."""
    return steps[0].name if len(steps) == 1 else f"{steps[0].name} to {steps[-1].name}"


def made_up(variant: "Variant") -> list[Any]:
    """Arguments of an entry's types."""
    rng = np.random.default_rng(0)
    graph, arena = variant.graph, Arena(variant.layout)
    found: list[Any] = []
    for number, p in enumerate(variant.entry.params):
        if p.kind in ("input", "cell", "out"):
            kind = {"input": graph.inputs, "cell": graph.cells, "out": graph.outputs}[p.kind][p.index].type
            shape = tuple(int(e) for e in kind.shape)
            floats, state = kind.dtype.is_floating_point, None
            if p.kind == "cell":
                state = getattr(variant.sources[graph.cells[p.index]], "_data", None)
            if isinstance(state, np.ndarray) and state.flags.c_contiguous:
                found.append(state.copy())
                continue
            found.append(rng.random(shape).astype(kind.dtype.np) if floats else np.zeros(shape, kind.dtype.np))
        elif p.kind == "host":
            found.append(variant.host_constants.get(number, 1.0 if p.dtype.is_floating_point else 1))
        elif p.kind == "ws":
            found.append(np.zeros(int(p.size), p.dtype.np))
        elif p.kind == "pack":
            found.append(arena.arrays[p.name])
        else:
            found.append(-1 if p.name == "task" else 0)
    return found


def floor_seconds(step: Step) -> float:
    """The least time of a step: its bytes at this machine's speed, or its multiplications and additions."""
    return max(traffic_seconds((*step.reads, *step.writes)), product_seconds(step))


def run_floor_seconds(steps: tuple[Step, ...], run: Run) -> float:
    """The least time of a run: what others have or want, at this machine's speed, or its products."""
    passing = {v: None for step in steps for v in (*step.reads, *step.writes) if v not in run.local}
    return max(traffic_seconds(tuple(passing)), sum(map(product_seconds, steps)))


def traffic_seconds(values: tuple[Value, ...]) -> float:
    """The least time to read or write the values once."""
    nbytes = sum(int(v.type.nbytes) for v in values)
    return nbytes / bytes_per_second(nbytes)


def product_seconds(step: Step) -> float:
    """The least time of a product of matrices; of any other step none."""
    if isinstance(step, Kernel) or not isinstance(step.eqn.prim.lower, Gemm):
        return 0.0
    a, out = step.eqn.inputs[0].type, step.eqn.out.type
    return 2.0 * int(out.size) * int(a.shape[-1]) / operations_per_second(str(out.dtype.np))


def bytes_per_second(nbytes: int) -> float:
    """How fast this machine copies that much memory, on one thread: caches make little fast."""
    return _copied(max(14, min(math.ceil(math.log2(max(nbytes, 1))), 26)))


@cache
def _copied(power: int) -> float:
    """Bytes read and written a second by copies within 2^power bytes."""
    a = np.zeros(1 << (power - 4))
    b = np.empty_like(a)
    return 2 * a.nbytes / least(lambda: np.copyto(b, a))


@cache
def operations_per_second(dtype: str) -> float:
    """How many multiplications and additions a second a large product of matrices does."""
    a = np.ones((768, 768), dtype)
    out = np.empty_like(a)
    return 2.0 * 768**3 / least(lambda: np.matmul(a, a, out))


def least(work: Any, turns: int = 7) -> float:
    """The shortest of several timings, each long enough to be read."""
    work()
    count, best = 1, math.inf
    while turns:
        begin = time.perf_counter()
        for _ in range(count):
            work()
        taken = time.perf_counter() - begin
        if taken < 2e-4 and count < 1 << 16:
            count *= 4
            continue
        best, turns = min(best, taken / count), turns - 1
    return best
