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
        sys.exit(f"{name}: {done.stderr}")
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
    for _ in range(args.repeat):
        for name in names:
            with tempfile.TemporaryDirectory(prefix="symgrad-compile-time-") as folder:
                imported, cold = child(args.row, name, Path(folder))
                _, warm = child(args.row, name, Path(folder))
            for found, seconds in zip(samples[name], (imported, cold, warm)):
                found.append(seconds)
    rows = [(name, *(table.duration(statistics.median(found)) for found in samples[name])) for name in names]
    table.show(f"Until the first step is done: {args.row}",
               ("", "import", "first step, cold", "first step, warm"), rows,
               note=f"Medians of {args.repeat} processes each, after numpy is imported; warm: caches filled "
                    "by one process before.")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
