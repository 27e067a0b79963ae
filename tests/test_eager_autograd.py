"""The tape against PyTorch: accumulation, retained graphs, hooks, modes, higher orders, errors."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from oracle import agree, make, torch
from sampling import values

import symgrad as sg

A, B = values(3, 4).astype(np.float32), values(3, 4, seed=1).astype(np.float32)


def two(lib: Any) -> tuple[Any, Any]:
    return make(lib, A, True), make(lib, B, True)


def test_gradients_accumulate_in_place() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        (a * b).sum().backward()
        first = a.grad
        (a * a).sum().backward()
        return first is a.grad, a.grad, b.grad

    agree(program)


def test_grad_of_a_leaf_used_in_many_ways() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        h = a * b + a
        (h.sin() * h + (h * 2).exp() / (b * b + 1) - a[0].sum()).sum().backward()
        return a.grad, b.grad

    agree(program, 1e-5, 1e-5)


def test_backward_with_gradient() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        (a * b).backward(make(lib, B))
        x = lib.tensor([2.0], requires_grad=True)
        (3 * x) ** 2
        ((3 * x) ** 2).backward(lib.FloatTensor([0.1]))
        return a.grad, b.grad, x.grad

    agree(program)


def test_gradients_never_share_memory() -> None:
    def program(lib: Any) -> Any:
        a, b, v = *two(lib), make(lib, B)
        (a + b).backward(v)
        a.grad.zero_()
        c = make(lib, A, True)
        c.backward(v)
        c.grad.zero_()
        return a.grad, b.grad, v

    agree(program)


def test_leaf_backward() -> None:
    def program(lib: Any) -> Any:
        x = lib.tensor(2.0, requires_grad=True)
        x.backward()
        x.backward()
        return x.grad

    agree(program)


@pytest.mark.parametrize("retain", [None, False, True])
def test_second_backward(retain: bool | None) -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        loss = (a * b).sum()
        loss.backward(retain_graph=retain)
        loss.backward()
        return a.grad

    agree(program)


def test_second_backward_says_what_to_do() -> None:
    a = sg.ones(2, requires_grad=True)
    loss = (a * a).sum()
    loss.backward()
    with pytest.raises(RuntimeError, match=r"second time.*\n(.*\n)*.*retain_graph=True"):
        loss.backward()
    assert a.grad is not None and a.grad.tolist() == [2, 2]


def test_shared_part_may_be_walked_again_when_nothing_was_saved() -> None:
    def program(lib: Any) -> Any:
        a, _ = two(lib)
        s = a + 1
        s.sum().backward()
        (s + s).sum().backward()
        return a.grad

    agree(program)


def test_create_graph_and_double_backward() -> None:
    def program(lib: Any) -> Any:
        x = lib.tensor([0.5, -1.5], requires_grad=True)
        (g,) = lib.autograd.grad((x**4).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad(g.sum(), x, create_graph=True)
        (t,) = lib.autograd.grad(h.sum(), x)
        g2 = (x.sin() * x).sum()
        g2.backward(create_graph=True)
        inner = x.grad * 1
        x.grad = None
        inner.sum().backward()
        return g, h, t, x.grad

    agree(program, 1e-5, 1e-6)


def test_grad_leaves_dot_grad_alone() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        mid = a * b
        found = lib.autograd.grad(mid.sum(), [mid, a])
        return found, a.grad is None, b.grad is None

    agree(program)


def test_grad_of_unused_input() -> None:
    def program(lib: Any, allow: bool) -> Any:
        a, b = two(lib)
        return [g is None for g in lib.autograd.grad((a * 2).sum(), [a, b], allow_unused=allow)]

    agree(lambda lib: program(lib, True))
    agree(lambda lib: program(lib, False))


def test_grad_of_several_outputs() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        return lib.autograd.grad([(a * b).sum(), a * a], [a, b], [None, make(lib, B)])

    agree(program)


def test_autograd_backward_of_several() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        lib.autograd.backward([(a * b).sum(), a * a], [None, make(lib, B)])
        return a.grad, b.grad

    agree(program)


def test_backward_inputs() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        (a * b).sum().backward(inputs=[a])
        return a.grad, b.grad is None

    agree(program)


def test_retain_grad() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        mid = a * b
        mid.retain_grad()
        (mid * mid).sum().backward()
        return mid.grad, a.grad, mid.is_leaf, a.is_leaf

    agree(program)


def test_hooks_see_and_replace_the_completed_gradient() -> None:
    def program(lib: Any) -> Any:
        seen = []
        a, b = two(lib)
        mid = a * b
        mid.register_hook(lambda g: seen.append(g.clone()))
        mid.register_hook(lambda g: g * 2)
        handle = mid.register_hook(lambda g: g * 100)
        handle.remove()
        handle.remove()
        a.register_hook(lambda g: g + 1)
        (mid.sin() + mid * 3).sum().backward()
        return seen, a.grad, b.grad

    agree(program, 1e-5, 1e-5)


def test_leaf_hook_runs_once_per_backward_on_the_sum() -> None:
    def program(lib: Any) -> Any:
        calls = []
        a, _ = two(lib)
        a.register_hook(lambda g: calls.append(1))
        (a * a + a).sum().backward()
        return len(calls), a.grad

    agree(program)


def test_leaf_hook_also_acts_in_autograd_grad() -> None:
    def program(lib: Any) -> Any:
        a, _ = two(lib)
        a.register_hook(lambda g: g * 3)
        return lib.autograd.grad((a * a).sum(), a)

    agree(program)


MODES = {
    "no_grad": lambda T, f: T.no_grad()(f)(),
    "no_grad bare": lambda T, f: T.no_grad(f)(),
    "enable inside no": lambda T, f: T.no_grad()(T.enable_grad()(f))(),
    "set True": lambda T, f: T.set_grad_enabled(True)(f)(),
}


@pytest.mark.parametrize("name", MODES)
def test_grad_modes_as_decorators(name: str) -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        out = MODES[name](lib, lambda: a * b)
        return out.requires_grad, lib.is_grad_enabled()

    agree(program)


def test_grad_modes_as_contexts() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        seen = []
        with lib.no_grad():
            seen.append((a * b).requires_grad)
            with lib.enable_grad():
                seen.append((a * b).requires_grad)
            with lib.set_grad_enabled(True):
                seen.append((a * b).requires_grad)
            seen.append(lib.is_grad_enabled())
            seen.append(lib.zeros(1, requires_grad=True).requires_grad)
        lib.set_grad_enabled(False)
        seen.append((a * b).requires_grad)
        lib.set_grad_enabled(True)
        try:
            with lib.no_grad():
                raise KeyError
        except KeyError:
            seen.append(lib.is_grad_enabled())
        return seen

    agree(program)


def test_grad_mode_belongs_to_the_thread() -> None:
    seen = []
    with sg.no_grad():
        thread = threading.Thread(target=lambda: seen.append(sg.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_generator_function_restores_the_mode() -> None:
    @sg.no_grad()
    def inner() -> bool:
        return sg.is_grad_enabled()

    assert inner() is False and sg.is_grad_enabled()


def test_freezing() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        b.requires_grad_(False)
        (a * b).sum().backward()
        a.requires_grad = False
        return a.grad, b.grad is None, (a * b).requires_grad

    agree(program)


def test_mixed_dtypes_keep_the_leafs_dtype() -> None:
    def program(lib: Any) -> Any:
        a = make(lib, A, True)
        b = make(lib, B.astype(np.float64), True)
        z = lib.tensor(2.0, dtype=lib.float64, requires_grad=True)
        (a * b + a * z).sum().backward()
        return a.grad, b.grad, z.grad

    agree(program, atol=1e-6)


def test_assigning_grad() -> None:
    def program(lib: Any) -> Any:
        a, _ = two(lib)
        a.grad = lib.ones(3, 4)
        (a * 2).sum().backward()
        return a.grad

    agree(program)
    agree(lambda lib: setattr(two(lib)[0], "grad", lib.ones(2)))
    agree(lambda lib: setattr(two(lib)[0], "grad", 3))


def test_detached_parts_get_nothing() -> None:
    def program(lib: Any) -> Any:
        a, b = two(lib)
        (a.detach() * b + a.data * a).sum().backward()
        return a.grad, b.grad

    agree(program)


def test_next_functions_lead_to_the_leaves() -> None:
    a = sg.ones(2, requires_grad=True)
    out = (a * 2).exp().sum()
    assert out.grad_fn.name() == "SumBackward0"
    (exp, slot), *_ = out.grad_fn.next_functions
    assert (exp.name(), slot) == ("ExpBackward0", 0)
    (mul, _), *_ = exp.next_functions
    accumulate = mul.next_functions[0][0]
    assert accumulate.name() == "torch::autograd::AccumulateGrad" and accumulate.variable is a


def test_a_long_chain_needs_no_recursion() -> None:
    x = sg.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y + 0.5
    y.backward()
    assert x.grad is not None and x.grad.item() == 1.0
    del y


ERRORS = {
    "no graph": lambda T: T.ones(1).backward(),
    "non-scalar": lambda T: T.ones(2, requires_grad=True).exp().backward(),
    "wrong gradient shape": lambda T: T.ones(2, requires_grad=True).exp().backward(T.ones(3)),
    "gradient no tensor": lambda T: T.ones(2, requires_grad=True).exp().backward([1.0, 1.0]),
    "grad of constant": lambda T: T.autograd.grad(T.ones(1).sum(), T.ones(1)),
    "ints require grad": lambda T: T.tensor([1, 2], requires_grad=True),
    "ints require grad later": lambda T: T.tensor([1, 2]).requires_grad_(),
    "unset on non-leaf": lambda T: T.ones(1, requires_grad=True).exp().requires_grad_(False),
    "numpy of a variable": lambda T: T.ones(1, requires_grad=True).numpy(),
    "hook on constant": lambda T: T.ones(1).register_hook(print),
    "retain on constant": lambda T: T.ones(1).retain_grad(),
    "leaf in place": lambda T: T.ones(1, requires_grad=True).add_(1),
    "leaf += ": lambda T: T.ones(1, requires_grad=True).__iadd__(1),
    "view of leaf in place": lambda T: T.ones(2, requires_grad=True)[0].add_(1),
    "item of many": lambda T: T.ones(2).item(),
    "bool of many": lambda T: bool(T.ones(2)),
    "bool of none": lambda T: bool(T.ones(0)),
    "shape mismatch": lambda T: T.ones(2, 3) + T.ones(4),
    "matmul mismatch": lambda T: T.ones(2, 3) @ T.ones(4, 5),
    "matmul dtypes": lambda T: T.ones(2, 3) @ T.ones(3, 2).double(),
    "matmul 0-d": lambda T: T.ones(()) @ T.ones(2),
    "mm of 3-d": lambda T: T.mm(T.ones(1, 2, 3), T.ones(3, 2)),
    "bmm of 2-d": lambda T: T.bmm(T.ones(2, 3), T.ones(3, 2)),
    "dot lengths": lambda T: T.dot(T.ones(2), T.ones(3)),
    "dot 2-d": lambda T: T.dot(T.ones(2, 2), T.ones(2)),
    "dim out of range": lambda T: T.ones(2, 3).sum(2),
    "negative dim out of range": lambda T: T.ones(2, 3).mean(-3),
    "dim twice": lambda T: T.ones(2, 3).sum((0, 0)),
    "unsqueeze out of range": lambda T: T.ones(2).unsqueeze(3),
    "transpose out of range": lambda T: T.ones(2).transpose(0, 1),
    "t of 3-d": lambda T: T.ones(1, 2, 3).t(),
    "view size": lambda T: T.ones(2, 3).view(4),
    "view strides": lambda T: T.ones(2, 3).t().view(6),
    "reshape two -1": lambda T: T.ones(6).reshape(-1, -1),
    "reshape not divisible": lambda T: T.ones(6).reshape(-1, 4),
    "permute count": lambda T: T.ones(2, 3).permute(0),
    "expand size": lambda T: T.ones(2, 3).expand(2, 4),
    "expand fewer": lambda T: T.ones(2, 3).expand(3),
    "index out of range": lambda T: T.ones(2)[2],
    "too many indices": lambda T: T.ones(2)[0, 0],
    "index 0-d": lambda T: T.ones(())[0],
    "negative step": lambda T: T.ones(4)[::-1],
    "mean of ints": lambda T: T.tensor([1, 2]).mean(),
    "clamp nothing": lambda T: T.ones(2).clamp(),
    "flatten order": lambda T: T.ones(2, 3).flatten(1, 0),
    "int negative power": lambda T: T.tensor([1, 2]) ** -1,
    "in-place category": lambda T: T.tensor([1, 2]).add_(1.5),
    "in-place div of ints": lambda T: T.tensor([1, 2]).div_(2),
    "in-place broadcast": lambda T: T.ones(2).add_(T.ones(3, 2)),
    "len of 0-d": lambda T: len(T.ones(())),
    "iterate 0-d": lambda T: list(T.ones(())),
    "string operand": lambda T: T.ones(2) + "a",
    "compare with none": lambda T: T.ones(2) < None,
    "negative size": lambda T: T.zeros(-1),
    "ragged list": lambda T: T.tensor([[1, 2], [3]]),
    "unknown device": lambda T: T.zeros(1, device="tpu"),
    "from_numpy of list": lambda T: T.from_numpy([1]),
    "index as float": lambda T: [1, 2][T.tensor(1.0)],
    "write through expand": lambda T: T.ones(2, 1).expand(2, 3).add_(1),
    "detach_ a view": lambda T: T.ones(2, requires_grad=True).exp()[0].detach_(),
    "unknown attribute": lambda T: T.ones(1).no_such_thing,
    "unknown keyword": lambda T: T.ones(2).sum(axes=0),
}  # fmt: skip


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_the_same_kind(name: str) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the oracle must raise for the case to mean anything
        ERRORS[name](torch)
    agree(ERRORS[name])


def test_nothing_changes_when_backward_raises() -> None:
    a = sg.ones(2, requires_grad=True)
    b = sg.ones(2, requires_grad=True)
    mid = b.exp()
    out = (a * 2).sum() + (mid * mid).sum()
    with sg.no_grad():
        mid.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        out.backward()
    assert a.grad is None and b.grad is None
