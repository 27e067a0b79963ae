"""`symgrad bench`: each of the documents' steps by hand, eager and compiled, in one table."""

from __future__ import annotations

import gc
from collections.abc import Sequence

from symgrad.bench import table
from symgrad.bench.problems import PROBLEMS, problem
from symgrad.bench.timing import Contender, agree, interleave

QUICK = ("polynomial", "legendre", "two-layer-small")
TURNS, QUICK_TURNS = 15, 5


def bench(names: Sequence[str] = (), *, quick: bool = False, backend: str = "auto") -> int:
    """Print the table for `names` (all, or few and short ones when `quick`); the exit code."""
    from tqdm import tqdm

    chosen = [problem(name) for name in names or (QUICK if quick else PROBLEMS)]
    rows = []
    with tqdm(total=len(chosen), leave=False, disable=None) as bar:
        for item in chosen:
            bar.set_description(item.name)
            contenders = {
                "NumPy": Contender(item.numpy()),
                "eager": Contender(item.eager()),
                "compiled": Contender(item.compiled(backend)),
            }
            agree(contenders, steps=3 if quick else 20)
            found = interleave(contenders, turns=QUICK_TURNS if quick else TURNS)
            hand, eager, compiled = (found[name].median for name in contenders)
            rows.append((item.name, *map(table.duration, (hand, eager, compiled)),
                         table.ratio(hand / compiled), table.ratio(eager / compiled)))  # fmt: skip
            del contenders
            gc.collect()
            bar.update()
    table.show(
        "One training step, float32, its loss read back", ("step", "NumPy", "eager", "compiled",
        "NumPy/compiled", "eager/compiled"), rows, best="compiled",
        note=f"Medians of interleaved runs, backend {backend}; NumPy: written out by hand.",
    )  # fmt: skip
    return 0
