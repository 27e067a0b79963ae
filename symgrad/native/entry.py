"""The function that Python calls: a C function of the interpreter's fast convention, which unpacks and calls.

It believes the layout and dtype of its arrays (the caller has checked them), not that they are arrays.
Offsets are those of `PyArrayObject` in numpy/ndarraytypes.h, which is part of NumPy's binary interface.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from symgrad.native.types import Array, Scalar

if TYPE_CHECKING:
    from symgrad.native.module import Module

NAME = "entry"
OBJECT = "symgrad_object_"
"""How the symbols of Python objects begin, whose addresses they are."""

HEADER = object.__basicsize__  # what precedes an object's own fields
DATA, DIMENSIONS, STRIDES = HEADER, HEADER + 16, HEADER + 24

READS = {"f": "double @PyFloat_AsDouble", "i": "i64 @PyLong_AsLongLong",
         "u": "i64 @PyLong_AsUnsignedLongLongMask", "b": "i32 @PyObject_IsTrue"}  # fmt: skip
DECLARED = {
    *(f"@{OBJECT}{name} = external global i8" for name in ("None", "ndarray", "TypeError")),
    *(f"declare {read}(ptr)" for read in READS.values()),
    "declare ptr @PyErr_Occurred()", "declare void @Py_IncRef(ptr)", "declare void @PyErr_SetString(ptr, ptr)",
    "declare i32 @PyType_IsSubtype(ptr, ptr)", "declare ptr @PyEval_SaveThread()",
    "declare void @PyEval_RestoreThread(ptr)",
}  # fmt: skip


def definition(module: "Module", symbol: str, types: tuple[Any, ...], raises: bool, nogil: bool) -> str:
    """The entry that calls `symbol` with arguments of these types."""
    module.declared |= DECLARED
    head = [f"define ptr @{NAME}(ptr %self, ptr %args, i64 %count) nounwind {{", "entry:"]
    head += [f"  %fits = icmp eq i64 %count, {len(types)}", "  br i1 %fits, label %arg0, label %refused, !prof !1"]
    lines: list[str] = []
    given: list[str] = []
    scalars = False
    for n, type in enumerate(types):
        lines.append(f"arg{n}:")
        load(lines, f"%o{n}", "ptr", "%args", 8 * n)
        if isinstance(type, Array):
            array(lines, given, n, type)
        else:
            scalars = True
            scalar(lines, given, n, type)
        lines.append(f"  br label %arg{n + 1}")
    lines.append(f"arg{len(types)}:")
    if scalars:
        lines += ["  %error = call ptr @PyErr_Occurred()", "  %bad = icmp ne ptr %error, null",
                  "  br i1 %bad, label %failed, label %go, !prof !0", "go:"]  # fmt: skip
    if nogil:
        lines.append("  %thread = call ptr @PyEval_SaveThread()")
    call = f"@{symbol}({', '.join(given)})"
    lines.append(f"  %status = call i32 {call}" if raises else f"  call void {call}")
    if nogil:
        lines.append("  call void @PyEval_RestoreThread(ptr %thread)")
    if raises:
        lines += ["  %raised = icmp ne i32 %status, 0",
                  "  br i1 %raised, label %failed, label %done, !prof !0", "done:"]  # fmt: skip
    lines += [f"  call void @Py_IncRef(ptr @{OBJECT}None)", f"  ret ptr @{OBJECT}None"]
    said = module.words("wrong arguments for a compiled program")
    lines += ["refused:", f"  call void @PyErr_SetString(ptr @{OBJECT}TypeError, ptr {said})",
              "  ret ptr null", "failed:", "  ret ptr null", "}"]  # fmt: skip
    return "\n".join([*head, *lines])


def load(lines: list[str], register: str, type: str, base: str, offset: int) -> None:
    """Load what lies `offset` bytes behind `base`."""
    lines.append(f"  {register}.at = getelementptr inbounds i8, ptr {base}, i64 {offset}")
    lines.append(f"  {register} = load {type}, ptr {register}.at")


def array(lines: list[str], given: list[str], n: int, type: Array) -> None:
    """Check that argument `n` is an array; its address, extents and strides."""
    load(lines, f"%t{n}", "ptr", f"%o{n}", HEADER - 8)
    lines += [f"  %plain{n} = icmp eq ptr %t{n}, @{OBJECT}ndarray",
              f"  br i1 %plain{n}, label %array{n}, label %other{n}, !prof !1", f"other{n}:",
              f"  %sub{n} = call i32 @PyType_IsSubtype(ptr %t{n}, ptr @{OBJECT}ndarray)",
              f"  %is{n} = icmp ne i32 %sub{n}, 0", f"  br i1 %is{n}, label %array{n}, label %refused",
              f"array{n}:"]  # fmt: skip
    load(lines, f"%d{n}", "ptr", f"%o{n}", DATA)
    given.append(f"ptr %d{n}")
    for word, offset in (("e", DIMENSIONS), ("s", STRIDES)):
        if not type.ndim or word == "s" and type.layout == "C":
            continue
        load(lines, f"%{word}s{n}", "ptr", f"%o{n}", offset)
        for axis in range(type.ndim):
            load(lines, f"%{word}{n}.{axis}", "i64", f"%{word}s{n}", 8 * axis)
            given.append(f"i64 %{word}{n}.{axis}")


def scalar(lines: list[str], given: list[str], n: int, type: Scalar) -> None:
    """The number in argument `n`."""
    lines.append(f"  %r{n} = call {READS[type.kind]}(ptr %o{n})")
    read = {"f": "double", "b": "i32"}.get(type.kind, "i64")
    if read == type.text:
        given.append(f"{read} %r{n}")
        return
    narrow = f"{'fptrunc' if type.kind == 'f' else 'trunc'} {read} %r{n} to {type.text}"
    lines.append(f"  %v{n} = {f'icmp ne i32 %r{n}, 0' if type.kind == 'b' else narrow}")
    given.append(f"{type.text} %v{n}")
