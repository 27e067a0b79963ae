"""A CUDA kernel is also a C++ function: build its text with g++, run it over a grid on the CPU.

`cuda_shim.h` says what the CUDA names mean, `cuda_source` reads the kernels' signatures and
`shim_library` builds and caches the library. `guarded` puts every array in guarded memory, so that a
kernel that works by luck (one element too far, an order of blocks, a barrier only some threads
reach) fails here, by name.

Limits: Linux and g++; blocks run one after the other, so a kernel that waits for another block runs
into the time limit; rounding is never contracted; a float out of range cast to int differs.
"""

from __future__ import annotations

import ctypes
import signal
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from symgrad.testing.cuda_source import VECTOR_NAME, Kernel, Param, parse_kernels, translation_unit
from symgrad.testing.guarded import Arguments, KernelFault, Order
from symgrad.testing.nvrtc import CompileError
from symgrad.testing.shim_library import available, compile_library, runtime

__all__ = ["Kernel", "KernelFault", "Module", "Order", "Param", "available", "build",
           "parse_kernels", "run_kernel"]  # fmt: skip

# The sanitizer traps on an index outside a fixed-size (shared or local) array; it needs no library.
_FLAGS = (
    "-O2", "-std=c++17", "-ffp-contract=off", "-fno-strict-aliasing", "-fwrapv", "-fno-exceptions",
    "-fsanitize=bounds,shift-exponent", "-fsanitize-undefined-trap-on-error",
    "-nostdlib",  # nor need the linker look through the sanitizer's and C++'s: that takes as long as the rest
    "-Werror=return-type", "-Werror=uninitialized", "-shared", "-fPIC", "-x", "c++", "-",
)  # fmt: skip
_SHARED_LIMIT = 227 << 10  # a block's on sm_90, when opted into
# Fault handlers and the shim's thread registers are the process's: one launch at a time.
_LOCK = threading.Lock()


class _Launch(ctypes.Structure):
    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("reversed", ctypes.c_int),
        ("seconds", ctypes.c_double),
        ("shared", ctypes.c_void_p),
        ("shared_end", ctypes.c_void_p),
        ("dynamic_shared", ctypes.c_void_p),
        ("dynamic_bytes", ctypes.c_size_t),
        ("kernel", ctypes.c_void_p),
        ("args", ctypes.c_void_p),
    )


class _Report(ctypes.Structure):
    _fields_ = (
        ("signal", ctypes.c_int),
        ("block", ctypes.c_uint * 3),
        ("thread", ctypes.c_uint * 3),
        ("address", ctypes.c_void_p),
        ("text", ctypes.c_char * 400),
    )


def _triple(size: int | Sequence[int]) -> tuple[int, int, int]:
    x, y, z = (*((size,) if isinstance(size, int) else size), 1, 1)[:3]
    return int(x), int(y), int(z)


class Module:
    """The kernels of one source text, built; `launch` runs one of them."""

    def __init__(self, source: str):
        self.source = source
        self.kernels = parse_kernels(source)
        if not self.kernels:
            raise CompileError("the shim", 'no extern "C" __global__ function found', source)
        text = translation_unit(source, self.kernels)
        with _LOCK:
            path = compile_library(text, _FLAGS, (runtime()[1],), source)
            self._library = ctypes.CDLL(str(path))
        for end in (self._library.symgrad_shared_begin, self._library.symgrad_shared_end):
            end.restype = ctypes.c_void_p
        # Vector loads want their pointers aligned, as CuPy's allocations are.
        self._align = 16 if VECTOR_NAME.search(source) else 1

    def launch(
        self,
        name: str,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        args: Sequence[Any],
        *,
        shared_bytes: int = 0,
        order: Order = "forward",
        seconds: float = 60.0,
    ) -> None:
        """Run a kernel over the grid, arrays modified in place; on a fault none is modified.

        Raises: KernelFault; TypeError for an argument of another dtype than the source declares;
        ValueError for a grid or block the device would not take, or arrays that may not overlap.
        """
        kernel = self.kernels[name]
        grid, block = _triple(grid), _triple(block)
        if min(*grid, *block) < 1 or grid[0] >= 2**31 or max(grid[1:]) > 65535 or block[2] > 64:
            raise ValueError(f"{name}: no device takes grid {grid} of blocks {block}")
        if block[0] * block[1] * block[2] > kernel.max_threads:
            raise ValueError(f"{name}: block {block} exceeds {kernel.max_threads} threads")
        if not 0 <= shared_bytes <= _SHARED_LIMIT:
            raise ValueError(f"{name}: {shared_bytes} bytes of shared memory, {_SHARED_LIMIT} fit")
        if order not in ("forward", "reversed"):
            raise ValueError(f"order is 'forward' or 'reversed', not {order!r}")
        with _LOCK:
            guarded = Arguments(kernel, args, order, self._align, shared_bytes)
            try:
                report = _Report()
                launch = _Launch(
                    grid, block, order == "reversed", seconds,
                    self._library.symgrad_shared_begin(), self._library.symgrad_shared_end(),
                    guarded.shared.address, shared_bytes,
                    ctypes.cast(self._library[f"symgrad_run_{name}"], ctypes.c_void_p),
                    ctypes.addressof(guarded.pointers),
                )  # fmt: skip
                run = runtime()[0].symgrad_shim_launch
                if run(ctypes.byref(launch), ctypes.byref(report)) != 0:
                    raise KernelFault(_explain(name, report, guarded, seconds))
                guarded.copy_back(name)
            finally:
                guarded.free()


def _explain(name: str, report: _Report, guarded: Arguments, seconds: float) -> str:
    where = f"thread {tuple(report.thread)} of block {tuple(report.block)}"
    if not report.signal:
        return f"{name}: {report.text.decode()}, in block {tuple(report.block)}"
    address = report.address or 0
    what = {
        signal.SIGVTALRM: f"still running after {seconds:g} s",
        signal.SIGFPE: "integer division by zero",
        signal.SIGILL: "an index outside a shared or local array, a shift too wide, or a trap",
    }.get(signal.Signals(report.signal), f"touched the invalid address {address:#x}")
    if report.signal in (signal.SIGSEGV, signal.SIGBUS):
        what = guarded.near(address) or what
    return f"{name}: {what}, by {where}"


@lru_cache(maxsize=256)
def build(source: str) -> Module:
    """Build every kernel of a CUDA C text (about 0.1 s; later calls take it from the cache)."""
    return Module(source)


def run_kernel(
    source: str,
    name: str,
    grid: int | Sequence[int],
    block: int | Sequence[int],
    args: Sequence[Any],
    *,
    shared_bytes: int = 0,
    order: Order = "forward",
) -> None:
    """Build a CUDA C text and run one of its kernels over a grid, arrays modified in place."""
    build(source).launch(name, grid, block, args, shared_bytes=shared_bytes, order=order)
