"""A CUDA kernel is also a C++ function: build its text with g++, run it over a grid on the CPU.

`cuda_shim.h` says what the CUDA names mean; this file reads the kernels' signatures, builds and
caches the library, and puts every array in guarded memory, so that a kernel that works by luck (one
element too far, an order of blocks, a barrier only some threads reach) fails here, by name.

Limits: Linux and g++; blocks run one after the other, so a kernel that waits for another block runs
into the time limit; rounding is never contracted; a float out of range cast to int differs.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from symgrad.config import config
from symgrad.errors import CacheError
from symgrad.testing.nvrtc import CompileError

Order = Literal["forward", "reversed"]

_HEADER = Path(__file__).with_name("cuda_shim.h")
# The sanitizer traps on an index outside a fixed-size (shared or local) array; it needs no library.
_FLAGS = (
    "-O2", "-std=c++17", "-ffp-contract=off", "-fno-strict-aliasing", "-fwrapv", "-fno-exceptions",
    "-fsanitize=bounds,shift-exponent", "-fsanitize-undefined-trap-on-error",
    "-Werror=return-type", "-Werror=uninitialized", "-shared", "-fPIC", "-x", "c++", "-",
)  # fmt: skip
_RUNTIME_FLAGS = ("-O2", "-std=c++17", "-DSYMGRAD_SHIM_RUNTIME", "-shared", "-fPIC", "-x", "c++")
_CACHE_FILES = 1024
_SHARED_LIMIT = 227 << 10  # a block's on sm_90, when opted into

_CTYPES = {
    "bool": "?", "char": "i1", "signed char": "i1", "unsigned char": "u1",
    "short": "i2", "unsigned short": "u2", "int": "i4", "unsigned int": "u4", "unsigned": "u4",
    "long long": "i8", "unsigned long long": "u8", "size_t": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
_VECTORS = {"float": "f4", "double": "f8", "int": "i4", "uint": "u4"}
_VECTOR_NAME = re.compile(r"\b(float|double|int|uint)[24]\b")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+(?:void\s+)?(?:__launch_bounds__\s*\(\s*(\d+)[^)]*\)\s*)?'
    r"(?:void\s+)?(\w+)\s*\(([^)]*)\)"
)
_DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*)?([\w\s]+?)\s*\b(\w+)\s*\[\s*\]\s*;"
)
_MATH_CONSTANTS = re.compile(r'#\s*include\s*[<"]math_constants\.h[>"]')

_GUARD = 16 << 20
_PAGE = os.sysconf("SC_PAGE_SIZE")
# As float32, float64 and half a NaN, as an index far out: a value read from here shows.
_CANARY = np.frombuffer(b"\xde\xc0\xff\xff", np.uint8)
# Fault handlers and the shim's thread registers are the process's: one launch at a time.
_LOCK = threading.Lock()


class KernelFault(RuntimeError):
    """A kernel touched memory that is not its own, diverged at a barrier, or did not end."""


@dataclass(frozen=True, slots=True)
class Param:
    """One kernel parameter, as the source declares it."""

    name: str
    ctype: str
    dtype: np.dtype[Any]
    pointer: bool
    const: bool
    restrict: bool


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel's name, parameters and the largest block it may be launched with."""

    name: str
    params: tuple[Param, ...]
    max_threads: int


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])


def _parse_param(text: str, kernel: str) -> Param:
    words = text.replace("*", " * ").split()
    restrict = any(word in ("__restrict__", "__restrict") for word in words)
    words = [word for word in words if word not in ("__restrict__", "__restrict")]
    pointer = words.count("*") == 1
    star = words.index("*") if pointer else len(words) - 1
    base = " ".join(word for word in words[:star] if word not in ("const", "volatile"))
    vector = _VECTOR_NAME.fullmatch(base) if pointer else None
    code = _VECTORS[vector[1]] if vector else _CTYPES.get(base)
    if code is None or words.count("*") > 1 or len(words) < 2:
        raise CompileError(
            "the shim", f"{kernel}: parameter {text.strip()!r} is of no supported type", ""
        )
    return Param(
        name=words[-1],
        ctype=" ".join(words[:star]) + "*" * pointer,
        dtype=np.dtype(code),
        pointer=pointer,
        const="const" in words[:star],
        restrict=restrict,
    )


def parse_kernels(source: str) -> dict[str, Kernel]:
    """Every `extern "C" __global__` kernel of the text, by name."""
    kernels = {}
    for bound, name, params in _KERNEL.findall(_COMMENT.sub(_blank, source)):
        texts = [] if params.strip() in ("", "void") else params.split(",")
        parsed = tuple(_parse_param(text, name) for text in texts)
        kernels[name] = Kernel(name, parsed, int(bound or 1024))
    return kernels


# ---- building -----------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _compiler() -> tuple[str, str]:
    """The C++ compiler's path, and what tells it from another one; empty when there is none."""
    path = shutil.which(os.environ.get("CXX", "g++"))
    if path is None:
        return "", ""
    real = os.stat(os.path.realpath(path))
    return path, f"{path} {real.st_size} {real.st_mtime_ns} {platform.machine()}"


def available() -> str | None:
    """None when kernels can be run here, else the reason they cannot."""
    if not sys.platform.startswith("linux"):
        return f"the CUDA shim needs Linux, not {sys.platform}"
    return None if _compiler()[0] else "the CUDA shim needs g++ (or CXX)"


def _cache_folder() -> Path:
    folder = config.cache_dir / "cuda_shim"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    # What lies here is loaded into the process.
    if status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise CacheError(f"{folder} belongs to another user, or others may write to it")
    return folder


def _prune(folder: Path) -> None:
    """Drop the oldest libraries past the limit; a process that has one loaded keeps it."""
    aged = []
    for entry in os.scandir(folder):
        try:
            aged.append((entry.stat().st_mtime, entry.path))
        except FileNotFoundError:  # another process prunes too
            continue
    for _, path in sorted(aged)[: max(0, len(aged) - _CACHE_FILES)]:
        Path(path).unlink(missing_ok=True)


def _compile(text: str, flags: Sequence[str], libraries: Sequence[Path], shown: str) -> Path:
    """The shared library of a translation unit, from the cache or built and moved there whole."""
    compiler, identity = _compiler()
    if not compiler:
        raise RuntimeError(available())
    key = "\0".join((identity, text, *flags, *map(str, libraries)))
    folder = _cache_folder()
    target = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.so"
    if target.exists():
        return target
    handle, scratch = tempfile.mkstemp(suffix=".tmp", dir=folder)
    os.close(handle)
    try:
        command = [compiler, *flags, "-x", "none", *map(str, libraries), "-o", scratch]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CompileError("g++", done.stderr, shown)
        os.replace(scratch, target)
    finally:
        Path(scratch).unlink(missing_ok=True)
    _prune(folder)
    return target


def _translation_unit(source: str, kernels: dict[str, Kernel]) -> str:
    """The header, the kernel text as `kernel.cu`, and one launcher per kernel."""
    code = _COMMENT.sub(_blank, source)
    for match in _DYNAMIC_SHARED.finditer(code):
        if code.count("{", 0, match.start()) == code.count("}", 0, match.start()):
            raise CompileError("the shim", "extern __shared__ belongs inside the kernel", source)
    code = _DYNAMIC_SHARED.sub(r"\1* \2 = (\1*)symgrad_shim::dynamic_shared;", code)
    code = _MATH_CONSTANTS.sub("", code)
    lines = [_HEADER.read_text(), '#line 1 "kernel.cu"', code, '#line 1 "launchers"']
    lines += [
        '#define SHIM_SECTION extern char __attribute__((weak, visibility("hidden")))',
        "SHIM_SECTION __start_symgrad_shared[]; SHIM_SECTION __stop_symgrad_shared[];",
        'extern "C" char* symgrad_shared_begin() { return __start_symgrad_shared; }',
        'extern "C" char* symgrad_shared_end() { return __stop_symgrad_shared; }',
    ]
    for kernel in kernels.values():
        values = ", ".join(
            f"({p.ctype})a[{i}]" if p.pointer else f"*({p.ctype}*)a[{i}]"
            for i, p in enumerate(kernel.params)
        )
        lines.append(f'extern "C" void symgrad_run_{kernel.name}(void** a) {{')
        lines.append(f"    (void)a; {kernel.name}({values});\n}}")
    return "\n".join(lines) + "\n"


# ---- launching ----------------------------------------------------------------------------------


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


@lru_cache(maxsize=1)
def _runtime() -> tuple[ctypes.CDLL, Path]:
    text = _HEADER.read_text()
    path = _compile(text, (*_RUNTIME_FLAGS, "-"), (), text)
    library = ctypes.CDLL(str(path))
    library.symgrad_shim_map.restype = ctypes.c_void_p
    library.symgrad_shim_map.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
    library.symgrad_shim_unmap.restype = None
    library.symgrad_shim_unmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
    return library, path


class _Region:
    """A copy of some memory between guard pages: flush with its end, or with its start.

    The flush side faults at the first byte outside; the slack on the other side is a canary,
    checked after the launch. Forward and reversed runs are flush with one side each.
    """

    def __init__(self, nbytes: int, align: int, flush_start: bool):
        self.nbytes = nbytes
        self.mapped = -(-nbytes // _PAGE) * _PAGE
        address = _runtime()[0].symgrad_shim_map(self.mapped, _GUARD)
        if not address:
            raise MemoryError(f"no {self.mapped} bytes for a kernel argument")
        self.base: int = address
        self.offset = 0 if flush_start else self.mapped - -(-nbytes // align) * align
        self.address = self.base + self.offset
        memory = (ctypes.c_uint8 * self.mapped).from_address(self.base)
        self._bytes = np.ctypeslib.as_array(memory)
        for slack in self._slack():
            slack[:] = np.resize(_CANARY, slack.size)

    def _slack(self) -> tuple[np.ndarray, np.ndarray]:
        return self._bytes[: self.offset], self._bytes[self.offset + self.nbytes :]

    def intruded(self) -> int | None:
        """Where the slack was written: the offset from the start of the data, or None."""
        before, after = self._slack()
        for slack, origin, nearest in ((after, self.nbytes, 0), (before, -self.offset, -1)):
            changed = np.flatnonzero(slack != np.resize(_CANARY, slack.size))
            if changed.size:
                return (origin + int(changed[nearest])) // 4 * 4  # a word: a byte may agree
        return None

    def free(self) -> None:
        _runtime()[0].symgrad_shim_unmap(self.base, self.mapped, _GUARD)


def _side(offset: int, nbytes: int) -> str:
    if offset < 0:
        return f"{-offset} bytes before its start"
    return f"{offset - nbytes} bytes past its end" if offset >= nbytes else "inside it"


class _Arguments:
    """The arguments of one launch in guarded memory; arrays that overlap share one region."""

    def __init__(self, kernel: Kernel, args: Sequence[Any], order: Order, align: int, shared: int):
        if len(args) != len(kernel.params):
            raise TypeError(f"{kernel.name} takes {len(kernel.params)} arguments, got {len(args)}")
        self.pointers = (ctypes.c_void_p * max(1, len(args)))()
        self.labels: list[tuple[_Region, str]] = []
        self._scalars: list[ctypes.Array[ctypes.c_char]] = []
        self._copies: list[tuple[_Region, int, bool]] = []
        arrays: list[tuple[int, int, int]] = []
        for i, (param, arg) in enumerate(zip(kernel.params, args, strict=True)):
            label = f"{kernel.name}: argument {i} '{param.name}'"
            self._check(label, param, arg)
            if param.pointer:
                start = arg.ctypes.data
                bounds = np.lib.array_utils.byte_bounds(arg) if arg.size else (start, start)
                arrays.append((*bounds, i))
            else:
                self._scalars.append(ctypes.create_string_buffer(arg.tobytes()))
                self.pointers[i] = ctypes.addressof(self._scalars[-1])
        flush_start = order == "reversed"
        while arrays:
            group, arrays = _first_group(sorted(arrays))
            members = [(kernel.params[i], args[i], i) for _, _, i in group]
            _refuse_restrict(kernel, members)
            low, high = group[0][0], max(high for _, high, _ in group)
            sizes = [arg.itemsize for _, arg, _ in members]
            region = _Region(high - low, max(align, *sizes, 1), flush_start)
            ctypes.memmove(region.address, low, region.nbytes)
            self._copies.append((region, low, any(not param.const for param, _, _ in members)))
            for param, arg, i in members:
                self.pointers[i] = region.address + arg.ctypes.data - low
                shape = ",".join(map(str, arg.shape))
                label = f"argument {i} '{param.name}' ({arg.dtype}[{shape}])"
                self.labels.append((region, label))
        self.shared = _Region(shared, 16, flush_start)
        self.labels.append((self.shared, f"dynamic shared memory ({shared} bytes)"))

    @staticmethod
    def _check(label: str, param: Param, arg: Any) -> None:
        wanted = "an array" if param.pointer else "a NumPy scalar"
        if not isinstance(arg, np.ndarray if param.pointer else np.generic):
            raise TypeError(f"{label} wants {wanted} of {param.dtype}, got {type(arg).__name__}")
        if arg.dtype != param.dtype and {arg.dtype.char, param.dtype.char} != {"?", "B"}:
            raise TypeError(f"{label} wants {wanted} of {param.dtype}, got {arg.dtype}")
        if param.pointer and not param.const and not arg.flags.writeable:
            raise ValueError(f"{label} is written by the kernel, but the array is read-only")

    def near(self, address: int) -> str | None:
        """Which argument an address is in or beside."""
        for region, label in self.labels:
            if region.base - _GUARD <= address < region.base + region.mapped + _GUARD:
                return f"{label}: touched {_side(address - region.address, region.nbytes)}"
        return None

    def copy_back(self, kernel: str) -> None:
        for region, label in self.labels:
            offset = region.intruded()
            if offset is not None:
                raise KernelFault(f"{kernel}: {label}: written {_side(offset, region.nbytes)}")
        for region, low, written in self._copies:
            if written:
                ctypes.memmove(low, region.address, region.nbytes)

    def free(self) -> None:
        for region in {id(region): region for region, _ in self.labels}.values():
            region.free()


def _first_group(
    spans: list[tuple[int, int, int]],
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """Split sorted byte spans into those that overlap, chained to the first, and the rest."""
    end, k = spans[0][1], 1
    while k < len(spans) and spans[k][0] < end:
        end, k = max(end, spans[k][1]), k + 1
    return spans[:k], spans[k:]


def _refuse_restrict(kernel: Kernel, members: Sequence[tuple[Param, Any, int]]) -> None:
    for param, arg, i in members:
        for other, other_arg, j in members:
            written = not (param.const and other.const)
            if i != j and param.restrict and written and np.shares_memory(arg, other_arg):
                raise ValueError(
                    f"{kernel.name}: arguments {i} '{param.name}' (__restrict__) and "
                    f"{j} '{other.name}' overlap, and one is written"
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
        text = _translation_unit(source, self.kernels)
        with _LOCK:
            path = _compile(text, _FLAGS, (_runtime()[1],), source)
            self._library = ctypes.CDLL(str(path))
        for end in (self._library.symgrad_shared_begin, self._library.symgrad_shared_end):
            end.restype = ctypes.c_void_p
        # Vector loads want their pointers aligned, as CuPy's allocations are.
        self._align = 16 if _VECTOR_NAME.search(source) else 1

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
            guarded = _Arguments(kernel, args, order, self._align, shared_bytes)
            try:
                report = _Report()
                launch = _Launch(
                    grid, block, order == "reversed", seconds,
                    self._library.symgrad_shared_begin(), self._library.symgrad_shared_end(),
                    guarded.shared.address, shared_bytes,
                    ctypes.cast(self._library[f"symgrad_run_{name}"], ctypes.c_void_p),
                    ctypes.addressof(guarded.pointers),
                )  # fmt: skip
                run = _runtime()[0].symgrad_shim_launch
                if run(ctypes.byref(launch), ctypes.byref(report)) != 0:
                    raise KernelFault(_explain(name, report, guarded, seconds))
                guarded.copy_back(name)
            finally:
                guarded.free()


def _explain(name: str, report: _Report, guarded: _Arguments, seconds: float) -> str:
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
