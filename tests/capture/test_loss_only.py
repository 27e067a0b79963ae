"""A compiled forward differentiated outside: one node on the eager tape, with eager's rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twins import agree, assert_alike, data, image, leaf, outcome

import symgrad as sg


def same_outside(build: Callable[[Callable[..., Any]], tuple[Any, Any]], backend: str, calls: int = 2) -> None:
    """`build(wrap)` gives (what to run, what to watch) using `wrap` on its loss; both wraps agree."""
    run, watched = build(lambda f: f)
    other, others = build(lambda f: sg.compile(f, backend=backend, fullgraph=True))
    for call in range(calls):
        want, got = outcome(run), outcome(other)
        assert_alike(image((got, others)), image((want, watched)), f"call {call + 1}")


def test_gradients_accumulate(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, b, x = leaf(3, 4), leaf(4, seed=1), data(5, 3)
        loss = wrap(lambda x: (x @ w + b).sin().sum())

        def run() -> Any:
            loss(x).backward()
            loss(x).backward()

        return run, [w, b]

    same_outside(build, backend)


def test_retain_graph_and_the_freed_error(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3, 4), data(5, 3)
        loss = wrap(lambda x: (x @ w).exp().sum())

        def run() -> Any:
            out = loss(x)
            out.backward(retain_graph=True)
            out.backward()
            try:
                out.backward()
            except RuntimeError as error:
                return "second time" in str(error)

        return run, [w]

    same_outside(build, backend)


def test_backward_with_a_gradient(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x, v = leaf(3, 4), data(5, 3), data(5, 4, seed=9)
        f = wrap(lambda x: (x @ w).exp())

        def run() -> Any:
            f(x).backward(v)
            f(x).backward(v.t().contiguous().t())

        return run, [w, v]

    same_outside(build, backend)


def test_create_graph(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(4), data(4)
        loss = wrap(lambda x: (w.exp() * x).sum())

        def run() -> Any:
            (g,) = sg.grad(loss(x), [w], create_graph=True)
            (g * g).sum().backward()
            return g.detach()

        return run, [w]

    same_outside(build, backend)


def test_create_graph_with_branches_that_were_cut(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(4), data(4)

        def body(x: Any) -> Any:
            with sg.no_grad():
                a = w * x
            return (a * w * w.detach() * 2.0).sum()

        loss = wrap(body)

        def run() -> Any:
            (g,) = sg.grad(loss(x), [w], create_graph=True)
            return g.detach(), g.requires_grad

        return run, [w]

    same_outside(build, backend)


def test_non_leaf_arguments_lead_into_the_outer_graph(backend: str) -> None:
    def build(wrap: Any) -> Any:
        u, w, x = leaf(5, 3), leaf(3, 4), data(5, 3)
        f = wrap(lambda h: (h @ w).tanh())

        def run() -> Any:
            (f((u * x).sin()) * 2).sum().backward()

        return run, [u, w]

    same_outside(build, backend)


def test_leaf_argument_gets_its_gradient(backend: str) -> None:
    def build(wrap: Any) -> Any:
        f = wrap(lambda a, b: (a * b).sum())
        a, b = leaf(3), leaf(3, seed=1)

        def run() -> Any:
            fresh = leaf(3, seed=5)
            f(a, b).backward()
            f(fresh, b).backward()
            return fresh.grad

        return run, [a, b]

    same_outside(build, backend)


def test_unused_parameter_gets_none(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, unused, x = leaf(3), leaf(3, seed=1), data(3)

        def body(x: Any) -> Any:
            unused * 2
            return (w * x).sum()

        loss = wrap(body)
        return (lambda: loss(x).backward()), [w, unused]

    same_outside(build, backend)


def test_each_output_reaches_its_own_parameters_only(backend: str) -> None:
    """Backward of one output must leave None for a parameter that only the other output uses."""
    def build(wrap: Any) -> Any:
        a, b, x = leaf(3), leaf(3, seed=1), data(3)
        f = wrap(lambda x: ((a * x).sum(), (b * x).sum()))
        return (lambda: f(x)[0].backward()), [a, b]

    same_outside(build, backend)


@pytest.mark.parametrize("which", ["first", "second", "both", "sum"])
def test_several_outputs(which: str, backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)
        f = wrap(lambda x: {"a": (w * x).sin(), "rest": [(w.exp(), x * 2), None, 3, "s"]})

        def run() -> Any:
            out = f(x)
            a, b = out["a"], out["rest"][0][0]
            if which == "first":
                a.sum().backward()
            elif which == "second":
                b.sum().backward()
            elif which == "both":
                a.sum().backward(retain_graph=True)
                b.sum().backward()
            else:
                (a.sum() * b.sum()).backward()
            return out

        return run, [w]

    same_outside(build, backend)


def test_outputs_from_separate_graphs_can_be_walked_one_after_the_other(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)
        f = wrap(lambda x: ((w * x).sum(), w.exp().sum()))

        def run() -> Any:
            one, two = f(x)
            one.backward()
            two.backward()

        return run, [w]

    same_outside(build, backend)


def test_backward_of_a_sum_over_losses_of_two_calls(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w = leaf(3)
        f = wrap(lambda x: (w * x).exp().sum())

        def run() -> Any:
            (f(data(3)) + f(data(3, seed=4))).backward()

        return run, [w]

    same_outside(build, backend)


def test_same_output_twice_is_one_tensor(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)

        def body(x: Any) -> Any:
            h = w * x
            return h, h

        f = wrap(body)

        def run() -> Any:
            one, two = f(x)
            (one * two).sum().backward()
            return one is two

        return run, [w]

    same_outside(build, backend)


def test_an_output_and_its_view_share_memory(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(4), data(4)

        def body(x: Any) -> Any:
            h = x * 2
            return h, h[1:3], h.detach()

        f = wrap(body)

        def run() -> Any:
            h, part, alias = f(x)
            h.zero_()
            return part, alias

        return run, [w]

    same_outside(build, backend)


def test_outputs_that_are_arguments_parameters_or_views_of_them(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x, z = leaf(4, 3), data(4, 3), leaf(4, 3, seed=3)
        f = wrap(lambda x, z: (x, w, x[1], w[1:], w.t(), x.detach(), z.reshape(2, 6), z, w.detach(), w.data[0]))

        def run() -> Any:
            outs = f(x, z)
            fresh = data(4, 3, seed=8)
            again = f(fresh, z)
            (outs[3].sum() + outs[6].sum() + outs[4][0].sum()).backward()
            again[5].add_(1)
            again[2].mul_(2)
            return outs, [outs[0] is x, outs[1] is w, outs[7] is z, again[0] is fresh], fresh, again

        return run, [w, z, x]

    same_outside(build, backend)


def test_no_outputs(backend: str) -> None:
    def make() -> Any:
        return (lambda x: None), [], data(3)

    agree(make, backend)


def test_constant_and_input_only_outputs(backend: str) -> None:
    def make() -> Any:
        return (lambda x: (sg.ones(2, 2), sg.arange(3), 1.5, x.shape, x.dtype, x.shape[0])), [], data(3)

    agree(make, backend)


def test_under_no_grad_nothing_is_recorded(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)
        f = wrap(lambda x: (w * x).sum())

        def run() -> Any:
            with sg.no_grad():
                quiet = f(x)
            loud = f(x)
            loud.backward()
            return quiet, loud.requires_grad

        return run, [w]

    same_outside(build, backend)


def test_grad_mode_inside_decides(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)

        @sg.no_grad()
        def body(x: Any) -> Any:
            return (w * x).sum()

        return (lambda: (wrap(body)(x), wrap(lambda x: (w.detach() * x).sum())(x))), [w]

    same_outside(build, backend)


def test_parameter_changed_before_backward_is_the_version_error(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)
        f = wrap(lambda x: (w * x).exp().sum())

        def run() -> Any:
            loss = f(x)
            with sg.no_grad():
                x.mul_(2)
            loss.backward()

        return run, [w, x]

    same_outside(build, backend)


def test_output_changed_in_place_when_backward_needs_it(backend: str) -> None:
    """Eager raises; a compiled backward that saved something else may be right instead, never wrong."""
    w, x = leaf(3), data(3)
    out = sg.compile(lambda x: (w * x).exp(), backend=backend, fullgraph=True)(x)
    right = (2 * out.detach() * x).tolist()
    out.mul_(2)
    if outcome(out.sum().backward) is not sg.errors.VersionError:
        assert w.grad.tolist() == pytest.approx(right)


def test_output_changed_in_place_when_backward_does_not_need_it(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)
        f = wrap(lambda x: (w * x).sin() + 1)

        def run() -> Any:
            out = f(x)
            out.mul_(2)
            out.sum().backward()

        return run, [w]

    same_outside(build, backend)


def test_optimizer_outside(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x, y = leaf(3, 2), data(5, 3), data(5, 2, seed=3)
        opt = sg.optim.Adam([w], lr=0.1)
        loss = wrap(lambda x, y: (x @ w - y).square().mean())

        def run() -> Any:
            opt.zero_grad()
            out = loss(x, y)
            out.backward()
            opt.step()
            return out

        return run, [w, opt]

    same_outside(build, backend, 4)


def test_earlier_gradients_and_outputs_stay(backend: str) -> None:
    w = leaf(3)
    f = sg.compile(lambda x: (w * x).exp(), backend=backend, fullgraph=True)
    kept = []
    for i in range(4):
        w.grad = None
        out = f(data(3, seed=i))
        out.sum().backward()
        kept.append((out, out.tolist(), w.grad, w.grad.tolist()))
    for out, values, grad, numbers in kept:
        assert out.tolist() == values and grad.tolist() == numbers


def test_integer_and_bool_outputs_beside_the_loss(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)
        f = wrap(lambda x: ((w * x).sum(), x > 0, (x > 0).sum()))

        def run() -> Any:
            loss, mask, count = f(x)
            loss.backward()
            return mask, count

        return run, [w]

    same_outside(build, backend)


def test_in_place_on_an_argument_inside_a_loss(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w, x = leaf(3), data(3)

        def body(x: Any) -> Any:
            x.mul_(2)
            return (w * x).sum()

        f = wrap(body)
        return (lambda: f(x).backward()), [w, x]

    same_outside(build, backend)


def test_random_numbers_inside_a_loss_are_drawn_once(backend: str) -> None:
    def build(wrap: Any) -> Any:
        w = leaf(100)
        f = wrap(lambda: (w * (sg.rand(100) < 0.5)).exp().sum())

        def run() -> Any:
            sg.manual_seed(7)
            for _ in range(3):
                f().backward()
            return sg.rand(2)

        return run, [w]

    same_outside(build, backend)


def test_an_extent_that_only_the_backward_needs(backend: str) -> None:
    """The gradient of a sum reads nothing but a shape, which no saved value has."""
    w, x = sg.ones(5).requires_grad_(), sg.ones(3, 5).requires_grad_()
    sums = sg.compile(lambda x: x.sum(1), backend=backend, fullgraph=True)
    sums(x).backward(sg.tensor([1.0, 2.0, 3.0]))
    assert x.grad.tolist() == [[1.0] * 5, [2.0] * 5, [3.0] * 5]
    added = sg.compile(lambda w, c: (w + c).sum(1), backend=backend, fullgraph=True)
    c = sg.ones(3, 5)
    out = added(w, c)
    c.mul_(2)  # only its shape is read
    out.backward(sg.tensor([1.0, 2.0, 3.0]))
    assert w.grad.tolist() == [6.0] * 5


def test_the_node_has_a_readable_name(backend: str) -> None:
    w = leaf(3)
    loss = sg.compile(lambda: (w * w).sum(), backend=backend)()
    assert loss.grad_fn.name() == "CompiledFunctionBackward"
    assert "grad_fn=<CompiledFunctionBackward>" in repr(loss)
