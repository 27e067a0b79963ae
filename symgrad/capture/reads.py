"""What user code reads past the arguments: globals, closures, attributes. No bytecode interpreter.

While tracing, a profile hook sees each user function as it is called; `dis` lists the names and
attribute chains its code loads, and they are resolved before the body runs. Each becomes a guard
(numbers and strings by value, functions by code, containers by items, tensors by identity). Looking
again after the trace tells whether the function changed one of them: a side effect, which is undone.
"""

from __future__ import annotations

import dis
import random
import sys
import sysconfig
import types
from typing import Any

import numpy as np

from symgrad.errors import Loc, is_user_file
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

_STDLIB = tuple(p for p in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")) if p)
_SCALARS = (bool, int, float, complex, str, bytes, type(None))
_chains: dict[types.CodeType, tuple[tuple[str, str, tuple[str, ...]], ...]] = {}
_MISSING = object()


class Read:
    """One thing read: where from, and how it must look for the trace to hold."""

    __slots__ = ("holder", "key", "how", "text", "seen", "loc", "protected")

    def __init__(self, holder: Any, key: str, how: str, text: str, value: Any, loc: Loc):
        self.holder = holder
        self.key = key
        self.how = how
        self.text = text
        self.seen = snapshot(value)
        self.loc = loc
        self.protected = hasattr(holder, "_parameters") and how == "attr"

    def current(self) -> Any:
        """The value now."""
        if self.how == "global":
            return self.holder.get(self.key, _MISSING)
        if self.how == "deref":
            return _contents(self.holder)
        return getattr(self.holder, self.key, _MISSING)

    def changed(self) -> bool:
        """Whether a trace that saw the old value no longer holds."""
        return not same(self.seen, snapshot(self.current()))

    def restore(self) -> None:
        """Put the value back as it was seen (undoing a side effect of tracing)."""
        kind, old = self.seen[0], self.seen[1]
        now = self.current()
        if kind == "list" and isinstance(now, list):
            now[:] = self.seen[2]
        elif kind == "dict" and isinstance(now, dict):
            now.clear()
            now.update(self.seen[2])
        elif kind == "scalar":
            if self.how == "global":
                self.holder[self.key] = old
            elif self.how == "deref":
                self.holder.cell_contents = old
            else:
                setattr(self.holder, self.key, old)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _MISSING


def snapshot(value: Any) -> tuple[Any, ...]:
    """What of `value` a trace may depend on."""
    if isinstance(value, _SCALARS):
        return ("scalar", value)
    if isinstance(value, (types.FunctionType, types.MethodType)):
        return ("code", value.__code__)
    if type(value) is list:
        return ("list", tuple(id(v) if not isinstance(v, _SCALARS) else v for v in value), list(value))
    if type(value) is tuple:
        return ("tuple", tuple(id(v) if not isinstance(v, _SCALARS) else v for v in value), value)
    if type(value) is dict:
        return ("dict", tuple((k, id(v) if not isinstance(v, _SCALARS) else v) for k, v in value.items()), dict(value))
    return ("object", value)


def same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two snapshots agree."""
    if a[0] != b[0]:
        return False
    if a[0] in ("object", "code"):
        return a[1] is b[1]
    return bool(a[1] == b[1]) and repr(type(a[1])) == repr(type(b[1])) or (a[1] != a[1] and b[1] != b[1])


class Reads:
    """Collects reads while it is installed as the thread's profile hook."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, str, str], Read] = {}
        self.random_loc: Loc | None = None
        self._keep: list[Any] = []
        self._random = random.getstate()
        self._np_random = np.random.get_state()

    def __enter__(self) -> "Reads":
        self._previous = sys.getprofile()
        sys.setprofile(self._hook)
        return self

    def __exit__(self, *exc: object) -> None:
        sys.setprofile(self._previous)

    def _hook(self, frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            self._call(frame)
        elif event == "c_call" and self.random_loc is None:
            owner = getattr(arg, "__self__", None)
            if isinstance(owner, (random.Random, np.random.RandomState)):
                while frame is not None and (not is_user_file(frame.f_code.co_filename) or _is_library(frame.f_code)):
                    frame = frame.f_back
                if frame is not None:
                    self.random_loc = Loc(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)

    def _call(self, frame: Any) -> None:
        code = frame.f_code
        own_layer = f"symgrad{_SEP}nn{_SEP}" in code.co_filename
        if not own_layer and (not is_user_file(code.co_filename) or _is_library(code)):
            return
        loc = Loc(code.co_filename, code.co_firstlineno, code.co_name)
        free = dict(zip(code.co_freevars, frame_closure(frame)))
        for kind, name, attrs in chains(code):
            if kind == "global":
                if own_layer:
                    continue
                value = frame.f_globals.get(name, _MISSING)
                if value is _MISSING:
                    continue
                self._add(frame.f_globals, name, "global", name, value, loc)
            elif kind == "deref":
                cell = free.get(name)
                value = _contents(cell) if cell is not None else _MISSING
                if value is _MISSING:
                    continue
                self._add(cell, name, "deref", name, value, loc)
            else:
                value = frame.f_locals.get(name, _MISSING)
            self._follow(value, name, attrs, loc)

    def _follow(self, value: Any, text: str, attrs: tuple[str, ...], loc: Loc) -> None:
        for attr in attrs:
            if value is _MISSING or isinstance(value, (Tensor, *_SCALARS, np.ndarray, type)) or _is_package(value):
                return
            if isinstance(getattr(type(value), attr, None), property):
                return
            holder, text = value, f"{text}.{attr}"
            value = getattr(holder, attr, _MISSING)
            if value is _MISSING or isinstance(value, types.MethodType):
                return
            self._add(holder, attr, "attr", text, value, loc)

    def _add(self, holder: Any, key: str, how: str, text: str, value: Any, loc: Loc) -> None:
        place = (id(holder), key, how)
        if place not in self.found and not isinstance(value, (types.ModuleType, type, types.BuiltinFunctionType)):
            self.found[place] = Read(holder, key, how, text, value, loc)
            self._keep.append(holder)

    # -- after the trace ----------------------------------------------------------------------

    def random_consumed(self) -> bool:
        """Whether Python's or NumPy's global generator moved; puts both back where they were."""
        now, now_np = random.getstate(), np.random.get_state()
        moved = now != self._random or not all(
            np.array_equal(a, b) for a, b in zip(now_np, self._np_random))  # fmt: skip
        if moved:
            random.setstate(self._random)
            np.random.set_state(self._np_random)
        return moved

    def side_effects(self) -> list[Read]:
        """The reads whose value the traced function changed; all are put back."""
        changed = [read for read in self.found.values() if read.changed()]
        for read in changed:
            read.restore()
        return changed


_SEP = __import__("os").sep


def _is_library(code: types.CodeType) -> bool:
    return code.co_filename.startswith(_STDLIB)


def _is_package(value: Any) -> bool:
    return isinstance(value, types.ModuleType) and value.__name__.split(".")[0] in ("symgrad", "numpy", "math")


def frame_closure(frame: Any) -> list[Any]:
    """The closure cells of a just-called frame, in `co_freevars` order (by its function, if found)."""
    code = frame.f_code
    if not code.co_freevars:
        return []
    import gc

    for candidate in gc.get_referrers(code):
        if isinstance(candidate, types.FunctionType) and candidate.__closure__:
            values = [_contents(c) for c in candidate.__closure__]
            live = [frame.f_locals.get(n, _MISSING) for n in code.co_freevars]
            if all(a is b for a, b in zip(values, live)):
                return list(candidate.__closure__)
    return []


def chains(code: types.CodeType) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """The (kind, name, attributes) loads of a code object: global, deref, or argument."""
    found = _chains.get(code)
    if found is None:
        found = _chains[code] = tuple(dict.fromkeys(_scan(code)))
    return found


def _scan(code: types.CodeType) -> Any:
    count = code.co_argcount + code.co_kwonlyargcount
    arguments = set(code.co_varnames[:count])
    kind, name, attrs = "", "", []
    for ins in dis.get_instructions(code):
        op = ins.opname
        if op in ("CACHE", "PRECALL", "EXTENDED_ARG", "PUSH_NULL", "NOP"):
            continue
        if kind and op in ("LOAD_ATTR", "LOAD_METHOD"):
            attrs.append(str(ins.argval))
            continue
        if kind:
            yield kind, name, tuple(attrs)
            kind = ""
        if op in ("LOAD_GLOBAL", "LOAD_NAME"):
            kind, name, attrs = "global", ins.argval, []
        elif op == "LOAD_DEREF":
            kind, name, attrs = "deref", ins.argval, []
        elif op.startswith("LOAD_FAST") and isinstance(ins.argval, str) and ins.argval in arguments:
            kind, name, attrs = "local", ins.argval, []
    if kind:
        yield kind, name, tuple(attrs)


_ = state
