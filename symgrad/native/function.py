"""`njit` and `prange`, as emitted modules use them: functions of a module are compiled for the types they are given."""

from __future__ import annotations

import ast
import ctypes
from functools import cache, cached_property
from typing import Any

import numpy as np

from symgrad.native import types


def njit(*args: Any, **options: Any) -> Any:
    """The decorator, with Numba's options (`fastmath`, `forceinline`, `nogil`; the rest says nothing here)."""
    if args:
        return Function(args[0], options)
    return lambda function: Function(function, options)


def prange(*bounds: int) -> range:
    """The range of a loop whose turns touch memory of their own: in what order they run means nothing."""
    return range(*bounds)


@cache
def definitions(source: str) -> dict[str, ast.FunctionDef]:
    """The functions of a module by name."""
    return {node.name: node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}


class Function:
    """One function of a module, and its machine code by argument types."""

    def __init__(self, function: Any, options: dict[str, Any]):
        self.function, self.options = function, options
        self.name: str = function.__name__
        self.globals: dict[str, Any] = function.__globals__
        self.compiled: dict[tuple[Any, ...], Any] = {}
        self.storage: Any = None

    @cached_property
    def tree(self) -> ast.FunctionDef:
        """What the function says."""
        loader, name = self.globals["__loader__"], self.globals["__name__"]
        return definitions(loader.get_source(name))[self.name]

    @property
    def signature(self) -> types.Signature | None:
        """What the module says this function is meant for: `RUN_SIGNATURE` for `run`."""
        return self.globals.get(f"{self.name.upper()}_SIGNATURE")

    def __call__(self, *args: Any) -> None:
        """Call it with arrays and numbers, compiled for what they are."""
        signature = tuple(map(type_of, args))
        code = self.compiled.get(signature) or self.compile(types.Signature(signature))
        code(*args)

    def compile(self, signature: types.Signature) -> Any:
        """The native function for a signature, whose arguments are believed: kept from before, or made and kept."""
        from symgrad.native import engine

        found = self.storage.load(signature) if self.storage else None
        if found is None:
            found = engine.machine_code(self.assembly(signature))
            if self.storage:
                self.storage.save(signature, found)
        code = self.compiled[signature.args] = engine.loaded(found, self.name)
        return code

    def timed(self, signature: types.Signature) -> tuple[Any, Any]:
        """The native function, and the nanoseconds that each of its `clock.actions` has taken so far, as an array."""
        from symgrad.native import clock, engine
        from symgrad.native.module import Module

        module = Module(timed=self)
        code = engine.machine_code(module.text(self, signature.args, bool(self.options.get("nogil"))))
        memory = engine.in_memory(code)
        times = ctypes.c_int64 * len(clock.actions(self.tree.body))
        found = times.from_address(memory.get_global_value_address(clock.NAME))
        return engine.entry_of(memory, self.name), np.ctypeslib.as_array(found)

    def assembly(self, signature: types.Signature) -> str:
        """LLVM's assembly for a signature, before any optimisation."""
        from symgrad.native.module import Module  # a warm start needs no compiler

        return Module().text(self, signature.args, bool(self.options.get("nogil")))


def type_of(value: Any) -> Any:
    """The type that an argument has in native code."""
    if isinstance(value, np.ndarray):
        dtype = types.NAMED.get(value.dtype.name)
        if dtype is not None:
            return types.Array(dtype, value.ndim, "C" if value.flags.c_contiguous else "A")
    elif isinstance(value, (bool, np.bool_)):
        return types.boolean
    elif isinstance(value, (np.integer, np.floating)):
        return types.NAMED[value.dtype.name]
    elif isinstance(value, int):
        return types.int64
    elif isinstance(value, float):
        return types.float64
    raise TypeError(f"a compiled function does not take {type(value).__name__}")
