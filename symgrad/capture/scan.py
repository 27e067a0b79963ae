"""What a code object loads, read off its bytecode: names, attribute chains, constant items."""

from __future__ import annotations

import dis
import types
from typing import Any

_chains: dict[types.CodeType, dict[tuple[str, str, tuple[Any, ...]], int]] = {}


def attribute_names(code: types.CodeType) -> tuple[str, ...]:
    """Names of all attributes a code object loads, and of those it may get by name."""
    found = _attributes.get(code)
    if found is None:
        names = {str(i.argval) for i in dis.get_instructions(code) if i.opname in _ATTRIBUTE_OPS}
        names = {n for n in names if not n.startswith("__")}
        names |= names_asked_for(code)
        found = _attributes[code] = tuple(sorted(names))
    return found


def names_asked_for(code: types.CodeType) -> set[str]:
    """Attributes that `getattr` or `hasattr` may be called with: whether there are any matters too."""
    if not {"getattr", "hasattr"} & set(code.co_names):
        return set()
    return {c for c in code.co_consts if isinstance(c, str) and c.isidentifier()}


_attributes: dict[types.CodeType, tuple[str, ...]] = {}
_ATTRIBUTE_OPS = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR")


def chains(code: types.CodeType) -> dict[tuple[str, str, tuple[Any, ...]], int]:
    """The (kind, name, steps) loads of a code object: global, deref, or argument."""
    found = _chains.get(code)
    if found is None:
        found = _chains[code] = dict(_scan(code))
    return found


def _scan(code: types.CodeType) -> Any:
    count = code.co_argcount + code.co_kwonlyargcount
    arguments = set(code.co_varnames[:count])
    kind, name = "", ""
    attrs: list[Any] = []
    constant: Any = None
    line = seen = code.co_firstlineno
    lines = {start: number for start, number in dis.findlinestarts(code) if number is not None}
    for ins in dis.get_instructions(code):
        op = ins.opname
        line = lines.get(ins.offset, line)
        if op in ("CACHE", "PRECALL", "EXTENDED_ARG", "PUSH_NULL", "NOP"):
            continue
        if kind and op in ("LOAD_ATTR", "LOAD_METHOD"):
            attrs.append(("attr", str(ins.argval)))
            continue
        if kind and op in ("LOAD_CONST", "LOAD_SMALL_INT") and constant is None:
            constant = ins.argval if isinstance(ins.argval, (str, int)) else None
            if constant is not None:
                continue
        if kind and constant is not None and (op == "BINARY_SUBSCR" or op == "BINARY_OP" and ins.argrepr == "[]"):
            attrs.append(("item", constant))
            constant = None
            continue
        constant = None
        if kind:
            yield (kind, name, tuple(attrs)), seen
            kind = ""
        if op in ("LOAD_GLOBAL", "LOAD_NAME"):
            kind, name, attrs, seen = "global", ins.argval, [], line
        elif op == "LOAD_DEREF":
            kind, name, attrs, seen = "deref", ins.argval, [], line
        elif op.startswith("LOAD_FAST") and isinstance(ins.argval, str) and ins.argval in arguments:
            kind, name, attrs, seen = "local", ins.argval, [], line
    if kind:
        yield (kind, name, tuple(attrs)), seen
