"""What does one operation cost besides its arithmetic? An 8-element multiply, eager.

    python benchmarks/op_overhead.py [--repeat 15]

"Recorded" means that an operand requires a gradient, so the tape keeps the operation.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.bench import Contender, interleave, table


def multiply(a: Any, b: Any) -> Contender:
    """Multiplies `a` and `b` again and again, in a loop without calls of its own."""

    def many(count: int) -> None:
        for _ in range(count):
            a * b

    return Contender(lambda: 0.0, many)


def empty_loop(count: int) -> None:
    """What the loop itself costs."""
    for _ in range(count):
        pass


def contenders() -> dict[tuple[str, str], Contender]:
    """(library, whether recorded) → its multiply."""
    a, b = np.linspace(0, 1, 8, dtype=np.float32), np.linspace(1, 2, 8, dtype=np.float32)
    found = {("NumPy", "plain"): multiply(a, b)}
    makers: dict[str, Callable[[Any], Any]] = {"symgrad": sg.from_numpy}
    if importlib.util.find_spec("torch") is not None:
        import torch

        makers["torch"] = torch.from_numpy
    for name, make in makers.items():
        found[name, "plain"] = multiply(make(a.copy()), make(b.copy()))
        found[name, "recorded"] = multiply(make(a.copy()).requires_grad_(), make(b.copy()))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=15, help="turns of each contender (15)")
    args = parser.parse_args()
    given = contenders()
    begin = time.perf_counter()
    empty_loop(100_000)
    loop = (time.perf_counter() - begin) / 100_000
    timings = interleave({" ".join(key): value for key, value in given.items()}, args.repeat, 0.01)
    seconds = {key: timings[" ".join(key)].median - loop for key in given}
    rows = []
    for name in dict.fromkeys(name for name, _ in given):
        figures = [seconds.get((name, kind)) for kind in ("plain", "recorded")]
        peers = [seconds.get(("torch", kind)) for kind in ("plain", "recorded")]
        ratios = [f"{a / b:.2f}" if a and b else "–" for a, b in zip(figures, peers)]
        rows.append((name, *(table.duration(s) if s else "–" for s in figures), *ratios))
    table.show("An 8-element float32 multiply, eager",
               ("", "plain", "recorded", "plain/torch", "recorded/torch"), rows,
               note="Medians of interleaved turns, less the loop's own time.")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
