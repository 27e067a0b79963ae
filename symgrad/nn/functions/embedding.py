"""Rows of a table chosen by number, and numbers as rows of zeros with a one."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, GradError, RangeError, ShapeError
from symgrad.nn.functions.declare import functional, widened
from symgrad.ops import functional as ops
from symgrad.ops.creation import ones, zeros
from symgrad.ops.index import read
from symgrad.ops.norms import vector_norm
from symgrad.ops.public import op
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = ["embedding", "embedding_bag", "one_hot"]


def refuse_sparse(name: str, sparse: bool) -> None:
    """Raise where gradients of a sparse layout are asked for."""
    if sparse:
        raise GradError(f"{name}: sparse=True asks for gradients of a sparse layout, which do not exist here",
                        hint="leave sparse out: the gradient is the same, and dense")  # fmt: skip


def padding_of(padding_idx: int | None, rows: int) -> int | None:
    """The number of the row without gradient, counted from the front."""
    if padding_idx is None:
        return None
    assert -rows <= padding_idx < rows, "Padding_idx must be within num_embeddings"
    return padding_idx % rows


def looked_up(weight: Any, input: Any, padding_idx: int | None, scale_grad_by_freq: bool) -> Any:
    """weight[input]; the gradient leaves out one row, and may be divided by how often a row was chosen."""
    if input.dtype not in (dtypes.int32, dtypes.int64):
        raise DTypeError("Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, "
                         f"Int; but got {input.dtype.name} instead (while checking arguments for embedding)")
    rows = read(weight, (input,), (0,), wrap=False)
    if padding_idx is not None:
        rows = ops.where((input == padding_idx).unsqueeze(-1), rows.detach(), rows)
    if scale_grad_by_freq:
        flat = input.reshape((-1,))
        counts = zeros((weight.shape[0],), dtype=weight.dtype).index_add(
            0, flat, ones((flat.shape[0],), dtype=weight.dtype))  # fmt: skip
        scaled = rows / read(counts, (input,), (0,), wrap=False).unsqueeze(-1)
        rows = rows.detach() + (scaled - scaled.detach())
    return rows


def shorten(weight: Any, input: Any, max_norm: float, norm_type: float) -> None:
    """Scale those rows of `weight` that are chosen and longer than `max_norm` to that length, in place."""
    with state.no_grad():
        chosen, table = input.reshape((-1,)), weight.detach()
        rows = read(table, (chosen,), (0,), wrap=False)
        length: Any = vector_norm(rows, norm_type, 1, keepdim=True)
        table.index_copy_(0, chosen, rows * ops.where(length > max_norm, max_norm / (length + 1e-7), 1.0))


@functional()
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None,
              norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:  # fmt: skip
    """The rows of `weight` that `input` names.

    With `max_norm`, rows that are chosen and longer are first shortened in place.
    Shapes: input [...] of whole numbers, weight [n, d] -> [..., d]
    Gradient: dweight = zeros with g added at the rows chosen; none at padding_idx; with scale_grad_by_freq divided by
    how often a row was chosen
    >>> sg.nn.functional.embedding(sg.tensor([2, 0]), sg.tensor([[0.0], [1.0], [2.0]]))
    tensor([[2.],
            [0.]])
    """
    refuse_sparse("embedding", sparse)
    if weight.ndim != 2:
        raise ShapeError(f"'weight' must be 2-D, but it has {weight.ndim} dimensions")
    padding_idx = padding_of(padding_idx, weight.shape[0])
    if max_norm is not None:
        shorten(weight, input, max_norm, norm_type)
    return looked_up(weight, input, padding_idx, scale_grad_by_freq)  # type: ignore[no-any-return]


@op(name="embedding", method=False, out=False)
def _embedding_at_top(weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False,
                      sparse: bool = False) -> Tensor:  # fmt: skip
    """`nn.functional.embedding`, with the table first; padding_idx -1 for none.

    >>> sg.embedding(sg.tensor([[0.0], [1.0]]), sg.tensor([1]))
    tensor([[1.]])
    """
    refuse_sparse("embedding", sparse)
    if weight.ndim != 2:
        raise ShapeError(f"'weight' must be 2-D, but it has {weight.ndim} dimensions")
    return looked_up(weight, indices, None if padding_idx < 0 else padding_idx,  # type: ignore[no-any-return]
                     scale_grad_by_freq)  # fmt: skip


@functional()
def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Zeros with a one at the place that each number names; without `num_classes` as many as needed.

    Shapes: [...] -> [..., num_classes]
    Raises: RuntimeError for numbers outside [0, num_classes)
    >>> sg.nn.functional.one_hot(sg.tensor([1, 0]), 3)
    tensor([[0, 1, 0],
            [1, 0, 0]])
    """
    x: Any = tensor
    if x.dtype is not dtypes.int64:
        raise DTypeError("one_hot is only applicable to index tensor of type LongTensor.", hint="convert with .long()")
    if num_classes == -1:
        if not x.numel():
            raise RangeError("Can not infer total number of classes from empty tensor.")
        if int(x.min()) < 0:
            raise RangeError("Class values must be non-negative.")
        num_classes = int(x.max()) + 1
    if num_classes < 1:
        raise RangeError("num_classes should be positive" if x.numel() else
                         "Can not infer total number of classes from empty tensor.")
    places = x.unsqueeze(-1)
    return zeros((*x.shape, num_classes), dtype=dtypes.int64).scatter(-1, places, 1)  # type: ignore[attr-defined, no-any-return]


@functional()
def embedding_bag(
    input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
    scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False,
    per_sample_weights: Tensor | None = None, include_last_offset: bool = False, padding_idx: int | None = None,
) -> Tensor:  # fmt: skip
    """Sums, means or maxima of the rows of `weight` that each bag of `input` names; zeros for an empty bag.

    Shapes: input [b, n] (bags of n), or [k] with offsets [b] where bags begin; weight [r, d] -> [b, d]
    >>> sg.nn.functional.embedding_bag(sg.tensor([[0, 2]]), sg.tensor([[0.0], [1.0], [2.0]]), mode="sum")
    tensor([[2.]])
    """
    refuse_sparse("embedding_bag", sparse)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    x, table, given = input, weight, per_sample_weights
    _check_bags(x, table, offsets, given, mode, scale_grad_by_freq)
    padding_idx = padding_of(padding_idx, table.shape[0])
    if max_norm is not None:
        shorten(table, x, max_norm, norm_type)
    rows = widened("embedding_bag", looked_up(table, x, padding_idx, scale_grad_by_freq))
    if given is not None:
        rows = rows * widened("embedding_bag", given).unsqueeze(-1)
    counted: Any = ops.where(x == padding_idx, 0, 1) if padding_idx is not None else None  # type: ignore[arg-type]
    if offsets is None:
        out = _of_equal_size(rows, counted, mode)
    else:
        out = _of_any_size(rows, counted, mode, offsets, include_last_offset)
    return ops.convert(out, weight.dtype)


def _check_bags(input: Any, weight: Any, offsets: Any, given: Any, mode: str, scaled: bool) -> None:
    if given is not None and given.shape != input.shape:
        raise ValueError(f"embedding_bag: If per_sample_weights ({given.shape}) is not None, then it must have the "
                         f"same shape as the input ({input.shape})")
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if input.ndim not in (1, 2):
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if input.ndim == 2 and offsets is not None:
        raise ValueError("if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed "
                         f"length sequences. However, found offsets of type {type(offsets)}")
    if input.ndim == 1 and (offsets is None or offsets.ndim != 1):
        raise ValueError(f"offsets has to be a 1D Tensor{' but got None' if offsets is None else ''}")
    if mode == "max" and scaled:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if given is not None and mode != "sum":
        raise NotImplementedError("embedding_bag: per_sample_weights was not None. per_sample_weights is only "
                                  f"supported for mode='sum' (got mode='{mode}').")  # fmt: skip


def _of_equal_size(rows: Any, counted: Any, mode: str) -> Any:
    if mode == "max":
        if not rows.shape[1]:
            return rows.sum(1)
        if counted is None:
            return rows.max(1).values
        least = ops.where(counted.unsqueeze(-1) == 0, float("-inf"), rows).max(1).values
        return ops.where((counted.sum(1) == 0).unsqueeze(-1), 0, least)
    if counted is not None:
        rows = rows * counted.unsqueeze(-1)
    if mode == "sum":
        return rows.sum(1)
    count = rows.shape[1] if counted is None else counted.sum(1).unsqueeze(-1).clamp(min=1)
    return rows.sum(1) / (max(count, 1) if isinstance(count, int) else count)


def _of_any_size(rows: Any, counted: Any, mode: str, offsets: Any, include_last_offset: bool) -> Any:
    from symgrad.ops.counting import searchsorted
    from symgrad.ops.ranges import arange

    bags = offsets.shape[0] - bool(include_last_offset)
    starts = offsets[:bags]
    bag: Any = searchsorted(starts, arange(rows.shape[0], dtype=offsets.dtype), right=True) - 1
    if counted is None:
        counted = ones((rows.shape[0],), dtype=dtypes.int64)
    out: Any = zeros((bags, rows.shape[1]), dtype=rows.dtype)
    count: Any = zeros((bags,), dtype=dtypes.int64).index_add(0, bag, counted).unsqueeze(-1)  # type: ignore[attr-defined]
    if mode == "max":
        rows = ops.where(counted.unsqueeze(-1) == 0, float("-inf"), rows)
        return ops.where(count == 0, 0, out.index_reduce(0, bag, rows, "amax", include_self=False))
    total = out.index_add(0, bag, rows * counted.unsqueeze(-1))
    return total if mode == "sum" else total / count.clamp(min=1)
