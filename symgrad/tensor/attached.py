"""For type checkers: the operators and methods that `symgrad.ops` attaches to Tensor.

They come from declarations when `symgrad.ops` is imported, so no class body shows them. Operators give
tensors; of a method only its name is unknown here, hence Any.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symgrad.tensor.core import Tensor

    _Binary = Callable[[Any, Any], Tensor]
    _Unary = Callable[[Any], Tensor]


class Attached:
    """Base of Tensor; empty when the program runs."""

    __slots__ = ()

    if TYPE_CHECKING:
        __add__: _Binary
        __radd__: _Binary
        __sub__: _Binary
        __rsub__: _Binary
        __mul__: _Binary
        __rmul__: _Binary
        __truediv__: _Binary
        __rtruediv__: _Binary
        __pow__: _Binary
        __rpow__: _Binary
        __matmul__: _Binary
        __rmatmul__: _Binary
        __floordiv__: _Binary
        __rfloordiv__: _Binary
        __mod__: _Binary
        __rmod__: _Binary
        __and__: _Binary
        __or__: _Binary
        __xor__: _Binary
        __lshift__: _Binary
        __rshift__: _Binary
        __lt__: _Binary
        __le__: _Binary
        __gt__: _Binary
        __ge__: _Binary
        __neg__: _Unary
        __pos__: _Unary
        __abs__: _Unary
        __invert__: _Unary

        def __eq__(self, other: object) -> Any: ...

        def __ne__(self, other: object) -> Any: ...

        def __getitem__(self, index: Any) -> Tensor: ...

        def __setitem__(self, index: Any, value: Any) -> None: ...

        def __getattr__(self, name: str) -> Any: ...
