"""When two results agree: structure, field names, dtype, shape, numbers within rounding."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import torch

import symgrad as sg
from opinfo.convert import array_of, dtype_name

TOLERANCE = {
    "float16": (2e-3, 2e-3),
    "bfloat16": (1.6e-2, 1e-2),
    "float32": (1e-5, 1e-5),
    "complex64": (1e-5, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}
"""(relative, absolute), the scale of PyTorch's own tests; integers and booleans are compared exactly."""

_TUPLE = {*dir(tuple), "n_fields", "n_sequence_fields", "n_unnamed_fields"}


def difference(mine: Any, theirs: Any, *, numbers: bool = True, loose: float = 1.0, fields: bool = True) -> str | None:
    """None where `mine` (symgrad) is what `theirs` (PyTorch) is, else what differs first."""
    again = dict(numbers=numbers, loose=loose, fields=fields)
    if isinstance(theirs, torch.Tensor):
        return tensors_differ(mine, theirs, numbers, loose)
    if isinstance(theirs, torch.Size):
        return None if tuple(mine) == tuple(theirs) else f"{mine!r} for {theirs!r}"
    if isinstance(theirs, (tuple, list)):
        if not isinstance(mine, (tuple, list)):
            return f"a {type(mine).__name__} for a {type(theirs).__name__}"
        if len(mine) != len(theirs):
            return f"{len(mine)} results for {len(theirs)}"
        for name in names_of(theirs) if fields else ():
            if not hasattr(mine, name):
                return f"the result has no field {name!r}"
        found = (difference(m, t, **again) for m, t in zip(mine, theirs))
        return next((f"[{i}] {text}" for i, text in enumerate(found) if text), None)
    if isinstance(theirs, dict):
        if list(mine) != list(theirs):
            return f"keys {list(mine)} for {list(theirs)}"
        return next((f"[{k!r}] {d}" for k in theirs if (d := difference(mine[k], theirs[k], **again))), None)
    if isinstance(theirs, torch.dtype):
        name = str(theirs).rpartition(".")[2]
        return None if str(mine).rpartition(".")[2] == name else f"{mine!r} for {theirs!r}"
    if isinstance(theirs, np.ndarray):
        return arrays_differ(np.asarray(mine), theirs, str(theirs.dtype), loose)
    if isinstance(theirs, (float, complex)) and numbers:
        if type(mine) is not type(theirs):
            return f"{mine!r} for {theirs!r}"
        return arrays_differ(np.asarray(mine), np.asarray(theirs), "float32", loose)
    if isinstance(theirs, enum.IntEnum):
        theirs = int(theirs)
    if not numbers and type(mine) is type(theirs):
        return None
    alike = type(mine) is type(theirs) or type(theirs) is int and isinstance(mine, int) and not isinstance(mine, bool)
    return None if alike and mine == theirs else f"{mine!r} for {theirs!r}"


def names_of(result: Any) -> list[str]:
    """The field names of one of PyTorch's named results (`values`, `indices`)."""
    return [n for n in dir(result) if n not in _TUPLE] if type(result).__module__ == "torch.return_types" else []


def tensors_differ(mine: Any, theirs: Any, numbers: bool, loose: float) -> str | None:
    """What differs between a tensor of symgrad's and one of PyTorch's."""
    if not isinstance(mine, sg.Tensor):
        return f"{type(mine).__name__} {mine!r} for a Tensor"
    if dtype_name(mine) != dtype_name(theirs):
        return f"dtype {dtype_name(mine)} for {dtype_name(theirs)}"
    if tuple(mine.shape) != tuple(theirs.shape):
        return f"shape {tuple(mine.shape)} for {tuple(theirs.shape)}"
    return arrays_differ(array_of(mine), array_of(theirs), dtype_name(theirs), loose) if numbers else None


def arrays_differ(mine: Any, theirs: Any, dtype: str, loose: float) -> str | None:
    """Where two arrays of one shape first differ."""
    if mine.shape != theirs.shape:
        return f"shape {mine.shape} for {theirs.shape}"
    rtol, atol = (loose * t for t in TOLERANCE.get(dtype, (0, 0)))
    with np.errstate(all="ignore"):
        same = np.isclose(mine, theirs, rtol, atol, equal_nan=True) if rtol else mine == theirs
        if np.iscomplexobj(theirs) and rtol:  # inf + nan j: by part
            same |= np.isclose(mine.real, theirs.real, rtol, atol, equal_nan=True) & np.isclose(
                mine.imag, theirs.imag, rtol, atol, equal_nan=True)  # fmt: skip
    if bool(np.all(same)):
        return None
    at = tuple(int(i) for i in np.argwhere(~np.asarray(same))[0])
    return f"{mine[at]!r} for {theirs[at]!r} at {list(at)} ({int(np.sum(~same))} of {same.size} differ)"


def builtin(error: BaseException) -> type[BaseException]:
    """The first class of an error that is Python's own (what is not implemented is a RuntimeError here)."""
    if isinstance(error, NotImplementedError):
        return RuntimeError
    return next(c for c in type(error).__mro__ if c.__module__ == "builtins")
