"""Names for values: the variable the user's line assigns to, read off the bytecode."""

from __future__ import annotations

import dis
from types import CodeType, FrameType

_stores: dict[CodeType, dict[int, str]] = {}
_SKIPPED = {"CACHE", "PRECALL", "EXTENDED_ARG", "NOP"}


def assigned_name(frame: FrameType | None) -> str:
    """The name that the instruction after the one now executing in `frame` stores to, or ''."""
    if frame is None:
        return ""
    code = frame.f_code
    table = _stores.get(code)
    if table is None:
        table = _stores[code] = _table(code)
    return table.get(frame.f_lasti, "")


def _table(code: CodeType) -> dict[int, str]:
    found: dict[int, str] = {}
    waiting: list[int] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in _SKIPPED:
            continue
        if instruction.opname.startswith("STORE_") and waiting and isinstance(instruction.argval, str):
            if instruction.opname != "STORE_SUBSCR":
                found[waiting[-1]] = instruction.argval
        waiting = [instruction.offset]
    return found
