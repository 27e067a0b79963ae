"""Python's operators on tensors, with a fast path.

Equal dtypes, or a Python scalar with a floating tensor, and no capture: straight to the ufunc, and a
node if a gradient is wanted. Everything else is promoted first, by PyTorch's rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ir.graph import Value
from symgrad.ir.primitive import Primitive
from symgrad.ops import elementwise as ew
from symgrad.ops.promotion import is_scalar, promote
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind
from symgrad.tensor.tape import Node, edge_of, plan_for

ndarray = np.ndarray


def _slow_binary(prim: Primitive, a: Any, b: Any, floating: bool) -> Any:
    for x in (a, b):
        if not isinstance(x, Tensor) and not is_scalar(x):
            return NotImplemented
    if prim is ew.sub and any(type(x) is bool or (isinstance(x, Tensor) and x.dtype is dtypes.bool_) for x in (a, b)):
        raise DTypeError("Subtraction, the `-` operator, with a bool tensor is not supported.",
                         hint="use the `~` or `logical_not()` operator to invert a mask")  # fmt: skip
    a, b = promote(a, b, floating=floating)
    return bind(prim, (a, b), {})


def binary(prim: Primitive, *, floating: bool = False) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The operator and its reflection for a two-operand elementwise primitive."""
    ufunc = getattr(np, prim.array)
    plans = {(p, q): plan_for(prim, (p, q)) for p in (True, False) for q in (True, False)}
    keeps = {needs: plan.saves for needs, plan in plans.items()}
    empty = not any(keeps.values())
    floats_only = floating or prim is ew.sub

    def operator(a: Any, b: Any) -> Any:
        if state.captures:
            return _slow_binary(prim, a, b, floating)
        x = a._data
        if isinstance(b, Tensor):
            y = b._data
            rb = b._rg
            try:
                if x.dtype is not y.dtype or (floats_only and x.dtype.kind != "f"):
                    return _slow_binary(prim, a, b, floating)
                z = ufunc(x, y)
            except (ValueError, TypeError, AttributeError):
                return _slow_binary(prim, a, b, floating)
        else:
            kind = type(b)
            if (kind is not float and kind is not int) or type(x) is Value or x.dtype.kind != "f":
                return _slow_binary(prim, a, b, floating)
            try:
                z = ufunc(x, b)
            except TypeError:
                return _slow_binary(prim, a, b, floating)
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
        if isinstance(b, Tensor):
            return operator(b, a)
        if not state.captures and type(b) in (float, int) and type(a._data) is not Value \
                and a._data.dtype.kind == "f":  # fmt: skip
            return bind(prim, (b, a), {})
        return _slow_binary(prim, b, a, floating)

    operator.__name__ = operator.__qualname__ = prim.name
    operator.__doc__ = prim.doc
    return operator, reflected


_NO_PARAMS: dict[str, Any] = {}

mul_op, rmul_op = binary(ew.mul)
add_op, radd_op = binary(ew.add)
sub_op, rsub_op = binary(ew.sub)
div_op, rdiv_op = binary(ew.div, floating=True)
eq_op, _ = binary(ew.eq)
ne_op, _ = binary(ew.ne)
lt_op, _ = binary(ew.lt)
le_op, _ = binary(ew.le)
gt_op, _ = binary(ew.gt)
ge_op, _ = binary(ew.ge)
and_op, _ = binary(ew.bitwise_and)
or_op, _ = binary(ew.bitwise_or)
