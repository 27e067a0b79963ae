"""How a function of `nn.functional` is declared, and what many of them begin and end with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ops.inplace import twin
from symgrad.ops.promotion import convert
from symgrad.ops.public import op, with_out
from symgrad.tensor.core import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def functional(*, out: bool = False, **where: Any) -> Callable[[F], F]:
    """`@functional()`: found as `F.NAME`; with `top=True` as `sg.NAME` too; with `out=True` it takes `out=`."""

    def declare(function: F) -> F:
        called: Any = with_out(function) if out else function
        return op(namespace="nn.functional", method=False, out=False, **where)(called)  # type: ignore[no-any-return]

    return declare


def widened(name: str, input: Tensor) -> Any:
    """`input` as it is computed with: real floats, of 32 bits where they have 16, so that one rounding is left."""
    if not input.dtype.is_floating_point:
        raise DTypeError(f'"{name}" not implemented for \'{input.dtype.name}\'', hint="convert with .float()")
    return convert(input, dtypes.float32) if input.dtype.is_half else input


def in_place(function: Callable[..., Any], input: Tensor, *args: Any) -> Tensor:
    """What `function` gives, written to its first operand."""
    return twin(f"{function.__name__}_", function)(input, *args)  # type: ignore[no-any-return]


def twin_of(function: Callable[..., Any], example: str = "") -> Callable[..., Tensor]:
    """`F.NAME_`, which writes what `function` gives to its first operand; with an `example` it is `sg.NAME_` too."""
    made = twin(f"{function.__name__}_", function)
    made.__module__ = function.__module__
    if example:
        made.__doc__ = f"{made.__doc__}\n\n{example}"
        functional(top=True)(made)
    return made
