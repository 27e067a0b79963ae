"""Compiles `c/step.c` when asked and hands its steps over as contenders.

The steps run in C from first to last: what is timed has no call from Python in it.
"""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

from symgrad.bench import Contender, Problem, blas

SOURCE = Path(__file__).with_name("c") / "step.c"
# What -ffast-math allows, but not by that name: it would also link start-up code that makes the whole
# process flush subnormals to zero, everybody else's numbers included.
FLAGS = (
    "-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fassociative-math",
    "-fno-signed-zeros", "-freciprocal-math", "-ffinite-math-only", "-fopenmp", "-shared", "-fPIC",
)  # fmt: skip
_MANY = 1 << 20


def compiler() -> list[str] | None:
    """How to call a C compiler here, or None."""
    for name in ("gcc", "cc", "clang"):
        if shutil.which(name):
            return [name]
    return ["g++", "-x", "c"] if shutil.which("g++") else None


@cache
def library() -> ctypes.CDLL | None:
    """The compiled C file, or None where it cannot be compiled."""
    command = compiler()
    if command is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="symgrad-benchmark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    target = folder / "step.so"
    found = blas.find()
    integers = "int" if found is not None and not found.wide else "int64_t"
    subprocess.run([*command, *FLAGS, f"-DBLAS_INT={integers}", str(SOURCE), "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


class InC:
    """A step of `step.c` with its own copies of data and parameters."""

    def __init__(self, problem: Problem, *, calls_alone: bool = False):
        loaded = library()
        assert loaded is not None
        self.x, self.y = map(np.ascontiguousarray, problem.data())
        self.losses = np.zeros(_MANY)
        rate = ctypes.c_float(problem.rate)
        if problem.kind == "two_layer":
            found = blas.find()
            assert found is not None
            self.params = [np.ascontiguousarray(array) for array in problem.start()]
            function = loaded.two_layer
            before = [ctypes.c_void_p(found.address), pointer(self.x), pointer(self.y),
                      *map(ctypes.c_long, problem.sizes), *map(pointer, self.params), rate]  # fmt: skip
            after = [pointer(self.losses), ctypes.c_int(calls_alone)]
        else:
            self.params = [np.array(problem.start(), np.float32)]
            function = getattr(loaded, problem.kind)
            before = [pointer(self.x), pointer(self.y), ctypes.c_long(problem.sizes[0]),
                      pointer(self.params[0]), rate]  # fmt: skip
            after = [pointer(self.losses)]
        function.restype = None
        self._call = lambda count: function(*before, ctypes.c_long(count), *after)

    def many(self, count: int) -> None:
        """Make `count` steps."""
        assert count <= _MANY
        self._call(count)

    def step(self) -> float:
        """Make one step; its loss."""
        self._call(1)
        return float(self.losses[0])


def contenders(problem: Problem) -> dict[str, Contender]:
    """The steps of `problem` in C, by name; "BLAS alone" computes no loss."""
    if library() is None:
        return {}
    if problem.kind != "two_layer":
        whole = InC(problem)
        return {"C": Contender(whole.step, whole.many)}
    if blas.find() is None:
        return {}
    whole, alone = InC(problem), InC(problem, calls_alone=True)
    return {"C": Contender(whole.step, whole.many), "BLAS alone": Contender(alone.step, alone.many)}


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Where an array's numbers lie."""
    return ctypes.c_void_p(array.ctypes.data)
