"""What user code reads past the arguments: globals, closures, attributes. No bytecode interpreter.

While tracing, a profile hook sees each user function as it is called; `dis` lists the names and
attribute chains its code loads, and they are resolved before the body runs. Each becomes a guard
(`snapshots.py` says by what of it). Looking again after the trace tells whether the function changed one
of them: a side effect, which is undone. What cannot be looked at without changing it (an iterator, the
clock) is refused as soon as it is met.
"""

from __future__ import annotations

import contextvars
import functools
import os
import random
import sys
import types
import weakref
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np

from symgrad.capture.kinds import (
    REFUSED,
    comprehensions,
    frame_cells,
    has,
    is_computed,
    is_now,
    is_package,
    is_used_up,
    is_users,
    is_users_code,
    look,
    slots_of,
)
from symgrad.capture.scan import attribute_names, chains, names_asked_for
from symgrad.capture.snapshots import (
    CONTAINERS,
    GENERATORS,
    KNOWN,
    MISSING,
    SCALARS,
    contents,
    put_back,
    same,
    snapshot,
)
from symgrad.errors import Loc, SideEffectError, is_own_file, location_of
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.memory import memory_under


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
        # A Module's attributes cannot be rebound unseen; what they hold can be changed, except what only `nn` changes.
        kept = self.seen[0] in _BY_IDENTITY or key in REGISTRIES and OWN_LAYER in loc.file
        self.protected = has(holder, "_parameters") and how == "attr" and kept

    @property
    def by_identity(self) -> bool:
        """Whether it is the same as long as it is this very object."""
        return self.seen[0] in _BY_IDENTITY and self.how in ("global", "item", "deref", "attr")

    def current(self) -> Any:
        """The value now."""
        if self.how == "itself":
            return self.holder
        if self.how == "context":
            return _in_context(self.holder)
        if self.how == "global":
            return self.holder.get(self.key, MISSING)
        if self.how == "deref":
            return contents(self.holder)
        if self.how == "item":
            try:
                return self.holder[self.key]
            except LookupError:
                return MISSING
        return look(self.holder, self.key)

    def changed(self) -> bool:
        """Whether a trace that saw the old value no longer holds."""
        now = self.current()
        return now is not self.seen[1] if self.seen[0] == "object" else not same(self.seen, snapshot(now))

    def restore(self) -> None:
        """Put the value back as it was seen (undoing a side effect of tracing)."""
        kind, old = self.seen[0], self.value
        put_back(old, self.seen)
        if self.current() is old or self.how in ("itself", "context"):
            return
        if old is MISSING:
            delattr(self.holder, self.key)
        elif self.how in ("global", "item"):
            self.holder[self.key] = old
        elif self.how == "deref":
            self.holder.cell_contents = old
        elif kind != "code":
            setattr(self.holder, self.key, old)


def _in_context(variable: contextvars.ContextVar[Any]) -> Any:
    try:
        return variable.get()
    except LookupError:
        return MISSING


OWN_LAYER = f"symgrad{os.sep}nn{os.sep}"
REGISTRIES = ("__dict__", "_global_hooks")
"""What a Module's own methods read and change, never without moving the structural epoch."""

_RANDOM = (random.Random, np.random.RandomState)
_BY_IDENTITY = ("scalar", "object", "code", "tuple")
_MOST_OBJECTS = 1000


@functools.cache
def is_own_layer(filename: str) -> bool:
    """Whether code from `filename` is a layer of this package, which is looked at as the user's own would be."""
    return OWN_LAYER in filename


class Reads:
    """Collects reads while it is installed as the thread's profile hook."""

    def __init__(self, born: dict[int, Any]) -> None:
        self.born = born
        """Modules made while tracing: no state of the user's."""
        self.found: dict[tuple[int, str, str, bool], Read] = {}
        self.random_loc: Loc | None = None
        self._keep: list[Any] = []
        self._names: dict[str, Loc] = {}
        self._objects: dict[int, tuple[Any, str]] = {}
        self._outside: dict[int, Any] = {}
        self._inner: dict[types.CodeType, set[str]] = {}
        self._functions: dict[types.CodeType, list[types.FunctionType]] = {}
        self._around: dict[types.CodeType, dict[str, Any]] = {}
        self._asked: set[str] = set()
        self._defaults: set[int] = set()
        self._random = random.getstate()
        self._np_random = np.random.get_state()

    def __enter__(self) -> "Reads":
        self._previous = sys.getprofile()
        self._watching = state.watch(self._hook)
        return self

    def __exit__(self, *exc: object) -> None:
        state.watch(self._watching)
        if self._previous is None or callable(self._previous):
            sys.setprofile(self._previous)
        else:  # cProfile's object, which only it can put back
            sys.setprofile(None)
            self._previous.enable()

    def _hook(self, frame: Any, event: str, arg: Any) -> None:
        if event == "call":
            self._call(frame)
        elif event == "c_call" and not is_own_file(frame.f_code.co_filename):
            self._c_call(frame, arg)

    def _c_call(self, frame: Any, function: Any) -> None:
        if (function in REFUSED or is_now(function)) and is_users_code(frame.f_code):
            raise SideEffectError(f"{function.__name__}() would be called while tracing only", loc=location_of(frame),
                                  hint=REFUSED.get(function, "pass it as an argument"))  # fmt: skip
        if self.random_loc is None and isinstance(getattr(function, "__self__", None), _RANDOM):
            while frame is not None and not is_users_code(frame.f_code):
                frame = frame.f_back
            if frame is not None:
                self.random_loc = location_of(frame)

    def _call(self, frame: Any) -> None:
        code = frame.f_code
        own_layer = is_own_layer(code.co_filename)
        if not own_layer and not is_users_code(code):
            return
        local = frame.f_locals
        inner: AbstractSet[str] = self._inner.get(code, frozenset())
        free: dict[str, Any] = {}
        if names := set(code.co_freevars) - inner:
            free = frame_cells(frame, names, self._around.get(code, {}), self._functions.setdefault(code, []))
            self._around.update(dict.fromkeys(comprehensions(code), free))
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        holding = not own_layer or code.co_freevars or any(self._is_state(local.get(name)) for name in arguments)
        for (kind, name, attrs), line in chains(code).items() if holding else ():
            loc = Loc(code.co_filename, line, code.co_name)
            if kind == "global":
                if own_layer:
                    continue
                value = frame.f_globals.get(name, MISSING)
                if value is MISSING:
                    continue
                self._add(frame.f_globals, name, "global", name, value, loc)
            elif kind == "deref":
                value = local.get(name, MISSING)
                if value is MISSING:
                    continue
                if name in inner:
                    if id(value) not in self._outside:
                        continue
                elif name in free:
                    self._add(free[name], name, "deref", name, value, loc)
                else:
                    continue
            else:
                value = local.get(name, MISSING)
                if not self._is_state(value):
                    continue
                if id(value) in self._defaults:
                    self._add(value, "", "itself", name, value, loc)
            self._reach(value, name)
            self._follow(value, name, attrs, loc)
        if code.co_cellvars:
            self._note_inner(code, code.co_cellvars)
        self._asked |= set() if own_layer else names_asked_for(code)
        for name in () if own_layer else attribute_names(code):
            if name not in self._names:
                self._names[name] = loc
                for holder, text in list(self._objects.values()):
                    self._attribute(holder, text, name, loc)

    def _is_state(self, value: Any) -> bool:
        """Whether what an argument holds was there before the trace: what is made in it is no state of the user's."""
        return (id(value) in self._outside or has(value, "_parameters")) and id(value) not in self.born

    def _note_inner(self, code: types.CodeType, names: tuple[str, ...]) -> None:
        """Functions defined by a traced one: variables they share with it are made while tracing."""
        for inner in code.co_consts:
            if isinstance(inner, types.CodeType) and not set(names) <= self._inner.setdefault(inner, set()):
                self._inner[inner].update(names)
                self._note_inner(inner, names)

    def _reach(self, value: Any, text: str, depth: int = 4) -> None:
        """Note the user's objects under `value`: attributes of theirs that the code names are read."""
        if isinstance(value, CONTAINERS):
            self._outside[id(value)] = value
            if depth and len(self._objects) < _MOST_OBJECTS:
                items = dict.items(value) if isinstance(value, dict) else enumerate(value)
                for key, item in list(items)[:_MOST_OBJECTS]:
                    label = repr(key) if isinstance(key, SCALARS) else type(key).__name__
                    self._reach(item, f"{text}[{label}]", depth - 1)
            if not has(value, "__dict__"):
                return
        elif isinstance(value, types.FunctionType):
            known = self._functions.setdefault(value.__code__, [])
            if value not in known:
                known.append(value)
            for item in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()):
                if isinstance(item, CONTAINERS):
                    self._defaults.add(id(item))
                self._reach(item, f"{text}'s default", depth - 1)
            return
        elif isinstance(value, functools.partial):
            self._reach((value.func, value.args, value.keywords), text, depth)
            return
        elif isinstance(value, weakref.ref):
            self._reach(value(), text, depth)
            return
        if id(value) in self._objects or id(value) in self.born or len(self._objects) >= _MOST_OBJECTS:
            return
        if not is_users(value) and not has(value, "_forward_hooks"):
            return
        self._objects[id(value)] = (value, text)
        self._outside[id(value)] = value
        for name, loc in list(self._names.items()):
            self._attribute(value, text, name, loc)
        if depth and not isinstance(value, type):
            for key in [*getattr(value, "__dict__", ()), *slots_of(value)]:
                self._reach(look(value, key), f"{text}.{key}", depth - 1)

    def _attribute(self, holder: Any, text: str, name: str, loc: Loc) -> None:
        if is_computed(holder, name) or (
            isinstance(holder, type) and isinstance(holder.__dict__.get(name), property)
        ):
            return
        value = look(holder, name)
        known = isinstance(value, (*KNOWN, Tensor)) or is_used_up(value)
        if known or value is MISSING and not isinstance(holder, type):
            self._add(holder, name, "attr", f"{text}.{name}", value, loc)

    def _follow(self, value: Any, text: str, steps: tuple[Any, ...], loc: Loc) -> None:
        for how, key in steps:
            if how == "item":
                if not isinstance(value, (*CONTAINERS, os.environ.__class__)):
                    return
                holder: Any
                holder, text = value, f"{text}[{key!r}]"
                try:
                    value = dict.__getitem__(holder, key) if isinstance(holder, dict) else holder[key]
                except (LookupError, TypeError):
                    return
                if isinstance(value, float) and has(holder, "lifts_floats"):
                    return  # a host scalar, read anew at each call
                if type(holder) is not tuple:
                    self._add(holder, key, "item", text, value, loc)
                continue
            if isinstance(value, Tensor) and (key == "requires_grad" or key in value.__dict__):
                self._add(value, key, "attr", f"{text}.{key}", look(value, key), loc)
                return
            if isinstance(value, contextvars.ContextVar) and key == "get":
                self._add(value, key, "context", f"{text}.get()", _in_context(value), loc)
                return
            if value is MISSING or isinstance(value, (Tensor, *SCALARS, np.ndarray)) or is_package(value):
                return
            if isinstance(value, type) and not is_users(value):
                return
            if is_computed(value, key):
                return
            holder, text = value, f"{text}.{key}"
            value = look(holder, key)
            if value is MISSING:
                return
            if isinstance(value, types.MethodType):
                if has(holder, "_parameters"):  # only there is a rebound method seen for free
                    self._add(holder, key, "attr", text, value, loc)
                return
            self._add(holder, key, "attr", text, value, loc)

    def roots(self, function: Any, arguments: list[Any]) -> None:
        """What is known before the trace: the arguments, and the function's own code and defaults."""
        here = Loc("", 0, getattr(function, "__name__", ""))
        for value in (*arguments, getattr(function, "__self__", None), function):
            self._reach(value, "argument")
            if isinstance(value, GENERATORS) or is_used_up(value):
                self._add(value, "", "itself", "argument", value, here)
        function = getattr(function, "__func__", function)
        if isinstance(function, types.FunctionType):
            code = function.__code__
            loc = Loc(code.co_filename, code.co_firstlineno, code.co_name)
            for key in ("__code__", "__defaults__", "__kwdefaults__"):
                if getattr(function, key) is None:
                    continue  # no defaults: most functions, and a check less at every call
                self._add(function, key, "attr", f"{function.__name__}.{key}", getattr(function, key), loc)

    def _add(self, holder: Any, key: str, how: str, text: str, value: Any, loc: Loc) -> None:
        if is_used_up(value):
            raise SideEffectError(f"{text} is an iterator: the compiled program would not take its next item", loc=loc,
                                  hint="pass the items as arguments")  # fmt: skip
        place = (id(holder), key, how, key in REGISTRIES and OWN_LAYER in loc.file)
        if place in self.found or id(holder) in self.born:
            return
        if not isinstance(value, (types.ModuleType, type, types.BuiltinFunctionType)):
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

    def guards(self, memories: set[int]) -> list[Read]:
        """The reads a variant depends on; arrays on the `memories` of cells are read anew and may change."""
        kept = []
        for read in self.found.values():
            if read.seen[0] == "generator" or read.value is MISSING and read.key not in self._asked:
                continue
            if read.seen[0] == "array" and id(memory_under(read.value)) in memories:
                read.seen = ("object", read.value)
            kept.append(read)
        return kept

    def side_effects(self) -> list[Read]:
        """The reads whose value the traced function changed; all are put back."""
        changed = [read for read in self.found.values() if read.changed()]
        for read in changed:
            read.restore()
        return changed
