"""How long does one training step take, beside hand-written C and every library that is installed?

    python benchmarks/step_time.py [--rows polynomial,two-layer] [--repeat 15] [--json OUT]

All contenders of a row take turns in this one process, start from the same parameters, read their
loss back as a Python float in each step, and must agree on the first 20 losses before any is timed.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import sys
from pathlib import Path
from typing import Any

import hand_written

from symgrad.bench import (
    PROBLEMS,
    Contender,
    DisagreementError,
    Problem,
    Timing,
    agree,
    interleave,
    peers,
    problem,
    table,
)
from symgrad.errors import SymgradError

ROWS = ("polynomial", "legendre", "polynomial-large", "two-layer-small", "two-layer")
FLOOR = "BLAS alone"
HEADS = {FLOOR: "BLAS", "pytensor": "PyTensor", "jax": "JAX", "torch": "torch", "torch.compile": "t.compile"}


def contenders_of(
    row: Problem, names: list[str], backend: str, notes: list[str]
) -> dict[str, Contender]:
    """Everyone who can do this step and does it right; who cannot is told in `notes`."""
    reference = {"NumPy": Contender(row.numpy())}
    found = dict(reference)
    makers: dict[str, Any] = {name: peers.PEERS[name] for name in names}
    makers["symgrad"] = lambda row: row.compiled(backend)
    for name, contender in hand_written.contenders(row).items():
        if name != FLOOR:
            agree({"NumPy": Contender(row.numpy()), name: contender})
        found[name] = contender
    for name, make in makers.items():
        try:
            contender = Contender(make(row))
            agree({"NumPy": Contender(row.numpy()), name: contender})
        except (DisagreementError, SymgradError) as error:
            notes.append(f"{row.name}: {name} left out: {str(error).splitlines()[0]}")
            continue
        found[name] = contender
    return found


def measure(row: Problem, args: argparse.Namespace, names: list[str], notes: list[str]) -> Any:
    """The figures of one row, in seconds, with the two ratios."""
    contenders = contenders_of(row, names, args.backend, notes)
    timings = interleave(contenders, turns=args.repeat)
    picked = {name: pick(timing, args.by) for name, timing in timings.items()}
    rivals = {name: picked[name] for name in ("NumPy", *names) if name in picked}
    fastest = min(rivals, key=rivals.__getitem__)
    floor = picked.get(FLOOR, picked.get("C"))
    own = picked.get("symgrad")
    return {
        "row": row.name, "title": row.title, "fastest_peer": fastest,
        "seconds": {k: {"median": t.median, "best": t.best} for k, t in timings.items()},
        "to_fastest_peer": own and own / rivals[fastest],
        "to_c": own and floor and own / floor,
        "picked": picked,
    }  # fmt: skip


def pick(timing: Timing, by: str) -> float:
    """The figure that is shown: the median of all turns, or the best."""
    return timing.median if by == "median" else timing.best


def show(results: list[Any], names: list[str], notes: list[str], args: argparse.Namespace) -> None:
    """The table, and who is missing from it."""
    shown = ("C", FLOOR, "NumPy", *names, "symgrad")
    columns = ["step", "", *(HEADS.get(name, name) for name in shown), "/peer", "/C"]
    rows = []
    for result in results:
        picked = result["picked"]
        scale, unit = table.unit_of(picked.get("symgrad", picked["NumPy"]))
        cells = [table.digits(picked[name] / scale) if name in picked else "–" for name in shown]
        rows.append((result["row"], unit, *cells, table.ratio(result["to_fastest_peer"]),
                     table.ratio(result["to_c"])))  # fmt: skip
    note = ("/peer: symgrad's time over the fastest of NumPy and the libraries; /C: over C, where there is "
            "a BLAS column over the BLAS calls alone.")  # fmt: skip
    table.show(f"One training step ({args.by} of {args.repeat} turns, {platform.machine()}, float32)",
               columns, rows, best="symgrad", note=note)  # fmt: skip
    for line in notes:
        print(table.plain(line))


def names_of(text: str, known: Any) -> list[str]:
    """The comma-separated names in `text`, all of them known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(f"no {unknown[0]!r}; there are {', '.join(known)}")
    return names


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=lambda text: names_of(text, PROBLEMS), default=list(ROWS))
    parser.add_argument("--peers", type=lambda text: names_of(text, peers.PEERS), default=list(peers.PEERS))
    parser.add_argument("--repeat", type=int, default=15, help="turns of each contender (15)")
    parser.add_argument("--by", choices=("median", "best"), default="median")
    parser.add_argument("--backend", default="auto")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    args = parser.parse_args()
    names = peers.available(args.peers) if args.peers else []
    notes = [f"{name}: {peers.missing(name)}" for name in args.peers if peers.missing(name)]
    if hand_written.library() is None:
        notes.append("C: no C compiler")
    results = []
    for name in args.rows:
        print(f"{name} …", file=sys.stderr, flush=True)
        results.append(measure(problem(name), args, names, notes))
        gc.collect()
    show(results, names, notes, args)
    if args.json:
        for result in results:
            del result["picked"]
        args.json.write_text(json.dumps({"by": args.by, "rows": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
