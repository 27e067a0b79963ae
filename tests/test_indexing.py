"""Reading and writing by index, and every function that does so by name: values, gradients and errors as PyTorch's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracle import agree, array_of, builtin, make, torch
from sampling import values

import symgrad as sg

pytestmark = [pytest.mark.needs_torch, pytest.mark.filterwarnings("ignore:Using a non-tuple sequence")]
X, Y = values(3, 4), values(2, 3, 4)
WHOLE = slice(None)


class T:
    """A tensor in an index, made in whichever library runs the program."""

    def __init__(self, data: Any, dtype: Any = None):
        self.data = np.asarray(data, dtype)

    def __repr__(self) -> str:
        return f"T({self.data.tolist()}, {self.data.dtype})"


def real(lib: Any, index: Any) -> Any:
    """An index with its tensors made."""
    if isinstance(index, tuple):
        return tuple(real(lib, item) for item in index)
    return make(lib, index.data) if isinstance(index, T) else index


INDICES: list[tuple[Any, Any]] = [
    (X, 1), (X, -1), (X, (1, -2)), (X, slice(1, 9)), (X, slice(None, None, 2)), (X, (Ellipsis, 1)), (X, None),
    (X, (None, 1, None)), (X, ...), (X, ()), (X, (WHOLE, slice(2, 2))), (X, T(1)), (X, (T(-1), slice(1, None))),
    (X, T([2, 0, 2])), (X, T([-1])), (X, T([[0, 1], [2, 2]])), (X, T([], "i8")), (X, T([1, 0], "i4")), (X, [0, 2]),
    (X, [[0, 1], [2, 3]]), (X, ([[0, 1], [2, 2]],)), (X, [True, False, True]), (X, []), (X, range(2)),
    (X, np.array([1, 2])), (X, np.array([1, 2], "i2")), (X, np.array([True, False, True])),
    (X, (WHOLE, T([3, 0]))), (X, (T([0, 2]), T([1, -1]))), (X, (T([[0], [2]]), T([1, 3, 0]))), (X, (1, T([0, 0]))),
    (X, (T([1, 2]), 0)), (X, (T([1, 2]), None)), (X, (None, T([1, 2]))), (X, (T([1, 2]), slice(1, 3))),
    (Y, (0, WHOLE, T([1, 2]))), (Y, (T([0, 1]), WHOLE, T([1, 2]))), (Y, (WHOLE, T([0, 2]), T([1, 3]))),
    (Y, (..., T([1, 2]))), (Y, (WHOLE, T([1, 0]), None, T([1, 2]))), (Y, (T(0), WHOLE, [0, 1])),
    (X, T([True, False, True])), (X, (WHOLE, T([True, False, True, True]))), (X, T(X > 0)), (X, T(X > 9)),
    (Y, T([[True, False, True], [False, False, True]])), (Y, (WHOLE, T(X > 0))),
    (Y, (T([True, True]), T([False, True, True]))), (Y, (T([True, False]), WHOLE, [0, 1])),
    (X, True), (X, False), (X, (1, True)), (X, (True, T([0, 1]))), (X, T(True)), (X, T(False)), (X, (True, True)),
    (X, (slice(0, 2), True)), (values(), ...), (values(), True), (values(), None), (values(), T(True)),
    (values(0, 2), T([], "i8")), (values(2, 0), T([1, 1])), (X.T, T([0, 1])), (Y.transpose(2, 0, 1), (T([3, 0]), 1)),
    (X, T([1, 0, 1], "u1")),
]  # fmt: skip
WRONG: list[tuple[Any, Any]] = [
    (X, 3), (X, (0, -5)), (X, (0, 0, 0)), (X, T([3])), (X, (WHOLE, T([-5]))), (X, T([0.5])), (X, T([1], "i2")),
    (X, 1.5), (X, "a"), (X, T([True, False])), (X, (WHOLE, T([True] * 3))), (X, (T([0, 1]), T([0, 1, 2]))),
    (X, slice(None, None, -1)), (X, slice(None, None, 0)), (X, slice(0.5, 2)), (values(), 0), (values(), T([0])),
    (X, (T([0]),) * 3),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("x, index", INDICES, ids=repr)
def test_read(x: Any, index: Any) -> None:
    agree_with_gradients(lambda lib, x: x[real(lib, index)], x)


@pytest.mark.parametrize("x, index", WRONG, ids=repr)
def test_wrong_index(x: Any, index: Any) -> None:
    agree(lambda lib: make(lib, x)[real(lib, index)])

    def write(lib: Any) -> Any:
        made = make(lib, x)
        made[real(lib, index)] = 1.0
        return made

    agree(write)


def agree_with_gradients(program: Callable[..., Any], *arrays: Any) -> None:
    """The result, first and second derivatives of `program(lib, *tensors)` agree, or the builtin error does."""
    found = []
    for lib in (torch, sg):
        leaves = [make(lib, a, requires_grad=True) for a in arrays]
        try:
            out = program(lib, *[leaf * 1 for leaf in leaves])
        except Exception as error:  # noqa: BLE001 - whatever PyTorch raises is the oracle
            if lib is torch:
                with pytest.raises(builtin(error)):
                    program(sg, *[make(sg, a, requires_grad=True) * 1 for a in arrays])
                return
            raise
        weights = make(lib, values(*out.shape, seed=3))
        first = lib.autograd.grad((out * out * weights).sum(), leaves, create_graph=True, allow_unused=True)
        total = sum((g * g).sum() for g in first if g is not None)
        twice = getattr(total, "requires_grad", False)
        second = lib.autograd.grad(total, leaves, allow_unused=True) if twice else (None,) * len(leaves)
        found.append([out, *first, *second])
    for theirs, mine in zip(*found, strict=True):
        zero = np.zeros(tuple(getattr(mine if theirs is None else theirs, "shape", ())))
        np.testing.assert_allclose(zero if mine is None else array_of(mine), zero if theirs is None
                                   else array_of(theirs), rtol=1e-9, atol=1e-9)  # fmt: skip


# -- writes ---------------------------------------------------------------------------------------

VALUES: dict[str, Callable[[Any], Any]] = {
    "one": lambda shape: values(seed=2), "all": lambda shape: values(*shape, seed=2),
    "row": lambda shape: values(*shape[1:], seed=2), "ones in front": lambda shape: values(1, 1, *shape, seed=2),
    "column": lambda shape: values(*shape[:-1], 1, seed=2), "too many": lambda shape: values(*shape, 2, seed=2),
}  # fmt: skip


def shape_of(x: Any, index: Any) -> tuple[int, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return tuple(torch.zeros(x.shape)[real(torch, index)].shape)


def distinct(x: Any, index: Any) -> bool:
    """Whether no place is written twice: which write wins is then no question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        chosen = torch.arange(x.size).reshape(x.shape)[real(torch, index)].reshape(-1)
    return len(set(chosen.tolist())) == chosen.numel()


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("x, index", INDICES, ids=repr)
def test_write(x: Any, index: Any, kind: str) -> None:
    def write(lib: Any, x: Any, v: Any) -> Any:
        x[real(lib, index)] = v
        return x

    agree_with_gradients(write, x, VALUES[kind](shape_of(x, index)))


@pytest.mark.filterwarnings("ignore:indexing with dtype torch.uint8")
@pytest.mark.parametrize("x, index", INDICES, ids=repr)
def test_write_through_a_view_and_in_place_arithmetic(x: Any, index: Any) -> None:
    def write(lib: Any, x: Any, v: Any) -> Any:
        base = lib.stack([x, x + 1])
        part = base[1]
        part[real(lib, index)] += v
        part[real(lib, index)] *= 3
        return base * part

    if distinct(x, index):
        agree_with_gradients(write, x, values(seed=2))


def test_several_values_for_one_place() -> None:
    """The last one stays, and each gets the gradient of its place, as in PyTorch."""
    index = T([0, 0, 1, 1, 0])

    def write(lib: Any, x: Any, v: Any) -> Any:
        x[real(lib, index)] = v
        return x

    agree_with_gradients(write, values(3), values(5, seed=1))
    agree_with_gradients(lambda lib, x, v: x.index_put((real(lib, index),), v, accumulate=True),
                         values(3), values(5, seed=1))  # fmt: skip


@pytest.mark.parametrize("value", [2.7, True, 3, -1, 300, 1j, "a", [1.0], None, np.float64(2), float("nan")], ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "int64", "uint8", "bool", "complex64"])
@pytest.mark.parametrize("index", [0, T([0]), T([True, False]), ...], ids=repr)
def test_a_number_is_cast_to_the_dtype(index: Any, dtype: str, value: Any) -> None:
    if dtype != "float32" and value != value:
        pytest.skip("a nan as an integer is whatever the machine makes of it")

    def write(lib: Any) -> Any:
        x = lib.zeros(2, dtype=getattr(lib, dtype))
        x[real(lib, index)] = value
        return x

    agree(write)


@pytest.mark.parametrize("index", [0, T([0]), T([True, False])], ids=repr)
@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("target, source", [("int64", "float32"), ("float32", "float64"), ("float32", "int64")])
def test_a_tensor_of_another_dtype(index: Any, shape: Any, target: str, source: str) -> None:
    def write(lib: Any) -> Any:
        x = lib.zeros(2, dtype=getattr(lib, target))
        x[real(lib, index)] = lib.ones(shape, dtype=getattr(lib, source))
        return x

    agree(write)


def test_an_old_mask_warns() -> None:
    with pytest.warns(UserWarning, match="indexing with dtype torch.uint8 is now deprecated"):
        assert sg.ones(3)[sg.tensor([1, 0, 1], dtype=sg.uint8)].shape == (2,)


def test_what_is_a_view_is_one() -> None:
    for index in (1, slice(1, 3), (..., 0), None, T(1), (T(0), slice(1, None))):
        for lib in (torch, sg):
            x = make(lib, X)
            x[real(lib, index)].fill_(7.0)
            assert float(x.sum()) != pytest.approx(float(X.sum())), (lib, index)
    x = sg.from_numpy(X.copy())
    x[sg.tensor([1])].fill_(7.0)
    x[x > 0].fill_(7.0)
    assert np.array_equal(x.numpy(), X)


def test_an_index_changed_in_place_before_backward_is_an_error() -> None:
    def program(lib: Any) -> Any:
        index = lib.tensor([0, 1])
        x = make(lib, X, requires_grad=True)
        y = x[index].sum()
        index.add_(1)
        y.backward()
        return x.grad

    agree(program)


def test_the_tensor_itself_may_change_after_a_read() -> None:
    def program(lib: Any) -> Any:
        leaf = make(lib, X, requires_grad=True)
        x = leaf * 1
        y = x[lib.tensor([0, 1])]
        x[lib.tensor([0])] = 5.0
        y.sum().backward()
        return leaf.grad, y, x

    agree(program)


def test_writing_what_overlaps_itself() -> None:
    """As if what is written had been copied first; PyTorch refuses."""
    x = sg.arange(6)
    x[sg.tensor([1, 2, 3])] = x[0:3]
    assert x.tolist() == [0, 0, 1, 2, 4, 5]
    x.scatter_add_(0, sg.tensor([0, 0, 1]), x[3:])
    assert x.tolist() == [6, 5, 1, 2, 4, 5]


@pytest.mark.parametrize("leaf", [True, False])
def test_a_leaf_and_its_views_are_not_written(leaf: bool) -> None:
    def program(lib: Any) -> Any:
        x = make(lib, X, requires_grad=True)
        (x if leaf else x[0:2])[lib.tensor([0])] = 1.0
        return x

    agree(program)


def test_nothing_is_written_when_an_index_is_out_of_range() -> None:
    for write in (lambda x: x.__setitem__(sg.tensor([0, 9]), 7.0), lambda x: x.index_add_(0, sg.tensor([0, 9]), x[:2]),
                  lambda x: x.scatter_(0, sg.tensor([[0], [9]]), 7.0),
                  lambda x: x.put_(sg.tensor([0, 99]), sg.ones(2, dtype=sg.float64))):  # fmt: skip
        x = sg.from_numpy(X.copy())
        version = x._version
        with pytest.raises(IndexError, match="is out of bounds for dimension 0 with size"):
            write(x)
        assert np.array_equal(x.numpy(), X) and x._version == version


# -- any index ------------------------------------------------------------------------------------


@st.composite
def indexed(draw: Any) -> tuple[Any, Any]:
    """An array, and an index for it: any mixture that PyTorch takes."""
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    items: list[Any] = []
    place = 0
    dots = False
    while place < len(shape) and draw(st.integers(0, 5)):
        extent = shape[place]
        number = st.integers(-extent, extent - 1)
        kinds = ["int", "slice", "none", "dots", "mask", "tensor", "tensor", "0-d", "bool", "list"]
        kind = draw(st.sampled_from(kinds))
        if kind == "none":
            items.append(None)
        elif kind == "bool":
            items.append(draw(st.booleans()))
        elif kind == "dots":
            items += [] if dots else [...]
            dots = True
            break
        elif kind == "mask":
            over = shape[place : place + draw(st.integers(1, min(2, len(shape) - place)))]
            flat = draw(st.lists(st.booleans(), min_size=int(np.prod(over)), max_size=int(np.prod(over))))
            items.append(T(np.reshape(flat, over)))
            place += len(over)
        else:
            if kind == "tensor":
                size = draw(st.sampled_from([(2,), (2,), (1,), (2, 1), (3, 1), (3, 2)]))
                flat = draw(st.lists(number, min_size=int(np.prod(size)), max_size=int(np.prod(size))))
                items.append(T(np.reshape(flat, size), draw(st.sampled_from(["i8", "i4"]))))
            elif kind == "slice":
                bound = st.none() | st.integers(-extent - 1, extent + 1)
                items.append(slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3]))))
            else:
                item = draw(number)
                items.append(T(item) if kind == "0-d" else [item, item] if kind == "list" else item)
            place += 1
    return values(*shape), tuple(items)


@settings(max_examples=300, deadline=None)
@given(indexed())
def test_any_read(case: Any) -> None:
    agree_with_gradients(lambda lib, x: x[real(lib, case[1])], case[0])


@settings(max_examples=300, deadline=None)
@given(indexed(), st.sampled_from(list(VALUES)), st.booleans())
def test_any_write(case: Any, kind: str, add: bool) -> None:
    x, index = case
    try:
        shape = shape_of(x, index)
    except (IndexError, RuntimeError):
        shape = ()
    else:
        assume(distinct(x, index))

    def write(lib: Any, x: Any, v: Any) -> Any:
        base = x.transpose(0, -1).clone()
        part = base.transpose(0, -1)
        if add:
            part[real(lib, index)] += v
        else:
            part[real(lib, index)] = v
        return base

    agree_with_gradients(write, x, VALUES[kind](shape))


# -- functions by name ----------------------------------------------------------------------------

I64 = T([2, 0, 1])
ROWS, COLUMNS = T([[0, 1, 2, 0], [2, 2, 0, 1]]), T([[3, 0], [1, 1], [0, 2]])
MASK = T(X > 0)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "select": lambda lib, x, v: x.select(1, -1), "narrow": lambda lib, x, v: lib.narrow(x, 0, -2, 2),
    "narrow tensor": lambda lib, x, v: x.narrow(1, lib.tensor(1), 2),
    "narrow_copy": lambda lib, x, v: x.narrow_copy(1, 1, 2),
    "index_select": lambda lib, x, v: lib.index_select(x, 1, real(lib, I64)),
    "index_select again": lambda lib, x, v: x.index_select(0, lib.tensor([0, 0, 2])),
    "gather 0": lambda lib, x, v: x.gather(0, real(lib, ROWS)),
    "gather 1": lambda lib, x, v: lib.gather(x, -1, real(lib, COLUMNS), sparse_grad=False),
    "take": lambda lib, x, v: x.take(real(lib, T([[11, -1], [0, 0]]))),
    "take_along_dim": lambda lib, x, v: lib.take_along_dim(x, real(lib, T([[3], [0], [1]])), 1),
    "take_along_dim broadcast": lambda lib, x, v: lib.take_along_dim(x, real(lib, T([[1, -1]])), dim=1),
    "take_along_dim flat": lambda lib, x, v: lib.take_along_dim(x, real(lib, T([[7, 0]]))),
    "masked_select": lambda lib, x, v: x.masked_select(real(lib, MASK)),
    "masked_select row": lambda lib, x, v: x.masked_select(real(lib, T([True, False, False, True]))),
    "scatter": lambda lib, x, v: x.scatter(0, real(lib, T([[0, 2, 1, 0]])), v[:1]),
    "scatter twice": lambda lib, x, v: x.scatter(0, real(lib, ROWS), v[:2]),
    "scatter_": lambda lib, x, v: x.scatter_(1, real(lib, COLUMNS), v[:, :2]) * x,
    "scatter number": lambda lib, x, v: x.scatter(1, real(lib, COLUMNS), 2.5),
    "scatter value": lambda lib, x, v: x.scatter(1, real(lib, COLUMNS), value=2.5),
    "scatter_add": lambda lib, x, v: lib.scatter_add(x, 0, real(lib, ROWS), v[:2]),
    "scatter_add_": lambda lib, x, v: x.scatter_add_(1, real(lib, COLUMNS), v[:, :2]) * x,
    **{f"scatter_reduce {how} {own}": lambda lib, x, v, how=how, own=own: x.scatter_reduce(
        0, real(lib, ROWS), v[:2], how, include_self=own)
       for how in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)},
    **{f"index_reduce {how} {own}": lambda lib, x, v, how=how, own=own: x.index_reduce(
        1, lib.tensor([1, 1, 3, 0]), v, how, include_self=own)
       for how in ("prod", "mean", "amax", "amin") for own in (True, False)},
    "put": lambda lib, x, v: x.put(real(lib, T([[0, -1], [5, 6]])), v.reshape(-1)[:4].reshape(2, 2)),
    "put_ accumulate": lambda lib, x, v: x.put_(real(lib, T([0, 0, 5])), v.reshape(-1)[:3], accumulate=True) * x,
    "put_ transposed": lambda lib, x, v: x.t().put_(real(lib, T([1, -1])), v[0, :2]) * x.t(),
    "index_add": lambda lib, x, v: x.index_add(0, lib.tensor([0, 0, 2]), v, alpha=2),
    "index_add_": lambda lib, x, v: x.index_add_(1, lib.tensor([3, 1, 1, 0]), v) * x,
    "index_copy": lambda lib, x, v: x.index_copy(1, lib.tensor([3, 1, 2, 0]), v),
    "index_copy_": lambda lib, x, v: x.index_copy_(0, lib.tensor([1]), v[:1]) * x,
    "index_fill": lambda lib, x, v: x.index_fill(0, lib.tensor([0, -1, 0]), 2.5),
    "index_fill tensor": lambda lib, x, v: x.index_fill_(1, lib.tensor([0, 2, 0]), v[0, 0]) * x,
    "index_put": lambda lib, x, v: x.index_put((lib.tensor([0, 2]), lib.tensor([1, -1])), v[0, :2]),
    "index_put row": lambda lib, x, v: x.index_put([lib.tensor([0, 2])], v[0]),
    "index_put mask": lambda lib, x, v: x.index_put((real(lib, MASK),), v[0, 0]),
    "index_put_ accumulate": lambda lib, x, v: x.index_put_((lib.tensor([1, 1, 0]),), v[:, :1], accumulate=True) * x,
    "masked_fill": lambda lib, x, v: x.masked_fill(real(lib, MASK), 2.5),
    "masked_fill tensor": lambda lib, x, v: x.masked_fill(real(lib, MASK), v[0, 0]),
    "masked_fill wider": lambda lib, x, v: x[0].masked_fill(real(lib, MASK), v[0, 0]),
    "masked_fill_": lambda lib, x, v: x.masked_fill_(real(lib, T([True, False, False, True])), v[0, 0]) * x,
    "masked_scatter": lambda lib, x, v: x.masked_scatter(real(lib, MASK), v),
    "masked_scatter_": lambda lib, x, v: x.masked_scatter_(real(lib, T([True, False, False, True])), v) * x,
    "select_scatter": lambda lib, x, v: x.select_scatter(v[0], 0, -1),
    "slice_scatter": lambda lib, x, v: lib.slice_scatter(x, v[:2], 0, 0, 3, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str) -> None:
    agree_with_gradients(FUNCTIONS[name], X, values(3, 4, seed=1) + 0.03)


@pytest.mark.parametrize("dtype", ["int64", "uint8", "bool", "float16", "bfloat16"])
@pytest.mark.parametrize("name", ["gather 0", "index_select", "take", "index_put row", "masked_fill_", "scatter_add",
                                  "scatter_reduce sum True", "scatter_reduce amax False", "scatter_reduce amin False",
                                  "scatter_reduce prod True", "index_copy", "masked_scatter"])  # fmt: skip
def test_function_in_other_dtypes(name: str, dtype: str) -> None:
    def program(lib: Any) -> Any:
        x, v = (lib.tensor(np.round(a).tolist()).to(getattr(lib, dtype)) for a in (X + 3, values(3, 4, seed=1) + 3))
        return FUNCTIONS[name](lib, x, v).to(lib.float64)

    agree(program)


@pytest.mark.parametrize("data", [1, 0, [0, 3, 0, 5], [[True, False], [True, True]], [], [[0.0, np.nan]]], ids=repr)
def test_nonzero(data: Any) -> None:
    for program in (lambda lib, x: x.nonzero(), lambda lib, x: lib.argwhere(x), lambda lib, x: lib.where(x),
                    lambda lib, x: lib.nonzero(x, as_tuple=True)):  # fmt: skip
        agree(lambda lib, program=program: program(lib, lib.tensor(data)))


def test_out() -> None:
    def program(lib: Any) -> Any:
        x, out = make(lib, X), lib.zeros(3, 3, dtype=lib.float64)
        lib.index_select(x, 1, real(lib, I64), out=out)
        other = lib.zeros(2, 4, dtype=lib.float64)
        return out, lib.gather(x, 0, real(lib, ROWS), out=other) is other

    agree(program)


long, ints = T([0]), T([0], "i4")
REFUSED: dict[str, Callable[..., Any]] = {
    "gather out dtype": lambda lib, x: lib.gather(x, 0, lib.tensor([[0]]), out=lib.zeros(1, 1)),
    "take out overlap": lambda lib, x: lib.take(x, lib.tensor([0, 1, 2, 3]), out=x[0]),
    "narrow start dtype": lambda lib, x: x.narrow(0, lib.tensor(True), 1),
    "masked_fill complex tensor": lambda lib, x: x.masked_fill(x > 0, lib.tensor(1j)),
    "gather dtype": lambda lib, x: x.gather(0, make(lib, np.zeros((1, 1)))),
    "gather rank": lambda lib, x: x.gather(0, real(lib, long)),
    "gather extent": lambda lib, x: x.gather(0, lib.zeros(1, 5, dtype=lib.long)),
    "gather negative": lambda lib, x: x.gather(0, lib.tensor([[-1]])),
    "gather high": lambda lib, x: x.gather(1, lib.tensor([[4]])),
    "select high": lambda lib, x: x.select(0, 3), "select dim": lambda lib, x: x.select(2, 0),
    "select 0-d": lambda lib, x: x[0, 0].select(0, 0), "narrow 0-d": lambda lib, x: x[0, 0].narrow(0, 0, 1),
    "narrow high": lambda lib, x: x.narrow(0, 2, 2), "narrow start": lambda lib, x: x.narrow(0, 4, 0),
    "narrow length": lambda lib, x: x.narrow(0, 0, -1),
    "index_select dtype": lambda lib, x: x.index_select(0, lib.tensor([0.0])),
    "index_select rank": lambda lib, x: x.index_select(0, lib.tensor([[0]])),
    "index_select high": lambda lib, x: x.index_select(0, lib.tensor([3])),
    "index_select negative": lambda lib, x: x.index_select(0, lib.tensor([-1])),
    "scatter dtype": lambda lib, x: x.scatter(0, lib.tensor([[0]]), lib.ones(1, 1)),
    "scatter small": lambda lib, x: x.scatter(0, lib.tensor([[0, 0]]), x[:1, :1]),
    "scatter reduce": lambda lib, x: x.scatter(0, lib.tensor([[0, 0]]), 1.0, reduce="foo"),
    "scatter high": lambda lib, x: x.scatter(0, lib.tensor([[3]]), 1.0),
    "scatter_add rank": lambda lib, x: x.scatter_add(0, lib.tensor([0]), x[0]),
    "scatter_reduce word": lambda lib, x: x.scatter_reduce(0, lib.tensor([[0]]), x, "foo"),
    "take dtype": lambda lib, x: x.take(real(lib, ints)), "take high": lambda lib, x: x.take(lib.tensor([12])),
    "put dtype": lambda lib, x: x.put(real(lib, long), lib.ones(1)),
    "put count": lambda lib, x: x.put(lib.tensor([0, 1]), x[0, :1]),
    "put high": lambda lib, x: x.put(lib.tensor([12]), x[0, :1]),
    "take_along_dim rank": lambda lib, x: lib.take_along_dim(x, real(lib, long), 0),
    "take_along_dim dtype": lambda lib, x: lib.take_along_dim(x, real(lib, ints)[None], 0),
    "masked_select dtype": lambda lib, x: x.masked_select(lib.ones(3, 4)),
    "masked_select shape": lambda lib, x: x.masked_select(lib.tensor([True, False])),
    "masked_fill dtype": lambda lib, x: x.masked_fill(lib.tensor([1, 0, 0, 1]), 0.0),
    "masked_fill value": lambda lib, x: x.masked_fill(x > 0, lib.ones(1, dtype=lib.float64)),
    "masked_fill complex": lambda lib, x: x.masked_fill(x > 0, 1j),
    "masked_fill_ shape": lambda lib, x: x[0].clone().masked_fill_(x > 0, 0.0),
    "masked_scatter dtype": lambda lib, x: x.masked_scatter(x > 0, lib.ones(12)),
    "masked_scatter few": lambda lib, x: x.masked_scatter(x > 0, x[0, :1]),
    "index_add dtype": lambda lib, x: x.index_add(0, real(lib, long), lib.ones(1, 4)),
    "index_add count": lambda lib, x: x.index_add(0, real(lib, long), x),
    "index_add shape": lambda lib, x: x.index_add(0, real(lib, long), x[:1, :2]),
    "index_add rank": lambda lib, x: x.index_add(0, real(lib, long)[None], x[:1]),
    "index_copy dtype": lambda lib, x: x.index_copy(0, real(lib, ints), x[:1]),
    "index_copy count": lambda lib, x: x.index_copy(0, real(lib, long), x),
    "index_copy high": lambda lib, x: x.index_copy(0, lib.tensor([3]), x[:1]),
    "index_fill dtype": lambda lib, x: x.index_fill(0, real(lib, ints), 0.0),
    "index_fill value": lambda lib, x: x.index_fill(0, real(lib, long), lib.ones(1)),
    "index_fill high": lambda lib, x: x.index_fill(0, lib.tensor([3]), 0.0),
    "index_put dtype": lambda lib, x: x.index_put((real(lib, long),), lib.tensor(1.0)),
    "index_put many": lambda lib, x: x.index_put((real(lib, long),) * 3, x[0, 0]),
    "index_put None": lambda lib, x: x.index_put((None, real(lib, long)), x[0, 0]),
    "index_put shape": lambda lib, x: x.index_put((real(lib, long),), x[0, :3]),
    "index_reduce word": lambda lib, x: x.index_reduce(0, real(lib, long), x[:1], "sum"),
    "select_scatter shape": lambda lib, x: x.select_scatter(x[0, :3], 0, 0),
    "slice_scatter shape": lambda lib, x: x.slice_scatter(x, 0, 0, 2),
    "slice_scatter step": lambda lib, x: x.slice_scatter(x, 0, 0, 2, -1),
    "where pair": lambda lib, x: lib.where(x > 0, x),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - that PyTorch refuses at all
        REFUSED[name](torch, make(torch, X))
    agree(lambda lib: REFUSED[name](lib, make(lib, X)))
