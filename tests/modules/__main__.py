"""Where symgrad's modules stand beside PyTorch's.

    python tests/modules/__main__.py Conv2d BatchNorm1d -v
    python tests/modules/__main__.py --all [--mode numba] [--limit 4]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import torch  # noqa: E402
from modules import sweep  # noqa: E402
from modules.cases import promised  # noqa: E402

import symgrad as sg  # noqa: E402


def main() -> int:
    """Parse, run, print; the exit status says whether all cases agreed."""
    parser = argparse.ArgumentParser(prog="modules", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--mode", action="append", help="eager (default), reference, numpy, numba, cupy")
    parser.add_argument("--dtype", action="append", help="float32 and float64")
    parser.add_argument("--limit", type=int, help="about so many cases of each")
    parser.add_argument("-v", "--verbose", action="store_true", help="every failure, not the first three")
    given = parser.parse_args()
    table = promised()
    dtypes = [getattr(torch, d) for d in given.dtype or ("float32", "float64")]
    passed = total = whole = 0
    for name in table if given.all else given.names:
        if not hasattr(sg.nn, name):
            print(f"{name:24} missing")
            continue
        found = list(sweep.check(name, table[name], tuple(given.mode or ["eager"]), dtypes, given.limit))
        failures = [(what, text) for what, text in found if text is not None]
        print(f"{name:24} {len(found) - len(failures):4}/{len(found)}{'  <--' if failures else ''}", flush=True)
        for what, text in failures if given.verbose else failures[:3]:
            print(f"    {what}: {text}")
        passed, total, whole = passed + len(found) - len(failures), total + len(found), whole + (not failures)
    print(f"{passed} of {total} cases agree; {whole} modules whole")
    return int(passed < total)


if __name__ == "__main__":
    sys.exit(main())
