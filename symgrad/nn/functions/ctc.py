"""Connectionist temporal classification: the likelihood of a sequence of labels over all its alignments."""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import INTEGRAL
from symgrad.errors import DTypeError, ShapeError
from symgrad.nn.functions.declare import functional
from symgrad.nn.functions.reduction import reduced, reduction_of
from symgrad.ops import functional as ops
from symgrad.ops.creation import full
from symgrad.ops.exponential import logaddexp
from symgrad.ops.from_data import as_tensor
from symgrad.ops.gathering import gather
from symgrad.ops.joining import cat, stack
from symgrad.ops.ranges import arange
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = ["ctc_loss"]

NEVER = -1e30
"""The logarithm of what cannot happen: finite, so that differences of two are numbers."""


@functional(top=True)
def ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0,
             reduction: str = "mean", zero_infinity: bool = False) -> Tensor:  # fmt: skip
    """Minus the log-likelihood of the labels, summed over all ways to align them with the inputs.

    Shapes: log_probs [T, N, C] or [T, C], targets [N, S] or all in one vector, lengths [N] or [] -> [N], or [] reduced
    Gradient: exp(log_probs) minus the probability of each label at each time, which is right after `log_softmax`
    Raises: RuntimeError for lengths that do not fit; IndexError for a label that is not there
    Source: Graves, Fernandez, Gomez, Schmidhuber 2006
    Note: the mean is of losses divided by the targets' lengths. A target that is too long has an infinite loss, or 0
    with `zero_infinity`; no gradient (nan in PyTorch). Compiled, the recursion over T is unrolled.
    >>> log_probs = sg.zeros(3, 1, 2).log_softmax(2)
    >>> sg.nn.functional.ctc_loss(log_probs, sg.tensor([[1]]), (3,), (1,))
    tensor(0.2877)
    """
    reduction = reduction_of(None, None, reduction)
    single = log_probs.ndim == 2
    scores: Any = ops.unsqueeze(log_probs, 1) if single else log_probs
    times, batch, classes = scores.shape
    if not 0 <= blank < classes:
        raise ShapeError(f"blank must be in label range: got {blank} for {int(classes)} labels")
    inputs, lengths = (length_of(n, given, batch) for n, given in
                       (("input_lengths", input_lengths), ("target_lengths", target_lengths)))  # fmt: skip
    labels = padded(targets, lengths, batch, single)
    if state.capture() is None and batch:
        check_lengths(inputs, lengths, int(times), int(labels.shape[1]), targets.ndim == 1)
    losses = alignments(scores, labels.long(), inputs, lengths, blank)
    possible = losses < -NEVER / 10
    seen = ops.where(arange(times).reshape(-1, 1, 1) < inputs.reshape(1, -1, 1), scores.exp(), 0.0)  # type: ignore
    total = ops.sum(seen, (0, 2))
    losses = losses + (total - total.detach())  # type: ignore[operator, attr-defined]
    losses = ops.where(possible, losses, 0.0 if zero_infinity else float("inf"))
    if reduction == "mean":
        losses = losses / lengths.clamp(min=1)  # type: ignore[operator]
    return reduced(ops.reshape(losses, ()) if single else losses, reduction)


def length_of(name: str, given: Any, batch: int) -> Any:
    """Lengths as a tensor, one for each sequence."""
    lengths: Any = given if isinstance(given, Tensor) else as_tensor(given)
    if lengths.dtype.category != INTEGRAL and lengths.numel():
        raise DTypeError(f"{name} must be integral")
    if lengths.numel() != batch:
        raise ShapeError(f"{name} must be of size batch_size: got {lengths.numel()} for a batch of {int(batch)}")
    return lengths.reshape(-1).long()


def padded(targets: Any, lengths: Any, batch: int, single: bool) -> Any:
    """Targets as a matrix, one sequence a row; what is beyond their lengths means nothing."""
    if targets.ndim == 2:
        return targets
    if single:
        return targets.reshape(1, -1)
    known = state.capture() is None and batch
    longest = int(lengths.max()) if known else targets.shape[0]
    places = (lengths.cumsum(0) - lengths).reshape(-1, 1) + arange(longest)
    return targets[ops.where(arange(longest) < lengths.reshape(-1, 1), places, 0)]


def check_lengths(inputs: Any, lengths: Any, times: int, longest: int, joined: bool) -> None:
    """Raise where a length is more than there is."""
    if bool((inputs > times).any()) or bool((inputs < 0).any()):
        raise ShapeError(f"Expected input_lengths to have value at most {times}, but got {int(inputs.max())}")
    if bool((lengths < 0).any()) or bool((lengths > longest).any()):
        raise ShapeError(f"Expected target_lengths to have value at most {longest}, but got {int(lengths.max())}")


def alignments(scores: Any, labels: Any, inputs: Any, lengths: Any, blank: int) -> Any:
    """Minus the log-likelihood: the forward recursion over labels with blanks between, before and after them."""
    times, batch, _ = scores.shape
    count = labels.shape[1]
    within = arange(count) < lengths.reshape(-1, 1)
    blanks = full((batch, count), blank, dtype=labels.dtype)
    labels = ops.where(within, labels, blank)
    states = cat([stack([blanks, labels], 2).reshape(batch, 2 * count), full((batch, 1), blank, dtype=labels.dtype)], 1)
    emitted = gather(scores, 2, states.unsqueeze(0).expand(times, batch, 2 * count + 1))
    edge = full((batch, 2), NEVER, dtype=scores.dtype)
    skips = cat([edge < NEVER, (states[:, 2:] != states[:, :-2]) & (states[:, 2:] != blank)], 1)  # type: ignore
    place = arange(2 * count + 1)
    start = (place == 0) | (place == 1) & (lengths.reshape(-1, 1) > 0)
    alpha: Any = ops.where(start, emitted[0], NEVER)  # type: ignore[index]
    for time in range(1, int(times)):
        one = cat([edge[:, :1], alpha[:, :-1]], 1)  # type: ignore[index]
        two = ops.where(skips, cat([edge, alpha[:, :-2]], 1)[:, : 2 * count + 1], NEVER)  # type: ignore[index]
        reached = logaddexp(logaddexp(alpha, one), two) + emitted[time]  # type: ignore[index]
        alpha = ops.where(inputs.reshape(-1, 1) > time, reached, alpha)
    last = gather(alpha, 1, (2 * lengths).reshape(-1, 1))
    before = gather(alpha, 1, (2 * lengths - 1).clamp(min=0).reshape(-1, 1))
    end: Any = logaddexp(last, ops.where(lengths.reshape(-1, 1) > 0, before, NEVER))
    empty = ops.where(lengths > 0, NEVER, 0.0)
    return -ops.where(inputs > 0, end.reshape(-1), empty)  # type: ignore[operator]
