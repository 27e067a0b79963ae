"""Parameters: leaf tensors a Module registers by itself when they are assigned to it.

They share memory with what they are made from, but own it as far as versions and cells go: views of
a parameter lead to the parameter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import GradError, ShapeError
from symgrad.tensor.core import Tensor, wrap


class Parameter(Tensor):
    """A tensor to be learned; shares the memory of `data` and requires grad by default.

    >>> sg.nn.Parameter(sg.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> "Parameter":
        if data is None:
            data = wrap(np.empty((0,), dtypes.get_default_dtype().np))
        if requires_grad and not data.dtype.is_inexact:
            raise GradError("Only Tensors of floating point and complex dtype can require gradients",
                            hint="pass requires_grad=False, or convert with .float()")  # fmt: skip
        out = wrap(data.detach()._data, cls)
        out._rg = requires_grad
        return out  # type: ignore[return-value]

    def __init__(self, data: Tensor | None = None, requires_grad: bool = True) -> None:
        """`__new__` has made it; Tensor's own constructor must not run."""


class UninitializedParameter(Parameter):
    """A parameter whose shape is not known yet; `materialize` gives it one, and then it is a Parameter."""

    __slots__ = ()

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> "UninitializedParameter":
        from symgrad.ops.creation import empty

        return Parameter.__new__(cls, empty(0, dtype=dtype, device=device), requires_grad)  # type: ignore[return-value]

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        """`__new__` has made it; Tensor's own constructor must not run."""

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Memory for this shape, of this dtype and device or those it has; its values are arbitrary."""
        from symgrad.ops.creation import empty

        self.__class__ = Parameter  # type: ignore[assignment]
        self.data = empty(tuple(shape), dtype=dtype or self.dtype, device=device or self.device)

    @property
    def shape(self) -> Any:
        raise ShapeError("Can't access the shape of an uninitialized parameter or buffer. This error usually happens "
                         "in `load_state_dict` when trying to load an uninitialized parameter into an initialized one. "
                         "Call `forward` to initialize the parameters before accessing their attributes.")  # fmt: skip

    def numel(self) -> int:
        """Not known yet."""
        raise ValueError("Attempted to use an uninitialized parameter in numel. Call `forward` with a dummy batch to "
                         "initialize the parameters of the lazy module first.")  # fmt: skip

    def __repr__(self) -> str:
        return "<UninitializedParameter>"


def is_lazy(tensor: Any) -> bool:
    """Whether it is a parameter without a shape."""
    return isinstance(tensor, UninitializedParameter)


class Buffer(Tensor):
    """A tensor that belongs to a Module's state without being learned."""

    __slots__ = ("persistent",)

    def __new__(cls, data: Tensor, *, persistent: bool = True) -> "Buffer":
        out = wrap(data.detach()._data, cls)
        out.persistent = persistent  # type: ignore[attr-defined]
        return out  # type: ignore[return-value]

    def __init__(self, data: Tensor, *, persistent: bool = True) -> None:
        """`__new__` has made it; Tensor's own constructor must not run."""
