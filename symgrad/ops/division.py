"""Division with rounding: quotients towards minus infinity or zero, and what they leave.

Of integers, division by zero raises eagerly, as in PyTorch; a compiled program gives 0 there on every
backend, since looking at all divisors first would cost a pass over memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.errors import DomainError, DTypeError
from symgrad.ops.elementwise import no_gradient
from symgrad.ops.pointwise import pair
from symgrad.ops.promotion import result_type
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.ops.rounding import trunc
from symgrad.tensor.core import Tensor


def nonzero_divisor(a: Any, b: Any) -> None:
    """Raise if integers are divided by zero."""
    dtype = (a if isinstance(a, Tensor) else b).dtype
    zeros = not np.all(b._data) if isinstance(b, Tensor) and isinstance(b._data, np.ndarray) else b == 0
    if not dtype.is_inexact and zeros is True:
        raise DomainError("ZeroDivisionError", hint="integers cannot be divided by zero; mask them, or use floats")


def _trunc_divide(np: Any, a: Any, b: Any) -> Any:
    return np.floor_divide(np.subtract(a, np.fmod(a, b)), b)


NOTES = """Shapes: operands broadcast.
Raises: DomainError where integers are divided by zero (compiled: 0)."""

floor_divide = pair(
    "floor_divide", scalar="a // b", array="floor_divide", kinds="if", check=nonzero_divisor, numbers="either",
    operator="floordiv", grad=dict(a=lambda g: no_gradient(g), b=lambda g: no_gradient(g)),
    doc="Quotient rounded towards minus infinity, elementwise.", gradient="zero", notes=NOTES,
    example=">>> sg.floor_divide(sg.tensor([7, -7]), 2)\ntensor([ 3, -4])",
)
_trunc_divide_integers = pair(
    "trunc_divide", scalar="truncdiv(a, b)", array="_trunc_divide(np, a, b)", kinds="i", check=nonzero_divisor,
    helpers={"_trunc_divide": _trunc_divide}, numbers="either", public=False,
    doc="Quotient of integers rounded towards zero, elementwise.",
)


def trunc_divide(a: Any, b: Any) -> Any:
    """a / b rounded towards zero; its gradient is zero."""
    dtype = result_type(a, b)
    check_kind("div_trunc", dtype, "if")
    return trunc(a / b) if dtype.is_inexact else _trunc_divide_integers(a, b)


remainder = pair(
    "remainder", scalar="a % b", array="remainder", kinds="if", check=nonzero_divisor, numbers="either",
    operator="mod", grad=dict(a=lambda g: g, b=lambda g, a, b: -g * floor_divide(a, b)),
    doc="What division rounded towards minus infinity leaves; of the divisor's sign.",
    gradient="da = g, db = -g floor(a / b)", notes=NOTES,
    example=">>> sg.remainder(sg.tensor([7, -7]), 3)\ntensor([1, 2])",
)
fmod = pair(
    "fmod", scalar="fmod(a, b)", array="fmod", kinds="if", check=nonzero_divisor, numbers="second",
    grad=dict(a=lambda g: g, b=lambda g, a, b: -g * trunc_divide(a, b)),
    doc="What division rounded towards zero leaves; of the dividend's sign.",
    gradient="da = g, db = -g trunc(a / b)", notes=NOTES,
    example=">>> sg.fmod(sg.tensor([7, -7]), 3)\ntensor([ 1, -1])",
)


@op(inplace=True, ufunc=np.true_divide, aliases=("divide", "true_divide"))
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, elementwise; `rounding_mode` None, "trunc" (towards zero) or "floor".

    Shapes: operands broadcast.
    Dtype: integers give the default float, unless rounded.
    Raises: DomainError where integers are divided by zero and rounded (compiled: 0).
    >>> sg.div(sg.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> sg.div(sg.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    if rounding_mode is None:
        return input / other
    if rounding_mode == "floor":
        return floor_divide(input, other)
    if rounding_mode == "trunc":
        return trunc_divide(input, other)
    raise DTypeError("div expected rounding_mode to be one of None, 'trunc', or 'floor' "
                     f"but found '{rounding_mode}'")


