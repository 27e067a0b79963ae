"""Logic on truth values and on bits; shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad import dtypes
from symgrad.ops.operators import python_operator
from symgrad.ops.pointwise import check_tensors, pair, unary
from symgrad.ops.promotion import convert
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor


def _bits(name: str, symbol: str, operator: str, doc: str, shown: str) -> Any:
    return pair(name, scalar=f"a {symbol} b", array=name, kinds="bi", numbers="either", operator=operator, doc=doc,
                notes="Shapes: operands broadcast.",
                example=f">>> sg.{name}(sg.tensor([12, 10]), 6)\ntensor({shown})")  # fmt: skip


bitwise_and = _bits("bitwise_and", "&", "and", "Bitwise and; logical and of bools.", "[4, 2]")
bitwise_or = _bits("bitwise_or", "|", "or", "Bitwise or; logical or of bools.", "[14, 14]")
bitwise_xor = _bits("bitwise_xor", "^", "xor", "Bitwise exclusive or; logical one of bools.", "[10, 12]")
bitwise_not = unary(
    "bitwise_not", scalar="~x", array="invert", kinds="bi",
    doc="Bitwise complement; logical not of bools.",
    example=">>> sg.bitwise_not(sg.tensor([0, 5]))\ntensor([-1, -6])",
)


def _invert(x: Tensor) -> Any:
    if x.dtype.is_inexact:
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return bitwise_not(x)


python_operator("invert", _invert)


def _left_shift(np: Any, a: Any, b: Any) -> Any:
    bits = 8 * np.result_type(a, b).itemsize
    fits = (b >= 0) & (b < bits)
    return np.where(fits, np.left_shift(a, np.where(fits, b, 0).astype(np.result_type(a, b))), 0).astype(
        np.result_type(a, b))


def _right_shift(np: Any, a: Any, b: Any) -> Any:
    dtype = np.result_type(a, b)
    last = 8 * dtype.itemsize - 1
    fits = (b >= 0) & (b <= last)
    if dtype.kind == "u":
        return np.where(fits, np.right_shift(a, np.where(fits, b, 0).astype(dtype)), 0).astype(dtype)
    return np.right_shift(a, np.where(fits, b, last).astype(dtype))


bitwise_left_shift = pair(
    "bitwise_left_shift", scalar="a << b", array="_left_shift(np, a, b)", helpers={"_left_shift": _left_shift},
    kinds="i", numbers="either", operator="lshift",
    doc="a with its bits moved b places up, elementwise; 0 where b is out of range.",
    example=">>> sg.bitwise_left_shift(sg.tensor([1, 3]), 2)\ntensor([ 4, 12])",
)
bitwise_right_shift = pair(
    "bitwise_right_shift", scalar="a >> b", array="_right_shift(np, a, b)", helpers={"_right_shift": _right_shift},
    kinds="i", numbers="either", operator="rshift",
    doc="a with its bits moved b places down, elementwise; only the sign is left where b is out of range.",
    example=">>> sg.bitwise_right_shift(sg.tensor([8, -8]), 2)\ntensor([ 2, -2])",
)
gcd = pair(
    "gcd", array="gcd", kinds="i",
    doc="Greatest common divisor, elementwise.",
    example=">>> sg.gcd(sg.tensor([12, 18]), sg.tensor([8, 27]))\ntensor([4, 9])",
)
lcm = pair(
    "lcm", array="lcm", kinds="i",
    doc="Least common multiple, elementwise.",
    example=">>> sg.lcm(sg.tensor([4, 6]), sg.tensor([6, 9]))\ntensor([12, 18])",
)


@op(inplace=True)
def logical_not(input: Tensor) -> Any:
    """Whether elements are zero (False).

    >>> sg.logical_not(sg.tensor([0, 3]))
    tensor([ True, False])
    """
    return bitwise_not(input) if input.dtype is dtypes.bool_ else input == 0


def _logical(name: str, combine: Callable[[Any, Any], Any], doc: str, shown: str) -> Any:
    def function(input: Tensor, other: Tensor) -> Any:
        check_tensors(name, input=input, other=other)
        return combine(convert(input, dtypes.bool_), convert(other, dtypes.bool_))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (f"{doc}\n\nShapes: operands broadcast.\nDtype: bool, of any operands.\n"
                        f">>> sg.{name}(sg.tensor([0, 1, 2]), sg.tensor([1, 0, 1]))\ntensor({shown})")
    return op(inplace=True)(function)


logical_and = _logical("logical_and", bitwise_and, "Whether both elements are non-zero.", "[False, False,  True]")
logical_or = _logical("logical_or", bitwise_or, "Whether one of the elements is non-zero.", "[True, True, True]")
logical_xor = _logical("logical_xor", bitwise_xor, "Whether exactly one element is non-zero.", "[ True,  True, False]")
