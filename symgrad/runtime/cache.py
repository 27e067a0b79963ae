"""An emitted module is a file named by what it says, and its machine code lies beside it.

`<name>_<key>.py` is the module; `key` hashes its text and all else that shapes its machine code:
versions, CPU, this package's compiler. `<name>_<key>.<function>.<hash>.o` is the machine code of one
function for one signature, `<name>_<key>.<jit>.code` Python's code of the module.
`graph_<key>.json` remembers which module a traced graph became, so that a warm process runs no pass.
All are sealed files (`sealed.py`): checked whenever read.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import re
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from symgrad import config as settings
from symgrad.errors import CacheError
from symgrad.native import Function
from symgrad.runtime import sealed
from symgrad.runtime.sealed import clear, info, locate, trim

__all__ = ["clear", "info", "load", "locate", "recall", "remember", "store", "trim"]

STORES_PER_TRIM = 100
_NUMBA = re.compile(r"^from numba import", re.MULTILINE)

_sources: dict[str, str] = {}  # file name -> text stored or checked by this process, not yet loaded
_modules: dict[str, ModuleType] = {}
_lock = threading.RLock()
_stores = 0


def store(source: str, *, backend: str, name: str = "program") -> Path:
    """Write an emitted module, unless it is there already, and return its path."""
    global _stores
    name = re.sub(r"\W+", "_", name, flags=re.ASCII)[:40]
    if not source.endswith("\n"):
        source += "\n"
    path = locate(f"{name}_{sealed.digest(environment(backend), name, source)[:32]}.py")
    payload = source.encode()
    if sealed.read(path) != payload:
        path = sealed.write_or_move(path, payload)
    _sources[path.name] = source
    if _stores % STORES_PER_TRIM == 0:
        trim()
    _stores += 1
    return path


def load(path: Path) -> ModuleType:
    """The module at `path`, as `store` or `recall` gave it: imported once in this process.

    Its name is `symgrad_cache_<key>`, so equal modules have one name in every process.
    """
    name = "symgrad_cache_" + path.stem.rpartition("_")[2]
    module = _modules.get(name)
    if module is None:
        with _lock:
            module = _modules.get(name)
            if module is None:
                module = _modules[name] = _execute(name, path)
    return module


def _execute(name: str, path: Path) -> ModuleType:
    text = _sources.get(path.name)
    if text is None:
        payload = sealed.read(path)
        if payload is None:
            raise CacheError(
                f"the cached module {path} is gone or damaged", hint="compile the function again"
            )
        text = payload.decode()
    elif not path.exists():  # removed since by another process; numba and debuggers want the file
        path = sealed.write_or_move(path, text.encode())
    loader = _CheckedText(name, str(path))
    loader.text = text
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: numba looks its functions' module up
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _adopt_kernels(module, path)
    sealed.touch(path)
    _sources.pop(path.name, None)
    return module


class _CheckedText(SourceFileLoader):
    """Runs the text that was checked, or its code that was kept: not the file as it is now, not an unchecked .pyc."""

    text = ""

    def get_code(self, fullname: str) -> Any:
        kept = Path(self.path).with_suffix(f".{settings.config.jit}.code")
        content = sealed.read(kept)
        code = marshal.loads(content) if content is not None else None
        if code is not None and code.co_filename == self.path:  # tracebacks cite it; the directory may have moved
            return code
        text = self.text
        if settings.config.jit == "native":  # the package that stands in for numba
            text = _NUMBA.sub("from symgrad.native import", text)
        code = compile(text, self.path, "exec", dont_inherit=True, optimize=0)  # whatever this process is told
        with suppress(OSError):
            sealed.write(kept, marshal.dumps(code))
        return code

    def get_source(self, fullname: str) -> str:
        return self.text


def _adopt_kernels(module: ModuleType, path: Path) -> None:
    """Let the module's compiled functions keep their machine code beside it."""
    for function in vars(module).values():
        if isinstance(function, Function):
            function.storage = Kernels(path, function.name)


class Kernels:
    """The machine code of one function, one file per signature."""

    def __init__(self, module: Path, function: str):
        self.module = module
        self.function = function

    def _file(self, signature: object) -> Path:
        which = sealed.digest(environment("numba"), repr(signature))[:16]
        return self.module.with_name(f"{self.module.stem}.{self.function}.{which}.o")

    def load(self, signature: object) -> bytes | None:
        """What was saved for `signature`, or None."""
        return sealed.read(self._file(signature))

    def save(self, signature: object, code: bytes) -> None:
        """Keep `code` for later processes; without room on the disk they compile again."""
        with suppress(OSError):
            sealed.write(self._file(signature), code)


def remember(graph_key: str, payload: dict[str, Any]) -> None:
    """Keep JSON-able `payload` for the traced graph with this key.

    `payload["module"]`, where present, is the name of the module's file (`store(...).name`).
    """
    with suppress(OSError):
        sealed.write(_graph_file(graph_key), json.dumps(payload).encode())


def recall(graph_key: str) -> dict[str, Any] | None:
    """What was remembered for this graph, or None; its module is then there and undamaged."""
    path = _graph_file(graph_key)
    content = sealed.read(path)
    if content is None:
        return None
    payload: dict[str, Any] = json.loads(content)
    module = payload.get("module")
    if module is not None and module not in _sources:
        text = sealed.read(locate(module))
        if text is None:
            sealed.delete(path)
            return None
        _sources[module] = text.decode()
    sealed.touch(path)
    return payload


def _graph_file(graph_key: str) -> Path:
    key = sealed.digest(environment("any"), _state_of(), graph_key)[:32]
    return locate(f"graph_{key}.json")


def environment(backend: str) -> str:
    """What shapes the machine code of a module besides its text."""
    return _environment(backend, settings.config.jit)


@cache
def _environment(backend: str, jit: str) -> str:
    facts: list[object] = [sys.implementation.cache_tag, sys.version_info[:3], np.__version__]
    facts += [backend, jit]
    if backend == "numba":
        import llvmlite
        from llvmlite import binding

        facts += [llvmlite.__version__, binding.get_host_cpu_name(), _state_of("native")]
        with suppress(RuntimeError):  # LLVM cannot tell on some machines; the name must do there
            facts.append(binding.get_host_cpu_features().flatten())
    return repr(facts)


@cache
def _state_of(part: str = "") -> str:
    """Changes whenever this package (or a part of it) does: what a graph becomes depends on every pass."""
    package = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), part)
    files = sorted(os.path.join(folder, name) for folder, _, names in os.walk(package) for name in names)
    stats = [(path, os.stat(path)) for path in files if path.endswith(".py")]
    return repr([(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats])


def _after_fork() -> None:
    global _lock
    _lock = threading.RLock()  # a thread that held it in the parent does not exist here


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
