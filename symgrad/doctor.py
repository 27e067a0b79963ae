"""`symgrad doctor`: what is here, what works, and why what does not work does not.

Backends are tried in a process of their own, so that even one that ends its process is reported.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from symgrad import __version__
from symgrad.bench import blas, table
from symgrad.config import config
from symgrad.errors import CacheError
from symgrad.runtime import cache as store

PACKAGES = ("numpy", "numba", "llvmlite", "networkx", "safetensors", "tqdm", "rich", "graphviz", "pygraphviz",
            "cupy", "torch", "jax", "pytensor")  # fmt: skip
FEATURES = {"avx2": "AVX2", "fma": "FMA", "avx512f": "AVX-512", "avx512bf16": "BF16", "amx-tile": "AMX",
            "neon": "NEON", "sve": "SVE"}  # fmt: skip
TRIAL = """
import sys, symgrad as sg
x = sg.linspace(-1, 1, 8)
def fit(**options):
    w = sg.ones(8, requires_grad=True)
    optimizer = sg.optim.SGD([w], lr=0.1)
    def step(x):
        optimizer.zero_grad()
        loss = (w * x - x * x + 0.5).pow(2).sum()
        loss.backward()
        optimizer.step()
        return loss
    run = sg.compile(step, fullgraph=True, **options) if options else step
    return [run(x).item() for _ in range(3)] + w.tolist()
eager, compiled = fit(), fit(backend=sys.argv[1])
if max(abs(a - b) for a, b in zip(eager, compiled)) > 1e-5:
    sys.exit(f"compiled and eager differ: {compiled} and {eager}")
"""
GOOD, BAD, ABSENT = "ok", "BROKEN", "-"
Line = tuple[str, str, str]


def doctor() -> int:
    """Print the report; exit code 1 where something essential is broken."""
    sections = [
        ("symgrad", [("", "version", f"{__version__} ({Path(__file__).parent})"), *machine()]),
        ("packages", packages()),
        ("backends", backends()),
        ("pictures", [pictures()]),
        ("compiled code", cache_lines()),
    ]
    broken = 0
    for number, (title, lines) in enumerate(sections):
        print(("\n" if number else "") + title)
        for mark, name, words in lines:
            broken += mark == BAD
            print(table.plain(f"  {name:<12} {mark + ': ' if mark == BAD else ''}{words}".rstrip()))
    problems = "problem" if broken == 1 else "problems"
    print(f"\n{f'{broken} {problems} found' if broken else 'All that is essential works'}.")
    return 1 if broken else 0


def machine() -> list[Line]:
    """Python, processor, threads, BLAS, GPU."""
    found: Any = np.show_config(mode="dicts")
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    build = found.get("Build Dependencies", {}).get("blas", {})
    library = f"{build.get('name', 'unknown')} {build.get('version', '')}".strip()
    bundled = blas.find()
    where = f"{bundled.symbol} in {bundled.path.name}" if bundled else "not bundled with NumPy"
    return [
        ("", "python", f"{platform.python_version()} ({sys.executable})"),
        ("", "system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        ("", "processor", processor()),
        ("", "threads", f"{config.num_threads} used, {cpus} processors (SYMGRAD_NUM_THREADS)"),
        ("", "BLAS", f"{library}: {where}"),
        ("", "GPU", gpu()),
    ]


def processor() -> str:
    """The processor's name and the vector instructions that matter, as LLVM sees them."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.is_file() else ""
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    words = [named[1].strip() if named else platform.processor() or platform.machine()]
    if importlib.util.find_spec("llvmlite") is not None:
        from llvmlite import binding

        words.append(binding.get_host_cpu_name())
        with suppress(RuntimeError):  # LLVM cannot tell on some machines
            features = binding.get_host_cpu_features()
            words += [shown for name, shown in FEATURES.items() if features.get(name)]
    return ", ".join(words)


def gpu() -> str:
    """Name, memory and driver of each GPU, or why there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "none (no NVIDIA driver: nvidia-smi not found)"
    asked = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=30)
    lines = done.stdout.strip().splitlines()
    return "; ".join(lines) if done.returncode == 0 and lines else f"none ({last_line(done.stdout)})"


def packages() -> list[Line]:
    """Version of everything that matters, and what is not installed."""
    lines = []
    for name in PACKAGES:
        version = version_of(name)
        if version is None and name == "numpy":
            version = np.__version__
        lines.append(("", name, version or ABSENT))
    return lines


def version_of(name: str) -> str | None:
    """The installed version of a package, or None; cupy's wheels carry the CUDA version in their name."""
    if importlib.util.find_spec(name) is None:
        return None
    owners = importlib.metadata.packages_distributions().get(name, [name])
    return ", ".join(f"{importlib.metadata.version(owner)}{'' if owner == name else f' ({owner})'}"
                     for owner in dict.fromkeys(owners))  # fmt: skip


def backends() -> list[Line]:
    """Each backend, tried."""
    lines = []
    for name, package in (("numpy", "numpy"), ("numba", "numba"), ("cupy", "cupy")):
        if importlib.util.find_spec(package) is None:
            extra = 'pip install "symgrad[cuda13]"' if package == "cupy" else f"pip install {package}"
            lines.append((ABSENT, name, f"not available: {package} is not installed ({extra})"))
        elif name == "cupy" and gpu().startswith("none"):
            lines.append((ABSENT, name, "emits code, cannot run it here: no GPU"))
        else:
            problem = trial(name)
            lines.append((BAD if problem else GOOD, name, problem or "works"))
    return lines


def trial(backend: str) -> str | None:
    """Train for three steps in a new process with an empty cache; what went wrong, or None."""
    command = [sys.executable, "-c", TRIAL, backend]
    with tempfile.TemporaryDirectory(prefix="symgrad-") as folder:
        surroundings = dict(os.environ, SYMGRAD_CACHE_DIR=os.path.join(folder, "cache"),
                            PYTHONPATH=os.pathsep.join(filter(None, sys.path)))  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120,
                                  env=surroundings)  # fmt: skip
        except subprocess.TimeoutExpired:
            return "does not finish within two minutes"
    return None if done.returncode == 0 else last_line(done.stderr) or f"exit code {done.returncode}"


def last_line(text: str) -> str:
    """What a process said last, without the indented hints under it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(" ")]
    return lines[-1].strip() if lines else ""


def pictures() -> Line:
    """What draws them."""
    program = shutil.which("dot")
    if program is not None:
        return GOOD, "graphviz", program
    if version_of("pygraphviz") is not None:
        return GOOD, "graphviz", "none on PATH; pygraphviz draws"
    return ABSENT, "graphviz", 'not available: pip install "symgrad[viz]", or install graphviz'


def cache_lines() -> list[Line]:
    """Where compiled code is kept, how much, and whether it is safe to load."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            info = store.info()
        except CacheError as error:
            return [("", "cache", str(config.cache_dir)), (BAD, "safety", f"{error.message} ({error.hint})")]
    lines = [("", "cache", str(info["path"])), ("", "holds", holds(info))]
    health = str(caught[0].message) if caught else "yours alone, writable"
    return [*lines, (GOOD, "safety", health)]


def holds(info: dict[str, Any]) -> str:
    """How much is in the cache, in words."""
    entries = info["entries"]
    return f"{entries} {'entry' if entries == 1 else 'entries'}, {info['bytes'] / 1e6:.1f} MB"


def cache(*, clear: bool = False) -> int:
    """`symgrad cache`: tell where it is and what it holds, or empty it."""
    info = store.info()
    print(f"{info['path']}: {holds(info)}")
    if clear:
        count = store.clear()
        print(f"removed {count} {'entry' if count == 1 else 'entries'}")
    return 0
