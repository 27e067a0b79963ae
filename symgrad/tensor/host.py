"""Host scalars: Python numbers a compiled program must read anew at each call.

A float argument or an optimizer's learning rate becomes one while tracing. It knows its value, and
carries the expression that computes it through arithmetic; used with a tensor it becomes a literal
with that expression. Asking it for a plain number (`if lr > 0.1`, `math.sqrt`, `range`) records the
answer as a condition under which the trace holds, and goes on. It is no subclass of float on purpose:
C code would read the value behind our back.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from symgrad.tensor import state


class HostScalar:
    """A Python number with the expression that will compute it at each call."""

    __slots__ = ("value", "expr")

    def __init__(self, value: float, expr: str):
        self.value = value
        self.expr = expr

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance(lr, float) holds, as it would eagerly
        return type(self.value)

    def _pin(self) -> Any:
        """The plain number, under the condition that it stays the same."""
        active = state.capture()
        if active is not None:
            active.assume(f"{self.expr} == {self.value!r}")
        return self.value

    def __float__(self) -> float:
        return float(self._pin())

    def __int__(self) -> int:
        return int(self._pin())

    def __index__(self) -> int:
        return operator.index(self._pin())

    def __hash__(self) -> int:
        return hash(self._pin())

    def __repr__(self) -> str:
        return repr(self._pin())

    def __format__(self, spec: str) -> str:
        return format(self._pin(), spec)

    def __round__(self, digits: Any = None) -> Any:
        return round(self._pin(), digits)

    def __divmod__(self, other: Any) -> Any:
        return divmod(self._pin(), other)

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(other, self._pin())

    def is_integer(self) -> bool:
        """As float's."""
        return float(self._pin()).is_integer()

    def __bool__(self) -> bool:
        return self != 0  # type: ignore[comparison-overlap]

    def __neg__(self) -> "HostScalar":
        return HostScalar(-self.value, f"(-{self.expr})")

    def __abs__(self) -> "HostScalar":
        return HostScalar(abs(self.value), f"abs({self.expr})")


def _expr(x: Any) -> str | None:
    if type(x) is HostScalar:
        return x.expr
    if issubclass(type(x), (bool, int, float)):  # not what only calls itself a number
        return getattr(x, "expr", None) or repr(x)
    return None


def _arithmetic(symbol: str, compute: Callable[[Any, Any], Any], swap: bool) -> Callable[..., Any]:
    def method(self: HostScalar, other: Any) -> Any:
        theirs = _expr(other)
        if theirs is None:
            return NotImplemented
        a, b = self.value, other.value if type(other) is HostScalar else other
        mine = self.expr
        if swap:
            a, b, mine, theirs = b, a, theirs, mine
        return HostScalar(compute(a, b), f"({mine} {symbol} {theirs})")

    return method


def _comparison(symbol: str, compute: Callable[[Any, Any], bool]) -> Callable[..., Any]:
    def method(self: HostScalar, other: Any) -> Any:
        theirs = _expr(other)
        if theirs is None:
            return NotImplemented
        outcome = compute(self.value, other.value if type(other) is HostScalar else other)
        active = state.capture()
        if active is not None:
            condition = f"{self.expr} {symbol} {theirs}"
            active.assume(condition if outcome else f"not ({condition})")
        return outcome

    return method


for _name, _symbol, _compute in (
    ("add", "+", operator.add), ("sub", "-", operator.sub), ("mul", "*", operator.mul),
    ("truediv", "/", operator.truediv), ("pow", "**", operator.pow),
    ("floordiv", "//", operator.floordiv), ("mod", "%", operator.mod),
):  # fmt: skip
    setattr(HostScalar, f"__{_name}__", _arithmetic(_symbol, _compute, False))
    setattr(HostScalar, f"__r{_name}__", _arithmetic(_symbol, _compute, True))
for _name, _symbol, _compute in (
    ("eq", "==", operator.eq), ("ne", "!=", operator.ne), ("lt", "<", operator.lt),
    ("le", "<=", operator.le), ("gt", ">", operator.gt), ("ge", ">=", operator.ge),
):  # fmt: skip
    setattr(HostScalar, f"__{_name}__", _comparison(_symbol, _compute))


def hyper(name: str, holder: Any, key: Any) -> Any:
    """`holder[key]`: a plain number, or while tracing a host scalar read anew at each call."""
    value = holder[key]
    active = state.capture()
    if active is None or type(value) is not float:
        return value
    return active.host(name, value, holder, key)
