"""What the text of a CUDA kernel says: its signature, and the C++ translation unit it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.testing.nvrtc import CompileError

HEADER = Path(__file__).with_name("cuda_shim.h")

_CTYPES = {
    "bool": "?", "char": "i1", "signed char": "i1", "unsigned char": "u1",
    "short": "i2", "unsigned short": "u2", "int": "i4", "unsigned int": "u4", "unsigned": "u4",
    "long long": "i8", "unsigned long long": "u8", "size_t": "u8", "float": "f4", "double": "f8",
}  # fmt: skip
_VECTORS = {"float": "f4", "double": "f8", "int": "i4", "uint": "u4"}
VECTOR_NAME = re.compile(r"\b(float|double|int|uint)[24]\b")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+(?:void\s+)?(?:__launch_bounds__\s*\(\s*(\d+)[^)]*\)\s*)?'
    r"(?:void\s+)?(\w+)\s*\(([^)]*)\)"
)
_DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*)?([\w\s]+?)\s*\b(\w+)\s*\[\s*\]\s*;"
)
_MATH_CONSTANTS = re.compile(r'#\s*include\s*[<"]math_constants\.h[>"]')


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
    vector = VECTOR_NAME.fullmatch(base) if pointer else None
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


def translation_unit(source: str, kernels: dict[str, Kernel]) -> str:
    """The header, the kernel text as `kernel.cu`, and one launcher per kernel."""
    code = _COMMENT.sub(_blank, source)
    for match in _DYNAMIC_SHARED.finditer(code):
        if code.count("{", 0, match.start()) == code.count("}", 0, match.start()):
            raise CompileError("the shim", "extern __shared__ belongs inside the kernel", source)
    code = _DYNAMIC_SHARED.sub(r"\1* \2 = (\1*)symgrad_shim::dynamic_shared;", code)
    code = _MATH_CONSTANTS.sub("", code)
    lines = [HEADER.read_text(), '#line 1 "kernel.cu"', code, '#line 1 "launchers"']
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
