"""Compiles what lies in `c/` when asked and hands its steps over as contenders.

The steps run in C from first to last: what is timed has no call from Python in it.
"""

from __future__ import annotations

import atexit
import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from workloads.cross_entropy import CrossEntropy
from workloads.linear import LinearRegression
from workloads.pointwise import Pointwise

from symgrad.bench import Contender, Workload, blas
from symgrad.bench.problems import Legendre, Polynomial, TwoLayer

SOURCES = Path(__file__).with_name("c")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC")
_MANY = 1 << 20


def compiler() -> list[str] | None:
    """How to call a C compiler here, or None."""
    for name in ("gcc", "cc", "clang"):
        if shutil.which(name):
            return [name]
    return ["g++", "-x", "c"] if shutil.which("g++") else None


@cache
def library() -> ctypes.CDLL | None:
    """The compiled C files, or None where they cannot be compiled.

    They are linked without -ffast-math: with it, start-up code is linked in that makes the whole
    process flush subnormals to zero, everybody else's numbers included.
    """
    command = compiler()
    if command is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="symgrad-benchmark-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    found = blas.find()
    integers = "int" if found is not None and not found.wide else "int64_t"
    objects = []
    for source in sorted(SOURCES.glob("*.c")):
        objects.append(str(folder / f"{source.stem}.o"))
        subprocess.run([*command, *FLAGS, f"-DBLAS_INT={integers}", "-c", str(source), "-o", objects[-1]], check=True)
    target = folder / "steps.so"
    subprocess.run([command[0], "-shared", "-fopenmp", *objects, "-lm", "-o", str(target)], check=True)
    return ctypes.CDLL(str(target))


class InC:
    """A workload's step in C, with its own copies of data and parameters.

    `results` holds the gradients of a workload without an update.
    """

    def __init__(self, workload: Workload, *, calls_alone: bool = False):
        loaded = library()
        assert loaded is not None
        self.data = [np.ascontiguousarray(array) for array in workload.data()]
        self.params = [np.array(array) for array in workload.start()]
        self.losses = np.zeros(_MANY)
        self.results: list[np.ndarray] = []
        name, before = CALLS[type(workload)](workload, self)
        function = getattr(loaded, name)
        function.restype = None
        losses = pointer(self.losses)
        last = [ctypes.c_int(calls_alone)] if isinstance(workload, TwoLayer) else []
        self._call = lambda count: function(*before, ctypes.c_long(count), losses, *last)

    def many(self, count: int) -> None:
        """Make `count` steps."""
        assert count <= _MANY
        self._call(count)

    def step(self) -> float:
        """Make one step; its loss."""
        self._call(1)
        return float(self.losses[0])


def of_polynomial(workload: Any, given: InC) -> Any:
    """x, y, points, the coefficients together, the rate."""
    given.params = [np.array(given.params, np.float32)]
    rate = ctypes.c_float(workload.update.rate)
    name = "legendre" if isinstance(workload, Legendre) else "polynomial"
    return name, [*pointers(given.data), ctypes.c_long(workload.points), *pointers(given.params), rate]


def of_two_layer(workload: Any, given: InC) -> Any:
    """NumPy's sgemm, x, y, sizes, both weights, the rate."""
    found = blas.find()
    assert found is not None
    return "two_layer", [ctypes.c_void_p(found.address), *pointers(given.data), *longs(*workload.sizes),
                         *pointers(given.params), ctypes.c_float(workload.update.rate)]  # fmt: skip


def of_linear(workload: Any, given: InC) -> Any:
    """x, y, rows, weight, bias, the rate."""
    rate = ctypes.c_float(workload.update.rate)
    return "linear", [*pointers(given.data), *longs(workload.batch), *pointers(given.params), rate]


def of_pointwise(workload: Any, given: InC) -> Any:
    """x, its gradient, elements."""
    given.results = [np.zeros_like(given.params[0])]
    return "pointwise", [*pointers(given.params + given.results), *longs(workload.elements)]


def of_cross_entropy(workload: Any, given: InC) -> Any:
    """Scores, their gradient, targets, rows, classes."""
    given.results = [np.zeros_like(given.params[0])]
    arrays = given.params + given.results + given.data
    return "cross_entropy", [*pointers(arrays), *longs(workload.rows, workload.classes)]


CALLS: dict[type, Callable[[Any, InC], Any]] = {
    Polynomial: of_polynomial, Legendre: of_polynomial, TwoLayer: of_two_layer,
    LinearRegression: of_linear, Pointwise: of_pointwise, CrossEntropy: of_cross_entropy,
}  # fmt: skip


def contenders(workload: Workload) -> dict[str, Contender]:
    """The steps of `workload` in C, by name; "BLAS alone" computes no loss."""
    if type(workload) not in CALLS or library() is None:
        return {}
    if not isinstance(workload, TwoLayer):
        whole = InC(workload)
        return {"C": Contender(whole.step, whole.many)}
    if blas.find() is None:
        return {}
    whole, alone = InC(workload), InC(workload, calls_alone=True)
    return {"C": Contender(whole.step, whole.many), "BLAS alone": Contender(alone.step, alone.many)}


def pointers(arrays: list[np.ndarray]) -> list[ctypes.c_void_p]:
    """Where the arrays' numbers lie."""
    return [pointer(array) for array in arrays]


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Where an array's numbers lie."""
    return ctypes.c_void_p(array.ctypes.data)


def longs(*numbers: int) -> list[ctypes.c_long]:
    """Extents, as C takes them."""
    return [ctypes.c_long(number) for number in numbers]
