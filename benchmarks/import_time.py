"""How much longer does `import symgrad` take than `import numpy`, and which modules take it?

    python benchmarks/import_time.py [--repeat 9]

Each import is a process of its own; the processes take turns.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

from symgrad.bench import table

TIMED = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
STATEMENTS = {"numpy": "numpy", "symgrad": "symgrad", "numpy, numba": "numpy, numba"}


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with this symgrad."""
    home = Path(__file__).resolve().parent.parent
    paths = dict(os.environ, PYTHONPATH=os.pathsep.join((str(home), os.environ.get("PYTHONPATH", ""))))
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True, env=paths)


def slowest(count: int) -> list[tuple[str, float]]:
    """The modules that `import symgrad` spends most time in itself, numpy's left out."""
    report = python("-X", "importtime", "-c", "import numpy; import symgrad").stderr
    after = report[report.rindex("| numpy\n"):]
    lines = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", after)
    return sorted(((name, int(own) * 1e-6) for own, name in lines), key=lambda line: -line[1])[:count]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9, help="processes for each import (9)")
    args = parser.parse_args()
    samples: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for turn in range(args.repeat + 1):  # the first fills the file system's cache and is not counted
        for name, statement in STATEMENTS.items():
            seconds = float(python("-c", TIMED.format(statement)).stdout)
            if turn:
                samples[name].append(seconds)
    base = statistics.median(samples["numpy"])
    rows = []
    for name, found in samples.items():
        median = statistics.median(found)
        rows.append((name, table.duration(median), table.duration(min(found)), table.duration(max(median - base, 0))))
    table.show("Imports in new processes", ("import", "median", "best", "over numpy"), rows)
    heavy = [(name, table.duration(seconds)) for name, seconds in slowest(8)]
    table.show("Where the rest goes", ("module", "itself"), heavy, note="One run under -X importtime.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
