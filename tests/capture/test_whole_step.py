"""Whole training steps: after every call, all state is what eager execution leaves."""

from __future__ import annotations

from typing import Any

import pytest
from twins import agree, data, leaf

import symgrad as sg

OPTIMIZERS = {
    "sgd": lambda ps: sg.optim.SGD(ps, lr=0.1),
    "momentum": lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.9),
    "nesterov": lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.9, nesterov=True),
    "dampening": lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.9, dampening=0.3),
    "decay": lambda ps: sg.optim.SGD(ps, lr=0.1, momentum=0.5, weight_decay=0.1),
    "maximize": lambda ps: sg.optim.SGD(ps, lr=0.1, maximize=True),
    "rmsprop": lambda ps: sg.optim.RMSprop(ps, lr=0.01),
    "rmsprop_all": lambda ps: sg.optim.RMSprop(ps, lr=0.01, momentum=0.9, centered=True, weight_decay=0.1),
    "adam": lambda ps: sg.optim.Adam(ps, lr=0.01),
    "amsgrad": lambda ps: sg.optim.Adam(ps, lr=0.01, amsgrad=True, weight_decay=0.1),
    "adamw": lambda ps: sg.optim.AdamW(ps, lr=0.01),
    "groups": lambda ps: sg.optim.SGD(
        [{"params": ps[:1], "lr": 0.5}, {"params": ps[1:], "momentum": 0.9}], lr=0.1),
}  # fmt: skip


def setting() -> Any:
    return leaf(3, 4), leaf(4, seed=1), data(5, 3), data(5, 4, seed=7)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_has_one_variant_and_eagers_state(name: str, backend: str) -> None:
    def make() -> Any:
        w, b, x, y = setting()
        opt = OPTIMIZERS[name]([w, b])

        def step(x: Any, y: Any) -> Any:
            opt.zero_grad()
            loss = ((x @ w + b).tanh() - y).square().sum()
            loss.backward()
            opt.step()
            return loss

        return step, [w, b, opt], x, y

    agree(make, backend, calls=4)


@pytest.mark.parametrize("name", ["sgd", "momentum", "dampening", "adam", "rmsprop"])
@pytest.mark.parametrize("order", ["zero_last", "zero_middle", "zeroed", "accumulate"])
def test_zero_grad_anywhere(name: str, order: str, backend: str) -> None:
    def make() -> Any:
        w, b, x, y = setting()
        opt = OPTIMIZERS[name]([w, b])

        def step(x: Any, y: Any) -> Any:
            if order == "zeroed":
                opt.zero_grad(set_to_none=False)
            loss = ((x @ w + b).relu() - y).square().mean()
            if order == "zero_middle":
                opt.zero_grad()
            loss.backward()
            opt.step()
            if order == "zero_last":
                opt.zero_grad()
            return loss

        return step, [w, b, opt], x, y

    agree(make, backend, calls=4, variants=None)


def test_gradients_accumulate_over_calls(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            loss = (x @ w + b).sin().sum()
            loss.backward()
            return loss

        return step, [w, b], x

    compiled = agree(make, backend, calls=5, variants=None)
    assert sum(map(len, compiled.variants.values())) <= 2


def test_accumulation_every_third_call(backend: str) -> None:
    def make() -> Any:
        w, b, x, y = setting()
        opt = sg.optim.Adam([w, b], lr=0.01)

        def step(x: Any, last: bool) -> Any:
            loss = (x @ w + b).sin().sum() / 3
            loss.backward()
            if last:
                opt.step()
                opt.zero_grad()
            return loss

        return step, [w, b, opt], x

    step, watched, x = make()
    from twins import assert_alike, image

    other, other_watched, x2 = make()
    compiled = sg.compile(other, backend=backend, fullgraph=True)
    for i in range(9):
        want, got = step(x, i % 3 == 2), compiled(x2, i % 3 == 2)
        assert_alike(image((got, other_watched)), image((want, watched)), f"call {i}")


def test_manual_update(backend: str) -> None:
    def make() -> Any:
        w, b, x, y = setting()

        def step(x: Any, y: Any) -> Any:
            loss = (x @ w + b - y).square().sum()
            loss.backward()
            with sg.no_grad():
                for p in (w, b):
                    p -= 0.01 * p.grad
                    p.grad = None
            return loss

        return step, [w, b], x, y

    agree(make, backend)


def test_manual_update_with_zeroed_grads(backend: str) -> None:
    def make() -> Any:
        w, b, x, y = setting()
        w.grad, b.grad = sg.zeros(3, 4), sg.zeros(4)

        def step(x: Any, y: Any) -> Any:
            w.grad.zero_()
            b.grad.zero_()
            loss = (x @ w + b - y).square().sum()
            loss.backward()
            with sg.no_grad():
                w.sub_(w.grad, alpha=0.01)
                b.add_(b.grad * -0.01)
            return loss

        return step, [w, b], x, y

    agree(make, backend)


def test_zeroed_grad_stays_the_same_tensor(backend: str) -> None:
    w, x = leaf(3), data(3)
    w.grad = held = sg.zeros(3)

    @sg.compile(backend=backend, fullgraph=True)
    def step(x: Any) -> Any:
        w.grad.zero_()
        (w * x).sum().backward()

    for _ in range(3):
        step(x)
        assert w.grad is held
        assert held.tolist() == x.tolist()


def test_update_through_data(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            loss = (x @ w + b).sin().sum()
            loss.backward()
            for p in (w, b):
                p.data -= 0.1 * p.grad.data
                p.grad.data.zero_()
            return loss

        return step, [w, b], x

    agree(make, backend, variants=None)


def test_two_backward_calls_accumulate(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            (x @ w).sin().sum().backward()
            second = (x @ w + b).cos().mean()
            second.backward()
            return second

        return step, [w, b], x

    agree(make, backend)


def test_two_losses_share_a_part(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            h = (x @ w + b).tanh()
            first, second = h.sum(), h.square().mean()
            first.backward(retain_graph=True)
            second.backward()
            return first, second

        return step, [w, b], x

    agree(make, backend)


def test_retained_graph_can_be_walked_twice(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            loss = (x @ w + b).exp().sum()
            loss.backward(retain_graph=True)
            loss.backward()
            return loss

        return step, [w, b], x

    agree(make, backend)


def test_second_backward_inside_is_the_named_error(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            loss = (x @ w + b).exp().sum()
            loss.backward()
            loss.backward()

        return step, [], x

    agree(make, backend, variants=0)


def test_backward_with_a_gradient(backend: str) -> None:
    def make() -> Any:
        w, b, x, y = setting()

        def step(x: Any, y: Any) -> Any:
            w.grad = b.grad = None
            (x @ w + b).exp().backward(y)
            (x @ w).backward(gradient=y * 2)

        return step, [w, b], x, y

    agree(make, backend)


def test_backward_to_named_inputs(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            loss = (x @ w + b).exp().sum()
            loss.backward(inputs=[w])
            return loss

        return step, [w, b], x

    agree(make, backend)


def test_grad_function_touches_no_grad(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            h = x @ w + b
            loss = h.exp().sum()
            gw, gh = sg.grad(loss, [w, h])
            with sg.no_grad():
                w.sub_(gw * 1e-3)
            return loss, gh

        return step, [w, b], x

    agree(make, backend)


def test_unused_leaf_keeps_no_grad(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()
        opt = sg.optim.SGD([w, b], lr=0.1, momentum=0.9)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (x @ w).square().sum()
            loss.backward()
            opt.step()
            return loss

        return step, [w, b, opt], x

    agree(make, backend)


def test_second_backward_on_the_returned_loss_is_the_named_error(backend: str) -> None:
    w, x = leaf(3), data(3)

    @sg.compile(backend=backend, fullgraph=True)
    def step(x: Any) -> Any:
        w.grad = None
        loss = (w * x).exp().sum()
        loss.backward()
        return loss

    for _ in range(3):
        loss = step(x)
        held = w.grad.tolist()
        with pytest.raises(RuntimeError, match="second time"):
            loss.backward()
        assert w.grad.tolist() == held


def test_returned_loss_of_a_retained_graph_can_be_walked_again(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            loss = (x @ w + b).exp().sum()
            loss.backward(retain_graph=True)
            return loss

        return step, [w, b], x

    step, watched, x = make()
    other, others, _ = make()
    compiled = sg.compile(other, backend=backend, fullgraph=True)
    from twins import assert_alike, image

    for _ in range(2):
        for run in (step, compiled):
            run(x).backward()
        assert_alike(image(others), image(watched))


def test_loss_of_an_earlier_output_is_detached_by_item_free_code(backend: str) -> None:
    """A step may return detached numbers; they carry no graph."""
    def make() -> Any:
        w, b, x, _ = setting()

        def step(x: Any) -> Any:
            w.grad = b.grad = None
            h = x @ w + b
            loss = h.exp().sum()
            loss.backward()
            with sg.no_grad():
                w.mul_(0.9)
            return loss.detach(), h.data, {"sum": h.detach().sum()}

        return step, [w, b], x

    agree(make, backend)


def test_frozen_parameter_is_left_alone(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()
        b.requires_grad_(False)
        opt = sg.optim.Adam([w, b], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (x @ w + b).exp().sum()
            loss.backward()
            opt.step()
            return loss

        return step, [w, b, opt], x

    agree(make, backend)


def test_closure_given_to_the_optimizer(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()
        opt = sg.optim.SGD([w, b], lr=0.1)

        def step(x: Any) -> Any:
            def closure() -> Any:
                opt.zero_grad()
                loss = (x @ w + b).exp().sum()
                loss.backward()
                return loss

            return opt.step(closure)

        return step, [w, b, opt], x

    agree(make, backend)


def test_clipping_gradients_by_their_norm(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()
        opt = sg.optim.SGD([w, b], lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (x @ w + b).exp().sum()
            loss.backward()
            norm = ((w.grad * w.grad).sum() + (b.grad * b.grad).sum()).sqrt()
            scale = (1.0 / (norm + 1e-6)).clamp(max=1.0)
            for p in (w, b):
                p.grad.mul_(scale)
            opt.step()
            return loss, norm

        return step, [w, b, opt], x

    agree(make, backend)


def test_gradient_assigned_by_hand(backend: str) -> None:
    def make() -> Any:
        w, b, x, _ = setting()
        opt = sg.optim.SGD([w, b], lr=0.1, momentum=0.9)

        def step(x: Any) -> Any:
            with sg.no_grad():
                h = x @ w + b
                w.grad = x.t() @ h
                b.grad = h.sum(0)
            opt.step()
            return h

        return step, [w, b, opt], x

    agree(make, backend)


def test_module_step(backend: str) -> None:
    def make() -> Any:
        sg.manual_seed(3)
        model = sg.nn.Sequential(sg.nn.Linear(3, 8), sg.nn.ReLU(), sg.nn.Linear(8, 4))
        opt = sg.optim.Adam(model.parameters(), lr=0.01)
        lossfn = sg.nn.MSELoss()

        def step(x: Any, y: Any) -> Any:
            model.zero_grad()
            loss = lossfn(model(x), y)
            loss.backward()
            opt.step()
            return loss

        return step, [model, opt], data(5, 3), data(5, 4, seed=7)

    agree(make, backend)


def test_a_gradient_whose_memory_lies_otherwise(backend: str) -> None:
    """The gradient of a diagonal is a `where` of a permuted cotangent and zeros, which fold to a number."""

    def make() -> Any:
        w, x = leaf(2, 3, 4), data(4, 2)

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w.diagonal() * x).sin().sum()
            loss.backward()
            return loss

        return step, [w], x

    agree(make, backend)
