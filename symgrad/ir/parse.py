"""Graphs from text: what `print_graph` writes, or a person in a test or a bug report.

The text is Python's grammar, read with `ast` and never executed: one call per equation, attributes
are keyword literals, `inf`, `nan` and dtypes are named. Types of computed values are inferred, not
read; trailing comments restore locations and phases. Whatever else stands there is a ParseError.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from symgrad import dtypes
from symgrad.errors import Loc, ParseError, SymgradError
from symgrad.ir.graph import FORWARD, Atom, Eqn, Graph, Literal, Value
from symgrad.ir.primitive import Primitive
from symgrad.ir.types import TensorType

_HEADER = re.compile(r"def (\w+)\((.*)\):")
_NOTE = re.compile(r"#\s*(?P<types>.*?)(?:\s(?P<file>[^\s:]+):(?P<line>\d+))?"
                   r"(?:\s(?P<phase>backward|update))?(?:\s<- (?P<origin>\w+))?$")  # fmt: skip
_INTS = r"(?:-?\d+(?:,-?\d+)*)?"
_TYPE = re.compile(rf"([a-z]+\d*)\[({_INTS})\](?:\{{({_INTS})\}})?(?:@(\w+))?")
_NUMBERS = (bool, int, float)


def parse(text: str, primitives: Mapping[str, Primitive]) -> Graph:
    """The graph that `text` says, with equations over `primitives`."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    match = _HEADER.fullmatch(lines[0].strip()) if lines else None
    if match is None:
        raise ParseError(f"not a graph header: {lines[:1]}", hint="def name(x: f32[2], *, cell: f32[]):")
    parser = _Parser(primitives, match[1])
    parser.header(match[2])
    rest = lines[1:]
    while rest:
        line = rest.pop(0)
        inner = _indent(line)
        line = line.strip()
        try:
            if _HEADER.fullmatch(line):
                size = next((i for i, other in enumerate(rest) if _indent(other) <= inner), len(rest))
                parser.nested(parse("\n".join([line, *rest[:size]]), primitives))
                del rest[:size]
                continue
            parser.line(line)
        except ParseError:
            raise
        except SymgradError as error:  # a type rule's
            raise ParseError(f"{error.message}\n  {line}", hint=error.hint) from error
        except (SyntaxError, ValueError, TypeError, OverflowError, MemoryError, RecursionError) as error:
            raise ParseError(f"not an equation: {line[:200]!r} ({error})") from error
    return parser.graph()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def parse_type(text: str) -> TensorType:
    """`f32[64,10]` as a type."""
    found = _TYPE.fullmatch(text.strip())
    if found is None or found[1] not in dtypes.BY_SHORT:
        raise ParseError(f"not a tensor type: {text!r}", hint="write it like f32[64,10]")
    shape, strides = (tuple(int(d) for d in (part or "").split(",") if d) for part in (found[2], found[3]))
    if any(extent < 0 for extent in shape) or (found[3] is not None and len(shape) != len(strides)):
        raise ParseError(f"not a tensor type: {text!r}")
    return TensorType(shape, dtypes.BY_SHORT[found[1]], strides if found[3] else None, found[4] or "cpu")


class _Parser:
    """The graph so far, and the values by name."""

    def __init__(self, primitives: Mapping[str, Primitive], name: str):
        self.primitives = primitives
        self.name = name
        self.values: dict[str, Value] = {}
        self.graphs: dict[str, Graph] = {}
        self.inputs: list[Value] = []
        self.cells: list[Value] = []
        self.hosts: list[str] = []
        self.eqns: list[Eqn] = []
        self.effects: list[tuple[Value, Atom]] = []
        self.outputs: tuple[Atom, ...] | None = None

    def graph(self) -> Graph:
        if self.outputs is None:
            raise ParseError(f"graph {self.name} has no return")
        return Graph(self.name, tuple(self.inputs), tuple(self.eqns), self.outputs,
                     tuple(self.cells), tuple(self.hosts), tuple(self.effects))  # fmt: skip

    def header(self, text: str) -> None:
        into = self.inputs
        for part in re.split(r",\s+", text) if text.strip() else []:
            name, _, kind = (piece.strip() for piece in part.partition(":"))
            if part == "*":
                into = self.cells
            elif kind == "host":
                self.hosts.append(name)
            else:
                into.append(self.define(name, parse_type(kind)))

    def line(self, line: str) -> None:
        """Read one statement."""
        if self.outputs is not None:
            raise ParseError(f"after the return: {line!r}")
        statements = ast.parse(line).body
        if not statements:  # a comment
            return
        (stmt,) = statements
        if isinstance(stmt, ast.Return):
            items = stmt.value
            nodes = items.elts if isinstance(items, ast.Tuple) else [items] if items else []
            self.outputs = tuple(self.atom(n, None) for n in nodes)
        elif isinstance(stmt, ast.Assign) and len(stmt.targets) == 1:
            target = stmt.targets[0]
            if isinstance(target, ast.Subscript):
                cell = self.value(target.value)
                if cell not in self.cells:
                    raise ParseError(f"an effect on what is no cell: {line!r}")
                self.effects.append((cell, self.atom(stmt.value, cell.type.dtype)))
            elif isinstance(stmt.value, ast.Call):
                rest = line.encode()[stmt.end_col_offset or 0 :].decode()
                self.eqns.append(self.equation(target, stmt.value, rest))
            else:
                raise ParseError(f"not an equation: {line!r}")
        else:
            raise ParseError(f"not an equation: {line!r}")

    def define(self, name: str, type: TensorType) -> Value:
        if not name.isidentifier():
            raise ParseError(f"not a name: {name!r}")
        if name in self.values:
            raise ParseError(f"{name!r} is defined twice")
        value = self.values[name] = Value(type, name)
        return value

    def nested(self, graph: Graph) -> None:
        """A graph that an equation below names as a parameter."""
        if graph.name in self.graphs or graph.name in self.values:
            raise ParseError(f"{graph.name!r} is defined twice")
        self.graphs[graph.name] = graph

    def param(self, node: ast.expr) -> Any:
        """A nested graph by its name, or a literal."""
        if isinstance(node, ast.Name) and node.id in self.graphs:
            return self.graphs[node.id]
        return parse_param(node)

    def value(self, node: ast.expr) -> Value:
        if not isinstance(node, ast.Name) or node.id not in self.values:
            raise ParseError(f"not a defined value: {ast.unparse(node)}")
        return self.values[node.id]

    def equation(self, target: ast.expr, call: ast.Call, note_text: str) -> Eqn:
        prim = self.primitives.get(ast.unparse(call.func))
        if prim is None:
            raise ParseError(f"unknown primitive {ast.unparse(call.func)!r}")
        if not prim.takes(len(call.args)):
            raise ParseError(f"{prim} takes {', '.join(prim.names) or 'no operands'}: {ast.unparse(call)}")
        first = next((self.values[n.id].type.dtype for n in call.args
                      if isinstance(n, ast.Name) and n.id in self.values), None)  # fmt: skip
        inputs = tuple(self.atom(n, first) for n in call.args)
        params = {k.arg or "**": self.param(k.value) for k in call.keywords}
        unknown = [name for name in params if name not in prim.params]
        if unknown:
            raise ParseError(f"{prim} has no parameter {', '.join(unknown)}")
        types = prim.infer(*(a.type for a in inputs), **params)
        types = types if isinstance(types, tuple) else (types,)
        targets = target.elts if isinstance(target, ast.Tuple) else [target]
        if len(targets) != len(types):
            raise ParseError(f"{prim} has {len(types)} outputs, not {len(targets)}: {ast.unparse(call)}")
        outs = tuple(self.define(ast.unparse(t), ty) for t, ty in zip(targets, types))
        note = _NOTE.search(note_text)
        loc = Loc(note["file"], int(note["line"])) if note and note["file"] else None
        phase = (note["phase"] if note else None) or FORWARD
        return Eqn(prim, inputs, params, outs, loc, phase, (note["origin"] if note else "") or "")

    def atom(self, node: ast.expr, dtype: dtypes.DType | None) -> Atom:
        if isinstance(node, ast.Name) and node.id not in ("inf", "nan"):
            return self.value(node)
        if isinstance(node, ast.Call):
            made = ast.unparse(node.func)
            if made == "host" and len(node.args) == 2:
                expr, known = parse_param(node.args[0]), self.atom(node.args[1], None)
                if isinstance(expr, str) and isinstance(known, Literal):
                    return Literal(known.value, known.type.dtype, expr)
            if made in dtypes.BY_SHORT and len(node.args) == 1 and not node.keywords:
                return self.literal(node.args[0], dtypes.BY_SHORT[made])
            raise ParseError(f"not a literal: {ast.unparse(node)}", hint="write f32(1.0)")
        if dtype is None:
            raise ParseError(f"a literal without a dtype: {ast.unparse(node)}", hint="write f32(1.0)")
        return self.literal(node, dtype)

    def literal(self, node: ast.expr, dtype: dtypes.DType) -> Literal:
        value = parse_param(node)
        if not isinstance(value, _NUMBERS):
            raise ParseError(f"not a number: {ast.unparse(node)}")
        return Literal(value, dtype)


def parse_param(node: ast.expr) -> Any:
    """A keyword literal: numbers, strings, None, ..., tuples, slices, inf, nan, dtype names."""
    if isinstance(node, ast.Constant) and not isinstance(node.value, (bytes, complex)):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in ("inf", "nan"):
            return float(node.id)
        if node.id in dtypes.BY_NAME:
            return dtypes.BY_NAME[node.id]
    if isinstance(node, ast.Tuple):
        return tuple(parse_param(e) for e in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = parse_param(node.operand)
        if isinstance(number, (int, float)):
            return -number
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "slice" and len(node.args) == 3:
        return slice(*(parse_param(a) for a in node.args))
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "complex" and len(node.args) == 2:
        return complex(*(parse_param(a) for a in node.args))
    raise ParseError(f"not a literal: {ast.unparse(node)}", hint="opaque parameters cannot be parsed")
