"""What does one eager operation cost? Twenty common ones beside PyTorch's, at 8 and at 10,000 elements.

    python benchmarks/op_overhead.py [--repeat 300] [--only mul,t]

"Recorded" means that an operand requires a gradient, so the tape keeps the operation. PyTorch runs on
one thread, as eager symgrad does.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.bench import Contender, table

SIZES = (8, 10_000)

# name -> (lib, a, b, m, mask) -> a call; a, b are vectors, m a matrix of 4 rows, mask a boolean vector
OPERATIONS: dict[str, Callable[..., Callable[[], Any]]] = {
    "a + b": lambda lib, a, b, m, mask: lambda: a + b,
    "a * b": lambda lib, a, b, m, mask: lambda: a * b,
    "a / b": lambda lib, a, b, m, mask: lambda: a / b,
    "a ** 2": lambda lib, a, b, m, mask: lambda: a**2,
    "exp": lambda lib, a, b, m, mask: lambda: a.exp(),
    "log": lambda lib, a, b, m, mask: lambda: a.log(),
    "tanh": lambda lib, a, b, m, mask: lambda: a.tanh(),
    "sigmoid": lambda lib, a, b, m, mask: lambda: a.sigmoid(),
    "relu": lambda lib, a, b, m, mask: lambda: a.relu(),
    "sum()": lambda lib, a, b, m, mask: lambda: a.sum(),
    "mean(0)": lambda lib, a, b, m, mask: lambda: m.mean(0),
    "max(0)": lambda lib, a, b, m, mask: lambda: m.max(0),
    "mm": lambda lib, a, b, m, mask: lambda: m.mm(m.t()),
    "reshape": lambda lib, a, b, m, mask: lambda: a.reshape(4, -1),
    "t()": lambda lib, a, b, m, mask: lambda: m.t(),
    "a[1:3]": lambda lib, a, b, m, mask: lambda: a[1:3],
    "unsqueeze": lambda lib, a, b, m, mask: lambda: a.unsqueeze(0),
    "cat": lambda lib, a, b, m, mask: lambda: lib.cat([a, b]),
    "where": lambda lib, a, b, m, mask: lambda: lib.where(mask, a, b),
    "clamp": lambda lib, a, b, m, mask: lambda: a.clamp(0.2, 0.8),
    "(a*b).sum().backward()": lambda lib, a, b, m, mask: lambda: (a * b).sum().backward(),
}


def contender(lib: Any, name: str, size: int, recorded: bool) -> Contender:
    """One operation of one library, in a loop whose own time is known."""
    make = sg.from_numpy if lib is sg else lib.from_numpy
    a, b = make(np.linspace(0.1, 1, size, dtype="f4")), make(np.linspace(1, 2, size, dtype="f4"))
    m = make(np.linspace(0.1, 1, size, dtype="f4").reshape(4, -1))
    mask = a > 0.5
    if recorded:
        a.requires_grad_(), m.requires_grad_()
    call = OPERATIONS[name](lib, a, b, m, mask)

    def many(count: int) -> None:
        for _ in range(count):
            call()

    return Contender(lambda: 0.0, many)


def loop_seconds() -> float:
    """What a turn of the loop and the call of a function cost by themselves."""

    def nothing() -> None: ...

    found = []
    for _ in range(200):
        begin = time.perf_counter()
        for _ in range(1_000):
            nothing()
        found.append((time.perf_counter() - begin) / 1_000)
    return min(found)


def quiet(contenders: dict[str, Contender], turns: int) -> dict[str, float]:
    """Seconds per call: the lower decile of many short turns taken in rotation, so what else runs hardly shows."""
    counts = {name: max(1, round(1e-4 / contender.run(20) * 20)) for name, contender in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(turns):
        for name, contender in contenders.items():
            samples[name].append(contender.run(counts[name]) / counts[name])
    return {name: sorted(found)[len(found) // 10] for name, found in samples.items()}


def geometric(ratios: list[float]) -> str:
    """Their geometric mean, as text."""
    return f"{math.exp(sum(map(math.log, ratios)) / len(ratios)):.2f}" if ratios else "–"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=300, help="turns of 0.1 ms of each contender (300)")
    parser.add_argument("--only", default="", help="operations whose names contain one of these, by commas")
    args = parser.parse_args()
    libs: dict[str, Any] = {"symgrad": sg}
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)
        libs["torch"] = torch
    chosen = [n for n in OPERATIONS if any(part in n for part in args.only.split(","))]
    loop = loop_seconds()
    ratios: list[float] = []
    for size in SIZES:
        rows, every = [], {"plain": [], "recorded": []}  # type: ignore[var-annotated]
        for name in chosen:
            kinds = [k for k in every if k == "recorded" or "backward" not in name]
            given = {f"{lib} {kind}": contender(module, name, size, kind == "recorded")
                     for lib, module in libs.items() for kind in kinds}  # fmt: skip
            found = {key: seconds - loop for key, seconds in quiet(given, args.repeat).items()}
            cells = []
            for kind in every:
                mine, theirs = found.get(f"symgrad {kind}"), found.get(f"torch {kind}")
                ratio = mine / theirs if mine and theirs else None
                if ratio is not None:
                    every[kind].append(ratio)
                cells += [table.duration(mine) if mine else "–", table.duration(theirs) if theirs else "–",
                          f"{ratio:.2f}" if ratio else "–"]  # fmt: skip
            rows.append((name, *cells))
        ratios += [*every["plain"], *every["recorded"]]
        rows.append(("geometric mean", "", "", geometric(every["plain"]), "", "", geometric(every["recorded"])))
        table.show(f"Eager, {size:,} float32 elements",
                   ("", "plain", "torch", "ratio", "recorded", "torch", "ratio"), rows,
                   note="Lower deciles of short turns in rotation, less the loop's own time; torch: one thread.")
    if ratios:
        print(f"geometric mean of all {len(ratios)} ratios to torch: {geometric(ratios)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
