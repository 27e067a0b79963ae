"""Whose an object is and what may be asked of it while tracing: the user's, a library's, one that is used up."""

from __future__ import annotations

import builtins
import datetime
import functools
import gc
import os
import sys
import sysconfig
import time
import types
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from symgrad.capture.snapshots import MISSING, contents
from symgrad.errors import is_user_file
from symgrad.tensor.core import Tensor

_STDLIB = tuple(p for p in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")) if p)


def look(holder: Any, name: str) -> Any:
    """An attribute, MISSING where there is none; a user's `__getattr__` may say so with a LookupError."""
    try:
        return getattr(holder, name, MISSING)
    except LookupError:
        return MISSING


def is_computed(holder: Any, name: str) -> bool:
    """Whether an attribute is made anew at each access: a property, or what a module computes from its parameters."""
    return isinstance(getattr(type(holder), name, None), property) or (
        name in getattr(holder, "__dict__", {}).get("_computed", ()))


def has(holder: Any, name: str) -> bool:
    """Whether there is such an attribute."""
    return look(holder, name) is not MISSING


_TIMES = ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns", "process_time")
REFUSED: dict[Any, str] = {
    print: "return what is to be printed", open: "read it outside", builtins.input: "ask outside",
    globals: "name the variable", vars: "name the attribute", os.urandom: "draw with symgrad's own generator",
    **{getattr(time, name): "measure outside" for name in _TIMES},
}  # fmt: skip
"""What Python's functions in C tell or do at that moment, with the way out; seen only where user code calls them."""


def is_now(function: Any) -> bool:
    """Whether this is a method that asks a date of the clock."""
    owner = getattr(function, "__self__", None)
    dates = isinstance(owner, type) and issubclass(owner, datetime.date)
    return dates and function.__name__ in ("now", "today", "utcnow")


def is_used_up(value: Any) -> bool:
    """Whether looking at the items of `value` takes them away: an iterator not of the user's own writing."""
    if not isinstance(value, Iterator) or isinstance(value, (Tensor, Mapping)):
        return False
    return isinstance(value, types.GeneratorType) or not type(value).__flags__ & _HEAP_TYPE or \
        type(value).__module__ in ("itertools", "_io", "_csv")  # fmt: skip


def slots_of(value: Any) -> list[str]:
    """The names of the attributes that an object keeps in slots."""
    names = [getattr(kind, "__slots__", ()) for kind in type(value).__mro__ if kind.__flags__ & _HEAP_TYPE]
    return [n for slots in names for n in ((slots,) if isinstance(slots, str) else slots) if not n.startswith("__")]


def is_users_code(code: types.CodeType) -> bool:
    return is_users_file(code.co_filename)


@functools.cache
def is_users_file(filename: str) -> bool:
    return is_user_file(filename) and not filename.startswith(_STDLIB)


def is_package(value: Any) -> bool:
    return isinstance(value, types.ModuleType) and value.__name__.split(".")[0] in ("symgrad", "torch", "numpy", "math")


def frame_cells(
    frame: types.FrameType, names: AbstractSet[str], around: Mapping[str, Any], known: list[Any]
) -> dict[str, Any]:
    """The closure cells of a just-called frame by name: those of a function with its code and the same contents.

    A comprehension's `names` are found `around` it, in the call it stands in. A function is looked for among those
    `known`, as a method of the first argument, among its caller's variables, and in the whole heap, which takes long.
    """
    code, local = frame.f_code, frame.f_locals
    if all(name in around and contents(around[name]) is local.get(name, MISSING) for name in names):
        return dict(around)
    live = [local.get(name, MISSING) for name in code.co_freevars]

    def cells(function: Any) -> tuple[Any, ...]:
        found = function.__closure__ if isinstance(function, types.FunctionType) and function.__code__ is code else ()
        return found if found and all(contents(cell) is value for cell, value in zip(found, live)) else ()

    first = local.get(code.co_varnames[0]) if code.co_argcount else None
    methods = (vars(kind).get(code.co_name) for kind in type(first).__mro__)
    callers = frame.f_back.f_locals.values() if frame.f_back is not None else ()
    for function in (*known, *methods, *callers):
        if found := cells(function):
            return dict(zip(code.co_freevars, found))
    for function in gc.get_referrers(code):
        if found := cells(function):
            known.append(function)
            return dict(zip(code.co_freevars, found))
    return {}


def comprehensions(code: types.CodeType) -> Iterator[types.CodeType]:
    """Code that only runs where it stands, in a function of its own: what it closes over is its surroundings'."""
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType) and inner.co_name.startswith("<") and inner.co_name != "<lambda>":
            yield inner


def is_users(value: Any) -> bool:
    """Whether a value is an object (or class) of the user's own making."""
    kind = value if isinstance(value, type) else type(value)
    if isinstance(value, (Tensor, types.ModuleType, types.FunctionType, types.MethodType)):
        return False
    if not kind.__flags__ & _HEAP_TYPE or not has(value, "__dict__") and not slots_of(value):
        return False
    package = str(kind.__module__).partition(".")[0]
    return package not in _NOT_USERS and package not in sys.stdlib_module_names or kind.__module__ == "__main__"


_HEAP_TYPE = 1 << 9
_NOT_USERS = ("symgrad", "numpy", "builtins")
