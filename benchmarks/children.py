"""Code run in a new process, whose caches lie where they are told to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


class FailedError(RuntimeError):
    """A process that did not get to its end; the message is its last line."""


def child(code: str, *arguments: str, caches: Path) -> list[str]:
    """The words of the last line that `code` prints, run with these arguments.

    It may write bytecode, as an installed package has it: compiling Python's text is nobody's first step.
    """
    here = Path(__file__).resolve().parent
    path = (str(here.parent), str(here), os.environ.get("PYTHONPATH", ""))
    surroundings = dict(
        {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        PYTHONPATH=os.pathsep.join(path),
        SYMGRAD_CACHE_DIR=str(caches / "symgrad"),
        PYTENSOR_FLAGS=f"base_compiledir={caches / 'pytensor'}",
        NUMBA_CACHE_DIR=str(caches / "numba"),
        JAX_COMPILATION_CACHE_DIR=str(caches / "jax"),
        JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0",
        TORCHINDUCTOR_CACHE_DIR=str(caches / "inductor"),
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True,
                          check=False, env=surroundings)  # fmt: skip
    if done.returncode:
        raise FailedError(f"{arguments}: {(done.stderr.strip().splitlines() or ['no word'])[-1]}")
    return done.stdout.splitlines()[-1].split()
