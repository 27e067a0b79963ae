"""What stands between the brackets of `x[…]`, sorted: a basic index, and the tensors that choose from it.

PyTorch takes the basic part (ints, slices, `...`, None, and 0-d integer tensors) first, as a view; masks
and index tensors then choose from that view, so an int never counts as an index tensor, unlike NumPy's.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.errors import DimError
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap

WHOLE = slice(None)


@dataclass
class Subscript:
    """`basic`: ints, slices and Nones for every dimension; `chosen`: (dimension of that view, index tensor).

    `selected`: (dimension, 0-d tensor) of a trace, whose value is not known: taken from the view, each
    removing its dimension, before `chosen`, which counts dimensions without them.
    """

    basic: list[Any] = field(default_factory=list)
    chosen: list[tuple[int, Tensor]] = field(default_factory=list)
    selected: list[tuple[int, Tensor]] = field(default_factory=list)

    @property
    def trivial(self) -> bool:
        """Whether the basic part is the whole tensor."""
        return all(item is not None and type(item) is slice and item == WHOLE for item in self.basic)


def parse(index: Any, shape: Any) -> Subscript:
    """The parts of an index into a tensor of `shape`."""
    items = [known(item) for item in (index if isinstance(index, tuple) else as_tuple(index))]
    used = sum(consumed(item) for item in items)
    ndim = len(shape)
    if used > ndim:
        if not ndim and type(items[0]) is int:
            raise DimError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in "
                           "C++ to convert a 0-dim tensor to a number")
        raise DimError(f"too many indices for tensor of dimension {ndim}")
    out = Subscript()
    rest = ndim - used
    place = 0
    for item in items:
        if item is Ellipsis:
            out.basic += [WHOLE] * rest
            place, rest = place + rest, 0
        elif item is None or type(item) is bool:
            out.basic.append(None)
            if item is not None:
                out.chosen.append((place, wrap(np.zeros(int(item), np.int64))))
            place += 1
        elif type(item) is int:
            out.basic.append(item)
        elif type(item) is slice:
            out.basic.append(item)
            place += 1
        elif is_mask(item):
            out.basic += [WHOLE] * item.ndim or [None]
            out.chosen.append((place, item if item.ndim else item.reshape((1,))))
            place += max(item.ndim, 1)
        elif item.ndim == 0:
            out.basic.append(WHOLE)
            out.selected.append((place + len(out.selected), item))
        else:
            out.basic.append(WHOLE)
            out.chosen.append((place, item))
            place += 1
    out.basic += [WHOLE] * rest
    return out


def as_tuple(index: Any) -> Sequence[Any]:
    """An index that is no tuple as the items of one; a list that holds slices or lists is one, as it once was."""
    if isinstance(index, list) and len(index) < 32 and any(
            item is None or item is Ellipsis or isinstance(item, (slice, list, tuple, Tensor, np.ndarray))
            for item in index):  # fmt: skip
        warnings.warn("Using a non-tuple sequence for multidimensional indexing is deprecated; use x[tuple(seq)] "
                      "instead of x[seq]", UserWarning, stacklevel=5)
        return index
    return (index,)


def known(item: Any) -> Any:
    """One item of an index as int, bool, slice of ints, None, `...` or Tensor."""
    kind = type(item)
    if kind is int or kind is bool or item is None or item is Ellipsis:
        return item
    if kind is slice:
        bounds = [None if b is None else bound(b) for b in (item.start, item.stop, item.step)]
        if bounds[2] is not None and bounds[2] <= 0:
            raise ValueError("slice step cannot be zero" if bounds[2] == 0 else "step must be greater than zero")
        return slice(*bounds)
    if isinstance(item, (list, tuple, range)):
        array = np.asarray([plain(i) for i in item])
        return wrap(array if array.dtype.kind == "b" else array.astype(np.int64))
    if isinstance(item, np.ndarray):
        item = wrap(item if item.dtype.kind in "b" or item.dtype == np.uint8 or item.dtype.kind not in "iu"
                    else item.astype(np.int64))  # fmt: skip
    if isinstance(item, Tensor):
        if item.dtype not in (dtypes.int64, dtypes.int32, dtypes.bool_, dtypes.uint8):
            raise DimError("tensors used as indices must be long, int, byte or bool tensors",
                           hint=f"convert this {item.dtype.name} with .long()")  # fmt: skip
        if item.ndim == 0 and not is_mask(item) and state.capture() is None:
            return int(item)
        return item
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    raise DimError("only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
                   f"(got {kind.__name__})")


def bound(value: Any) -> int:
    """A bound of a slice as an int: 0-d integer tensors are read."""
    if not hasattr(value, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return int(value.__index__())


def plain(item: Any) -> Any:
    """Nested sequences with tensors inside as numbers."""
    if isinstance(item, (list, tuple)):
        return [plain(i) for i in item]
    return item.array("indexing by a list of tensors") if isinstance(item, Tensor) else item


def is_mask(item: Tensor) -> bool:
    """Whether an index tensor says of each place whether it is chosen."""
    return item.dtype is dtypes.bool_ or item.dtype is dtypes.uint8


def consumed(item: Any) -> int:
    """How many dimensions an item indexes."""
    if item is None or item is Ellipsis or type(item) is bool:
        return 0
    return item.ndim if isinstance(item, Tensor) and is_mask(item) else 1


def check_mask(mask: Tensor, shape: Any, place: int) -> None:
    """Raise where a mask is not as long as the dimensions it stands for; warn of the old dtype."""
    if mask.dtype is dtypes.uint8:
        warnings.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.",
                      UserWarning, stacklevel=4)  # fmt: skip
    for axis, extent in enumerate(mask.shape):
        if extent != shape[place + axis]:
            raise DimError(f"The shape of the mask {list(map(int, mask.shape))} at index {axis} does not match the "
                           f"shape of the indexed tensor {list(map(int, shape))} at index {place + axis}")
