"""Building shared libraries with g++, kept by content hash under the user's cache directory."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from symgrad.config import config
from symgrad.errors import CacheError
from symgrad.testing.cuda_source import HEADER
from symgrad.testing.nvrtc import CompileError

_RUNTIME_FLAGS = ("-O2", "-std=c++17", "-DSYMGRAD_SHIM_RUNTIME", "-shared", "-fPIC", "-x", "c++")
_CACHE_FILES = 1024


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


def _prune(folder: Path, needed: Sequence[Path]) -> None:
    """Drop the oldest libraries past the limit, but what others link to."""
    aged = []
    for entry in os.scandir(folder):
        try:
            aged.append((entry.stat().st_mtime, entry.path))
        except FileNotFoundError:  # another process prunes too
            continue
    for _, path in sorted(aged)[: max(0, len(aged) - _CACHE_FILES)]:
        if Path(path) not in needed:
            Path(path).unlink(missing_ok=True)


def compile_library(text: str, flags: Sequence[str], libraries: Sequence[Path], shown: str) -> Path:
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
        command = [compiler, *flags, "-x", "none", *map(str, libraries), "-lm", "-lc", "-lgcc", "-o", scratch]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CompileError("g++", done.stderr, shown)
        os.replace(scratch, target)
    finally:
        Path(scratch).unlink(missing_ok=True)
    _prune(folder, libraries)
    return target


@lru_cache(maxsize=1)
def runtime() -> tuple[ctypes.CDLL, Path]:
    text = HEADER.read_text()
    path = compile_library(text, (*_RUNTIME_FLAGS, "-"), (), text)
    library = ctypes.CDLL(str(path))
    library.symgrad_shim_map.restype = ctypes.c_void_p
    library.symgrad_shim_map.argtypes = (ctypes.c_size_t, ctypes.c_size_t)
    library.symgrad_shim_unmap.restype = None
    library.symgrad_shim_unmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
    return library, path
