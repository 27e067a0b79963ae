"""Arrays taken apart into the memory under them and the place in it, and put together again.

Copies and pickles of views keep what they share: the memory goes along once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.tensor.core import Tensor, wrap

Place = tuple[tuple[int, ...], tuple[int, ...], int]


def memory_under(data: Any) -> Any:
    """The array that owns the memory of `data`, as far as it is known."""
    while True:
        base = getattr(data, "base", None)
        if not isinstance(base, np.ndarray):  # as_strided holds its operand indirectly
            base = getattr(base, "base", None)
            if not isinstance(base, np.ndarray):
                return data
        data = base


def start_of(data: Any) -> int:
    """How many bytes into the memory under it an array starts."""
    first, whole = (a.__array_interface__["data"][0] for a in (data, memory_under(data)))
    return int(first - whole)


def whereabouts(data: Any) -> tuple[Any, Place | None, Any]:
    """The memory under an array, (shape, strides, start) in it, and the dtype; None for the place of memory itself."""
    memory = memory_under(data)
    if memory.flags.c_contiguous:
        return memory, None if memory is data else (data.shape, data.strides, start_of(data)), data.dtype
    if min(data.strides, default=0) < 0:
        return data.copy(), None, data.dtype
    length = sum((e - 1) * s for e, s in zip(data.shape, data.strides)) + data.itemsize if data.size else 0
    place = (data.shape, data.strides, 0)
    spread = np.zeros(length, np.uint8)
    at(spread, place, data.dtype)[...] = data
    return spread, place, data.dtype


def at(memory: Any, place: Place | None, dtype: Any) -> Any:
    """The array at a place of some memory."""
    if place is None:
        return memory
    shape, strides, start = place
    return np.ndarray(shape, dtype, memory.reshape(-1).view(np.uint8), start, strides)


def deep_copied(data: Any, memo: dict[int, Any]) -> Any:
    """A copy of an array; arrays on one memory get copies on one memory."""
    memory, place, dtype = whereabouts(data)
    copy = memo.get(id(memory))
    if copy is None:
        copy = memo[id(memory)] = memory.copy()
        memo.setdefault(id(memo), []).append(memory)  # alive until all is copied
    return at(copy, place, dtype)


def rebuilt(cls: type[Tensor], memory: Any, place: Place | None, dtype: Any, requires_grad: bool,
            attributes: dict[str, Any]) -> Tensor:  # fmt: skip
    """A tensor from what `__reduce_ex__` took apart."""
    out = wrap(at(memory, place, dtype), cls)
    out._rg = requires_grad
    out.__dict__.update(attributes)
    return out
