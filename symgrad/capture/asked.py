"""What a line wants of `float(loss)`: a comparison is a branch, anything else needs the number itself.

`float()` must give a real float, which no symbol can follow. The call's place in the source (Python
keeps the columns of every instruction) says whether its result is only compared with plain numbers.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

TESTS: dict[str, Callable[[Any], Any]] = {
    "isnan": lambda x: x != x,
    "isinf": lambda x: abs(x) == float("inf"),
    "isfinite": lambda x: (x - x) == 0.0,
}
_OPERATORS: dict[type, tuple[str, str]] = {
    ast.Eq: ("__eq__", "__eq__"), ast.NotEq: ("__ne__", "__ne__"), ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"), ast.Gt: ("__gt__", "__lt__"), ast.GtE: ("__ge__", "__le__"),
}  # fmt: skip
_nodes: dict[CodeType, dict[int, tuple[ast.Call, ast.AST]]] = {}
_MISSING = object()


def asked(frame: FrameType | None) -> tuple[str | None, list[tuple[str, Any]]] | None:
    """The `math` test, or the comparisons (method, number), that use what a call gives; None: more."""
    if frame is None:
        return None
    table = _nodes.get(frame.f_code)
    if table is None:
        table = _nodes[frame.f_code] = _calls(frame.f_code)
    call, parent = table.get(frame.f_lasti, (None, None))
    if call is None or any(isinstance(n, ast.NamedExpr) for n in ast.walk(call)):
        return None
    name = ast.unparse(call.func)
    if name.startswith("math.") and name[5:] in TESTS:
        return name[5:], []
    if name not in ("float", "int") or not isinstance(parent, ast.Compare):
        return None
    sides = [parent.left, *parent.comparators]
    place = next(i for i, side in enumerate(sides) if side is call)
    found = []
    for at, other in ((place - 1, place - 1), (place, place + 1)):
        if not 0 <= at < len(parent.ops):
            continue
        number = _number(sides[other], frame)
        symbols = _OPERATORS.get(type(parent.ops[at]))
        if symbols is None or not isinstance(number, (int, float)):
            return None
        found.append((symbols[0 if other > place else 1], number))
    return None, found


def _number(node: ast.AST, frame: FrameType) -> Any:
    """A plain number that an operand is: a constant, or a name or attribute that holds one."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = _number(node.operand, frame)
        return -value if type(value) in (int, float) else _MISSING
    if isinstance(node, ast.Constant):
        value = node.value
    elif isinstance(node, ast.Name):
        value = frame.f_locals.get(node.id, frame.f_globals.get(node.id, _MISSING))
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        holder = frame.f_locals.get(node.value.id, frame.f_globals.get(node.value.id, _MISSING))
        value = getattr(holder, "__dict__", {}).get(node.attr, _MISSING)
    else:
        return _MISSING
    return value if type(value) in (bool, int, float) else _MISSING


def _calls(code: CodeType) -> dict[int, tuple[ast.Call, ast.AST]]:
    """The call that each instruction makes, with the expression around it, where the source is known."""
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return {}
    places = {}
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            if isinstance(node, ast.Call):
                places[node.lineno, node.end_lineno, node.col_offset, node.end_col_offset] = (node, parent)
    return {2 * i: places[p] for i, p in enumerate(code.co_positions()) if p in places}
