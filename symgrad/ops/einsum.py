"""Einstein summation: letters name extents; what the result lacks is summed.

Nothing here computes: an expression becomes diagonals, sums, permutations and matrix products, so gradients
and BLAS follow. Two operands meet in one batched `matmul`: letters of both that the result keeps are
its batch, letters of both that it lacks are its inner extent.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from symgrad.errors import ShapeError
from symgrad.ops.linalg import matmul as matmul_p
from symgrad.ops.products import same_dtype, tensor_operands, volume
from symgrad.ops.promotion import promote
from symgrad.ops.public import op
from symgrad.ops.reductions import sum
from symgrad.ops.shapes import permute, reshape, slice_read
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

# A label is a letter, or a number for a dimension that an ellipsis stands for (counted from the last one).
Label = Any
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@op(method=False, out=False)
def einsum(*args: Any) -> Tensor:
    """Sum of products, said by letters: `einsum("ik,kj->ij", a, b)`, or `einsum(a, [0, 1], b, [1, 2], [0, 2])`.

    A letter repeated in one operand takes its diagonal; `...` stands for the other dimensions, which broadcast.
    Without `->` the result has the letters that occur once, in alphabetical order, after `...`.
    Several operands are multiplied in an order chosen by their sizes.

    Shapes: extents of one letter are equal, or 1.
    Raises: ShapeError for letters that do not fit the operands.

    >>> sg.einsum("bij,bjk->bik", sg.ones(2, 3, 4), sg.ones(2, 4, 5)).shape
    torch.Size([2, 3, 5])
    >>> sg.einsum("ii", sg.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    equation, operands = spelled(args)
    if not all([isinstance(x, Tensor) for x in operands]):
        tensor_operands("einsum", **{f"operands[{i}]": x for i, x in enumerate(operands)})
    for other in operands[1:]:
        same_dtype(operands[0], other)
    labels, result = parse(equation, tuple([x.ndim for x in operands]))
    check_extents(labels, operands)
    terms = [diagonals(x, of) for x, of in zip(operands, labels)]
    for places in path(terms, result):
        last, *first = [terms.pop(i) for i in sorted(places, reverse=True)]
        kept = set(result).union(*(of for _, of in terms))
        terms.append(pair(first[0], last, kept) if first else alone(last, kept))
    ((out, found),) = terms
    order = [found.index(label) for label in result]
    return permute(out, tuple(order)) if len(operands) == 1 else ordered(out, order)  # of one, a view as in PyTorch


def ordered(x: Tensor, dims: list[int]) -> Tensor:
    """`x` with its dimensions in another order, if it is another."""
    return x if dims == list(range(x.ndim)) else permute(x, tuple(dims))


def spelled(args: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """The equation and the operands, from either of the two forms of arguments."""
    if not args:
        raise ShapeError("einsum(): must specify the equation string and at least one operand, or at least one "
                         "operand and its subscripts list")
    if isinstance(args[0], str):
        operands = list(args[1]) if len(args) == 2 and isinstance(args[1], (tuple, list)) else list(args[1:])
        if not operands:
            raise ShapeError("einsum(): must provide at least one operand")
        return args[0], operands
    operands, lists = list(args[: len(args) // 2 * 2 : 2]), list(args[1::2])
    equation = ",".join(map(letters, lists))
    return (f"{equation}->{letters(args[-1])}" if len(args) % 2 else equation), operands


def letters(items: Sequence[Any]) -> str:
    """A list of numbers 0…51 (and `...`) as letters."""
    for item in items:
        if item is not Ellipsis and not (isinstance(item, int) and 0 <= item < len(_LETTERS)):
            raise ShapeError(f"einsum(): expected subscripts in the list to be within range [0, 52), but got {item}")
    return "".join("..." if item is Ellipsis else _LETTERS[item] for item in items)


@lru_cache(maxsize=1024)
def parse(equation: str, ranks: tuple[int, ...]) -> tuple[list[list[Label]], list[Label]]:
    """The labels of each operand's dimensions, and of the result's."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        few = "fewer" if len(parts) > len(ranks) else "more"
        raise ShapeError(f"einsum(): {few} operands were provided than specified in the equation")
    labels = [one(part, rank, i) for i, (part, rank) in enumerate(zip(parts, ranks))]
    every = [label for of in labels for label in of]
    dots = sorted({label for label in every if isinstance(label, int)}, reverse=True)
    if not arrow:
        return labels, [*dots, *sorted(x for x in set(every) if not isinstance(x, int) and every.count(x) == 1)]
    result = one(right, len(dots) + sum_letters(right), -1)
    for label in result:
        if result.count(label) > 1:
            raise ShapeError(f"einsum(): output subscript {label} appears more than once in the output")
        if label not in every:
            raise ShapeError(f"einsum(): output subscript {label} does not appear in the equation for any "
                             "input operand")
    return labels, result


def sum_letters(part: str) -> int:
    """The number of letters in a part, dots left out."""
    return len(part.replace(".", ""))


def one(part: str, ndim: int, place: int) -> list[Label]:
    """The labels of an operand of `ndim` dimensions (or of the result: place -1)."""
    where = f"operand {place}" if place >= 0 else "the output"
    before, dots, after = part.partition("...")
    for letter in before + after:
        if letter not in _LETTERS:
            raise ShapeError("einsum(): invalid subscript given at index "
                             f"{part.index(letter)} in the equation string, subscripts must be in [a-zA-Z]")
    missing = ndim - len(before) - len(after)
    if missing < 0 or missing and not dots:
        if place < 0:
            return [*before, *after]
        raise ShapeError(f"einsum(): the number of subscripts in the equation ({len(before) + len(after)}) "
                         f"{'is more than' if missing < 0 else 'does not match'} the number of dimensions ({ndim}) "
                         f"for {where}" + (" and no ellipsis was given" if missing > 0 else ""))
    return [*before, *reversed(range(missing)), *after]


def check_extents(labels: list[list[Label]], operands: list[Any]) -> None:
    """Refuse two extents under one label, unless one is 1."""
    known: dict[Label, tuple[int, int]] = {}
    for number, (of, x) in enumerate(zip(labels, operands)):
        for label, extent in zip(of, x.shape):
            before, first = known.setdefault(label, (extent, number))
            if before == 1 and first != number:
                known[label] = (extent, number)
            elif extent != before and (extent != 1 or first == number):
                shown = "..." if isinstance(label, int) else label
                if first == number:
                    raise ShapeError(f"einsum(): subscript {shown} is repeated for operand {number} but the sizes "
                                     f"don't match, {int(extent)} != {int(before)}")
                raise ShapeError(f"einsum(): operands do not broadcast with remapped shapes: subscript {shown} has "
                                 f"size {int(extent)} for operand {number} which does not broadcast with previously "
                                 f"seen size {int(before)}")


def diagonals(x: Tensor, labels: list[Label]) -> tuple[Tensor, list[Label]]:
    """`x` with repeated labels made one by taking diagonals."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            rest = [d for d in range(x.ndim) if d not in (i, j)]
            n = x.shape[i]
            x = permute(x, (*rest, i, j))
            x = reshape(x, (*x.shape[:-2], n * n))
            x = slice_read(x, (*(slice(None),) * len(rest), slice(None, None, n + 1)))
            labels = [*[labels[d] for d in rest], label]
    return x, labels


def path(terms: list[tuple[Tensor, list[Label]]], result: list[Label]) -> list[tuple[int, ...]]:
    """Which terms meet, step by step: left to right for two, else by NumPy's greedy search over sizes."""
    if len(terms) < 3:
        return [tuple(range(len(terms)))]
    import numpy as np

    number: dict[Label, int] = {}
    given: list[Any] = []
    for x, of in terms:
        shape = tuple(map(int, x.shape))
        given += [np.broadcast_to(np.int8(0), shape), [number.setdefault(label, len(number)) for label in of]]
    found, _ = np.einsum_path(*given, [number[label] for label in result], optimize="greedy")
    steps: list[tuple[int, ...]] = []
    for step in found[1:]:
        places = sorted(step)
        steps.append(tuple(places[:2]) if len(places) > 1 else tuple(places))
        left = len(terms) - len(steps)
        for position in range(len(places) - 2):  # a step of many: the pair just made is last, and meets the next
            steps.append((places[position + 2] - 2 - position, left - 1 - position))
    return steps


def alone(term: tuple[Tensor, list[Label]], kept: set[Label]) -> tuple[Tensor, list[Label]]:
    """A term with the labels nobody needs summed away."""
    x, of = term
    gone = [i for i, label in enumerate(of) if label not in kept]
    return (sum(x, gone) if gone else x), [label for label in of if label in kept]


def pair(a: tuple[Tensor, list[Label]], b: tuple[Tensor, list[Label]], kept: set[Label]) -> Any:
    """The product of two terms, over the labels that are kept."""
    (x, of_x), (y, of_y) = lone(a, b, kept), lone(b, a, kept)
    x, y = promote(x, y)  # the sum of small integers is int64
    both = [label for label in of_x if label in of_y]
    batch, inner = [s for s in both if s in kept], [s for s in both if s not in kept]
    rows, columns = [s for s in of_x if s not in both], [s for s in of_y if s not in both]
    if not inner:
        n = len(columns)
        x = ordered(x, [of_x.index(s) for s in (*batch, *rows)])
        y = ordered(y, [of_y.index(s) for s in (*batch, *columns)])
        x = slice_read(x, (*(slice(None),) * x.ndim, *(None,) * n))
        y = slice_read(y, (*(slice(None),) * len(batch), *(None,) * len(rows), *(slice(None),) * n))
        return x * y, [*batch, *rows, *columns]
    left = matrices(x, of_x, batch, rows, inner)
    right = matrices(y, of_y, batch, inner, columns)
    out: Tensor = bind(matmul_p, (left, right), {})
    extents = [t.shape[of.index(s)] for t, of, names in ((x, of_x, rows), (y, of_y, columns)) for s in names]
    if len(rows) != 1 or len(columns) != 1:
        out = reshape(out, (*out.shape[: len(batch)], *extents))
    return out, [*batch, *rows, *columns]


def lone(a: tuple[Tensor, list[Label]], b: tuple[Tensor, list[Label]], kept: set[Label]) -> tuple[Tensor, list[Label]]:
    """`a` summed over what neither `b` nor the result has, or what is 1 in only one of them."""
    (x, of), (y, of_y) = a, b
    gone = [i for i, s in enumerate(of) if s not in kept and (
        s not in of_y or (y.shape[of_y.index(s)] == 1) != (x.shape[i] == 1))]  # fmt: skip
    return (sum(x, gone) if gone else x), [s for i, s in enumerate(of) if i not in gone]


def matrices(x: Tensor, of: list[Label], batch: list[Label], rows: list[Label], columns: list[Label]) -> Tensor:
    """`x` as a batch of matrices."""
    places = [[of.index(s) for s in names] for names in (batch, rows, columns)]
    x = ordered(x, [place for part in places for place in part])
    if len(rows) == len(columns) == 1:
        return x
    first, second = len(batch), len(batch) + len(rows)
    shape = (*x.shape[:first], volume(x, range(first, second)), volume(x, range(second, x.ndim)))
    return reshape(x, shape)
