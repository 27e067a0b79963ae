"""Many samples become one batch: tensors and numbers are stacked, containers are gone into."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.ops.from_data import as_tensor, tensor
from symgrad.ops.joining import stack
from symgrad.tensor.core import Tensor

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]


def default_collate(batch: Any) -> Any:
    """A list of samples as one batch of the samples' own structure.

    >>> sg.utils.data.default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers in `data` as tensors, everything else as it is.

    >>> sg.utils.data.default_convert({"x": np.arange(2), "name": "a"})
    {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, (np.str_, np.bytes_)):
        return data if _is_text(data.dtype) and isinstance(data, np.ndarray) else as_tensor(data)
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _like_sequence(data, [default_convert(item) for item in data])
    return data


def collate(batch: Any, *, collate_fn_map: dict[Any, Callable[..., Any]] | None = None) -> Any:
    """`default_collate` with functions of the caller's for types; they take the samples and the map."""
    first = batch[0]
    for kind, function in (collate_fn_map or {}).items():
        if type(first) is kind:
            return function(batch, collate_fn_map=collate_fn_map)
    for kind, function in (collate_fn_map or {}).items():
        if isinstance(first, kind):
            return function(batch, collate_fn_map=collate_fn_map)

    def joined(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, Mapping):
        return _like_mapping(first, {key: joined([sample[key] for sample in batch]) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(joined, zip(*batch)))
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        return _like_sequence(first, [joined(samples) for samples in zip(*batch)])
    raise TypeError(REFUSAL.format(type(first)))


REFUSAL = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _like_mapping(pattern: Any, items: dict[Any, Any]) -> Any:
    """`items` in a mapping like `pattern` (with what else that one has), or in a dict where that cannot be made."""
    try:
        if isinstance(pattern, MutableMapping):
            made = copy.copy(pattern)
            made.update(items)
            return made
        return type(pattern)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _like_sequence(pattern: Any, items: list[Any]) -> Any:
    """`items` in a sequence like `pattern`; a list for a tuple, and where such a sequence cannot be made."""
    if isinstance(pattern, tuple):
        return items
    try:
        if isinstance(pattern, MutableSequence):
            made = copy.copy(pattern)
            for i, item in enumerate(items):
                made[i] = item
            return made
        return type(pattern)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _is_text(dtype: Any) -> bool:
    """Whether an array's elements are strings or objects."""
    return dtype.kind in "SUO" or "a" in dtype.str


def _stacked_arrays(batch: Any, *, collate_fn_map: Any = None) -> Any:
    if _is_text(batch[0].dtype):
        raise TypeError(REFUSAL.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


default_collate_fn_map: dict[Any, Callable[..., Any]] = {
    Tensor: lambda batch, *, collate_fn_map=None: stack(batch, 0),
    np.ndarray: _stacked_arrays,
    (np.bool_, np.number, np.object_): lambda batch, *, collate_fn_map=None: as_tensor(batch),
    float: lambda batch, *, collate_fn_map=None: tensor(batch, dtype=dtypes.float64),
    int: lambda batch, *, collate_fn_map=None: tensor(batch),
    str: lambda batch, *, collate_fn_map=None: batch,
    bytes: lambda batch, *, collate_fn_map=None: batch,
}
"""What becomes of samples of a type (or of one of several); scripts may add their own."""
