"""State as a trace sees it: one `Cell` per memory, one `GradSlot` per tensor whose `.grad` is touched.

Concrete tensors are never changed while tracing: the trace's view of them stands here and is thrown
away, whether the trace succeeds or fails. That is what makes a trace a transaction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.ir.graph import Value
from symgrad.tensor.core import Tensor
from symgrad.tensor.memory import memory_under


class Cell:
    """Memory outside the trace: the tensor that owns it, its Value at entry and now.

    `argument` is the leaf number when the tensor is an argument (another one at the next call).
    """

    __slots__ = ("tensor", "entry", "now", "version", "modified", "argument")

    def __init__(self, tensor: Tensor, entry: Value, argument: int | None):
        self.tensor = tensor
        self.entry = entry
        self.now = entry
        self.version = 0
        self.modified = 0
        self.argument = argument

    @property
    def written(self) -> bool:
        return self.version > 0


class GradSlot:
    """The `.grad` of a concrete tensor: what it was, what it is now, whether it was read first.

    `argument` is the leaf number when the tensor is an argument (another one at the next call).
    """

    __slots__ = ("tensor", "before", "now", "read_first", "written", "argument")

    def __init__(self, tensor: Tensor, before: Tensor | None, read_first: bool):
        self.tensor = tensor
        self.argument: int | None = None
        self.before = before
        self.now = before
        self.read_first = read_first
        self.written = False


def memory_of(tensor: Tensor) -> int:
    """The identity of the memory under a concrete tensor: its ultimate owner."""
    return id(memory_under(tensor._data))


def layout_of(tensors: Any) -> list[Any]:
    """Which of some concrete tensors share memory, and where in it: what a trace assumed of them."""
    owners = [memory_of(t) for t in tensors]
    first: dict[int, Any] = {}
    found: list[Any] = []
    for owner, tensor in zip(owners, tensors):
        if owners.count(owner) == 1:
            found.append(None)
            continue
        data = tensor._data
        address = data.__array_interface__["data"][0] if isinstance(data, np.ndarray) else 0
        start = first.setdefault(owner, (len(found), address))
        found.append((start[0], address - start[1], data.shape, data.strides))
    return found


def same_memory(a: Tensor, b: Tensor) -> bool:
    """Whether two concrete tensors are the same elements in the same order."""
    x, y = a._data, b._data
    if x is y:
        return True
    return (
        isinstance(x, np.ndarray) and isinstance(y, np.ndarray) and x.dtype == y.dtype
        and x.shape == y.shape and x.strides == y.strides
        and x.__array_interface__["data"][0] == y.__array_interface__["data"][0]
    )  # fmt: skip


def overlap(a: Tensor, b: Tensor) -> bool:
    """Whether two concrete tensors with one owner may touch the same elements."""
    x, y = a._data, b._data
    return not isinstance(x, np.ndarray) or bool(np.may_share_memory(x, y))
