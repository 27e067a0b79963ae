"""Settings, read once from the environment and held in one frozen object.

`SYMGRAD_BACKEND` (auto, numpy, numba, cupy), `SYMGRAD_CACHE_DIR`, `SYMGRAD_DUMP` (a folder that
receives the graph after each pass), `SYMGRAD_NUM_THREADS`, `SYMGRAD_JIT` (who makes machine code of an
emitted Numba module: native, which is this package, or numba).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

BACKENDS = ("auto", "numpy", "numba", "cupy")


def _default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("SYMGRAD_CACHE_DIR") or os.path.join(base, "symgrad"))


def _default_threads() -> int:
    wanted = os.environ.get("SYMGRAD_NUM_THREADS")
    return max(1, int(wanted)) if wanted else os.cpu_count() or 1


@dataclass(frozen=True)
class Config:
    """Process-wide settings; `replace` makes a changed copy."""

    backend: str = field(default_factory=lambda: os.environ.get("SYMGRAD_BACKEND", "auto"))
    cache_dir: Path = field(default_factory=_default_cache_dir)
    dump_dir: str = field(default_factory=lambda: os.environ.get("SYMGRAD_DUMP", ""))
    num_threads: int = field(default_factory=_default_threads)
    jit: str = field(default_factory=lambda: os.environ.get("SYMGRAD_JIT", "native"))


config = Config()
