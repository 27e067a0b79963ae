"""Extents that remember where they came from, so that a kernel can take them as arguments.

A traced shape is concrete (a new shape is a new trace), yet the *text* of a kernel must not contain
the batch size. A `Dim` is an int that carries the expression that made it through arithmetic; a
`DimFloat` is what division gives. Comparing one yields a plain bool: the trace specialises on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Dim(int):
    """An int with the expression (over names of argument extents) that computes it.

    >>> n = Dim(6, "n0")
    >>> (n * 2 + 1, (n * 2 + 1).expr)
    (13, '((n0 * 2) + 1)')
    >>> 1 / n, (1 / n).expr
    (0.16666666666666666, '(1 / n0)')

    With a plain float on the left (`1.0 / n`) Python asks the float, which does not know: the result
    is untagged, and the kernel specialises on it. Right in value, since a shape selects its trace.
    """

    expr: str

    def __new__(cls, value: int, expr: str) -> "Dim":
        self = int.__new__(cls, value)
        self.expr = expr
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Dim, (int(self), self.expr))

    def __deepcopy__(self, memo: dict[int, Any]) -> "Dim":
        return self


class DimFloat(float):
    """A float computed from extents, with the expression that computes it."""

    expr: str

    def __new__(cls, value: float, expr: str) -> "DimFloat":
        self = float.__new__(cls, value)
        self.expr = expr
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (DimFloat, (float(self), self.expr))


def expr_of(value: Any) -> str:
    """The expression of a tagged number, or the literal of a plain one."""
    return value.expr if isinstance(value, (Dim, DimFloat)) else repr(value)


def is_tagged(value: Any) -> bool:
    """Whether `value` was computed from an argument's extents."""
    return isinstance(value, (Dim, DimFloat))


LONG = 300
"""An expression of so many characters is written as a sum of products: Python's parser takes 200 parentheses."""


def _tag(value: Any, expr: str) -> Any:
    if isinstance(value, int):
        if len(expr) > LONG:
            from symgrad.ir.extents import show

            expr = f"({show(Dim(value, expr))})"
        return Dim(value, expr)
    return DimFloat(value, expr) if isinstance(value, float) else value


def _arithmetic(base: type, name: str, symbol: str) -> tuple[Callable[..., Any], ...]:
    plain = getattr(base, f"__{name}__")
    plain_r = getattr(base, f"__r{name}__")

    def forward(self: Any, other: Any) -> Any:
        if symbol == "*" and type(other) is int and other == 1:
            return self
        value = plain(self, other)
        if value is NotImplemented and isinstance(other, float):
            value = getattr(float(self), f"__{name}__")(other)
        return value if value is NotImplemented else _tag(
            value, f"({expr_of(self)} {symbol} {expr_of(other)})")

    def backward(self: Any, other: Any) -> Any:
        if symbol == "*" and type(other) is int and other == 1:
            return self
        value = plain_r(self, other)
        if value is NotImplemented and isinstance(other, float):
            value = getattr(float(self), f"__r{name}__")(other)
        return value if value is NotImplemented else _tag(
            value, f"({expr_of(other)} {symbol} {expr_of(self)})")

    return forward, backward


def _negative(self: Any) -> Any:
    return _tag(-self.real, f"(-{expr_of(self)})")


for _base, _class in ((int, Dim), (float, DimFloat)):
    for _name, _symbol in (
        ("add", "+"), ("sub", "-"), ("mul", "*"), ("truediv", "/"), ("floordiv", "//"), ("mod", "%"),
    ):  # fmt: skip
        _forward, _backward = _arithmetic(_base, _name, _symbol)
        setattr(_class, f"__{_name}__", _forward)
        setattr(_class, f"__r{_name}__", _backward)
    setattr(_class, "__neg__", _negative)
