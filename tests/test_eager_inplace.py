"""Views share memory, in-place changes go through them, and the version counter guards gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import agree, make
from sampling import values

import symgrad as sg

A, B = values(3, 4).astype(np.float32), values(3, 4, seed=1).astype(np.float32)

VIEWS = {
    "row": lambda x: x[1],
    "column": lambda x: x[:, 1],
    "slice": lambda x: x[1:, ::2],
    "t": lambda x: x.t(),
    "view": lambda x: x.view(2, 6),
    "reshape": lambda x: x.reshape(-1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "squeeze": lambda x: x[:, :1].squeeze(1),
    "permute": lambda x: x.permute(1, 0),
    "T": lambda x: x.T,
    "detach": lambda x: x.detach(),
    "data": lambda x: x.data,
    "chain": lambda x: x.t()[1:3].reshape(3, 2).t()[0],
    "flatten": lambda x: x.flatten(),
    "view chain": lambda x: x[1:].view(2, 2, 2)[:, 0],
}


@pytest.mark.parametrize("name", VIEWS)
def test_views_share_memory(name: str) -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A)
        v = VIEWS[name](x)
        v.add_(10)
        shown = v.clone()
        x.mul_(2)
        steps = [s for e, s in zip(v.shape, v.stride()) if e != 1]
        return x, v, shown, steps, v.is_contiguous()

    agree(program)


@pytest.mark.parametrize("name", VIEWS)
def test_gradients_through_changed_views(name: str) -> None:
    def program(lib: Any) -> Any:
        a, b = make(lib, A, True), make(lib, B, True)
        x = a * 1
        v = VIEWS[name](x)
        if not v.requires_grad:
            return ()
        w = VIEWS[name](b)
        v.mul_(w)
        x.add_(b)
        (x * x).sum().backward()
        return a.grad, b.grad, x, v

    agree(program, 1e-5, 1e-5)


def test_a_view_made_before_a_change_of_its_base_has_its_history() -> None:
    def program(lib: Any) -> Any:
        a, b = make(lib, A, True), make(lib, B, True)
        x = a * 1
        row = x[0]
        x.mul_(b)
        row.sum().backward()
        return a.grad, b.grad, row

    agree(program)


def test_changing_a_fresh_buffer_row_by_row() -> None:
    def program(lib: Any) -> Any:
        a = make(lib, A, True)
        out = lib.zeros(3, 4)
        for i in range(3):
            out[i] = a[i] * (i + 1)
        out[0, 0] = 7.0
        out.sum().backward()
        return out, a.grad

    agree(program)


INPLACE = {
    "add_": lambda x, y: x.add_(y),
    "add_ alpha": lambda x, y: x.add_(y, alpha=-0.5),
    "sub_": lambda x, y: x.sub_(y, alpha=2),
    "mul_": lambda x, y: x.mul_(y),
    "div_": lambda x, y: x.div_(y),
    "+=": lambda x, y: x.__iadd__(y),
    "-=": lambda x, y: x.__isub__(2),
    "*=": lambda x, y: x.__imul__(y),
    "/=": lambda x, y: x.__itruediv__(3),
    "zero_": lambda x, y: x.zero_(),
    "fill_": lambda x, y: x.fill_(2.5),
    "copy_": lambda x, y: x.copy_(y),
    "copy_ row": lambda x, y: x.copy_(y[0]),
    "addcmul_": lambda x, y: x.addcmul_(y, y, value=0.5),
    "addcdiv_": lambda x, y: x.addcdiv_(y, y + 4, value=-2),
    "lerp_": lambda x, y: x.lerp_(y, 0.1),
    "lerp_ far": lambda x, y: x.lerp_(y, 0.9),
    "exp_": lambda x, y: x.exp_(),
    "sin_": lambda x, y: x.sin_(),
    "neg_": lambda x, y: x.neg_(),
    "abs_": lambda x, y: x.abs_(),
    "relu_": lambda x, y: x.relu_(),
    "sigmoid_": lambda x, y: x.sigmoid_(),
    "tanh_": lambda x, y: x.tanh_(),
    "square_": lambda x, y: x.square_(),
    "clamp_": lambda x, y: x.clamp_(-0.5, 0.5),
    "pow_": lambda x, y: x.pow_(3),
    "reciprocal_": lambda x, y: x.reciprocal_(),
    "setitem": lambda x, y: x.__setitem__((slice(1, 3), 0), 5.0),
    "setitem tensor": lambda x, y: x.__setitem__(0, y[1]),
    "setitem mask": lambda x, y: x.__setitem__(y > 0, 0),
    "setitem ellipsis": lambda x, y: x.__setitem__((..., -1), y[:, 0]),
}


@pytest.mark.parametrize("name", INPLACE)
@pytest.mark.parametrize("grad", [False, True])
def test_in_place_methods(name: str, grad: bool) -> None:
    def program(lib: Any) -> Any:
        a, b = make(lib, A, grad), make(lib, B, grad)
        x = a * 1
        got = INPLACE[name](x, b)
        same = got is None or got is x
        if not grad:
            return x, same
        (x * make(lib, B)).sum().backward()
        return x, same, a.grad, b.grad

    if grad and name == "setitem mask":
        pytest.skip("a comparison has no gradient to b")
    agree(program, 1e-5, 1e-6)


def test_in_place_keeps_memory_and_object() -> None:
    x = sg.zeros(3)
    array = x.numpy()
    y = x
    x += 1
    assert x is y and array.tolist() == [1, 1, 1]
    array[0] = 5
    assert x[0].item() == 5


CHANGED = {
    "input of mul": lambda T, a, x: (x * x, x.add_(1)),
    "output of exp": lambda T, a, x: (x.exp().add_(1), None),
    "output of exp, kept": lambda T, a, x: (lambda e: (e * 2, e.mul_(2)))(x.exp()),
    "through a view": lambda T, a, x: (x * x, x[0].zero_()),
    "through detach": lambda T, a, x: (x * x, x.detach().zero_()),
    "base of a saved view": lambda T, a, x: (x[0] * x[0], x.zero_()),
    "input of add is not saved": lambda T, a, x: (x + x, x.add_(1)),
    "input of exp is not saved": lambda T, a, x: (x.exp(), x.add_(1)),
    "output of relu": lambda T, a, x: (x.relu(), None),
    "pow": lambda T, a, x: (x**2, x.add_(1)),
    "matmul": lambda T, a, x: (x @ x.t(), x.add_(1)),
    "sin": lambda T, a, x: (x.sin(), x.zero_()),
    "tanh output": lambda T, a, x: (lambda t: (t * 1, t.add_(1)))(x.tanh()),
    "setitem": lambda T, a, x: (x * x, x.__setitem__(0, 1.0)),
    "no_grad change of the leaf": lambda T, a, x: (a * a, change_quietly(T, a)),
    "data change of the leaf is not seen": lambda T, a, x: (a * a, None),
}


def change_quietly(lib: Any, a: Any) -> None:
    with lib.no_grad():
        a.add_(1)


@pytest.mark.parametrize("name", CHANGED)
def test_saved_tensors_changed_in_place(name: str) -> None:
    def program(lib: Any) -> Any:
        a = make(lib, A, True)
        out = CHANGED[name](lib, a, a * 1)[0]
        out.sum().backward()
        return a.grad

    agree(program, 1e-5, 1e-6)


def test_update_under_no_grad() -> None:
    def program(lib: Any) -> Any:
        a = make(lib, A, True)
        (a * a).sum().backward()
        with lib.no_grad():
            a -= 0.1 * a.grad
            a.grad.zero_()
        a.grad = None
        (a * a).sum().backward()
        return a, a.grad, a.is_leaf

    agree(program)


def test_detach_() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True) * 2
        x.detach_()
        return x.requires_grad, x.is_leaf, x

    agree(program)


def test_numpy_shares_both_ways() -> None:
    array = np.arange(4.0)
    x = sg.from_numpy(array)
    array[0] = 9
    x[1] = 8
    assert x.tolist() == [9, 8, 2, 3] and array.tolist() == [9, 8, 2, 3]
    assert np.asarray(x) is not None and np.shares_memory(np.asarray(x), array)


def test_functions_that_must_copy_do() -> None:
    for name, function in {
        "clone": lambda x: x.clone(),
        "pow 1": lambda x: x**1,
        "tensor": sg.tensor,
        "clamp": lambda x: x.clamp(-99, 99),
        "add": lambda x: x + 0,
        "where": lambda x: sg.where(x == x, x, x),
        "to copy": lambda x: x.to(sg.float32, copy=True),
        "reshape": lambda x: x.t().reshape(12),
    }.items():
        x = sg.from_numpy(A.copy())
        y = function(x)
        y.zero_()
        assert np.array_equal(x.numpy(), A), name


def test_a_view_made_before_its_base_came_to_require_grad() -> None:
    def program(lib: Any) -> Any:
        b = make(lib, B, True)
        x = lib.zeros(3, 4)
        row, column, other = x[0], x.t()[1], x.detach()
        x[1:] = b[1:] * 2
        (row.sum() + (column * column).sum()).backward()
        return b.grad, row.requires_grad, other.requires_grad

    agree(program)


def test_views_of_detached_tensors_follow_them() -> None:
    def program(lib: Any) -> Any:
        b = make(lib, B, True)
        x = lib.zeros(3, 4)
        y = x.detach()
        row = y[0]
        y.mul_(b)
        y.sum().backward()
        return x, b.grad, x.requires_grad, row.requires_grad

    agree(program)


@pytest.mark.parametrize("changed", [0, 1])
def test_the_largest_values_may_be_changed_but_not_their_indices(changed: int) -> None:
    """A gradient is put at the indices; the values themselves are not needed for it."""

    def program(lib: Any) -> Any:
        x = make(lib, A, requires_grad=True)
        found = (x * 2).max(1)
        found[changed].zero_()
        found[0].sum().backward()
        return x.grad

    agree(program)
