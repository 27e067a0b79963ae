"""An emitted module made callable: kept in the cache, imported, its native entries compiled and bound."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from symgrad.compiler.backends import Entry, Executable, Param
from symgrad.errors import BackendError, LinAlgError
from symgrad.native import Function

if TYPE_CHECKING:
    from symgrad.compiler.emitted import Emitted
    from symgrad.compiler.program import Program


def build_executable(program: "Program", emitted: "Emitted") -> Executable:
    """Store the module, import it, compile what is native."""
    if program.backend == "cupy":
        _require_gpu()
    module = load_module(emitted.source, program.backend, program.traced.graph.name)
    entries = bind_entries(module, emitted.params)
    return Executable(emitted.source, entries, emitted.schedules, emitted.kernels, module,
                      shared=emitted.shared, half_written=emitted.half_written)  # fmt: skip


def bind_entries(module: ModuleType, params: dict[str, tuple[Param, ...]]) -> dict[str, Entry]:
    """The module's entries with their parameters."""
    raising = hasattr(module, "_refuse")  # the helper by which a module says that a matrix will not do
    return {
        name: Entry(translated(getattr(module, name)) if raising else getattr(module, name), p,
                    _direct(module, getattr(module, name), name))
        for name, p in params.items()
    }  # fmt: skip


def translated(function: Any) -> Any:
    """An entry whose NumPy errors about a matrix are this package's: a module stands alone and knows no other."""

    def entry(*given: Any) -> None:
        try:
            function(*given)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(str(error)) from None

    return entry


def load_module(source: str, backend: str, name: str) -> ModuleType:
    """The emitted module, from the user's cache where it is there already."""
    from symgrad.runtime import cache

    return cache.load(cache.store(source, backend=backend, name=name))


def _direct(module: ModuleType, function: Any, name: str) -> Any:
    """The machine code under a compiled entry: callable with exactly typed arguments only."""
    signature = getattr(module, f"{name.upper()}_SIGNATURE", None)
    if signature is None:
        return None
    if isinstance(function, Function):
        return function.compile(signature)
    if not function.overloads:
        function.compile(signature)
        function.disable_compile()
    (overload,) = function.overloads.values()
    return overload.entry_point


def _require_gpu() -> None:
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except ImportError as error:
        raise BackendError("backend 'cupy' needs CuPy", hint="pip install 'symgrad[cuda13]'") from error
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendError(f"backend 'cupy' found no usable GPU: {error}",
                           hint="program(...).source shows the code without one") from error  # fmt: skip
