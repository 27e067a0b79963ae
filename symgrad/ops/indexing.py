"""`x[index]` read and written: a basic index is a view; tensors in it choose from that view, or write to it.

A mask that is written one value, or values that fit its place, is a `where`; everything else goes through
`index` and `index_put`. Plain writes outside a trace and the tape are NumPy's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ops.functional import full_scalar, is_scalar, slice_read
from symgrad.ops.gathering import placed_view, positions
from symgrad.ops.index import read
from symgrad.ops.shape import slice_ as slice_p
from symgrad.ops.subscripts import Subscript, check_mask, is_mask, parse
from symgrad.ops.writing import Written, fill_where, fit_number, write
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import ndarray
from symgrad.tensor.views import mark_modified, view_on

_BOUND = (int, type(None))
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
    if kind is Tensor and index.dtype is dtypes.int64 and index.ndim and self.ndim:
        return read(self, (index,), (0,))  # type: ignore[no-any-return]
    if kind is tuple or index is None or index is Ellipsis:
        basic = plainly_basic(index if kind is tuple else (index,), self.ndim)
        if basic is not None:
            data = self._data
            if type(data) is ndarray and not state.captures:
                try:
                    return view_on(slice_p, self, {"index": basic}, data[(*basic, ...)])
                except IndexError:
                    pass
            return slice_read(self, basic)
    parsed = parse(index, self.shape)
    if not parsed.chosen:
        return part_of(self, parsed, always=True)
    part = part_of(self, parsed)
    dims, indices = index_tensors(parsed, part, "x[mask]")
    return read(part, indices, dims)  # type: ignore[no-any-return]


def plainly_basic(items: tuple[Any, ...], ndim: int) -> tuple[Any, ...] | None:
    """An index of plain ints, forward slices, None and `...` made full; None if anything else is in it."""
    out: list[Any] = []
    used, dots = 0, -1
    for item in items:
        kind = type(item)
        if kind is int:
            used += 1
        elif kind is slice:
            if type(item.start) not in _BOUND or type(item.stop) not in _BOUND:
                return None
            if item.step is not None and (type(item.step) is not int or item.step < 1):
                return None
            used += 1
        elif item is Ellipsis and dots < 0:
            dots = len(out)
            continue
        elif item is not None:
            return None
        out.append(item)
    if used > ndim:
        return None
    rest = _REST[ndim - used + 1]
    return (*out, *rest) if dots < 0 else (*out[:dots], *rest, *out[dots:])


def part_of(x: Tensor, parsed: Subscript, always: bool = False) -> Tensor:
    """The view that the basic part of an index chooses."""
    if not parsed.trivial or (always and not parsed.selected):
        x = slice_read(x, tuple(parsed.basic))
    for dim, index in reversed(parsed.selected):
        x = placed_view(x, dim, index)  # in a trace alone: eagerly a 0-d index is an int
    return x


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
    if not state.captures and written_directly(self, index, value):
        return
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
    if not isinstance(value, Tensor):
        value = full_scalar(value, part.dtype)
    write(Written(part, value, indices, dims))


def written_directly(self: Tensor, index: Any, value: Any) -> bool:
    """Write straight to memory; False, and nothing written, where that needs recording, conversion or an error."""
    data = self._data
    recording = state.is_grad_enabled()
    if type(data) is not np.ndarray or not data.flags.writeable or (recording and self._rg):
        return False
    kind = type(value)
    if kind is float or kind is int:
        if data.dtype.kind != "f":
            return False
        source = value
    elif isinstance(value, Tensor) and not (recording and value._rg):
        source = value._data
        if source.dtype is not data.dtype:
            return False
    else:
        return False
    kind = type(index)
    if kind is Tensor:
        at = index._data
        if not at.ndim or at.dtype != np.int64 and (at.dtype != np.bool_ or isinstance(value, Tensor)):
            return False
    else:
        at = plainly_basic(index if kind is tuple else (index,), data.ndim)
        if at is None:
            return False
    try:
        data[at] = source
    except (IndexError, ValueError):
        return False
    mark_modified(self)
    return True


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
