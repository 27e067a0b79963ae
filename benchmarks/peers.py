"""How long does one training step take, beside the fastest other library and beside the limit?

    python benchmarks/peers.py [--rows w1,w6] [--peers torch,jax] [--repeat 15] [--by best] [--json OUT]

The rows are the twelve workloads in `workloads/`. A step is whole (gradients cleared, forward, loss,
backward, update), in float32, and its loss is read back as a Python float. The contenders of a row start
from the same parameters and take turns in this one process, each with its own default of threads.

Before any is timed its first losses must agree with the reference: NumPy written out by hand, or else
eager symgrad. Two kinds of row are checked by a twin that differs in one number. Libraries draw different
random numbers, so the row with dropout is compared with its probability at 0, and then once more as it is
timed: there the mean of the losses must agree within 5 %. Rows that only compute gradients have the same
loss at each step, so they are compared with an update added, by which the gradients show in the losses.

limit: the whole step in C (OpenMP where it pays), or its matrix products alone by NumPy's OpenBLAS, into
memory that is already there; for the row that runs eagerly, NumPy by hand. peer/own: the fastest
peer's time over symgrad's, so more than 1 is faster than all; own/limit: symgrad's time over the limit's;
reach: what the row is to take on the machine that the limits were first measured on (a Xeon, 2 cores).
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import sys
from pathlib import Path
from typing import Any

import chart
import hand_written
import limits
from workloads import ROWS, Row

import symgrad as sg
from symgrad.bench import (
    Contender,
    DisagreementError,
    Timing,
    Workload,
    agree,
    interleave,
    peers,
    table,
)
from symgrad.bench.timing import Step
from symgrad.errors import SymgradError

HEADS = {"pytensor": "PyTensor", "jax": "JAX", "torch": "torch", "torch.compile": "t.compile"}
CHECKED_STEPS, AVERAGED_STEPS = 5, 30


def step_of(workload: Workload, name: str, backend: str) -> Step | None:
    """The contender called `name`, made anew, or None where nobody wrote it."""
    if name == "NumPy":
        return workload.numpy()
    if name == "eager":
        return workload.eager()
    if name == "symgrad":
        return workload.compiled(backend) if workload.compiles else workload.eager()
    return peers.PEERS[name](workload) if name in workload.peers else None


def reference(workload: Workload) -> Step:
    """Whose losses the others' are held against."""
    return workload.numpy() or workload.eager()


def check(workload: Workload, name: str, backend: str) -> None:
    """DisagreementError unless the contender's first losses are the reference's."""
    twin = workload.comparable()
    step = step_of(twin, name, backend)
    assert step is not None
    agree({"reference": Contender(reference(twin)), name: Contender(step)}, CHECKED_STEPS)
    if getattr(workload, "dropout", 0):
        means = []
        for step in (reference(workload), step_of(workload, name, backend)):
            assert step is not None
            means.append(statistics.fmean(step() for _ in range(AVERAGED_STEPS)))
        if not abs(means[1] - means[0]) <= 0.05 * abs(means[0]):
            raise DisagreementError(f"{name} has mean loss {means[1]:.5g} with dropout, eager {means[0]:.5g}")


def contenders_of(row: Row, names: list[str], backend: str, notes: list[str]) -> dict[str, Contender]:
    """Everyone who can do this step and does it right; who cannot is told in `notes`."""
    workload = row.workload
    found = {}
    for name in ("NumPy", *names, "symgrad"):
        if name == "NumPy" and not workload.compiles:  # it is the limit there
            continue
        try:
            step = step_of(workload, name, backend)
            if step is None:
                continue
            check(workload, name, backend)
        except (DisagreementError, SymgradError, RuntimeError) as error:
            notes.append(f"{workload.name}: {name} left out: {str(error).splitlines()[0]}")
            continue
        found[name] = Contender(step)
        gc.collect()
    return found


def measure(label: str, row: Row, args: argparse.Namespace, notes: list[str]) -> dict[str, Any]:
    """The figures of one row, in seconds, with the two ratios."""
    contenders = contenders_of(row, peers.available(args.peers) if args.peers else [], args.backend, notes)
    rivals = [name for name in contenders if name != "symgrad"]
    found = limits.limit(row.workload)
    if found is not None:
        contenders["limit"] = found[1]
    timings = interleave(contenders, turns=args.repeat)
    picked = {name: pick(timing, args.by) for name, timing in timings.items()}
    fastest = min(rivals, key=picked.__getitem__, default=None)
    own = picked.get("symgrad")
    return {
        "row": label, "title": row.workload.title, "limit": found and found[0], "fastest_peer": fastest,
        "seconds": {k: {"median": t.median, "best": t.best} for k, t in timings.items()},
        "to_fastest_peer": own and fastest and picked[fastest] / own,
        "to_limit": own and found and own / picked["limit"],
        "reach": row.reach,
    }  # fmt: skip


def pick(timing: Timing, by: str) -> float:
    """The figure that is shown: the best of all turns, or their median."""
    return timing.best if by == "best" else timing.median


def show(results: list[dict[str, Any]], notes: list[str], args: argparse.Namespace) -> None:
    """The table, and what there is to know about it."""
    columns = (
        "step", "", "unit", "limit", "fastest peer", "", "other peers", "symgrad", "peer/own", "own/limit", "reach",
    )  # fmt: skip
    rows = []
    for result in results:
        seconds = {name: found[args.by] for name, found in result["seconds"].items()}
        own, fastest = seconds.pop("symgrad", None), result["fastest_peer"]
        least = seconds.pop("limit", None)
        scale, unit = table.unit_of(own or result["reach"])

        def told(value: float | None, scale: float = scale) -> str:
            return "–" if value is None else table.digits(value / scale)

        others = sorted((t, name) for name, t in seconds.items() if name != fastest)
        rows.append((
            result["row"], result["title"], unit, told(least), told(seconds.get(fastest)), HEADS.get(fastest, fastest),
            ", ".join(f"{HEADS.get(name, name)} {told(t)}" for t, name in others), told(own),
            table.ratio(result["to_fastest_peer"]), table.ratio(result["to_limit"]), told(result["reach"]),
        ))  # fmt: skip
    table.show(f"One training step ({args.by} of {args.repeat} turns, float32)", columns, rows, best="symgrad")
    for line in notes:
        print(table.plain(line))


def surroundings(names: list[str]) -> list[str]:
    """The machine, and how many threads each library takes by itself."""
    found = [f"machine: {platform.machine()}, {os.cpu_count()} cores", f"symgrad: {sg.get_num_threads()} threads"]
    if "torch" in names or "torch.compile" in names:
        import torch

        found.append(f"torch {torch.__version__}: {torch.get_num_threads()} threads")
    if "jax" in names:
        import jax

        found.append(f"jax {jax.__version__}: its own pool, one thread a core")
    return found


def names_of(text: str, known: Any) -> list[str]:
    """The comma-separated names in `text`, all of them known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no {unknown[0]!r}; there are {', '.join(known)}")
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: names_of(text, ROWS), default=list(ROWS))
    parser.add_argument("--peers", type=lambda text: names_of(text, peers.PEERS), default=list(peers.PEERS))
    parser.add_argument("--repeat", type=int, default=15, help="turns of each contender (15)")
    parser.add_argument("--by", choices=("best", "median"), default="best")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    parser.add_argument("--plot", type=Path, help="also draw them there, as SVG")
    args = parser.parse_args()
    notes = [f"{name}: {peers.missing(name)}" for name in args.peers if peers.missing(name)]
    if hand_written.library() is None:
        notes.append("limit: no C compiler, so only those of matrix products")
    results = []
    for label in args.rows:
        print(f"{label} …", file=sys.stderr, flush=True)
        results.append(measure(label, ROWS[label], args, notes))
        gc.collect()
    about = surroundings(args.peers and peers.available(args.peers))
    show(results, about + notes, args)
    if args.plot:
        chart.draw(results, args.by, args.plot)
    if args.json:
        args.json.write_text(json.dumps({"by": args.by, "about": about, "rows": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
