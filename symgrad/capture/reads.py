"""What user code reads past the arguments: globals, closures, attributes. No bytecode interpreter.

While tracing, a profile hook sees each user function as it is called; `dis` lists the names and
attribute chains its code loads, and they are resolved before the body runs. Each becomes a guard
(numbers and strings by value, functions by code, containers by items, tensors by identity). Looking
again after the trace tells whether the function changed one of them: a side effect, which is undone.
"""

from __future__ import annotations

import random
import sys
import sysconfig
import types
from typing import Any

import numpy as np

from symgrad.capture.scan import attribute_names, chains
from symgrad.errors import Loc, SideEffectError, is_user_file
from symgrad.tensor.core import Tensor

_STDLIB = tuple(p for p in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")) if p)
_SCALARS = (bool, int, float, complex, str, bytes, type(None))
_MISSING = object()


class Read:
    """One thing read: where from, and how it must look for the trace to hold."""

    __slots__ = ("holder", "key", "how", "text", "value", "seen", "loc", "protected")

    def __init__(self, holder: Any, key: str, how: str, text: str, value: Any, loc: Loc):
        self.holder = holder
        self.key = key
        self.how = how
        self.text = text
        self.value = value
        self.seen = snapshot(value)
        self.loc = loc
        # A Module's attributes cannot be rebound unseen; what they hold can be changed.
        self.protected = hasattr(holder, "_parameters") and how == "attr" and self.seen[0] not in ("list", "dict")

    def current(self) -> Any:
        """The value now."""
        if self.how == "global":
            return self.holder.get(self.key, _MISSING)
        if self.how == "deref":
            return _contents(self.holder)
        if self.how == "item":
            try:
                return self.holder[self.key]
            except LookupError:
                return _MISSING
        return getattr(self.holder, self.key, _MISSING)

    def changed(self) -> bool:
        """Whether a trace that saw the old value no longer holds."""
        return not same(self.seen, snapshot(self.current()))

    def restore(self) -> None:
        """Put the value back as it was seen (undoing a side effect of tracing)."""
        kind, old = self.seen[0], self.value
        if kind == "list":
            old[:] = self.seen[2]
        elif kind == "dict":
            old.clear()
            old.update(self.seen[2])
        if self.current() is old:
            return
        if old is _MISSING:
            delattr(self.holder, self.key)
        elif self.how in ("global", "item"):
            self.holder[self.key] = old
        elif self.how == "deref":
            self.holder.cell_contents = old
        elif kind != "code":
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
        function: Any = getattr(value, "__func__", value)
        closure = tuple(_brief(_contents(c)) for c in function.__closure__ or ())
        return ("code", value.__code__, (function.__defaults__, function.__kwdefaults__, closure,
                                         id(getattr(value, "__self__", None))))  # fmt: skip
    if type(value) is list:
        return ("list", tuple(id(v) if not isinstance(v, _SCALARS) else v for v in value), list(value))
    if type(value) is tuple:
        return ("tuple", tuple(id(v) if not isinstance(v, _SCALARS) else v for v in value), value)
    if type(value) is dict:
        return ("dict", tuple((k, id(v) if not isinstance(v, _SCALARS) else v) for k, v in value.items()), dict(value))
    return ("object", value)


def _brief(value: Any) -> Any:
    return value if isinstance(value, _SCALARS) else id(value)


def same(a: tuple[Any, ...], b: tuple[Any, ...]) -> bool:
    """Whether two snapshots agree."""
    if a[0] != b[0]:
        return False
    if a[0] == "object":
        return a[1] is b[1]
    if a[0] == "code":
        return a[1] is b[1] and a[2] == b[2]
    return bool(a[1] == b[1]) and repr(type(a[1])) == repr(type(b[1])) or (a[1] != a[1] and b[1] != b[1])


class Reads:
    """Collects reads while it is installed as the thread's profile hook."""

    def __init__(self) -> None:
        self.found: dict[tuple[int, str, str], Read] = {}
        self.random_loc: Loc | None = None
        self._keep: list[Any] = []
        self._names: dict[str, Loc] = {}
        self._objects: dict[int, tuple[Any, str]] = {}
        self._outside: dict[int, Any] = {}
        self._inner: dict[types.CodeType, set[str]] = {}
        self._random = random.getstate()
        self._np_random = np.random.get_state()

    def __enter__(self) -> "Reads":
        self._previous = sys.getprofile()
        sys.setprofile(self._hook)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._previous is None or callable(self._previous):
            sys.setprofile(self._previous)
        else:  # cProfile's object, which only it can put back
            sys.setprofile(None)
            self._previous.enable()

    def _hook(self, frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            self._call(frame)
        elif event == "c_call" and arg is print and _is_users_code(frame.f_code):
            loc = Loc(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
            raise SideEffectError("print() would be called while tracing only", loc=loc,
                                  hint="return what is to be printed")  # fmt: skip
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
        free = dict(zip(code.co_freevars, frame_closure(frame)))
        for (kind, name, attrs), line in chains(code).items():
            loc = Loc(code.co_filename, line, code.co_name)
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
                if name not in self._inner.get(code, ()):
                    self._add(cell, name, "deref", name, value, loc)
                elif id(value) not in self._outside:
                    continue
            else:
                value = frame.f_locals.get(name, _MISSING)
                if id(value) not in self._outside and not hasattr(value, "_parameters"):
                    continue  # made while tracing: no state of the user's
            self._reach(value, name)
            self._follow(value, name, attrs, loc)
        if code.co_cellvars:
            self._note_inner(code, code.co_cellvars)
        for name in () if own_layer else attribute_names(code):
            if name not in self._names:
                self._names[name] = loc
                for holder, text in list(self._objects.values()):
                    self._attribute(holder, text, name, loc)

    def _note_inner(self, code: types.CodeType, names: tuple[str, ...]) -> None:
        """Functions defined by a traced one: variables they share with it are made while tracing."""
        for inner in code.co_consts:
            if isinstance(inner, types.CodeType) and not set(names) <= self._inner.setdefault(inner, set()):
                self._inner[inner].update(names)
                self._note_inner(inner, names)

    def _reach(self, value: Any, text: str, depth: int = 4) -> None:
        """Note the user's objects under `value`: attributes of theirs that the code names are read."""
        if type(value) in (list, tuple, dict):
            self._outside[id(value)] = value
            if depth and len(self._objects) < _MOST_OBJECTS:
                items = value.items() if type(value) is dict else enumerate(value)
                for key, item in list(items)[:_MOST_OBJECTS]:
                    label = repr(key) if isinstance(key, _SCALARS) else type(key).__name__
                    self._reach(item, f"{text}[{label}]", depth - 1)
            return
        if id(value) in self._objects or len(self._objects) >= _MOST_OBJECTS:
            return
        if not _is_users(value) and not hasattr(value, "_forward_hooks"):
            return
        self._objects[id(value)] = (value, text)
        self._outside[id(value)] = value
        for name, loc in list(self._names.items()):
            self._attribute(value, text, name, loc)
        if depth and not isinstance(value, type):
            for key, item in list(vars(value).items()):
                self._reach(item, f"{text}.{key}", depth - 1)

    def _attribute(self, holder: Any, text: str, name: str, loc: Loc) -> None:
        if isinstance(getattr(type(holder), name, None), property) or (
            isinstance(holder, type) and isinstance(holder.__dict__.get(name), property)
        ):
            return
        value = getattr(holder, name, _MISSING)
        known = (*_SCALARS, list, tuple, dict, Tensor, np.ndarray, types.FunctionType)
        if value is _MISSING and not isinstance(holder, type) or isinstance(value, known):
            self._add(holder, name, "attr", f"{text}.{name}", value, loc)

    def _follow(self, value: Any, text: str, steps: tuple[Any, ...], loc: Loc) -> None:
        for how, key in steps:
            if how == "item":
                if not isinstance(value, (dict, list, tuple)):
                    return
                holder, text = value, f"{text}[{key!r}]"
                try:
                    value = dict.__getitem__(holder, key) if isinstance(holder, dict) else holder[key]
                except (LookupError, TypeError):
                    return
                if isinstance(value, float) and hasattr(holder, "lifts_floats"):
                    return  # a host scalar, read anew at each call
                if type(holder) is not tuple:
                    self._add(holder, key, "item", text, value, loc)
                continue
            if value is _MISSING or isinstance(value, (Tensor, *_SCALARS, np.ndarray)) or _is_package(value):
                return
            if isinstance(value, type) and not _is_users(value):
                return
            if isinstance(getattr(type(value), key, None), property):
                return
            holder, text = value, f"{text}.{key}"
            value = getattr(holder, key, _MISSING)
            if value is _MISSING:
                return
            if isinstance(value, types.MethodType):
                if hasattr(holder, "_parameters"):  # only there is a rebound method seen for free
                    self._add(holder, key, "attr", text, value, loc)
                return
            self._add(holder, key, "attr", text, value, loc)

    def roots(self, function: Any, arguments: list[Any]) -> None:
        """What is known before the trace: the arguments, and the function's own code and defaults."""
        for value in (*arguments, getattr(function, "__self__", None), function):
            self._reach(value, "argument")
        function = getattr(function, "__func__", function)
        if isinstance(function, types.FunctionType):
            code = function.__code__
            loc = Loc(code.co_filename, code.co_firstlineno, code.co_name)
            for key in ("__code__", "__defaults__", "__kwdefaults__"):
                if getattr(function, key) is None:
                    continue  # no defaults: most functions, and a check less at every call
                self._add(function, key, "attr", f"{function.__name__}.{key}", getattr(function, key), loc)

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

    def guards(self) -> list[Read]:
        """The reads a variant depends on."""
        return [read for read in self.found.values() if read.value is not _MISSING]

    def side_effects(self) -> list[Read]:
        """The reads whose value the traced function changed; all are put back."""
        changed = [read for read in self.found.values() if read.changed()]
        for read in changed:
            read.restore()
        return changed


_SEP = __import__("os").sep


def _is_users_code(code: types.CodeType) -> bool:
    return is_user_file(code.co_filename) and not _is_library(code)


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


def _is_users(value: Any) -> bool:
    """Whether a value is an object (or class) of the user's own making."""
    kind = value if isinstance(value, type) else type(value)
    if isinstance(value, (Tensor, types.ModuleType, types.FunctionType, types.MethodType)):
        return False
    if not kind.__flags__ & _HEAP_TYPE or not hasattr(value, "__dict__"):
        return False
    package = str(kind.__module__).partition(".")[0]
    return package not in _NOT_USERS and package not in sys.stdlib_module_names or kind.__module__ == "__main__"


_HEAP_TYPE = 1 << 9
_NOT_USERS = ("symgrad", "numpy", "builtins")
_MOST_OBJECTS = 1000
