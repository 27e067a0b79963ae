"""How long until the first step of a new process is done, with an empty cache and with a warm one?

    python benchmarks/compile_time.py [--rows w1,w6] [--peers jax,torch.compile] [--repeat 3]
    python benchmarks/compile_time.py --rows "" --sizes 10,100,1000,10000 --plot docs/compile_time.svg

For each library a process imports it, makes the step and runs it once; the second process finds what the
first has left in its caches (JAX's persistent one is switched on). A process that is not counted comes
before them: it leaves Python's bytecode, which an installed package comes with. Data and first parameters are made
before the clock starts, and all caches lie in a temporary folder. allowed: 1.5 times JAX's cold time or
one second, whichever is more. torch.compile takes ten seconds and more a row, so it must be asked for.

new batch: how many files of machine code a step has left in the cache, and how many after another step
on three quarters of its data; the same number says that a new batch size compiles no kernel.

The second table is about the size of the graph: training steps of so many equations, what their
tracing, passes, schedule and printing take, and up to a thousand equations their machine code.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import growth
from children import FailedError, child
from workloads import ROWS

from symgrad.bench import peers, table

FIRST_STEP = """
import sys, time
label, name = sys.argv[1:]
import numpy
begin = time.perf_counter()
__import__(name.partition(".")[0])
imported = time.perf_counter()
from peers import step_of
from workloads import ROWS
workload = ROWS[label].workload
for part in ("data", "start"):
    made = getattr(workload, part)()
    object.__setattr__(workload, part, lambda made=made: tuple(array.copy() for array in made))
ready = time.perf_counter()
step_of(workload, name, "auto")()
print(imported - begin, time.perf_counter() - ready)
"""
NEW_BATCH = """
import os, sys
from pathlib import Path
import symgrad as sg
from workloads import ROWS
def files():
    return sum(path.suffix in (".o", ".nbc") for path in Path(os.environ["SYMGRAD_CACHE_DIR"]).rglob("*"))
function, data = ROWS[sys.argv[1]].workload.training_step()
step = sg.compile(function, fullgraph=True)
step(*data)
before = files()
step(*(part[: len(part) * 3 // 4] for part in data))
print(before, files())
"""
COMPILED = [label for label, row in ROWS.items() if row.workload.compiles]


def first_steps(label: str, name: str, repeat: int) -> list[float]:
    """Medians over pairs of processes: the import, the first step cold, and warm."""
    samples = []
    with tempfile.TemporaryDirectory(prefix="symgrad-compile-time-") as folder:
        child(FIRST_STEP, label, name, caches=Path(folder))
    for _ in range(repeat):
        with tempfile.TemporaryDirectory(prefix="symgrad-compile-time-") as folder:
            imported, cold = map(float, child(FIRST_STEP, label, name, caches=Path(folder)))
            _, warm = map(float, child(FIRST_STEP, label, name, caches=Path(folder)))
        samples.append((imported, cold, warm))
    return [statistics.median(found) for found in zip(*samples)]


def new_batch(label: str) -> str:
    """Files of machine code after one step, and after one of another batch size."""
    if not ROWS[label].workload.data() or ROWS[label].workload.update is None:
        return "–"  # what it computes lies in its parameters
    with tempfile.TemporaryDirectory(prefix="symgrad-compile-time-") as folder:
        return " → ".join(child(NEW_BATCH, label, caches=Path(folder)))


def show_rows(labels: list[str], names: list[str], repeat: int) -> None:
    """The first table."""
    rows, imports, failures = [], {}, []
    for label in labels:
        print(f"{label} …", file=sys.stderr, flush=True)
        cells, colds = [], {}
        for name in ("symgrad", *names):
            if name != "symgrad" and name not in ROWS[label].workload.peers:
                cells += ["–", "–"]
                continue
            try:
                imports[name], colds[name], warm = first_steps(label, name, repeat)
                cells += [table.duration(colds[name]), table.duration(warm)]
            except FailedError as error:
                failures.append(str(error))
                cells += ["–", "–"]
        allowed = table.duration(max(1.0, 1.5 * colds["jax"])) if "jax" in colds else "–"
        rows.append((label, ROWS[label].workload.title, *cells, allowed, new_batch(label)))
    columns = [word for name in names for word in (name, "warm")]
    table.show("Until the first step is done", ("step", "", "symgrad cold", "warm", *columns, "allowed", "new batch"),
               rows, note=f"Medians of {repeat}. Before that, after numpy: " + ", ".join(
                   f"import {name} {table.duration(seconds)}" for name, seconds in imports.items()))  # fmt: skip
    for line in failures:
        print(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(COMPILED), help="rows of the peers' table; empty for none")
    parser.add_argument("--peers", default="jax", help="jax, torch.compile, pytensor")
    parser.add_argument("--repeat", type=int, default=3, help="cold and warm processes for each (3)")
    parser.add_argument("--sizes", default="10,100,1000,10000", help="equations of the generated graphs")
    parser.add_argument("--plot", type=Path, help="also draw the second table there")
    args = parser.parse_args()
    wanted = [name for name in args.peers.split(",") if name]
    labels = [label for label in args.rows.split(",") if label]
    if unknown := [label for label in labels if label not in COMPILED]:
        parser.error(f"no {unknown[0]!r}; there are {', '.join(COMPILED)}")
    if labels:
        show_rows(labels, peers.available(wanted) if wanted else [], args.repeat)
    sizes = [int(size) for size in args.sizes.split(",") if size]
    if sizes:
        found = [growth.measure(size, args.repeat) for size in sizes]
        growth.show(found)
        if args.plot:
            growth.plot(found, args.plot)
    return 0


if __name__ == "__main__":
    sys.exit(main())
