"""What of a Python value a trace may depend on, taken so that a later look tells whether it changed.

Numbers and strings by value, functions by code, containers by their items, arrays of NumPy's by content,
everything else by identity. A snapshot is (kind, what is compared, what puts the content back).
"""

from __future__ import annotations

import array
import collections
import hashlib
import pickle
import random
import types
from typing import Any

import numpy as np

SCALARS = (bool, int, float, complex, str, bytes, type(None))
MISSING = object()
CONTAINERS = (list, tuple, dict, set, frozenset, collections.deque)
GENERATORS = (random.Random, np.random.RandomState, np.random.Generator, np.random.BitGenerator)
KNOWN = (*SCALARS, *CONTAINERS, bytearray, array.array, np.ndarray, types.FunctionType, *GENERATORS)
"""Kinds of which a snapshot says more than which object it is."""

_COPIED_NBYTES = 1 << 20  # a larger array is compared by a digest and cannot be put back

Snapshot = tuple[Any, ...]


def snapshot(value: Any) -> Snapshot:
    """What of `value` a trace may depend on."""
    if isinstance(value, SCALARS):
        return ("scalar", value)
    if isinstance(value, (types.FunctionType, types.MethodType)):
        function: Any = getattr(value, "__func__", value)
        closure = tuple(_brief(contents(c)) for c in function.__closure__ or ())
        return ("code", value.__code__, (function.__defaults__, function.__kwdefaults__, closure,
                                         id(getattr(value, "__self__", None))))  # fmt: skip
    kind: Any = type(value)
    if kind.__module__.startswith("symgrad."):
        return ("object", value)
    if isinstance(value, (list, collections.deque)):
        return ("list", tuple(map(_brief, value)), list(value))
    if isinstance(value, tuple):
        return ("tuple", tuple(map(_brief, value)), value)
    if isinstance(value, dict):
        items = list(_base(value).items(value))
        return ("dict", tuple((k, _brief(v)) for k, v in items), dict(items))
    if isinstance(value, (set, frozenset)):
        return ("set", frozenset(value), set(value))
    if isinstance(value, (bytearray, array.array)):
        return ("bytes", bytes(value), value[:])
    if isinstance(value, np.ndarray):
        small = value.nbytes <= _COPIED_NBYTES
        held = value.copy() if small else None
        content = value.tobytes() if small else hashlib.blake2b(np.ascontiguousarray(value).data).digest()
        return ("array", (value.shape, value.dtype, content), held)
    if isinstance(value, GENERATORS):
        state = _state(value)
        return ("generator", pickle.dumps(state), state)
    return ("object", value)


def _base(value: Any) -> Any:
    """Whose methods tell the items of a dict, whatever its own class makes of them."""
    return collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict


def contents(cell: Any) -> Any:
    """The value of a closure's variable."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _brief(value: Any) -> Any:
    return value if isinstance(value, SCALARS) else id(value)


def same(a: Snapshot, b: Snapshot) -> bool:
    """Whether two snapshots agree."""
    if a[0] != b[0]:
        return False
    if a[0] == "object":
        return a[1] is b[1]
    if a[0] == "code":
        return a[1] is b[1] and a[2] == b[2]
    return bool(a[1] == b[1]) and repr(type(a[1])) == repr(type(b[1])) or (a[1] != a[1] and b[1] != b[1])


def put_back(value: Any, seen: Snapshot) -> None:
    """Give a container, an array or a generator of random numbers the content it was seen with."""
    kind = seen[0]
    if kind == "list":
        value.clear()
        value.extend(seen[2])
    elif kind == "dict":
        _base(value).clear(value)
        _base(value).update(value, seen[2])
    elif kind == "set" and isinstance(value, set):
        value.clear()
        value.update(seen[2])
    elif kind == "bytes":
        value[:] = seen[2]
    elif kind == "array" and seen[2] is not None and value.flags.writeable:
        value[...] = seen[2]
    elif kind == "generator":
        _set_state(value, seen[2])


def _state(generator: Any) -> Any:
    if isinstance(generator, random.Random):
        return generator.getstate()
    if isinstance(generator, np.random.RandomState):
        return generator.get_state()
    bits = generator.bit_generator if isinstance(generator, np.random.Generator) else generator
    return bits.state


def _set_state(generator: Any, state: Any) -> None:
    if isinstance(generator, random.Random):
        generator.setstate(state)
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        bits = generator.bit_generator if isinstance(generator, np.random.Generator) else generator
        bits.state = state
