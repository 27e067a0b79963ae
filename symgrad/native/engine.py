"""LLVM by way of llvmlite: assembly to machine code, and machine code to something that can be called."""

from __future__ import annotations

import builtins
import ctypes
from functools import cache
from typing import Any

import numpy as np

from symgrad.native import entry

OBJECTS: dict[str, Any] = {"None": None, "ndarray": np.ndarray}
OBJECTS |= {n: kind for n, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, Exception)}
"""What native code names. CPython's own symbols will not do: Numba gives `PyExc_IndexError` another meaning."""

FASTCALL = 0x0080  # METH_FASTCALL


class MethodDef(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int),
                ("doc", ctypes.c_char_p)]  # fmt: skip


@cache
def llvm() -> Any:
    """llvmlite, ready to make code for this machine."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    for name, thing in OBJECTS.items():
        llvm.add_symbol(entry.OBJECT + name, id(thing))
    return llvm


def machine() -> Any:
    """The machine this process runs on, for one module or engine (which keeps it); data may lie anywhere in memory."""
    host = llvm().get_host_cpu_name(), llvm().get_host_cpu_features().flatten()
    triple = llvm().get_process_triple()
    reloc = "static" if triple.startswith(("x86", "i386", "i686")) else "default"
    return llvm().Target.from_triple(triple).create_target_machine(
        *host, opt=3, reloc=reloc, codemodel="jitdefault", jit=True)  # fmt: skip


def machine_code(assembly: str) -> bytes:
    """The object file of a module, optimised for this machine."""
    module, here = optimised(assembly)
    return here.emit_object(module)  # type: ignore[no-any-return]


def optimised(assembly: str) -> tuple[Any, Any]:
    """The module after LLVM's passes (its text is assembly again), and the machine they are for."""
    here = machine()
    module = llvm().parse_assembly(assembly)
    module.triple, module.data_layout = here.triple, str(here.target_data)
    tuning = llvm().create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.loop_interleaving = True
    tuning.loop_unrolling = False  # half of the time to compile; loops of few turns are written out before
    builder = llvm().create_pass_builder(here, tuning)
    builder.getModulePassManager().run(module, builder)
    return module, here


_methods: list[MethodDef] = []  # a function reads its own when it dies, after all that it holds


def in_memory(code: bytes) -> Any:
    """An object file in memory, as long as what is returned lives."""
    engine = llvm().create_mcjit_compiler(llvm().parse_assembly(""), machine())
    engine.add_object_file(llvm().ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def loaded(code: bytes, name: str) -> Any:
    """The entry of an object file as a Python function of positional arguments; it keeps the code in memory."""
    return entry_of(in_memory(code), name)


def entry_of(engine: Any, name: str) -> Any:
    """The entry of code in memory as a Python function."""
    method = MethodDef(name.encode(), engine.get_function_address(entry.NAME), FASTCALL, None)
    _methods.append(method)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = ctypes.py_object, [ctypes.POINTER(MethodDef), ctypes.py_object, ctypes.c_void_p]
    return new(ctypes.byref(method), engine, None)
