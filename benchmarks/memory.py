"""How much memory does a training step take: as planned, at least, and as measured beside PyTorch?

    python benchmarks/memory.py [--rows w4,w6,w7,w11]

planned: the workspace of the compiled step (the program's header tells the same number). live: the most
bytes of it in use at one time, below which no placement can go; the ratio is to be at most 1.1.

Measured is what a step adds to data and parameters: gradients, the optimizer's state, workspace,
activations. Once by what the allocators are asked for at most (tracemalloc for NumPy's arrays, which
symgrad's are; the profiler's memory events for torch's), and once by what the operating system gives: the
most resident memory during the steps less that before, in a process that has run another small step
already, so that libraries, thread pools and caches are there. The second sees what a BLAS keeps for
itself too, and the machine code of the step; it is coarse for small steps. Linux only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from children import FailedError, child
from workloads import ROWS

import symgrad as sg
from symgrad.bench import Workload, peers, table

# A child makes its step as the peers' table does; what it prints last are bytes.
BEGIN = """
import gc, os, sys
label, name = sys.argv[1:]
from workloads import ROWS
from peers import step_of
def made(label):
    return step_of(ROWS[label].workload, name, "auto")
"""
RESIDENT = BEGIN + """
import ctypes
def resident(field):
    gc.collect()
    with open("/proc/self/status") as status:
        return next(1024 * int(line.split()[1]) for line in status if line.startswith(field))
small = made("w8")
for _ in range(5):
    small()
step = made(label)
ctypes.CDLL(None).malloc_trim(0)
before = resident("VmRSS:")
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
for _ in range(3):
    step()
print(resident("VmHWM:") - before)
"""
NUMPYS = BEGIN + """
import tracemalloc, numpy
def held():
    gc.collect()
    arrays = tracemalloc.take_snapshot().filter_traces([tracemalloc.DomainFilter(True, numpy.lib.tracemalloc_domain)])
    return sum(trace.size for trace in arrays.traces)
tracemalloc.start()
step = made(label)
before = held()
for _ in range(3):
    step()
kept = held() - before
now, _ = tracemalloc.get_traced_memory()
tracemalloc.reset_peak()
step()
print(kept + tracemalloc.get_traced_memory()[1] - now)
"""
TORCHS = BEGIN + """
import json, tempfile
from itertools import accumulate
from torch.profiler import ProfilerActivity, profile
step = made(label)
with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
    for _ in range(3):
        step()
with tempfile.TemporaryDirectory() as folder:
    found.export_chrome_trace(folder + "/trace.json")
    with open(folder + "/trace.json") as file:
        events = json.load(file)["traceEvents"]
changes = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]")
print(max(accumulate(change for _, change in changes)))
"""
MIB = 2**20


def planned(workload: Workload) -> Any:
    """The memory plan of the compiled step."""
    function, data = workload.training_step()
    return sg.compile(function, fullgraph=True).program(*data).emitted.plans["run"]


def measured(label: str, name: str, caches: Path) -> tuple[float, float]:
    """Bytes by the allocator and by the system, for one contender."""
    made = [int(child(code, label, name, caches=caches)[0])
            for code in (TORCHS if name == "torch" else NUMPYS, RESIDENT)]  # fmt: skip
    return made[0], made[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="w4,w6,w7,w11")
    args = parser.parse_args()
    names = ["symgrad", *peers.available(["torch"])]
    rows, failures = [], []
    for label in args.rows.split(","):
        print(f"{label} …", file=sys.stderr, flush=True)
        plan = planned(ROWS[label].workload)
        cells = [table.digits(int(n) / MIB) for n in (plan.peak_nbytes, plan.live_nbytes)]
        cells.append(f"{int(plan.peak_nbytes) / max(1, plan.live_nbytes):.3f}")
        with tempfile.TemporaryDirectory(prefix="symgrad-memory-") as folder:
            for name in ("symgrad", "torch"):
                try:
                    if name == "symgrad":  # compiled before, so that the compiler's own memory does not show
                        child(RESIDENT, label, name, caches=Path(folder))
                    cells += [table.digits(n / MIB) for n in measured(label, name, Path(folder))] \
                        if name in names else ["–", "–"]
                except FailedError as error:
                    failures.append(str(error))
                    cells += ["–", "–"]
        rows.append((label, ROWS[label].workload.title, *cells))
    table.show(
        "Memory of one training step over its data and parameters, MiB",
        ("step", "", "planned", "live", "ratio", "symgrad", "resident", "torch", "resident"), rows,
        note="symgrad, torch: by the allocator's account; resident: by the operating system's.",
    )  # fmt: skip
    for line in failures or ([] if "torch" in names else ["torch is not installed"]):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
