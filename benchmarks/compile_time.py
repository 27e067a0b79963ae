"""How long until the first step of a new process is done, with an empty cache and with a warm one?

    python benchmarks/compile_time.py [--repeat 3] [--row polynomial] [--peers pytensor,jax,torch.compile]

For each library a process imports it, makes the step and runs it once; the second process finds
what the first has left in its caches. All caches lie in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from symgrad.bench import PROBLEMS, peers, table

CHILD = """
import sys, time
row, name = sys.argv[1:]
import numpy
begin = time.perf_counter()
if name.startswith("symgrad"):
    import symgrad
else:
    __import__(name.partition(".")[0])
imported = time.perf_counter()
from symgrad.bench import PROBLEMS, peers
problem = PROBLEMS[row]
problem.data()
ready = time.perf_counter()
if name.startswith("symgrad"):
    step = problem.compiled(name.partition(" ")[2] or "auto")
else:
    step = peers.PEERS[name](problem)
loss = step()
print(imported - begin, time.perf_counter() - ready, loss)
"""


class FailedError(RuntimeError):
    """A process that did not get to the end of its step; the message is its last line."""


def child(row: str, name: str, caches: Path) -> tuple[float, float]:
    """Seconds for the import, and for making the step and running it once, in a new process."""
    home = Path(__file__).resolve().parent.parent
    surroundings = dict(
        os.environ,
        PYTHONPATH=os.pathsep.join((str(home), os.environ.get("PYTHONPATH", ""))),
        SYMGRAD_CACHE_DIR=str(caches / "symgrad"),
        PYTENSOR_FLAGS=f"base_compiledir={caches / 'pytensor'}",
        NUMBA_CACHE_DIR=str(caches / "numba"),
        TORCHINDUCTOR_CACHE_DIR=str(caches / "inductor"),
    )
    done = subprocess.run([sys.executable, "-c", CHILD, row, name], capture_output=True, text=True,
                          check=False, env=surroundings)  # fmt: skip
    if done.returncode:
        raise FailedError(f"{name} left out: {done.stderr.strip().splitlines()[-1]}")
    imported, made, _ = map(float, done.stdout.split()[-3:])
    return imported, made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3, help="cold and warm processes for each (3)")
    parser.add_argument("--row", choices=PROBLEMS, default="polynomial")
    parser.add_argument("--peers", default="pytensor,jax,torch.compile")
    args = parser.parse_args()
    wanted = [name for name in args.peers.split(",") if name]
    names = ["symgrad numba", "symgrad numpy", *(peers.available(wanted) if wanted else ())]
    samples: dict[str, list[list[float]]] = {name: [[], [], []] for name in names}
    failures: dict[str, str] = {}
    for name in names * args.repeat:
        with tempfile.TemporaryDirectory(prefix="symgrad-compile-time-") as folder:
            try:
                imported, cold = child(args.row, name, Path(folder))
                _, warm = child(args.row, name, Path(folder))
            except FailedError as error:
                failures[name] = str(error)
                continue
        for found, seconds in zip(samples[name], (imported, cold, warm)):
            found.append(seconds)
    rows = [(name, *(table.duration(statistics.median(found)) for found in samples[name]))
            for name in names if name not in failures]  # fmt: skip
    table.show(f"Until the first step is done: {args.row}",
               ("", "import", "first step, cold", "first step, warm"), rows,
               note=f"Medians of {args.repeat} processes each, after numpy is imported; warm: caches filled "
                    "by one process before.")  # fmt: skip
    for line in failures.values():
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
