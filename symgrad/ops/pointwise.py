"""How an elementwise operation is declared: primitive and public function in one call.

    tan = unary("tan", array="tan", scalar="tan(x)", floating=True, grad=lambda g, out: ..., ...)

makes the primitive, `sg.tan`, `x.tan()`, `x.tan_()` and `out=`, with the gradient, the dtypes taken and
the documentation beside each other. The family files (`arithmetic`, `trigonometric`, …) are lists of such
calls.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ir.primitive import Primitive
from symgrad.ops.operators import Operands, binary, python_operator
from symgrad.ops.promotion import convert, is_scalar
from symgrad.ops.public import op
from symgrad.ops.registry import LETTERS, check_kind, elementwise
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, made1, ndarray

NO_PARAMS: dict[str, Any] = {}


def declare(
    name: str,
    operands: str,
    *,
    array: str,
    scalar: str = "",
    grad: Mapping[Any, Any] | Callable[..., Any] | None = None,
    kinds: str = LETTERS,
    **rest: Any,
) -> Primitive:
    """The primitive of a declaration; a lone gradient rule is that of the one operand."""
    if callable(grad):
        grad = {operands: grad}
    return elementwise(name, operands, array=array, scalar=scalar, grad=grad, kinds=kinds, **rest)


def unary(
    name: str,
    *,
    kinds: str = LETTERS,
    floating: bool = False,
    copies: str = "",
    bools: str = "",
    aliases: tuple[str, ...] = (),
    inplace: bool = True,
    example: str = "",
    notes: str = "",
    **declaration: Any,
) -> Callable[[Tensor], Any]:
    """Declare an operation of one tensor; gives its public function.

    `kinds`: of dtype it takes; `floating`: of these, integers and bools become the default float first;
    `copies`: of these, tensors of such a kind come back as a copy; `bools`: the message where a bool
    tensor is refused. `example` is a doctest, `notes` are further lines of the docstring.
    """
    computed = "".join(k for k in kinds if k not in (copies or ("bi" if floating else "")))
    prim = declare(name, "x", kinds=computed, **declaration)

    def function(input: Tensor) -> Any:
        try:
            data = input._data
        except AttributeError:
            raise not_a_tensor(name, input) from None
        if type(data) is ndarray and data.dtype.kind == "f" and not state.captures:
            return made1(prim, input, NO_PARAMS, prim.evaluate(data))
        dtype = input.dtype
        if bools and dtype is dtypes.bool_:
            raise DTypeError(bools)
        letter = LETTERS[dtype.category]
        if letter in copies:
            return input.clone()
        check_kind(name, dtype, kinds)
        if floating and not dtype.is_inexact:
            input = convert(input, dtypes.get_default_dtype())
        return bind(prim, (input,), {})

    return publish(function, prim, aliases, inplace, example, notes)


def pair(
    name: str,
    *,
    kinds: str = LETTERS,
    floating: bool = False,
    bools: str = "",
    check: Callable[[Any, Any], None] | None = None,
    numbers: str = "",
    aliases: tuple[str, ...] = (),
    inplace: bool = True,
    ufunc: Any = None,
    operator: str = "",
    reflects: bool = True,
    public: bool = True,
    example: str = "",
    notes: str = "",
    **declaration: Any,
) -> Callable[[Any, Any], Any]:
    """Declare an operation of two tensors that broadcast; gives its public function.

    `numbers`: whether Python numbers serve as operands: "" none, "second", or "either". `operator`: the
    Python operator it is ("lt"), whose reflection exists if it `reflects`; `public`: whether users can name
    it. The rest is as for `unary`.
    """
    computed = "".join(k for k in kinds if k not in ("bi" if floating else ""))
    prim = declare(name, "a b", kinds=computed, **declaration)
    forward, reflected = binary(prim, Operands(floating, kinds, bools, check))

    def function(input: Any, other: Any) -> Any:
        if isinstance(input, Tensor):
            if isinstance(other, Tensor) or numbers and is_scalar(other):
                return forward(input, other)
            raise not_a_tensor(name, other, "other", 2)
        if numbers == "either" and is_scalar(input) and isinstance(other, Tensor):
            return reflected(other, input)
        raise not_a_tensor(name, input)

    if operator:
        python_operator(operator, forward, reflected if reflects else None, f"{name}_" if inplace and reflects else "")
    return publish(function, prim, aliases, inplace, example, notes, ufunc) if public else function


def publish(
    function: Any, prim: Primitive, aliases: tuple[str, ...], inplace: bool, example: str, notes: str = "",
    ufunc: Any = None,
) -> Any:  # fmt: skip
    """Name and document the public function of a primitive, and enter it into the table."""
    function.__name__ = function.__qualname__ = prim.name
    function.__module__ = declaring_module()
    lines = [prim.doc]
    if prim.gradient:
        lines.append(f"Gradient: {prim.gradient}")
    lines += notes.strip().splitlines()
    if prim.source:
        lines.append(f"Source: {prim.source}")
    head, *more = lines
    function.__doc__ = "\n\n".join([head, "\n".join([*more, *example.strip().splitlines()])]).strip()
    return op(inplace=inplace, aliases=aliases, ufunc=ufunc)(function)


def declaring_module() -> str:
    """The family file whose call is being served."""
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] == __name__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals["__name__"])


def check_tensors(name: str, **arguments: Any) -> None:
    """Raise PyTorch's error unless all arguments, given by name in order, are tensors."""
    for position, (argument, x) in enumerate(arguments.items(), 1):
        if not isinstance(x, Tensor):
            raise not_a_tensor(name, x, argument, position)


def not_a_tensor(name: str, given: Any, argument: str = "input", position: int = 1) -> TypeError:
    """PyTorch's error where a tensor is wanted."""
    return TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, "
                     f"not {type(given).__name__}")
