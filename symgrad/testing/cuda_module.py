"""Run an emitted CuPy module on a machine without a GPU: `cupy` is NumPy, its kernels go to the shim.

The module is executed unchanged; only the name `cupy` means something else while it is imported.
Every launch runs forward and, from the same memory, in reversed order of threads and blocks: a
result that depends on the order is a race, and an error here.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from symgrad.testing import cuda_shim, nvrtc
from symgrad.testing.cuda_shim import KernelFault, Order

_lock = threading.RLock()
ORDERS: tuple[Order, ...] = ("forward", "reversed")


def available() -> str | None:
    """None when emitted CuPy modules can run here, else the reason they cannot."""
    return cuda_shim.available()


class RawKernel:
    """A kernel that runs on the CPU, once in each order, with equal results."""

    def __init__(self, code: str, name: str, options: Sequence[str] = ()):
        self.code, self.name = code, name

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any]) -> None:
        module = cuda_shim.build(self.code)
        arrays = [a for a in args if isinstance(a, np.ndarray)]
        before = [a.copy() for a in arrays]
        results = []
        for order in ORDERS:
            for array, old in zip(arrays, before, strict=True):
                if array.flags.writeable:
                    array[...] = old
            module.launch(self.name, grid, block, args, order=order)
            results.append([a.copy() for a in arrays])
        for n, (first, second) in enumerate(zip(*results, strict=True)):
            if first.tobytes() != second.tobytes():
                raise KernelFault(f"{self.name}: array {n} depends on the order of threads: a race")


class RawModule:
    """The kernels of one text."""

    def __init__(self, *, code: str, options: Sequence[str] = ()):
        self.code = code

    def get_function(self, name: str) -> RawKernel:
        """The kernel called `name`."""
        return RawKernel(self.code, name)


class _NoGPU(RuntimeError):
    """Stands for `cupy.cuda.runtime.CUDARuntimeError`, which is never raised here."""


class _FakeCupy(ModuleType):
    """What emitted modules and the compiler use of CuPy: NumPy's functions, kernels, a device."""

    RawKernel = RawKernel
    RawModule = RawModule
    cuda = SimpleNamespace(
        runtime=SimpleNamespace(getDeviceCount=lambda: 1, CUDARuntimeError=_NoGPU),
        Device=lambda: SimpleNamespace(synchronize=lambda: None),
    )

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


@contextmanager
def emulated() -> Iterator[None]:
    """While this is active, `import cupy` gives the emulation: compiled programs run whole."""
    with _lock:
        real = sys.modules.get("cupy")
        sys.modules["cupy"] = _FakeCupy("cupy")
        try:
            yield
        finally:
            if real is None:
                del sys.modules["cupy"]
            else:
                sys.modules["cupy"] = real


def load_module(source: str, name: str = "symgrad_emulated") -> ModuleType:
    """The emitted module, imported with `cupy` emulated."""
    module = ModuleType(name)
    with emulated():
        exec(compile(source, f"<{name}>", "exec"), module.__dict__)
    return module


def run_module(source: str, *args: Any, entry: str = "run") -> ModuleType:
    """Import the module and call an entry: arrays are changed in place, hosts are Python numbers."""
    module = load_module(source)
    getattr(module, entry)(*args)
    return module


def compile_kernels(source: str, arch: str = "sm_90") -> list[str]:
    """Compile the kernels of an emitted module with NVRTC; their names. Raises CompileError."""
    kernels = [k for k in vars(load_module(source)).values() if isinstance(k, RawKernel)]
    for code in dict.fromkeys(k.code for k in kernels):
        names = [k.name for k in kernels if k.code == code]
        cubin = nvrtc.compile_cubin(code, names[0], arch)
        missing = [n for n in names if b".text." + n.encode() + b"\0" not in cubin]
        if missing:
            raise nvrtc.CompileError("NVRTC", f"no kernels named {missing}", code)
    return [k.name for k in kernels]
