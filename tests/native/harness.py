"""Small modules written as emitted ones are, compiled natively."""

from __future__ import annotations

import importlib.util
import linecache
from importlib.abc import Loader
from types import ModuleType
from typing import Any

from symgrad.native import types

HEAD = """import math
import numpy as np
from symgrad.native import njit
from numpy import (bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64)

"""


def module_of(body: str, params: str, head: str = "", options: str = 'error_model="numpy"') -> str:
    """The text of a module with one function `run`."""
    names = ", ".join(p.partition(":")[0].strip() for p in split(params))
    return f"{HEAD}{head}\n@njit({options})\ndef run({names}):\n    {body}\n"


def compiled(body: str, params: str, head: str = "", options: str = 'error_model="numpy"') -> Any:
    """`run(params)` with that body: `params` are written `name: type` as signatures write types."""
    return load(module_of(body, params, head, options)).run.compile(signature(params))


def signature(params: str) -> types.Signature:
    """`x: float32[:, ::1], n: int64` as a signature."""
    known = {**types.NAMED, "Array": types.Array}
    return types.void(*(eval(p.partition(":")[2], {}, known) for p in split(params)))


def split(params: str) -> list[str]:
    """The parameters, at commas outside brackets."""
    parts, depth, current = [], 0, ""
    for c in params:
        depth += (c in "[(") - (c in "])")
        if c == "," and not depth:
            parts.append(current.strip())
            current = ""
        else:
            current += c
    return [*parts, current.strip()]


class Text(Loader):
    """Runs a module from its text, and can say what it was."""

    def __init__(self, text: str):
        self.text = text

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.text, f"<{module.__name__}>", "exec"), vars(module))

    def get_source(self, name: str) -> str:
        return self.text


def load(text: str) -> ModuleType:
    """The module of that text."""
    spec = importlib.util.spec_from_loader("a_small_module", Text(text))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    linecache.clearcache()
    return module
