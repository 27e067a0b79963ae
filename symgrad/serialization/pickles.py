"""Pickles read as data: what a pickle says is done by this small stack machine, not by Python's own.

It knows the steps that build numbers, strings and containers. A name in a pickle is looked up in a table given
by the caller and in no module, so that nothing can be called that is not in that table. Every number that says
how much or where is checked, and keys are plain, so that no pickle can crash the process or use up its memory.
"""

from __future__ import annotations

import pickletools
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from symgrad.errors import LoadError

Names = Mapping[str, Any]


class Function:
    """An entry of the table that a pickle may call."""

    def __init__(self, call: Callable[..., Any]):
        self.call = call


def read_pickle(data: Any, names: Names, persistent: Callable[[Any], Any]) -> Any:
    """The object a pickle (bytes or a stream in memory) describes; `persistent` gives those that it keeps elsewhere."""
    machine = Machine(names, persistent)
    try:
        for opcode, arg, _ in pickletools.genops(data):
            step = STEPS.get(opcode.name)
            if step is None:
                raise LoadError(f"the file needs the pickle operation {opcode.name}, which makes objects of classes; "
                                "only tensors and plain containers are read", hint=HINT)
            step(machine, arg)
        return machine.stack.pop()
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise LoadError(f"the file's pickle is damaged ({error!r})") from error


HINT = "in PyTorch, save state_dict() and plain numbers"


class Machine:
    """The stack of a pickle, its marks and its memory."""

    def __init__(self, names: Names, persistent: Callable[[Any], Any]):
        self.names = names
        self.persistent = persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def mark(self, _: Any = None) -> None:
        """Begin a group of values."""
        self.marks.append(self.stack)
        self.stack = []

    def group(self) -> list[Any]:
        """The values since the last mark."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def last(self, count: int) -> list[Any]:
        """The last `count` values, taken off."""
        if count > len(self.stack):
            raise IndexError("the stack is empty")
        values = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return values

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def name(self, module: Any, name: Any) -> None:
        """Look a name up in the table."""
        full = f"{module}.{name}"
        if full not in self.names:
            raise LoadError(f"the file refers to {full}: only tensors and plain containers are read", hint=HINT)
        self.push(self.names[full])

    def reduce(self, _: Any) -> None:
        """Call a function of the table."""
        function, args = self.last(2)
        if not isinstance(function, Function) or not isinstance(args, tuple):
            raise LoadError("the file calls what is no function")
        self.push(function.call(*args))

    def build(self, _: Any) -> None:
        """Attributes: only the versions that PyTorch notes on a state dict."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is not OrderedDict or not isinstance(state, dict) or set(state) - {"_metadata"}:
            raise LoadError(f"the file gives attributes to a {type(target).__name__}: only tensors and plain "
                            "containers are read", hint=HINT)
        target.__dict__.update(state)

    def remember(self, number: int) -> None:
        """Keep the last value."""
        self.memo[number] = self.stack[-1]

    def set_items(self, values: list[Any]) -> None:
        """Put keys and values, in turn, into the dict below them."""
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise TypeError("no dict")
        target.update(_dict(values))

    def append(self, values: list[Any]) -> None:
        """Put values at the end of the list below them."""
        target = self.stack[-1]
        if not isinstance(target, list):
            raise TypeError("no list")
        target.extend(values)

    def add(self, values: list[Any]) -> None:
        """Put values into the set below them."""
        target = self.stack[-1]
        if not isinstance(target, set):
            raise TypeError("no set")
        target.update(map(key_of, values))


def key_of(value: Any, deep: bool = True) -> Any:
    """A value that may be a key: plain, or a tuple of plain ones."""
    if isinstance(value, tuple) and deep:
        for item in value:
            key_of(item, False)
    elif isinstance(value, (tuple, list, dict, set, frozenset, Function)):
        raise TypeError(f"a {type(value).__name__} is no key here")
    return value


def pairs_of(pairs: Any) -> list[tuple[Any, Any]]:
    """Pairs whose first values may be keys."""
    return [(key_of(key), value) for key, value in pairs]


def _dict(values: list[Any]) -> dict[Any, Any]:
    """Keys and values, in turn, as a dict."""
    if len(values) % 2:
        raise TypeError("a key without a value")
    return dict(pairs_of(zip(values[::2], values[1::2])))


def _constant(value: Any) -> Callable[[Machine, Any], None]:
    return lambda machine, arg: machine.push(value)


def _tuple_of(count: int) -> Callable[[Machine, Any], None]:
    return lambda machine, arg: machine.push(tuple(machine.last(count)))


def _literal(machine: Machine, arg: Any) -> None:
    machine.push(arg)


def _copied(machine: Machine, arg: Any) -> None:
    machine.push(bytearray(arg))


def _global(machine: Machine, arg: Any) -> None:
    machine.name(*arg.split(" ", 1))


def _nothing(machine: Machine, arg: Any) -> None:
    """An operation that says nothing about the value."""


STEPS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _nothing),
    **dict.fromkeys(
        ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
         "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES",
         "BINBYTES8"), _literal),
    "BYTEARRAY8": _copied, "NONE": _constant(None), "NEWTRUE": _constant(True), "NEWFALSE": _constant(False),
    "EMPTY_TUPLE": _constant(()), "TUPLE1": _tuple_of(1), "TUPLE2": _tuple_of(2), "TUPLE3": _tuple_of(3),
    "TUPLE": lambda m, arg: m.push(tuple(m.group())), "LIST": lambda m, arg: m.push(m.group()),
    "EMPTY_LIST": lambda m, arg: m.push([]), "EMPTY_DICT": lambda m, arg: m.push({}),
    "EMPTY_SET": lambda m, arg: m.push(set()), "FROZENSET": lambda m, arg: m.push(frozenset(map(key_of, m.group()))),
    "DICT": lambda m, arg: m.push(_dict(m.group())), "MARK": Machine.mark,
    "APPEND": lambda m, arg: m.append(m.last(1)), "APPENDS": lambda m, arg: m.append(m.group()),
    "SETITEM": lambda m, arg: m.set_items(m.last(2)), "SETITEMS": lambda m, arg: m.set_items(m.group()),
    "ADDITEMS": lambda m, arg: m.add(m.group()), "GLOBAL": _global, "REDUCE": Machine.reduce, "BUILD": Machine.build,
    "STACK_GLOBAL": lambda m, arg: m.name(*m.last(2)), "BINPERSID": lambda m, arg: m.push(m.persistent(m.last(1)[0])),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), Machine.remember),
    "MEMOIZE": lambda m, arg: m.remember(len(m.memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, arg: m.push(m.memo[arg])),
}  # fmt: skip
"""What each operation of a pickle does here; those that make objects of classes are not among them."""
