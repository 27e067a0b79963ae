"""Where symgrad stands beside PyTorch, operation by operation.

    python tests/opinfo/__main__.py add linalg.det            values, gradients, errors, forms; first failures
    python tests/opinfo/__main__.py add --dtype float32 --mode numba -v
    python tests/opinfo/__main__.py --all                     the table and totals
    python tests/opinfo/__main__.py --coverage docs/coverage.md
    python tests/opinfo/__main__.py --beyond                  what is not promised and works all the same
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import torch  # noqa: E402

from opinfo import sweep  # noqa: E402
from opinfo.cases import DTYPES, load, others  # noqa: E402
from opinfo.coverage import BACKENDS  # noqa: E402

COMMON = ("bool", "int64", "uint8", "float32", "float64", "complex64")


def main() -> int:
    """Parse, run, print; the exit status says whether all samples agreed."""
    parser = argparse.ArgumentParser(prog="opinfo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", help="operations, as PyTorch names them")
    parser.add_argument("--all", action="store_true", help="every promised operation")
    parser.add_argument("--beyond", action="store_true", help="every other entry of op_db")
    parser.add_argument("--dtype", action="append", help="dtypes of the values; all for all")
    parser.add_argument("--mode", action="append", choices=sweep.MODES, help="eager (default), or a backend")
    parser.add_argument("--grad", action="store_true", help="gradients only")
    parser.add_argument("--limit", type=int, help="at most so many samples per dtype, evenly spread")
    parser.add_argument("-v", "--verbose", action="store_true", help="every failure, not the first three")
    parser.add_argument("--coverage", type=Path, help="write the page of what is covered; takes a while")
    given = parser.parse_args()
    if given.coverage:
        from opinfo.coverage import everything

        told = lambda name, row: print(f"{name:28}" + " ".join(f"{c} {t}" for c, t in row.items()), flush=True)
        given.coverage.write_text(everything(load(), told, tuple(given.mode or BACKENDS)), encoding="utf-8")
        return 0
    table = others() if given.beyond else load()
    names = list(table) if given.all or given.beyond else given.names
    if unknown := [n for n in names if n not in table]:
        table.update({n: c for n, c in others().items() if n in unknown})
    if unknown := [n for n in names if n not in table]:
        parser.error(f"no such operation: {' '.join(unknown)}")
    asked = given.dtype or list(COMMON)
    dtypes = list(DTYPES) if "all" in asked else [getattr(torch, d) for d in asked]
    columns = ("values", "gradients", "second", "errors", "forms")
    totals = {c: sweep.Tally() for c in columns}
    covered = 0
    started = time.perf_counter()
    print(f"{'':28}" + "".join(f"{c:>13}" for c in columns))
    for name in names:
        row = {c: sweep.Tally() for c in columns}
        for case in table[name]:
            for mode in given.mode or ["eager"]:
                if not given.grad:
                    row["values"] += sweep.values(case, dtypes, mode, given.limit)
                row["gradients"] += sweep.gradients(case, mode, given.limit)
                if mode == "eager":
                    row["second"] += sweep.gradients(case, mode, 3, order=2)
                    if not given.grad:
                        row["errors"] += sweep.errors(case, given.limit)
                        row["forms"] += sweep.forms(case)
        complete = all(t.passed == t.total for t in row.values())
        covered += complete
        print(f"{name:28}" + "".join(f"{row[c]!s:>13}" for c in columns) + ("" if complete else "  <--"), flush=True)
        for column in columns:
            totals[column] += row[column]
            shown = row[column].failures
            for text in shown if given.verbose else shown[:3]:
                print(f"    {column}: {text}")
            if not given.verbose and len(shown) > 3:
                print(f"    {column}: … and {len(shown) - 3} more")
    print(f"{'TOTAL':28}" + "".join(f"{totals[c]!s:>13}" for c in columns))
    print(f"{covered} of {len(names)} operations whole; {time.perf_counter() - started:.0f} s")
    return int(covered < len(names))


if __name__ == "__main__":
    sys.exit(main())
