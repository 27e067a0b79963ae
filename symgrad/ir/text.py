"""Graphs as text that is Python to the eye, and back.

`print_graph` is deterministic: names come from hints through one namer. `parse` walks the `ast` of
the text and never executes it; attributes are keyword literals, trailing comments restore source
locations. `print_graph(parse(print_graph(g))) == print_graph(g)`.

    def loss(x: f32[64,10], *, w: f32[10,1], lr: host):
        h = matmul(x, w)  # f32[64,1] train.py:12
        w[...] = h
        return h
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from typing import Any, Callable, Iterable, Mapping

from symgrad import dtypes
from symgrad.errors import Loc, ParseError
from symgrad.ir.graph import FORWARD, Atom, Eqn, Graph, Literal, Value
from symgrad.ir.primitive import Primitive
from symgrad.ir.types import TensorType

_CLEAN = re.compile(r"\W+")


class Namer:
    """Deterministic unique names from hints; avoids keywords and what is reserved."""

    def __init__(self, reserved: Iterable[str] = ()):
        self._used = set(reserved)
        self._names: dict[Value, str] = {}
        self._next: dict[str, int] = {}

    def fresh(self, hint: str) -> str:
        """A name like `hint` that nothing has yet."""
        base = _CLEAN.sub("_", hint).strip("_") or "t"
        if base[0].isdigit() or keyword.iskeyword(base) or not base.isascii():
            base = "v" + (base if base.isascii() else "")
        name = base
        while name in self._used:
            self._next[base] = self._next.get(base, 0) + 1
            name = f"{base}_{self._next[base]}"
        self._used.add(name)
        return name

    def __call__(self, value: Value) -> str:
        name = self._names.get(value)
        if name is None:
            name = self._names[value] = self.fresh(value.hint)
        return name


def print_graph(graph: Graph, *, comments: bool = True) -> str:
    """The graph as text; `comments=False` leaves out types and locations."""
    namer = Namer(("host", *(eqn.prim.name for eqn in graph.eqns)))
    lines: list[tuple[str, str]] = []
    head = [f"{namer(v)}: {v.type}" for v in graph.inputs]
    if graph.cells or graph.hosts:
        head.append("*")
        head += [f"{namer(v)}: {v.type}" for v in graph.cells]
        head += [f"{name}: host" for name in graph.hosts]
    for eqn in graph.eqns:
        call = ", ".join(
            [print_atom(a, namer, eqn) for a in eqn.inputs]
            + [f"{k}={print_param(v)}" for k, v in sorted(eqn.params.items())]
        )
        targets = ", ".join(namer(v) for v in eqn.outputs)
        types = ", ".join(str(v.type) for v in eqn.outputs)
        note = " ".join(p for p in (
            types, str(eqn.loc or ""), "" if eqn.phase == FORWARD else eqn.phase,
            f"<- {eqn.origin}" if eqn.origin else "") if p)  # fmt: skip
        lines.append((f"{targets} = {eqn.prim.name}({call})", note))
    for cell, value in graph.effects:
        lines.append((f"{namer(cell)}[...] = {print_atom(value, namer)}", ""))
    lines.append(("return " + ", ".join(print_atom(a, namer) for a in graph.outputs), ""))
    width = min(max(len(code) for code, _ in lines), 60)
    body = [
        f"    {code.ljust(width)}  # {note}" if comments and note else f"    {code}".rstrip()
        for code, note in lines
    ]
    return "\n".join([f"def {graph.name}({', '.join(head)}):", *body]) + "\n"


def print_atom(atom: Atom, name: Callable[[Value], str], eqn: Eqn | None = None) -> str:
    """A value's name, or a literal; a literal's dtype is left out where its equation gives it."""
    if isinstance(atom, Value):
        return name(atom)
    text = literal_text(atom)
    if atom.expr is not None:
        return f"host({atom.expr!r}, {atom.type.dtype.short}({text}))"
    first = _first_dtype(eqn.inputs) if eqn is not None else None
    return text if first is atom.type.dtype else f"{atom.type.dtype.short}({text})"


def literal_text(literal: Literal) -> str:
    """The shortest number that reads back as this literal in its own dtype."""
    value = literal.value
    if isinstance(value, float) and literal.type.dtype.itemsize < 8 and math.isfinite(value):
        return str(float(str(literal.type.dtype.np.type(value))))
    return _number(value)


def _first_dtype(inputs: Iterable[Atom]) -> dtypes.DType | None:
    return next((a.type.dtype for a in inputs if isinstance(a, Value)), None)


def _number(value: Any) -> str:
    return repr(value) if isinstance(value, bool) else repr(value.real)


def print_param(value: Any) -> str:
    """A static parameter as a Python literal; dtypes by name."""
    if isinstance(value, dtypes.DType):
        return value.name
    if isinstance(value, tuple):
        return "(" + ", ".join(print_param(v) for v in value) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, (bool, int, float)):
        return _number(value)
    if value is None or value is Ellipsis or isinstance(value, str):
        return repr(value)
    if isinstance(value, slice):
        return f"slice({value.start}, {value.stop}, {value.step})"
    name = getattr(value, "__qualname__", None) or repr(value)
    return f"opaque({name!r})"


# -- parsing ------------------------------------------------------------------------------------

_NOTE = re.compile(r"#\s*(?P<types>.*?)(?:\s(?P<file>[^\s:]+):(?P<line>\d+))?"
                   r"(?:\s(?P<phase>backward|update))?(?:\s<- (?P<origin>\w+))?$")  # fmt: skip
_TYPE = re.compile(r"([a-z]+\d*)\[([\d,]*)\](?:\{([-\d,]*)\})?(?:@(\w+))?")


def parse_type(text: str) -> TensorType:
    """`f32[64,10]` as a type."""
    found = _TYPE.fullmatch(text.strip())
    if found is None or found[1] not in dtypes.BY_SHORT:
        raise ParseError(f"not a tensor type: {text!r}", hint="write it like f32[64,10]")
    ints = [tuple(int(d) for d in (part or "").split(",") if d) for part in (found[2], found[3])]
    strides = ints[1] if found[3] is not None else None
    return TensorType(ints[0], dtypes.BY_SHORT[found[1]], strides, found[4] or "cpu")


def parse(text: str, primitives: Mapping[str, Primitive]) -> Graph:
    """The graph that `text` says, with equations over `primitives`; never executes the text."""
    header, *body = [line for line in text.strip("\n").splitlines() if line.strip()]
    match = re.fullmatch(r"def (\w+)\((.*)\):", header.strip())
    if match is None:
        raise ParseError(f"not a graph header: {header!r}", hint="def name(x: f32[2], *, cell: f32[]):")
    return _Parser(primitives).graph(match[1], match[2], body)


class _Parser:
    def __init__(self, primitives: Mapping[str, Primitive]):
        self.primitives = primitives
        self.values: dict[str, Value] = {}

    def graph(self, name: str, header: str, body: list[str]) -> Graph:
        inputs: list[Value] = []
        cells: list[Value] = []
        hosts: list[str] = []
        into = inputs
        for part in re.split(r",\s+", header) if header else []:
            if part == "*":
                into = cells
                continue
            value_name, _, kind = part.partition(":")
            if kind.strip() == "host":
                hosts.append(value_name.strip())
            else:
                into.append(self.define(value_name.strip(), parse_type(kind)))
        eqns: list[Eqn] = []
        effects: list[tuple[Value, Atom]] = []
        outputs: tuple[Atom, ...] = ()
        for line in body:
            (stmt,) = ast.parse(line.strip()).body
            if isinstance(stmt, ast.Return):
                items = stmt.value
                nodes = items.elts if isinstance(items, ast.Tuple) else [items] if items else []
                outputs = tuple(self.atom(n, None) for n in nodes)
            elif isinstance(stmt, ast.Assign) and isinstance(stmt.targets[0], ast.Subscript):
                effects.append((self.value(stmt.targets[0].value), self.atom(stmt.value, None)))
            elif isinstance(stmt, ast.Assign) and isinstance(stmt.value, ast.Call):
                eqns.append(self.equation(stmt, stmt.value, line))
            else:
                raise ParseError(f"not an equation: {line.strip()!r}")
        return Graph(name, tuple(inputs), tuple(eqns), outputs, tuple(cells), tuple(hosts), tuple(effects))

    def define(self, name: str, type: TensorType) -> Value:
        if name in self.values:
            raise ParseError(f"{name!r} is defined twice")
        value = self.values[name] = Value(type, re.sub(r"_\d+$", "", name))
        return value

    def value(self, node: ast.expr) -> Value:
        if not isinstance(node, ast.Name) or node.id not in self.values:
            raise ParseError(f"not a defined value: {ast.unparse(node)}")
        return self.values[node.id]

    def equation(self, stmt: ast.Assign, call: ast.Call, line: str) -> Eqn:
        assert isinstance(call.func, ast.Name)
        prim = self.primitives.get(call.func.id)
        if prim is None:
            raise ParseError(f"unknown primitive {call.func.id!r}")
        named = [self.values[n.id].type.dtype for n in call.args
                 if isinstance(n, ast.Name) and n.id in self.values]  # fmt: skip
        inputs = tuple(self.atom(n, named[0] if named else None) for n in call.args)
        params = {k.arg: parse_param(k.value) for k in call.keywords if k.arg}
        types = prim.infer(*(a.type for a in inputs), **params)
        types = types if isinstance(types, tuple) else (types,)
        targets = stmt.targets[0].elts if isinstance(stmt.targets[0], ast.Tuple) else stmt.targets
        outs = tuple(self.define(t.id, ty) for t, ty in zip(targets, types) if isinstance(t, ast.Name))
        note = _NOTE.search(line)
        loc = Loc(note["file"], int(note["line"])) if note and note["file"] else None
        phase = (note["phase"] if note else None) or FORWARD
        return Eqn(prim, inputs, params, outs, loc, phase, (note["origin"] if note else "") or "")

    def atom(self, node: ast.expr, dtype: dtypes.DType | None) -> Atom:
        if isinstance(node, ast.Name) and node.id not in ("inf", "nan"):
            return self.value(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "host":
                known = self.atom(node.args[1], None)
                return Literal(known.value, known.type.dtype, parse_param(node.args[0]))  # type: ignore[union-attr]
            return Literal(parse_param(node.args[0]), dtypes.BY_SHORT[node.func.id])
        if dtype is None:
            raise ParseError(f"a literal without a dtype: {ast.unparse(node)}", hint="write f32(1.0)")
        return Literal(parse_param(node), dtype)


def parse_param(node: ast.expr) -> Any:
    """A keyword literal: numbers, strings, None, tuples, slices, inf, nan, dtype names."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in ("inf", "nan"):
            return float(node.id)
        if node.id in dtypes.BY_NAME:
            return dtypes.BY_NAME[node.id]
    if isinstance(node, ast.Tuple):
        return tuple(parse_param(e) for e in node.elts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -parse_param(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "slice":
        return slice(*(parse_param(a) for a in node.args))
    raise ParseError(f"not a literal: {ast.unparse(node)}", hint="opaque parameters cannot be parsed")
