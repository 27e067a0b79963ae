"""NVRTC compiles CUDA C to machine code without a GPU or a driver, so every test run can.

The library comes from the `nvidia-cuda-nvrtc` wheel and is called through ctypes: CuPy's own
wrapper needs CuPy, and a machine that only checks kernels need not have it.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import lru_cache
from pathlib import Path

# What CuPy 14 passes for a RawKernel (cupy/cuda/compiler.py), whose float32 denormals are thus zero.
_OPTIONS = ("--device-as-default-execution-space", "-ftz=true")


class CompileError(RuntimeError):
    """A kernel text the compiler refuses; carries the whole log and the numbered source."""

    def __init__(self, compiler: str, log: str, source: str):
        super().__init__(f"{compiler} refused the kernel\n{log.strip()}\n\n{numbered(source)}")


def numbered(source: str) -> str:
    """The source with its line numbers, as the compiler's log counts them."""
    return "\n".join(f"{i:4d} | {line}" for i, line in enumerate(source.splitlines(), 1))


def _wheel_folders() -> list[Path]:
    """The folders the nvidia wheels install into: one per wheel (CUDA 12) or shared (13)."""
    spec = importlib.util.find_spec("nvidia")
    roots = spec.submodule_search_locations if spec is not None else None
    return [folder for root in roots or () for folder in sorted(Path(root).iterdir())]


def _include_folders() -> list[Path]:
    found = [folder / "include" for folder in _wheel_folders()]
    found += [include / "cccl" for include in found]
    return [folder for folder in found if folder.is_dir()]


@lru_cache(maxsize=1)
def _load() -> tuple[ctypes.CDLL | None, str]:
    """The library, or None and the reason there is none."""
    paths = [p for folder in _wheel_folders() for p in sorted(folder.glob("lib/libnvrtc.so.*"))]
    if not paths:
        return None, "libnvrtc is not installed (pip install nvidia-cuda-nvrtc)"
    try:
        library = ctypes.CDLL(str(paths[-1]))
    except OSError as error:
        return None, f"{paths[-1]} cannot be loaded: {error}"
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library, ""


def available() -> str | None:
    """None when kernels can be compiled here, else the reason they cannot."""
    library, reason = _load()
    return None if library is not None else reason


def _check(library: ctypes.CDLL, status: int) -> None:
    if status != 0:
        raise RuntimeError(f"NVRTC: {library.nvrtcGetErrorString(status).decode()}")


def _fetch(library: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    """The program's log or cubin: ask for the size, then for the bytes."""
    size = ctypes.c_size_t()
    _check(library, getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(library, getattr(library, f"nvrtcGet{what}")(program, buffer))
    return buffer.raw


@lru_cache(maxsize=256)
def compile_cubin(source: str, name: str, arch: str = "sm_90") -> bytes:
    """Compile CUDA C for `arch`; `name` is an `extern "C"` kernel that must be in the result.

    Raises: CompileError with NVRTC's log and the numbered source; RuntimeError without NVRTC.
    """
    library, reason = _load()
    if library is None:
        raise RuntimeError(reason)
    options = [f"--gpu-architecture={arch}", *_OPTIONS]
    options += [f"--include-path={folder}" for folder in _include_folders()]
    texts = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    program = ctypes.c_void_p()
    file_name = f"{name}.cu".encode()
    _check(
        library,
        library.nvrtcCreateProgram(
            ctypes.byref(program), source.encode(), file_name, 0, None, None
        ),
    )
    try:
        status = library.nvrtcCompileProgram(program, len(options), texts)
        if status != 0:
            log = _fetch(library, "ProgramLog", program).rstrip(b"\0").decode()
            raise CompileError("NVRTC", log, source)
        cubin = _fetch(library, "CUBIN", program)
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))
    # A kernel's machine code is the section of its name.
    if b".text." + name.encode() + b"\0" not in cubin:
        raise CompileError("NVRTC", f'no extern "C" __global__ function named {name}', source)
    return cubin
