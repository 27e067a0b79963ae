"""Extents as polynomials over named ones, so that equal sizes look equal and print simply.

Arithmetic on `Dim` records text like `((n0 * 2) * 3)`. Here that text becomes a sum of monomials:
two extents are the same *for every batch size* when their polynomials are. What is no polynomial
(a quotient, a remainder) is an atom.
"""

from __future__ import annotations

import ast
from functools import lru_cache

from symgrad.ir.dims import Dim

Monomial = tuple[str, ...]
Poly = tuple[tuple[Monomial, int], ...]


def poly(extent: int) -> Poly:
    """The sum of (monomial, coefficient) pairs that `extent` is, in a fixed order.

    >>> poly(Dim(12, "((n0 * 2) + 4)"))
    (((), 4), (('n0',), 2))
    """
    if isinstance(extent, Dim):
        return _parsed(extent.expr)
    return (((), int(extent)),) if extent else ()


def same(a: int, b: int) -> bool:
    """Whether two extents are equal whatever the named ones are."""
    return a is b or (int(a) == int(b) and poly(a) == poly(b))


def names(extent: int) -> list[str]:
    """The named extents (and atoms) `extent` is computed from."""
    return sorted({name for monomial, _ in poly(extent) for name in monomial})


def show(extent: int) -> str:
    """The shortest plain text of `extent`.

    >>> show(Dim(12, "(4 + (2 * n0))"))
    '2*n0 + 4'
    """
    return show_poly(poly(extent))


def show_poly(terms: Poly) -> str:
    """A polynomial as text, highest degree first."""
    parts = []
    for monomial, factor in sorted(terms, key=lambda t: (-len(t[0]), t[0])):
        factors = ([str(factor)] if factor != 1 or not monomial else []) + list(monomial)
        parts.append("*".join(factors))
    return " + ".join(parts).replace("+ -", "- ") or "0"


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Poly:
    return _sorted(_walk(ast.parse(text, mode="eval").body))


def _sorted(terms: dict[Monomial, int]) -> Poly:
    return tuple(sorted(((m, c) for m, c in terms.items() if c), key=lambda t: (len(t[0]), t[0])))


def _walk(node: ast.expr) -> dict[Monomial, int]:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return {(): node.value}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return {m: -c for m, c in _walk(node.operand).items()}
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
        left, right = _walk(node.left), _walk(node.right)
        out: dict[Monomial, int] = {}
        if isinstance(node.op, ast.Mult):
            for m1, c1 in left.items():
                for m2, c2 in right.items():
                    key = tuple(sorted(m1 + m2))
                    out[key] = out.get(key, 0) + c1 * c2
            return out
        sign = 1 if isinstance(node.op, ast.Add) else -1
        for terms, factor in ((left, 1), (right, sign)):
            for m, c in terms.items():
                out[m] = out.get(m, 0) + factor * c
        return out
    if isinstance(node, ast.BinOp):  # a quotient or remainder: an atom of simplified parts
        symbol = {"FloorDiv": "//", "Mod": "%"}.get(type(node.op).__name__)
        if symbol == "//" and isinstance(node.right, ast.Constant) and isinstance(by := node.right.value, int):
            left = _walk(node.left)
            if by and not any(c % by for c in left.values()):  # exact, whatever the named extents are
                return {m: c // by for m, c in left.items()}
            if by > 1 and all(c <= 0 for c in left.values()):  # rounding up, as Python says it: -(-n // 2)
                raised = {m: -c for m, c in left.items()}
                raised[()] = raised.get((), 0) + by - 1
                return {(f"(({show_poly(_sorted(raised))}) // {by})",): -1}
        if symbol:
            parts = [show_poly(_sorted(_walk(n))) for n in (node.left, node.right)]
            parts = [p if p.isidentifier() or p.isdigit() else f"({p})" for p in parts]
            return {(f"({parts[0]} {symbol} {parts[1]})",): 1}
    return {(ast.unparse(node),): 1}
