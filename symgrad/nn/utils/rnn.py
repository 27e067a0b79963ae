"""Sequences of different lengths: padded to one length, or packed so that no padding is computed.

A packed sequence has the rows of the first step of all members, then those of the second, and so on; members
are in the order of falling length, so that those still running are the first rows of each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from symgrad import dtypes
from symgrad.errors import ShapeError
from symgrad.ops.creation import arange, full, tensor, zeros_like
from symgrad.ops.joining import cat, stack
from symgrad.tensor.core import Tensor

__all__ = ["PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
           "pad_sequence", "unpack_sequence", "unpad_sequence"]  # fmt: skip


class _Packed(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Packed):
    """Rows of all steps, how many each step has, and how members were ordered by length.

    >>> pack_sequence([tensor([1, 2]), tensor([3])]).data
    tensor([1, 3, 2])
    """

    sizes: list[int]

    def __new__(cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None,
                sizes: list[int] | None = None) -> "PackedSequence":  # fmt: skip
        if batch_sizes is None:
            data, batch_sizes = data
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        made = super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)
        if sizes is not None:
            made.sizes = sizes
        return made

    def __getattr__(self, name: str) -> Any:
        if name == "sizes":  # as plain numbers, which a trace cannot ask a tensor for
            return self.batch_sizes.tolist()
        raise AttributeError(f"'PackedSequence' object has no attribute '{name}'")

    def with_data(self, data: Any) -> "PackedSequence":
        """Other rows in the same order."""
        return PackedSequence(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices,
                              self.__dict__.get("sizes"))  # fmt: skip

    def to(self, *args: Any, **kwargs: Any) -> "PackedSequence":
        """The data converted, as by `Tensor.to`."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self.with_data(data)

    def float(self) -> "PackedSequence":
        """The data in float32."""
        return self.to(dtypes.float32)

    def double(self) -> "PackedSequence":
        """The data in float64."""
        return self.to(dtypes.float64)

    def cpu(self) -> "PackedSequence":
        """The data on the CPU."""
        return self.to("cpu")

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return bool(self.data.is_cuda)


def invert_permutation(permutation: Any) -> Any:
    """Where each place went.

    >>> invert_permutation(tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    return zeros_like(permutation).scatter(0, permutation, arange(permutation.numel()))  # type: ignore[attr-defined]


def pad_sequence(sequences: Any, batch_first: bool = False, padding_value: float = 0.0,
                 padding_side: str = "right") -> Any:  # fmt: skip
    """Sequences of different lengths side by side, the shorter ones filled up.

    Shapes: [t_i, ...] each -> [max t, b, ...], or [b, max t, ...] with batch_first
    >>> pad_sequence([tensor([1, 2]), tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise ShapeError("pad_sequence: Expected iterable for input sequences, but got arg of type: "
                         f"{type(sequences)}")
    if padding_side not in ("left", "right"):
        raise ShapeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    given: list[Any] = list(sequences)  # type: ignore[arg-type]
    if not given:
        raise ShapeError("received an empty list of sequences")
    longest = max(x.shape[0] for x in given)
    rows = []
    for x in given:
        missing = longest - x.shape[0]
        fill = full((missing, *x.shape[1:]), padding_value, dtype=x.dtype) if missing else None
        both = (x, fill) if padding_side == "right" else (fill, x)
        rows.append(x if fill is None else cat(both))
    return stack(rows, 0 if batch_first else 1)


def places_of(sizes: list[int], batch: int) -> Tensor:
    """Where the packed rows are among the padded ones, steps before members."""
    return tensor([step * batch + row for step, rows in enumerate(sizes) for row in range(rows)], dtype=dtypes.int64)


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False,
                         enforce_sorted: bool = True) -> PackedSequence:  # fmt: skip
    """The rows of padded sequences without the padding.

    Shapes: input [t, b, ...], or [b, t, ...] with batch_first; lengths [b]
    Raises: RuntimeError for lengths that are not positive, or not falling unless `enforce_sorted` is False
    >>> pack_padded_sequence(tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True).data
    tensor([1, 3, 2])
    """
    x: Any = input
    known = [int(n) for n in (lengths.tolist() if isinstance(lengths, Tensor) else lengths)]
    batch_dim = 0 if batch_first else 1
    if len(known) != x.shape[batch_dim]:
        raise ShapeError(f"Expected `len(lengths)` to be equal to batch_size, but got {len(known)} (batch_size="
                         f"{x.shape[batch_dim]})")
    if not known or min(known) <= 0:
        raise ShapeError("Length of all samples has to be greater than 0, but found an element in 'lengths' that is "
                         "<= 0")
    order = sorted(range(len(known)), key=lambda i: -known[i])
    sorted_indices = None
    if not enforce_sorted:
        sorted_indices = tensor(order, dtype=dtypes.int64)
        x = x.index_select(batch_dim, sorted_indices)
        known = [known[i] for i in order]
    elif any(a < b for a, b in zip(known, known[1:])):
        raise ShapeError("`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can "
                         "pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this "
                         "requirement if you do not need ONNX exportability.")  # fmt: skip
    steps = x.transpose(0, 1) if batch_first else x
    if known[0] > steps.shape[0]:
        raise ShapeError(f"Expected lengths of at most {steps.shape[0]}, the padded length, but got {known[0]}")
    sizes = [sum(n > step for n in known) for step in range(known[0])]
    flat = steps.reshape((steps.shape[0] * steps.shape[1], *steps.shape[2:]))
    data = flat.index_select(0, places_of(sizes, len(known)))
    return PackedSequence(data, tensor(sizes, dtype=dtypes.int64), sorted_indices, None, sizes)


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0,
                        total_length: int | None = None) -> tuple[Any, Any]:  # fmt: skip
    """Packed sequences padded again, and their lengths: the inverse of `pack_padded_sequence`.

    >>> pad_packed_sequence(pack_sequence([tensor([1, 2]), tensor([3])]), batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    data, sizes = sequence.data, sequence.sizes
    length, batch = len(sizes), sizes[0]
    if total_length is not None:
        if total_length < length:
            raise ValueError("Expected total_length to be at least the length of the longest sequence in input, but "
                             f"got total_length={total_length} and max sequence length being {length}")
        length = total_length
    padded: Any = full((length * batch, *data.shape[1:]), padding_value, dtype=data.dtype)
    padded = padded.index_copy(0, places_of(sizes, batch), data).reshape((length, batch, *data.shape[1:]))
    if batch_first:
        padded = padded.transpose(0, 1)
    lengths: Any = tensor([sum(rows > row for rows in sizes) for row in range(batch)], dtype=dtypes.int64)
    if sequence.unsorted_indices is None:
        return padded, lengths
    return padded.index_select(0 if batch_first else 1, sequence.unsorted_indices), lengths[sequence.unsorted_indices]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Sequences of different lengths, packed.

    >>> pack_sequence([tensor([1, 2]), tensor([3])]).batch_sizes
    tensor([2, 1])
    """
    given = list(sequences)
    return pack_padded_sequence(pad_sequence(given), [int(x.shape[0]) for x in given], enforce_sorted=enforce_sorted)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """The sequences that were padded, each of its own length.

    >>> unpad_sequence(tensor([[1, 2], [3, 0]]), [2, 1], batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    known = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    return [row[: int(n)] for row, n in zip(rows, known, strict=True)]


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences that were packed.

    >>> unpack_sequence(pack_sequence([tensor([1, 2]), tensor([3])]))
    [tensor([1, 2]), tensor([3])]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences, batch_first=True), batch_first=True)
