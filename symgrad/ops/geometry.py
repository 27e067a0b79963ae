"""A tensor's own shape and strides changed in place: its elements stay, the tensor sees them otherwise.

The tensor becomes a view of what it was, which is kept behind it, so that older views of it and writes
through either go on as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import InplaceError, ShapeError
from symgrad.ir.graph import Value
from symgrad.ops.arrange import as_strided
from symgrad.ops.public import op
from symgrad.ops.shapes import sizes_of, squeeze, t, transpose, unsqueeze
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.memory import memory_under, start_of
from symgrad.tensor.views import check_writable, mark_modified


def reshaped(self: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    """Make `self` the view of itself that `view` gives."""
    check_writable(self)
    active = state.capture()
    symbol = type(self._data) is Value
    if active is not None and not symbol:
        active.refuse("the shape of a tensor from outside is changed in place")
    if self._view is None and (state.is_grad_enabled() or not self._rg):
        before = wrap(self._data if active is None else active.value_of(self))
        before._rg, before._node = self._rg, self._node
        if symbol:
            before._version, before._modified = self._version, self._modified
            self._base = before
        else:
            before._base = self._base if self._base is not None else self
        self._view = None
        after = view(before)
    else:
        after = view(self)
    if after._data is self._data:
        return self
    self._data, self._node, self._rg = after._data, after._node, after._rg
    if self._view is not None or after._view is not None and after._view.base is not self:
        self._view = after._view
    self._type = None
    if not symbol:
        mark_modified(self)
        if self._view is not None:
            self._view.version = self._view.base.owner._version
    state.bump_epoch()
    return self


@op(top=False, out=False)
def t_(input: Tensor) -> Tensor:
    """In-place `t`.

    >>> sg.zeros(2, 3).t_().shape
    torch.Size([3, 2])
    """
    return reshaped(input, t)


@op(top=False, out=False, aliases=("swapaxes_", "swapdims_"))
def transpose_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """In-place `transpose`.

    >>> sg.zeros(2, 3).transpose_(0, 1).shape
    torch.Size([3, 2])
    """
    return reshaped(input, lambda x: transpose(x, dim0, dim1))


@op(top=False, out=False)
def squeeze_(input: Tensor, dim: Any = None) -> Tensor:
    """In-place `squeeze`.

    >>> sg.zeros(1, 3).squeeze_().shape
    torch.Size([3])
    """
    return reshaped(input, lambda x: squeeze(x, dim))


@op(top=False, out=False)
def unsqueeze_(input: Tensor, dim: int) -> Tensor:
    """In-place `unsqueeze`.

    >>> sg.zeros(3).unsqueeze_(0).shape
    torch.Size([1, 3])
    """
    return reshaped(input, lambda x: unsqueeze(x, dim))


@op(out=False)
def as_strided_(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """In-place `as_strided`.

    >>> sg.arange(4).as_strided_((2,), (2,))
    tensor([0, 2])
    """
    return reshaped(input, lambda x: as_strided(x, size, stride, storage_offset))


def refuse_traced(self: Tensor, what: str) -> None:
    """Raise where the memory of a tensor cannot be exchanged."""
    if (active := state.capture()) is not None:
        active.refuse(f"{what} rebinds a tensor's memory")
    if self._rg:
        raise InplaceError(f"cannot {what} variables that require grad", hint="detach() first")


@op(top=False, out=False)
def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """The tensor with another shape: row-major over its memory, which grows where it is too small.

    Elements beyond the old ones are unspecified (here: zeros).
    >>> sg.arange(4).resize_(2, 1)
    tensor([[0],
            [1]])
    """
    size = sizes_of(sizes)
    refuse_traced(input, "resize")
    if any(e < 0 for e in size):
        raise ShapeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if size == tuple(input.shape):
        return input
    count = int(np.prod(size))
    data: Any = input._data
    memory, first = memory_under(data), start_of(data) // data.itemsize
    if not memory.flags.c_contiguous or memory.dtype != data.dtype:
        memory, first = np.ascontiguousarray(data), 0
    flat = memory.reshape(-1)[first:]
    if flat.size < count:
        grown = np.zeros(count, data.dtype)
        grown[: flat.size] = flat
        input._base, flat = None, grown
    input._data = flat[:count].reshape(size)
    input._view, input._type = None, None
    mark_modified(input)
    state.bump_epoch()
    return input


@op(top=False, out=False)
def resize_as_(input: Tensor, other: Tensor, *, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of `other`.

    >>> sg.arange(4).resize_as_(sg.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return resize_(input, tuple(other.shape))


@op(top=False, out=False)
def set_(input: Tensor, source: Tensor | None = None) -> Tensor:
    """The tensor on the memory of `source`, with its shape and strides; without source, empty.

    >>> sg.zeros(2).set_(sg.tensor([1.0, 2.0, 3.0]))
    tensor([1., 2., 3.])
    """
    refuse_traced(input, "set")
    source = wrap(np.zeros(0, input.dtype.np)) if source is None else source
    if source.dtype is not input.dtype:
        raise ShapeError(f"Could not set tensor of type {source.dtype.name} to a tensor of type {input.dtype.name}")
    input._data = source._data
    input._base = source._base if source._base is not None else source
    input._view, input._type = None, None
    mark_modified(input)
    state.bump_epoch()
    return input
