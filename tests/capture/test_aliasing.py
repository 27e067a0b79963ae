"""Shared memory: what eager sees through one name, a compiled call sees too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import agree, assert_alike, data, image, leaf, outcome

import symgrad as sg

GRID = np.ones(3, "f4")


def both(build: Any, backend: str, fullgraph: bool = True) -> None:
    """`build(wrap)` gives (run, watched); the run's result and what is watched agree."""
    run, watched = build(lambda f: f)
    other, others = build(lambda f: sg.compile(f, backend=backend, fullgraph=fullgraph))
    for call in range(3):
        want, got = outcome(run), outcome(other)
        assert_alike(image((got, others)), image((want, watched)), f"call {call + 1}")


def add_into(x: Any, y: Any) -> Any:
    x.add_(y)
    return (x * y).sum()


def test_one_tensor_as_both_arguments(backend: str) -> None:
    def build(wrap: Any) -> Any:
        f, x, y = wrap(add_into), data(3), data(3, seed=4)
        return (lambda: (f(x, y), f(x, x), f(y, y), f(y, x))), [x, y]

    both(build, backend)


def test_a_view_and_its_base_as_arguments(backend: str) -> None:
    def build(wrap: Any) -> Any:
        f, x = wrap(add_into), data(4, 4)
        return (lambda: (f(x[0], x[1]), f(x, data(4, 4)), f(x[0], x[0]), f(x[1], x[2]))), [x]

    both(build, backend)


@pytest.mark.filterwarnings("ignore:.*cannot be captured")
def test_overlapping_slices_as_arguments(backend: str) -> None:
    def build(wrap: Any) -> Any:
        f, x = wrap(add_into), data(6)
        return (lambda: (f(x[:2], x[2:4]), f(x[:4], x[2:]), f(x, x.detach()))), [x]

    both(build, backend, fullgraph=False)


def test_a_written_argument_that_is_also_a_global(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = data(3, seed=6), data(3)

        def step(x: Any) -> Any:
            x.mul_(0.5)
            return w + x

        f = wrap(step)
        return (lambda: (f(x), f(w), f(x))), [w, x]

    both(build, backend)


def test_a_view_of_a_written_parameter_as_argument(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x).square().sum()
            loss.backward()
            with sg.no_grad():
                w.sub_(0.1 * w.grad)
            return loss, x * 2

        f = wrap(step)
        return (lambda: (f(x), f(w.detach()), f(x), f(w.detach()[:]))), [w]

    both(build, backend)


def test_a_parameter_as_argument(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(3), data(3)
        opt = sg.optim.SGD([w], lr=0.1, momentum=0.9)

        def step(p: Any, x: Any) -> Any:
            opt.zero_grad()
            loss = (p * x).square().sum()
            loss.backward()
            opt.step()
            return loss

        return step, [w, opt], w, x

    agree(make, backend)


def test_parameters_as_a_list_of_arguments(backend: str) -> None:
    def make() -> Any:
        ps, x = [leaf(3), leaf(3, seed=1)], data(3)

        def step(ps: Any, x: Any) -> Any:
            for p in ps:
                p.grad = None
            loss = (ps[0] * x + ps[1]).square().sum()
            loss.backward()
            with sg.no_grad():
                for p in ps:
                    p -= 0.1 * p.grad
            return loss

        return step, [ps], ps, x

    agree(make, backend)


def test_two_tensors_on_one_array(backend: str) -> None:
    def make() -> Any:
        array = np.arange(4, dtype="f4")
        a, b = sg.from_numpy(array), sg.from_numpy(array)

        def step() -> Any:
            a.add_(1)
            return b * 2

        return step, [a, b]

    agree(make, backend)


def test_two_leaves_on_one_array(backend: str) -> None:
    def make() -> Any:
        array = np.arange(4, dtype="f4")
        a, b = sg.from_numpy(array).requires_grad_(), sg.from_numpy(array).requires_grad_()

        def step() -> Any:
            a.grad = b.grad = None
            loss = (a.sin() * b).sum()
            loss.backward()
            with sg.no_grad():
                a.sub_(0.1 * a.grad)
            return loss

        return step, [a, b]

    agree(make, backend)


@pytest.mark.parametrize("whole", [True, False])
def test_tied_weights(whole: bool, backend: str) -> None:
    class Tied(sg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = sg.nn.Linear(3, 3), sg.nn.Linear(3, 3)
            self.one.weight.data, self.one.bias.data = data(3, 3), data(3)
            self.two.bias.data = data(3, seed=9)
            self.two.weight = self.one.weight

        def forward(self, x: Any) -> Any:
            return self.two(self.one(x).tanh())

    def build(wrap: Any) -> Any:
        net, x = Tied(), data(5, 3)
        opt = sg.optim.Adam(net.parameters(), lr=0.1)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = net(x).square().sum()
            if whole:
                loss.backward()
                opt.step()
            return loss

        f = wrap(step)

        def run() -> Any:
            loss = f(x)
            if not whole:
                loss.backward()
                opt.step()
            return loss

        return run, [net, opt]

    both(build, backend)


def test_numpy_view_of_a_parameter_sees_the_update(backend: str) -> None:
    w, x = leaf(3), data(3)
    seen = w.detach().numpy()
    before = seen.copy()
    opt = sg.optim.SGD([w], lr=0.1)

    @sg.compile(backend=backend, fullgraph=True)
    def step(x: Any) -> None:
        opt.zero_grad()
        (w * x).sum().backward()
        opt.step()

    for i in range(1, 4):
        step(x)
        np.testing.assert_allclose(seen, before - i * 0.1 * x.numpy(), rtol=1e-5)


def test_numpy_arguments_and_globals_are_read_at_each_call(backend: str) -> None:
    array = np.ones(3, "f4")
    f = sg.compile(lambda a: sg.as_tensor(GRID) * 2 + sg.from_numpy(a), backend=backend, fullgraph=True)
    for value in (1.0, 5.0, 7.0):
        array[:] = value
        GRID[:] = value * 10
        assert f(array).tolist() == [value * 21] * 3


def test_an_argument_written_in_place_is_seen_by_the_caller(backend: str) -> None:
    def make() -> Any:
        x = data(3, 4)

        def step(x: Any) -> Any:
            x[0] = 7
            x.t()[1].mul_(2)
            x.reshape(-1)[-1] += 1
            return x

        return step, [], x

    agree(make, backend)


def test_an_argument_written_in_place_is_seen_by_its_base(backend: str) -> None:
    def build(wrap: Any) -> Any:
        f, x = wrap(lambda v: v.mul_(2)), data(4, 4)
        return (lambda: (f(x[1]), f(x.t()), f(x[:, 1]), f(x[::2, 1:3]))), [x]

    both(build, backend)


def test_written_argument_of_a_recorded_history(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w = leaf(3)
        f = wrap(lambda h: (h * h).sum())

        def run() -> Any:
            h = w * 2
            f(h).backward()

        return run, [w]

    both(build, backend)


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (1, 1)])
def test_odd_shapes(shape: Any, backend: str) -> None:
    def make() -> Any:
        w, x = leaf(*shape), data(*shape)

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x).exp().sum() + w.sum()
            loss.backward()
            with sg.no_grad():
                w.sub_(0.1 * w.grad)
            return loss, w * 1, x.reshape(-1)

        return step, [w], x

    agree(make, backend)


def test_strided_arguments_and_parameters(backend: str) -> None:
    def make() -> Any:
        base = data(6, 8)
        w = base.t()[::2, 1:5].detach().requires_grad_()
        x = data(4, 8)[:, ::2].t()

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x).exp().sum()
            loss.backward()
            with sg.no_grad():
                w.sub_(0.1 * w.grad)
            return loss, (w * x).detach(), x + 1

        return step, [w, base], x

    agree(make, backend)


def test_readonly_and_unaligned_arrays(backend: str) -> None:
    raw = np.zeros(17, "u1")[1:].view("f4")
    raw[:] = 2.0
    frozen = np.ones(4, "f4")
    frozen.setflags(write=False)
    f = sg.compile(lambda x: x * 2, backend=backend, fullgraph=True)
    assert f(sg.from_numpy(raw)).tolist() == [4.0] * 4
    write = sg.compile(lambda x: x.mul_(2), backend=backend, fullgraph=True)
    write(sg.from_numpy(raw))
    assert raw.tolist() == [4.0] * 4


def test_integer_and_bool_state(backend: str) -> None:
    def make() -> Any:
        count, mask, x = sg.zeros(3, dtype=sg.int64), sg.ones(3) > 0, data(3)

        def step(x: Any) -> Any:
            count.add_(1)
            count[x > 0] = 7
            mask[0] = False
            return count * 2, mask, x * mask

        return step, [count, mask], x

    agree(make, backend)


RESHAPED = {
    "transposed": lambda x: x.t().reshape(-1),
    "expanded": lambda x: x.expand(2, 3, 4).reshape(6, 4),
    "repeated": lambda x: x.repeat(2, 1),
    "flattened": lambda x: x[:, :2].flatten(),
    "in rows": lambda x: x.reshape(2, 6),  # a view after all
}


@pytest.mark.parametrize("how", RESHAPED)
def test_a_reshape_is_a_view_only_where_eager_has_one(how: str, backend: str) -> None:
    reshaped = RESHAPED[how]

    def write(x: Any) -> Any:
        y = x * 1
        z = reshaped(y)
        z.mul_(2)
        return y, z

    def of_a_leaf(x: Any) -> Any:
        with sg.no_grad():
            z = reshaped(x)
            z += 1
        return z

    for f in (write, of_a_leaf):
        a, b = leaf(3, 4), leaf(3, 4)
        want, got = f(a), sg.compile(f, backend=backend, fullgraph=True)(b)
        assert_alike(image((got, b)), image((want, a)))
