"""Reading and writing by index: basic indexing is a view, a boolean mask writes by `where`."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DimError, TraceError
from symgrad.ops.functional import convert, slice_read, where
from symgrad.ops.gathering import positions
from symgrad.ops.index import read
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.views import assign, check_writable

_REST = [(slice(None),) * max(ndim - 1, 0) for ndim in range(65)]


def normalize(index: Any, ndim: int) -> tuple[Any, ...] | None:
    """A basic index as a full tuple of ints, slices and Nones; None if it is not basic."""
    items = index if isinstance(index, tuple) else (index,)
    basic: list[Any] = []
    for item in items:
        if isinstance(item, Tensor) and item.ndim == 0 and item.dtype.category == dtypes.INTEGRAL:
            item = int(item)
        if isinstance(item, (bool, np.bool_, list, np.ndarray, Tensor)):
            return None
        if isinstance(item, (int, np.integer)):
            item = int(item)
        elif isinstance(item, slice):
            item = slice(*(None if v is None else int(v) for v in (item.start, item.stop, item.step)))
            if item.step is not None and item.step <= 0:
                raise ValueError("step must be greater than zero")
        elif item is not None and item is not Ellipsis:
            raise DimError(f"only integers, slices (`:`), ellipsis (`...`), None and masks are valid "
                           f"indices (got {type(item).__name__})")
        basic.append(item)
    used = sum(1 for i in basic if i is not None and i is not Ellipsis)
    if used > ndim:
        raise DimError(f"too many indices for tensor of dimension {ndim}")
    fill = (slice(None),) * (ndim - used)
    if Ellipsis in basic:
        at = basic.index(Ellipsis)
        return (*basic[:at], *fill, *basic[at + 1 :])
    return (*basic, *fill)


def getitem(self: Tensor, index: Any) -> Tensor:
    """`self[index]`: a view for ints, slices, None and `...`; a copy for masks and index arrays."""
    kind = type(index)
    if (kind is int or (kind is slice and (index.step is None or index.step == 1))) and self.ndim:
        return slice_read(self, (index, *_REST[self.ndim]))
    basic = normalize(index, self.ndim)
    if basic is not None:
        return slice_read(self, basic)
    if type(index) is Tensor and index.dtype is dtypes.int64:
        return read(self, (index,), (0,))
    if type(index) is Tensor and index.dtype is dtypes.bool_:
        return read(self, positions(index, "x[mask]"), tuple(range(index.ndim)))
    if state.capture() is not None:
        raise TraceError("indexing by a mask or an index tensor has a data-dependent result",
                         hint="use where() in compiled code")  # fmt: skip
    if self._rg and state.is_grad_enabled():
        raise TraceError("indexing by a tensor is not differentiable yet", hint="use where(), or detach()")
    items = index if isinstance(index, tuple) else (index,)
    arrays = tuple(i.array("indexing") if isinstance(i, Tensor) else i for i in items)
    return wrap(np.array(self._data[arrays]))


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """`self[index] = value`, in place; a boolean mask writes where it holds."""
    basic = normalize(index, self.ndim)
    if basic is None and isinstance(index, Tensor) and index.dtype is dtypes.bool_:
        check_writable(self)
        if index.ndim > self.ndim or tuple(index.shape) != tuple(self.shape[: index.ndim]):
            raise DimError(f"The shape of the mask {list(index.shape)} at index 0 does not match the "
                           f"shape of the indexed tensor {list(self.shape)} at index 0")
        if isinstance(value, Tensor) and value.ndim and value.numel() != 1:
            raise TraceError("writing several values through a mask is data-dependent",
                             hint="write one value, or use where()")
        mask = index.reshape((*index.shape, *[1] * (self.ndim - index.ndim)))
        value = value.reshape(()) if isinstance(value, Tensor) else value
        assign(self, where(mask, convert(value, self.dtype), self))
        return
    if basic is None:
        if state.capture() is not None or self._rg:
            raise TraceError("writing through an index tensor is data-dependent", hint="use where()")
        items = index if isinstance(index, tuple) else (index,)
        arrays = tuple(i.array("indexing") if isinstance(i, Tensor) else i for i in items)
        fresh = self._data.copy()
        fresh[arrays] = value.array("indexing") if isinstance(value, Tensor) else value
        assign(self, wrap(fresh))
        return
    part = slice_read(self, basic)
    part.copy_(value)
