"""Equations as lines of NumPy: the array form of each primitive with names put in.

The declaration's `array` text is parsed and its names replaced: operands by variables, parameters
by literals, `dtype.np` by the NumPy type. A ufunc writes into memory that is given. Helper
functions a declaration brings along are printed from their source, without annotations.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

from symgrad.codegen.random_helpers import closure, numpy_helpers
from symgrad.dtypes import BOOL, FLOATING, INTEGRAL, DType, bfloat16
from symgrad.ir.dims import Dim, DimFloat
from symgrad.ir.extents import show
from symgrad.ir.graph import Atom, Eqn, Literal, Value
from symgrad.ir.primitive import Alias, Draw, Gemm, Primitive, Write
from symgrad.ir.text import Namer
from symgrad.passes.schedule import Call, Kernel, Step


class Equations:
    """Prints equations into `lines`; `env` has the expression of every value already at hand.

    `maker` gives the equation of a view or of a repeated number, which is printed where it is first
    needed; `host` names the scalar of a host literal.
    """

    def __init__(
        self, local: Namer, maker: dict[Value, Eqn], host: Callable[[Literal], str],
        helpers: dict[str, str], synthetic: frozenset[Eqn] = frozenset(),
    ):  # fmt: skip
        self.local, self.maker, self.host, self.helpers = local, maker, host, helpers
        self.synthetic = synthetic
        self.env: dict[Value, str] = {}
        self.lines: list[tuple[str, str]] = []  # text, note

    def atom(self, atom: Atom, *, scalar: bool = True) -> str:
        """The expression of an operand, after printing the views it needs."""
        if isinstance(atom, Literal):
            return self.literal(atom)
        if atom not in self.env:
            eqn = self.maker[atom]
            if isinstance(eqn.prim.lower, Alias) or eqn in self.synthetic:
                return self.atom(eqn.inputs[eqn.outputs.index(atom)], scalar=scalar)
            if eqn.prim.name == "full" and scalar:
                return self.literal(Literal(eqn.params["value"], atom.type.dtype))
            self.equation(eqn)
        return self.env[atom]

    def whole_step(self, step: Step, homes: Mapping[Value, Any], array: Callable[[Any, Value], str]) -> None:
        """Print all of a step: its equations, then each result to its homes (`array` names them)."""
        if isinstance(step, Call) and isinstance(step.eqn.prim.lower, Gemm) and len(homes[step.eqn.out]) == 1:
            self.equation(step.eqn, array(homes[step.eqn.out][0], step.eqn.out))  # straight to where it lives
            return
        for eqn in step.eqns:
            self.equation(eqn)
        for eqn in step.eqns:
            for value in eqn.outputs:
                for home in homes.get(value, ()):
                    self.lines.append((f"{array(home, value)}[...] = {self.env[value]}", ""))
        if isinstance(step, Kernel):
            for copy in step.copies:
                target = array(copy.home, copy.like)
                self.lines.append((f"{target}[...] = {self.atom(copy.source)}", ""))

    def literal(self, literal: Literal) -> str:
        """A typed NumPy scalar."""
        if literal.expr is not None:
            return f"{numpy_name(literal.type.dtype)}({self.host(literal)})"
        return number(literal.value, literal.type.dtype)

    def equation(self, eqn: Eqn, out: str = "") -> None:
        """Print `eqn`, into the array `out` if it is given (and the equation is a ufunc)."""
        note = f"{eqn.loc.file}:{eqn.loc.line}" if eqn.loc is not None else ""
        ufunc = eqn.prim.is_ufunc
        args = [self.atom(a, scalar=ufunc and eqn.prim.name != "matmul") for a in eqn.inputs]
        if ufunc:
            into = [f"out={out}"] if out else []
            text = f"np.{eqn.prim.array}({', '.join([*args, *into])})"
        else:
            text = self.array_form(eqn, args)
        names = []
        for value in eqn.outputs:
            name = out if out and ufunc else self.local.fresh(value.hint or "t")
            self.env[value] = name
            names.append(name)
        self.lines.append((text if out and ufunc else f"{', '.join(names)} = {text}", note))

    def array_form(self, eqn: Eqn, args: list[str]) -> str:
        """The declaration's array expression over these arguments; of control flow, a function's call."""
        if eqn.graphs:
            from symgrad.codegen.subgraphs import control

            return control(eqn, args, self.helpers)
        self.add_helpers(eqn.prim)
        if isinstance(eqn.prim.lower, Write) and not eqn.out.type.ndim:
            args = [f"np.asarray({arg})" for arg in args]
        bound = {name: arg if isinstance(arg, str) else f"({', '.join(arg)},)"
                 for name, arg in eqn.prim.named(args).items()}  # fmt: skip
        tree = ast.parse(eqn.prim.array, mode="eval")
        params = {p: eqn.params.get(p) for p in eqn.prim.params}
        host = {p: self.literal(Literal(v, eqn.out.type.dtype)) for p, v in params.items()
                if hasattr(v, "expr") and not isinstance(v, (Dim, DimFloat))}  # fmt: skip
        text = ast.unparse(_Fill(bound, params, host).visit(tree))
        if isinstance(eqn.prim.lower, Draw) and eqn.out.type.dtype.category == INTEGRAL:
            text = f"{text}.astype({numpy_name(eqn.out.type.dtype)})"
        return text

    def add_helpers(self, prim: Primitive) -> None:
        """The functions a declaration brings along, and those a sampler calls."""
        if isinstance(prim.lower, Draw):
            table = numpy_helpers()
            for name in closure([prim.lower.sampler], table):
                self.helpers.setdefault(name, table[name].numpy)
            return
        for name, helper in prim.helpers.items():
            text = helper_source(name, helper) if callable(helper) else number_table(name, helper)
            self.helpers.setdefault(name, text)


class _Fill(ast.NodeTransformer):
    """Puts operand expressions and parameter literals in place of names."""

    def __init__(self, operands: dict[str, str], params: dict[str, Any], host: dict[str, str]):
        self.operands, self.params, self.host = operands, params, host

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and isinstance(self.params.get(node.value.id), DType):
            if node.attr == "np":
                return _parsed(numpy_name(self.params[node.value.id]))
        filled = self.generic_visit(node)
        assert isinstance(filled, ast.Attribute)
        value = filled.value
        if filled.attr == "type" and isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            if value.value.id in ("np", "ml_dtypes"):
                return value
        return filled

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """What a parameter decides is decided here."""
        test = self.visit(node.test)
        if isinstance(test, ast.Constant):
            return self.visit(node.body if test.value else node.orelse)  # type: ignore[no-any-return]
        return ast.IfExp(test, self.visit(node.body), self.visit(node.orelse))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """`x[*(slice(1, None, None), None), ...]` as one writes it: `x[1:, None]`."""
        filled = self.generic_visit(node)
        assert isinstance(filled, ast.Subscript)
        if isinstance(filled.slice, ast.Tuple) and any(isinstance(i, ast.Starred) for i in filled.slice.elts):
            flat = [part for item in filled.slice.elts for part in _unstarred(item)]
            if any(isinstance(part, ast.Slice) for part in flat):
                flat = [part for part in flat if not (isinstance(part, ast.Constant) and part.value is ...)]
            filled.slice = flat[0] if len(flat) == 1 else ast.Tuple(flat, ast.Load())
        return filled

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.operands:
            return _parsed(self.operands[node.id])
        if node.id in self.host:
            return _parsed(self.host[node.id])
        if node.id in self.params:
            return _parsed(param(self.params[node.id]))
        return node


def _unstarred(item: ast.expr) -> list[ast.expr]:
    """The parts of a starred tuple in a subscript, calls of `slice` as slices."""
    parts = item.value.elts if isinstance(item, ast.Starred) and isinstance(item.value, ast.Tuple) else [item]
    return [ast.Slice(*map(_unless_none, part.args)) if _is_slice(part) else part for part in parts]  # type: ignore[attr-defined]


def _is_slice(part: ast.expr) -> bool:
    return isinstance(part, ast.Call) and isinstance(part.func, ast.Name) and part.func.id == "slice"


def _unless_none(part: ast.expr) -> ast.expr | None:
    return None if isinstance(part, ast.Constant) and part.value is None else part


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def numpy_name(dtype: DType) -> str:
    """The text that names a dtype's scalar type."""
    if dtype is bfloat16:
        return "ml_dtypes.bfloat16"
    return "np.bool_" if dtype.category == BOOL else f"np.{dtype.name}"


def number(value: Any, dtype: DType) -> str:
    """A number as a NumPy scalar of its dtype, in the fewest digits."""
    if dtype.category == FLOATING:
        text = "np.nan" if math.isnan(value) else repr(value) if math.isfinite(value) else (
            "np.inf" if value > 0 else "-np.inf")  # fmt: skip
        if math.isfinite(value):
            short = str(dtype.np.type(value))
            text = short if float(dtype.np.type(float(short))) == value else text
        return f"{numpy_name(dtype)}({text})"
    if isinstance(value, complex):
        return f"{numpy_name(dtype)}({param(value)})"
    return f"{numpy_name(dtype)}({value!r})"


def param(value: Any) -> str:
    """A static parameter as Python text; extents by name."""
    if isinstance(value, Dim):
        return show(value)
    if isinstance(value, DimFloat):
        return value.expr
    if isinstance(value, DType):
        return numpy_name(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(param, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, slice):
        return f"slice({param(value.start)}, {param(value.stop)}, {param(value.step)})"
    if isinstance(value, complex):
        return f"complex({param(value.real)}, {param(value.imag)})"
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


@functools.cache
def helper_source(name: str, helper: Callable[..., Any]) -> str:
    """A helper's source text without annotations."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(helper)))
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef)
    function.name = name
    function.returns = None
    for arg in (*function.args.args, *function.args.kwonlyargs):
        arg.annotation = None
    return ast.unparse(function) + "\n"


def number_table(name: str, numbers: tuple[float, ...]) -> str:
    """A table of coefficients that helpers read."""
    body = textwrap.fill(", ".join(map(repr, numbers)), 96, initial_indent="    ", subsequent_indent="    ")
    return f"{name} = (\n{body},\n)\n"
