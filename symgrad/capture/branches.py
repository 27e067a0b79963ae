"""Branches on a tensor's value: the trace goes the way it goes now, and notes what it depended on.

`if loss > 10` asks a symbol for a bool. The condition is computed at once from what is concrete
(arguments, cells, numbers), its equation becomes an output of the graph, and a call is on this path
only if the output is again what it was. What `.item()` gives may be compared, added and tested in the
same way; any other use of it needs a number that a trace does not have.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from symgrad import dtypes
from symgrad.capture.asked import TESTS, asked
from symgrad.capture.values import Values
from symgrad.errors import GradError, Loc, TraceError, user_frame, user_location
from symgrad.ir.graph import Value
from symgrad.ops.elementwise import cast
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, concretization, wrap
from symgrad.tensor.host import HostScalar

_MOST = 256
"""Branches on one path: a longer loop would take longer to compile than to run."""


@dataclass(frozen=True)
class Branch:
    """A condition the trace met: its value, how it turned out, the user's line."""

    value: Value
    outcome: bool
    loc: Loc | None = None

    def __str__(self) -> str:
        return f"{self.where} is {self.outcome}"

    @property
    def where(self) -> str:
        """The user's line: place and text."""
        if self.loc is None:
            return "a condition"
        text = linecache.getline(self.loc.file, self.loc.line).strip()
        return f"{self.loc} `{text}`" if text else str(self.loc)


class Branches(Values):
    """The part of a capture that answers for a tensor's value."""

    evaluator: Callable[[Any], Callable[[Value], Any]] | None = None
    """Given this capture, computes values from what is concrete; None: no branch is allowed."""

    def __init__(self, arguments: list[Tensor], places: list[int]):
        self.branches: list[Branch] = []
        self.decided: dict[Value, bool] = {}
        self._compute: Callable[[Value], Any] | None = None
        super().__init__(arguments, places)

    def compute(self, value: Value, what: str) -> Any:
        """The array that `value` is now."""
        if self.evaluator is None:
            raise concretization(what)
        if self._compute is None:
            self._compute = self.evaluator(self)
        return self._compute(value)

    def decide(self, tensor: Tensor) -> bool:
        """`bool(tensor)`: as it is now, under the condition that it is so again."""
        value = self.value_of(tensor)
        if value.type.dtype is not dtypes.bool_:
            (value,) = self.emit(cast, (value,), {"dtype": dtypes.bool_})
        known = self.decided.get(value)
        if known is None:
            known = bool(self.compute(value, "a branch on a tensor's value"))
            if len(self.branches) == _MOST:
                raise TraceError(f"a trace with more than {_MOST} branches on tensors' values",
                                 hint="sg.while_loop and sg.cond make one graph of all paths")  # fmt: skip
            self.decided[value] = known
            self.branches.append(Branch(value, known, user_location()))
        return known

    def item(self, tensor: Tensor) -> Any:
        """`tensor.item()`: a number that may be compared."""
        if tensor.numel() != 1:
            raise GradError(f"a Tensor with {tensor.numel()} elements cannot be converted to Scalar")
        if self.evaluator is None or tensor.dtype.category > dtypes.FLOATING:
            raise concretization(".item()")
        return Item(wrap(self.value_of(tensor)))

    def number(self, item: "Item", kind: type) -> Any:
        """`float(item)` or `int(item)` where the user's line only compares it: the number now."""
        found = asked(user_frame())
        if found is None:
            raise concretization(f"{kind.__name__}() used for more than a comparison")
        value = kind(self.compute(self.value_of(item.tensor), f"{kind.__name__}()").item())
        test, comparisons = found
        if test is not None:
            item.test(test)
        if kind is int and not item.integral:
            item.test("isfinite")  # int() of anything else raises
            item = item.truncated()
        for symbol, other in comparisons:
            getattr(item, symbol)(other)
        return value


class Item:
    """What `.item()` gives inside a trace: a 0-d symbol that calls itself a Python number."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor):
        self.tensor = tensor

    @property  # type: ignore[misc]
    def __class__(self) -> type:  # isinstance(loss.item(), float) holds, as it would eagerly
        kinds = {dtypes.BOOL: bool, dtypes.INTEGRAL: int}
        return kinds.get(self.tensor.dtype.category, float)

    @property
    def integral(self) -> bool:
        """Whether the number is an int."""
        return self.tensor.dtype.category < dtypes.FLOATING

    def wide(self, integral: bool) -> Tensor:
        """The number with Python's own precision."""
        return self.tensor.to(dtypes.int64 if integral else dtypes.float64)  # type: ignore[no-any-return]

    def truncated(self) -> "Item":
        """As `int()` makes it."""
        return Item(self.wide(True))

    def test(self, name: str) -> bool:
        """`math.isnan` and its kind."""
        with state.no_grad():
            x = self.wide(False)
            return bool(TESTS[name](x))

    def __bool__(self) -> bool:
        return bool(self.tensor)

    def __float__(self) -> float:
        return _capture().number(self, float)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return _capture().number(self, int)  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise concretization(f".item().{name}")


def _capture() -> Any:
    active = state.capture()
    if active is None:
        raise TraceError("a number made by .item() inside a traced function is used after the trace")
    return active


def _operands(item: Item, other: Any) -> tuple[Any, Any] | None:
    """Both sides with Python's precision, or None if `other` is no number."""
    _capture()
    if type(other) is Item:
        both = item.integral and other.integral
        return item.wide(both), other.wide(both)
    if type(other) is not HostScalar and not issubclass(type(other), (bool, int, float)):
        return None
    return item.wide(item.integral and type(other) in (bool, int)), other


def _comparison(name: str) -> Callable[..., Any]:
    def method(self: Item, other: Any) -> Any:
        with state.no_grad():
            pair = _operands(self, other)
            return NotImplemented if pair is None else bool(getattr(pair[0], name)(pair[1]))

    return method


def _arithmetic(name: str) -> Callable[..., Any]:
    def method(self: Item, other: Any) -> Any:
        with state.no_grad():
            pair = _operands(self, other)
            return NotImplemented if pair is None else Item(getattr(pair[0], name)(pair[1]))

    return method


def _unary(name: str) -> Callable[..., Any]:
    def method(self: Item) -> Item:
        with state.no_grad():
            return Item(getattr(self.wide(self.integral), name)())

    return method


def _refused(name: str) -> Callable[..., Any]:
    def method(self: Item, *args: Any, **kwargs: Any) -> Any:
        raise concretization(".item() used for more than a comparison")

    return method


for _name in ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"):
    setattr(Item, _name, _comparison(_name))
for _name in ("__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__"):
    setattr(Item, _name, _arithmetic(_name))
for _name in ("__neg__", "__abs__"):
    setattr(Item, _name, _unary(_name))
for _name in (
    "__truediv__ __rtruediv__ __floordiv__ __rfloordiv__ __mod__ __rmod__ __divmod__ __rdivmod__ __pow__ "
    "__rpow__ __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __lshift__ __rlshift__ __rshift__ __rrshift__ "
    "__invert__ __pos__ __index__ __complex__ __round__ __trunc__ __floor__ __ceil__ __hash__ __repr__ __str__ "
    "__format__ __array__ __array_ufunc__ __reduce_ex__"
).split():
    setattr(Item, _name, _refused(_name))
