"""`x[index]` read and written: a basic index is a view; tensors in it choose from that view, or write to it.

A mask that is written one value, or values that fit its place, is a `where`; everything else goes through
`index` and `index_put`. Outside a trace a write goes straight to memory, and is put on the tape after.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ops.functional import convert, full_scalar, is_scalar, slice_read, where
from symgrad.ops.gathering import positions
from symgrad.ops.index import _put as put_array
from symgrad.ops.index import index_p, index_put_p, put, read
from symgrad.ops.inplace import original
from symgrad.ops.shape import slice_ as slice_p
from symgrad.ops.subscripts import Subscript, check_mask, is_mask, parse
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind, explain, ndarray
from symgrad.tensor.tape import record
from symgrad.tensor.views import (
    OPERANDS,
    assign,
    bind_view,
    check_writable,
    mark_modified,
    rebase,
    view_on,
    writes_through,
)

_REST = [(slice(None),) * max(ndim - 1, 0) for ndim in range(65)]


def getitem(self: Tensor, index: Any) -> Tensor:
    """`self[index]`: a view for ints, slices, None and `...`; a copy for masks and index tensors."""
    kind = type(index)
    if kind is int or (kind is slice and (index.step is None or index.step == 1)):
        data = self._data
        if type(data) is ndarray and data.ndim and not state.captures:
            full = (index, *_REST[data.ndim])
            try:
                return view_on(slice_p, self, {"index": full}, data[full] if kind is slice else data[index, ...])
            except IndexError:
                pass  # what is wrong is told below
        if self.ndim:
            return slice_read(self, (index, *_REST[self.ndim]))
    parsed = parse(index, self.shape)
    if not parsed.chosen:
        return part_of(self, parsed, always=True)
    part = part_of(self, parsed)
    dims, indices = index_tensors(parsed, part, "x[mask]")
    return read(part, indices, dims)  # type: ignore[no-any-return]


def part_of(x: Tensor, parsed: Subscript, always: bool = False) -> Tensor:
    """The view that the basic part of an index chooses."""
    if not parsed.trivial or (always and not parsed.selected):
        x = slice_read(x, tuple(parsed.basic))
    for dim, index in reversed(parsed.selected):
        # In a trace alone: eagerly a 0-d index is an int. The view keeps the index as it is now.
        operand = wrap(state.capture().value_of(index))
        x = bind_view(index_p, x, {"dims": (dim,), "aligned": False, "wrap": True, OPERANDS: (operand,)})
    return x


writes_through(index_p, lambda base, value, params: put(
    base, value, params[OPERANDS], params["dims"], params["aligned"], params["wrap"]))  # fmt: skip


def index_tensors(parsed: Subscript, part: Tensor, what: str) -> tuple[tuple[int, ...], tuple[Tensor, ...]]:
    """The dimensions indexed and an integer tensor for each: of a mask, where it holds."""
    dims: list[int] = []
    indices: list[Tensor] = []
    for place, item in parsed.chosen:
        if is_mask(item):
            check_mask(item, part.shape, place)
            dims += range(place, place + item.ndim)
            indices += positions(item, what)
        else:
            dims.append(place)
            indices.append(item)
    return tuple(dims), tuple(indices)


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """`self[index] = value`, in place: value is a number, or a tensor that broadcasts to `self[index]`."""
    if not isinstance(value, Tensor) and not is_scalar(value):
        raise TypeError(f"can't assign a {type(value).__name__} to a tensor of {self.dtype.name}; "
                        "make a tensor of it first")
    if not isinstance(value, Tensor):
        value = fit_number(value, self.dtype)
    if index is False:
        return
    parsed = parse(index, self.shape)
    part = part_of(self, parsed, always=not parsed.chosen)
    if isinstance(value, Tensor) and value.ndim > 0:
        value = without_leading_ones(value, part.ndim if not parsed.chosen else 0)
    if not parsed.chosen:
        part.copy_(value)  # type: ignore[attr-defined]
        return
    if len(parsed.chosen) == 1 and is_mask(parsed.chosen[0][1]):
        ((place, mask),) = parsed.chosen
        fitting = beside_mask(value, mask, place, part)
        if fitting is not None:
            check_mask(mask, part.shape, place)
            fill_where(part, mask.reshape((*mask.shape, *[1] * (part.ndim - place - mask.ndim))), fitting)  # type: ignore[attr-defined]
            return
    dims, indices = index_tensors(parsed, part, "the part of x[mask] = values that is written")
    write(part, value if isinstance(value, Tensor) else full_scalar(value, part.dtype),
          indices, dims)  # fmt: skip


def without_leading_ones(value: Tensor, keep: int) -> Tensor:
    """`value` with no more than `keep` dimensions, if those in front are 1: what a write may drop."""
    drop = 0
    while drop < value.ndim - keep and value.shape[drop] == 1:
        drop += 1
    return slice_read(value, (0,) * drop + (slice(None),) * (value.ndim - drop)) if drop else value


def beside_mask(value: Any, mask: Tensor, place: int, part: Tensor) -> Any:
    """`value` as it broadcasts against `part`, if it does not depend on how often the mask holds; else None."""
    if not isinstance(value, Tensor) or value.ndim == 0:
        if mask.dtype is not dtypes.bool_:
            raise DTypeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype.name}",
                             hint="convert it with .bool()")  # fmt: skip
        return value
    after = part.ndim - place - mask.ndim
    if mask.dtype is not dtypes.bool_ or value.dtype is not part.dtype or value.ndim > place + 1 + after:
        return None
    if value.ndim > after:
        at = value.ndim - after - 1
        if value.shape[at] != 1:
            return None
        value = value.reshape((*value.shape[:at], *[1] * mask.ndim, *value.shape[at + 1 :]))  # type: ignore[attr-defined]
    fits = all(a in (1, b) for a, b in zip(reversed(value.shape), reversed(part.shape)))
    return value if fits else None


def fill_where(part: Tensor, mask: Tensor, value: Any) -> None:
    """Write `value` into `part` where the mask, which broadcasts to it, holds."""
    check_writable(part)
    recording = state.is_grad_enabled() and (part._rg or isinstance(value, Tensor) and value._rg)
    data = part._data
    if recording or state.captures or not isinstance(data, np.ndarray) or not data.flags.writeable:
        assign(part, where(mask, convert(value, part.dtype), part))
        return
    source = value._data if isinstance(value, Tensor) else convert(value, part.dtype)
    np.copyto(data, source, where=mask._data, casting="unsafe")
    mark_modified(part)


def write(target: Tensor, value: Tensor, indices: tuple[Tensor, ...], dims: tuple[int, ...], *,
          aligned: bool = False, wrap_around: bool = True, accumulate: bool = False) -> Tensor:  # fmt: skip
    """Put `value` at, or add it to, the chosen places of `target`, in place."""
    check_writable(target)
    params = {"dims": dims, "aligned": aligned, "wrap": wrap_around, "accumulate": accumulate}
    data = target._data
    if state.captures or not isinstance(data, np.ndarray) or not data.flags.writeable or target.dtype.is_half:
        return assign(target, bind(index_put_p, (target, value, *indices), params))
    recording = state.is_grad_enabled() and (target._rg or value._rg)
    inputs = (original(target) if recording else target, value, *indices)
    try:
        if value.dtype is not target.dtype:
            raise TypeError("dtypes differ")
        source = value._data.copy() if np.may_share_memory(value._data, data) else value._data
        put_array(np, data, source, tuple(i._data for i in indices), dims, aligned, wrap_around,
                  "add" if accumulate else "")  # fmt: skip
    except (ValueError, TypeError, IndexError) as error:
        raise explain(index_put_p, inputs, params, error) from error
    mark_modified(target)
    if recording:
        written = wrap(data)
        record(index_put_p, inputs, params, written)
        rebase(target, written)
    return target


def fit_number(value: Any, dtype: dtypes.DType) -> Any:
    """A number as `dtype` holds it: fractions are cut off, what overflows is an error."""
    if isinstance(value, (complex, np.complexfloating)) and dtype.category in (dtypes.INTEGRAL, dtypes.FLOATING):
        raise DTypeError(f"value cannot be converted to type {dtype.name} without overflow")
    if dtype.category != dtypes.INTEGRAL or not isinstance(value, (int, float, np.number)) or hasattr(value, "expr"):
        return convert(value, dtype)
    info = np.iinfo(dtype.np)
    if not math.isfinite(value) or not (info.min or -info.max) <= int(value) <= info.max:
        raise DTypeError(f"value cannot be converted to type {dtype.name} without overflow")
    return int(value) if info.min else int(value) % (info.max + 1)
