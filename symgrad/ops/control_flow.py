"""`cond`, `while_loop`, `scan`: control flow for those who want one graph of all paths.

Eagerly they are the Python they stand for, recorded by the tape. In a trace the functions are captured
as graphs of their own (what they close over becomes operands), and each call is one equation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, GradError, ShapeError, TraceError
from symgrad.ops.arrange import movedim
from symgrad.ops.functional import reshape
from symgrad.ops.joining import stack
from symgrad.ops.nested import cond_p, scan_p, while_p
from symgrad.ops.public import op
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.pytree import flatten, unflatten


@op(method=False, out=False)
def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()) -> Any:
    """`true_fn(*operands)` if `pred` (a bool or a tensor of one element), else `false_fn(*operands)`.

    Compiled, both functions are in the graph and one of them runs; they must give tensors of the same
    shapes and dtypes, in the same structure, and change nothing.

    Gradient: that of the function that ran; compiled, zeros for what only the other one uses.
    Raises: ShapeError or DTypeError where the results differ; TraceError for a side effect or a draw.

    >>> sg.cond(sg.tensor(True), lambda x: x * 2, lambda x: x - 1, (sg.tensor([1., 2.]),))
    tensor([2., 4.])
    """
    active = state.capture()
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise GradError(f"Expected pred to be bool or single-element tensor, but got {pred.type_}.")
    if active is None or not isinstance(pred, Tensor):
        return true_fn(*operands) if pred else false_fn(*operands)
    inner = active.inside("cond")
    yes, no = inner.region("true", true_fn, operands), inner.region("false", false_fn, operands)
    if yes.structure != no.structure:
        raise ShapeError("cond: true_fn and false_fn give different structures, "
                         f"{yes.structure} and {no.structure}")  # fmt: skip
    agree("cond: output", yes.types, no.types, "of true_fn", "of false_fn")
    results = inner.bind(cond_p, [boolean(pred)], [yes, no], [a or b for a, b in zip(yes.grads, no.grads)], {})
    return unflatten(yes.structure, results)


@op(method=False, out=False)
def while_loop(cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Any) -> Any:
    """`carried = body_fn(*carried)` for as long as `cond_fn(*carried)` is true, from `carried_inputs` on.

    Compiled, it is one equation, however often the loop runs: `body_fn` must keep shapes and dtypes,
    and change nothing.

    Gradient: of first order; the states of the loop are computed again, and kept, by its backward.
    Raises: ShapeError or DTypeError for a carry that changes; TraceError for a side effect or a draw.

    >>> sg.while_loop(lambda i, x: x.sum() < 10, lambda i, x: (i + 1, x * 2), (sg.tensor(0), sg.tensor([1., 2.])))
    (tensor(2), tensor([4., 8.]))
    """
    active = state.capture()
    carried = tuple(carried_inputs)
    if active is None:
        while cond_fn(*carried):
            carried = _tuple(body_fn(*carried))
        return carried
    leaves, structure = flatten(carried)
    _tensors("while_loop: carried_inputs", leaves)
    inner = active.inside("while_loop")
    test, body = inner.loop(leaves, [], [
        ("cond", lambda given: cond_fn(*unflatten(structure, given)), None),
        ("body", lambda given: _tuple(body_fn(*unflatten(structure, given))), len(leaves)),
    ], _names(body_fn, carried))  # fmt: skip
    if len(test.types) != 1 or test.types[0].shape != () or test.types[0].dtype is not dtypes.bool_:
        raise ShapeError(f"while_loop: cond_fn gives {', '.join(map(str, test.types))}, not one bool of no dimension",
                         hint="reduce it with all() or any()")  # fmt: skip
    _same_structure("while_loop: body_fn", body.structure, structure)
    agree("while_loop: carry", body.types, [x.type_ for x in leaves], "after body_fn", "before")
    results = inner.bind(while_p, leaves, [test, body], body.grads, dict(carries=len(leaves)))
    return unflatten(structure, results)


@op(method=False, out=False)
def scan(combine_fn: Callable[..., Any], init: Any, xs: Any, *, dim: int = 0, reverse: bool = False) -> Any:
    """Carry a state over the slices of `xs` along `dim`: `carry, y = combine_fn(carry, x)`, from `init` on.

    Gives the last carry and the `y` of all steps, stacked along `dim` (in front, where they have fewer
    dimensions), each at its slice's place also when `reverse` goes from the last slice to the first.
    Compiled, it is one equation with a loop.

    Gradient: of every order: a scan in the other direction over the states that were kept.
    Raises: ShapeError or DTypeError for a carry that changes; TraceError for a side effect or a draw.

    >>> sg.scan(lambda total, x: (total + x, total * x), sg.tensor(0.), sg.tensor([1., 2., 3.]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    leaves, structure = flatten(init)
    rows, row_structure = flatten(xs)
    if not rows:
        return init, []
    _tensors("scan: init", leaves)
    _tensors("scan: xs", rows)
    dim = dim + rows[0].ndim if dim < 0 else dim
    if any(not 0 <= dim < x.ndim or not x.shape[dim] for x in rows):
        raise ShapeError("All xs leaves must at least have 'dim' number of dimensions and scan dimension > 0")
    if len({x.shape[dim] for x in rows}) > 1:
        raise ShapeError(f"scan: xs differ in extent along dimension {dim}: {', '.join(str(x.type_) for x in rows)}")
    rows = [movedim(x, dim, 0) if dim else x for x in rows]
    length = int(rows[0].shape[0])

    def step(given: Sequence[Any]) -> Any:
        carry, slices = given[: len(leaves)], given[len(leaves) :]
        result = combine_fn(unflatten(structure, carry), unflatten(row_structure, slices))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError("scan: combine_fn must return a tuple (next carry, output)")
        _same_structure("scan: combine_fn", flatten(result[0])[1], structure)
        return result

    active = state.capture()
    if active is None:
        shape: list[Any] = []

        def flat(carry: list[Any], slices: list[Any]) -> tuple[list[Any], list[Any]]:
            (after, _), (ys, kind) = map(flatten, step([*carry, *slices]))
            _tensors("scan: outputs", ys)
            shape.append(kind)
            return after, ys

        last, stacked = run_scan(flat, leaves, rows, length, reverse)
        return unflatten(structure, last), unflatten(shape[0], _along(dim, stacked))
    inner = active.inside("scan")
    (body,) = inner.loop(leaves, rows, [("body", step, len(leaves))], _names(combine_fn, (init, xs)))
    agree("scan: carry", body.types[: len(leaves)], [x.type_ for x in leaves], "after combine_fn", "before")
    params = dict(carries=len(leaves), scanned=len(rows), length=length, reverse=bool(reverse), states=len(leaves))
    results = inner.bind(scan_p, [*leaves, *rows], [body], body.grads, params)
    return unflatten(body.structure, [*results[: len(leaves)], *_along(dim, results[len(leaves) :])])


def run_scan(
    step: Callable[[list[Any], list[Any]], tuple[list[Any], list[Any]]], carry: list[Any], rows: Sequence[Tensor],
    length: int, reverse: bool,
) -> tuple[list[Any], list[Tensor]]:  # fmt: skip
    """The last carries, and the outputs of all steps stacked: a scan as a Python loop."""
    found: dict[int, list[Any]] = {}
    for i in reversed(range(length)) if reverse else range(length):
        carry, found[i] = step(carry, [row[i] for row in rows])
    return carry, [stack([found[i][n] for i in range(length)]) for n in range(len(found[0]))]


def _along(dim: int, ys: Sequence[Tensor]) -> list[Tensor]:
    return [movedim(y, 0, dim) if 0 < dim < y.ndim else y for y in ys]


def agree(what: str, types: Any, others: Any, one: str, other: str) -> None:
    """The error for the first two of these types that differ."""
    for place, (a, b) in enumerate(zip(types, others)):
        if a.shape != b.shape:
            raise ShapeError(f"{what} {place} is {a} {one} and {b} {other}")
        if a.dtype is not b.dtype:
            raise DTypeError(f"{what} {place} is {a} {one} and {b} {other}", hint="convert one with .to(dtype)")


def _same_structure(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise ShapeError(f"{what} gives carries of structure {got}, not {wanted}")


def _tensors(what: str, leaves: list[Any]) -> None:
    other = next((x for x in leaves if not isinstance(x, Tensor)), None)
    if other is not None and state.capture() is not None:
        raise TraceError(f"{what} must be tensors, got {type(other).__name__}", hint="sg.tensor() makes one")
    if other is not None:
        raise TypeError(f"{what} must be tensors, got {type(other).__name__}")


def _names(function: Callable[..., Any], given: Sequence[Any]) -> list[str]:
    """What a function calls the leaves of its arguments."""
    code = getattr(function, "__code__", None)
    words = code.co_varnames[: code.co_argcount] if code is not None else ()
    found = []
    for place, argument in enumerate(given):
        word = words[place] if place < len(words) else "carry"
        found += [word] * len(flatten(argument)[0])
    return found


def _tuple(result: Any) -> tuple[Any, ...]:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def boolean(pred: Tensor) -> Tensor:
    """A condition as a bool of no dimension."""
    pred = pred if pred.dtype is dtypes.bool_ else pred.to(dtypes.bool_)
    return pred if pred.ndim == 0 else reshape(pred, ())
