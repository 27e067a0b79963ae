"""Extents as index expressions over the named extents a kernel is given."""

from __future__ import annotations

import ast

from symgrad.codegen import loops
from symgrad.codegen.loops import INDEX, Expr, Op, Var
from symgrad.errors import BackendError
from symgrad.ir.extents import Poly, poly


def extent_expr(extent: int) -> Expr:
    """An extent as an index expression over the named extents."""
    return poly_expr(poly(extent))


def poly_expr(terms: Poly) -> Expr:
    """A polynomial as an index expression, highest degree first."""
    total: Expr = loops.index(0)
    for monomial, factor in sorted(terms, key=lambda t: (-len(t[0]), t[0])):
        product: Expr = loops.index(1)
        for name in monomial:
            product = loops.mul(product, _atom(ast.parse(name, mode="eval").body))
        scaled = loops.mul(product, loops.index(abs(factor)))
        total = loops.add(total, scaled) if factor > 0 else Op("sub", (total, scaled), INDEX)
    return total


def _atom(node: ast.expr) -> Expr:
    if isinstance(node, ast.Name):
        return Var(node.id, INDEX)
    if isinstance(node, ast.Constant):
        return loops.index(int(node.value))  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp):
        fn = {"Add": "add", "Sub": "sub", "Mult": "mul", "FloorDiv": "floordiv", "Mod": "mod"}
        return Op(fn[type(node.op).__name__], (_atom(node.left), _atom(node.right)), INDEX)
    raise BackendError(f"an extent may not say {ast.unparse(node)!r}")
