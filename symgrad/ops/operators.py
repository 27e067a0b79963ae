"""Python's operators on tensors, with a fast path.

Equal dtypes, or a Python scalar with a floating tensor, and no capture: straight to the ufunc, and a
node if a gradient is wanted. Everything else is promoted first, by PyTorch's rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ir.primitive import Primitive
from symgrad.ops.promotion import is_scalar, promote
from symgrad.ops.registry import LETTERS, check_kind
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind, made
from symgrad.tensor.numbers import beside
from symgrad.tensor.tape import Node, edge_of, plan_for

ndarray = np.ndarray

OPERATORS: dict[str, Any] = {}
"""Python's method names (`__add__`, `__radd__`) to the functions; filled by the declarations."""

INPLACE: dict[str, str] = {}
"""Python's in-place methods (`__iadd__`) to the names of the twins they are."""

_NUMPY_KINDS = {"b": "b", "i": "iu", "f": "f", "c": "c"}


@dataclass(frozen=True)
class Operands:
    """Which operands an operation takes.

    `floating`: integers become the default float; `bools`: what is said where one operand is a bool,
    if that is an error; `check`: looks at operands whose values may be refused.
    """

    floating: bool = False
    kinds: str = LETTERS
    bools: str = ""
    check: Callable[[Any, Any], None] | None = None

    @property
    def straight(self) -> frozenset[Any]:
        """NumPy's dtypes of arrays for which NumPy's result is right as it is."""
        kinds = self.kinds.translate({ord(c): None for c in "bi"}) if self.floating or self.check else self.kinds
        numpys = "".join(_NUMPY_KINDS[k] for k in kinds if not (k == "b" and self.bools))
        return frozenset([stored for stored in dtypes.STORED if stored.kind in numpys])


def operand(x: Any) -> Any:
    """What an operator computes with: tensors and numbers; an array as a tensor on its memory."""
    if isinstance(x, Tensor) or is_scalar(x):
        return x
    return wrap(x) if isinstance(x, ndarray) else NotImplemented


def _slow_binary(prim: Primitive, a: Any, b: Any, takes: Operands) -> Any:
    a, b = operand(a), operand(b)
    if a is NotImplemented or b is NotImplemented:
        return NotImplemented
    if takes.bools and any(type(x) is bool or (isinstance(x, Tensor) and x.dtype is dtypes.bool_) for x in (a, b)):
        raise DTypeError(takes.bools, hint="use the `~` or `logical_not()` operator to invert a mask")
    a, b = promote(a, b, floating=takes.floating)
    check_kind(prim.name, (a if isinstance(a, Tensor) else b).dtype, takes.kinds)
    if takes.check is not None and not state.captures:
        takes.check(a, b)
    return bind(prim, (a, b), {})


def binary(
    prim: Primitive, takes: Operands = Operands(), function: Any = None, commutes: bool = False
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The operator and its reflection for a two-operand primitive; `function` is its array form, if not `prim`'s.

    Where the operands commute, the reflection's node lists the tensor first, as PyTorch's does; a captured program
    keeps the order it was written in.
    """
    ufunc = function or prim.evaluate
    plans = {(p, q): plan_for(prim, (p, q)) for p in (True, False) for q in (True, False)}
    empty = not any([plan.saves for plan in plans.values()])
    straight = takes.straight
    floats = frozenset([stored for stored in straight if stored.kind == "f"])

    def operator(a: Any, b: Any) -> Any:
        if state.captures:
            return _slow_binary(prim, a, b, takes)
        x = a._data
        if isinstance(b, Tensor):
            y = b._data
            rb = b._rg
            try:
                dtype = x.dtype
                if dtype is not y.dtype or dtype not in straight:
                    return _slow_binary(prim, a, b, takes)
                z = ufunc(x, y)
            except (ValueError, TypeError, AttributeError):
                return _slow_binary(prim, a, b, takes)
        else:
            kind = type(b)
            if (kind is not float and kind is not int) or type(x) is not ndarray or x.dtype not in floats:
                return _slow_binary(prim, a, b, takes)
            try:
                z = ufunc(x, beside(b, x.dtype))
            except TypeError:
                return _slow_binary(prim, a, b, takes)
            rb = False
        if type(z) is not ndarray:
            z = np.asarray(z)
        out = wrap(z)
        ra = a._rg
        if (ra or rb) and (not state.no_grads or state.local.grad):
            plan = plans[ra, rb]
            if plan.rules:
                out._rg = True
                out._node = Node(
                    prim, _NO_PARAMS,
                    ((a._node or a if a._view is None else edge_of(a)) if ra else None,
                     (b._node or b if b._view is None else edge_of(b)) if rb else None),
                    plan, () if empty else plan.save((a, b), out), z,
                )  # fmt: skip
        return out

    def reflected(a: Any, b: Any) -> Any:
        if not isinstance(a, Tensor):
            raise TypeError(f"the reflected operator of {prim.name} doesn't apply to a '{type(a).__name__}' object")
        if commutes and not state.captures:
            return operator(a, b)
        if isinstance(b, Tensor):
            return operator(b, a)
        if not state.captures and type(b) in (float, int) and type(a._data) is ndarray \
                and a._data.dtype in floats:  # fmt: skip
            return made(prim, (b, a), _NO_PARAMS, ufunc(beside(b, a._data.dtype), a._data))
        return _slow_binary(prim, b, a, takes)

    operator.__name__ = operator.__qualname__ = prim.name
    operator.__doc__ = prim.doc
    return operator, reflected


def python_operator(name: str, operator: Any, reflected: Any = None, inplace: str = "") -> None:
    """Make functions Python's operator `name` ("add"), its reflection, and its in-place form."""
    OPERATORS[f"__{name}__"] = operator
    if reflected is not None:
        OPERATORS[f"__r{name}__"] = reflected
    if inplace:
        INPLACE[f"__i{name}__"] = inplace


_NO_PARAMS: dict[str, Any] = {}
