"""Comparisons, questions about single elements, and the three ways to ask whether tensors are equal."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ops.pointwise import check_tensors, declare, pair
from symgrad.ops.public import op
from symgrad.ops.registry import check_kind
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind


def _comparison(name: str, symbol: str, array: str, kinds: str, shown: str, aliases: tuple[str, ...] = ()) -> Any:
    return pair(
        name, scalar=f"a {symbol} b", array=array, result=dtypes.bool_, kinds=kinds, numbers="second",
        operator=name, reflects=False, aliases=aliases, doc=f"Whether a {symbol} b, elementwise.",
        notes="Dtype: bool.", example=f">>> sg.{name}(sg.tensor([1, 2, 3]), 2)\ntensor({shown})",
    )  # fmt: skip


eq = _comparison("eq", "==", "equal", "bifc", "[False,  True, False]")
ne = _comparison("ne", "!=", "not_equal", "bifc", "[ True, False,  True]", ("not_equal",))
lt = _comparison("lt", "<", "less", "bif", "[ True, False, False]", ("less",))
le = _comparison("le", "<=", "less_equal", "bif", "[ True,  True, False]", ("less_equal",))
gt = _comparison("gt", ">", "greater", "bif", "[False, False,  True]", ("greater",))
ge = _comparison("ge", ">=", "greater_equal", "bif", "[False,  True,  True]", ("greater_equal",))

isinf_p = declare(
    "isinf", "x", scalar="abs(x) == 1e999", array="isinf", kinds="fc", result=dtypes.bool_,
    doc="Whether elements are infinite, elementwise.",
)
isfinite_p = declare(
    "isfinite", "x", scalar="abs(x) < 1e999", array="isfinite", kinds="fc", result=dtypes.bool_,
    doc="Whether elements are neither infinite nor nan, elementwise.",
)


@op
def isnan(input: Tensor) -> Tensor:
    """Whether elements are nan.

    >>> sg.isnan(sg.tensor([1., float("nan")]))
    tensor([False,  True])
    """
    return ne(input, input)  # type: ignore[no-any-return]


@op
def isinf(input: Tensor) -> Tensor:
    """Whether elements are infinite, of either sign.

    >>> sg.isinf(sg.tensor([1., float("-inf")]))
    tensor([False,  True])
    """
    return bind(isinf_p, (input,), {}) if input.dtype.is_inexact else ne(input, input)  # type: ignore[no-any-return]


@op
def isfinite(input: Tensor) -> Tensor:
    """Whether elements are neither infinite nor nan.

    >>> sg.isfinite(sg.tensor([1., float("inf"), float("nan")]))
    tensor([ True, False, False])
    """
    return bind(isfinite_p, (input,), {}) if input.dtype.is_inexact else eq(input, input)  # type: ignore[no-any-return]


@op
def isposinf(input: Tensor) -> Tensor:
    """Whether elements are plus infinity.

    >>> sg.isposinf(sg.tensor([float("inf"), float("-inf")]))
    tensor([ True, False])
    """
    check_kind("isposinf", input.dtype, "bif")
    return eq(input, float("inf")) if input.dtype.is_inexact else ne(input, input)  # type: ignore[no-any-return]


@op
def isneginf(input: Tensor) -> Tensor:
    """Whether elements are minus infinity.

    >>> sg.isneginf(sg.tensor([float("inf"), float("-inf")]))
    tensor([False,  True])
    """
    check_kind("isneginf", input.dtype, "bif")
    return eq(input, float("-inf")) if input.dtype.is_inexact else ne(input, input)  # type: ignore[no-any-return]


@op
def isreal(input: Tensor) -> Tensor:
    """Whether elements have no imaginary part.

    >>> sg.isreal(sg.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    from symgrad.ops.creation import ones_like

    if input.dtype.is_complex:
        return input.imag == 0  # type: ignore[no-any-return]
    return ones_like(input, dtype=dtypes.bool_)


@op
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Tensor:
    """Whether |input - other| <= atol + rtol |other|, elementwise; infinities are close to themselves.

    Raises: DTypeError where the dtypes differ.
    >>> sg.isclose(sg.tensor([1., 2.]), sg.tensor([1.000001, 3.]))
    tensor([ True, False])
    """
    check_tensors("isclose", input=input, other=other)
    if input.dtype is not other.dtype:
        raise DTypeError(f"{input.dtype.name} did not match {other.dtype.name}", hint="convert one of them with .to()")
    if rtol < 0 or atol < 0:
        raise DTypeError(f"rtol and atol must be greater than or equal to zero, but got {rtol} and {atol}")
    close = input == other
    if equal_nan and input.dtype.is_inexact:
        close = close | ((input != input) & (other != other))
    if rtol == 0 and atol == 0:
        return close  # type: ignore[no-any-return]
    if not input.dtype.is_inexact:
        input, other = (x.to(dtypes.get_default_dtype()) for x in (input, other))
    gap = (input - other).abs()
    return close | (isfinite(gap) & (gap <= atol + (rtol * other).abs()))  # type: ignore[no-any-return]


@op(out=False)
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close (see `isclose`): a Python bool.

    >>> sg.allclose(sg.tensor([1., 2.]), sg.tensor([1., 2.0000001]))
    True
    """
    return _all(isclose(input, other, rtol, atol, equal_nan))


@op(out=False)
def equal(input: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same shape and elements: a Python bool.

    >>> sg.equal(sg.tensor([1, 2]), sg.tensor([1, 2])), sg.equal(sg.tensor([1]), sg.tensor([1, 2]))
    (True, False)
    """
    check_tensors("equal", input=input, other=other)
    return tuple(input.shape) == tuple(other.shape) and _all(input == other)


def _all(x: Any) -> bool:
    from symgrad.ops.functional import sum

    return bool(sum(x).item() == x.numel())
