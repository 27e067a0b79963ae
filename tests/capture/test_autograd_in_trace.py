"""Autograd inside a traced function: hooks, higher orders, custom Functions, detach, in-place and versions."""

from __future__ import annotations

from typing import Any

import pytest
from twins import agree, data, leaf

import symgrad as sg


class Cube(sg.autograd.Function):
    """x**3 * k with a deliberately odd gradient, to see that it is the user's that runs."""

    @staticmethod
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.save_for_backward(x)
        ctx.k = k
        return x * x * x * k

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 5 * x * x * ctx.k, None


class ExpOut(sg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        out = x.exp()
        ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0]


class SumDiff(sg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save_for_backward(a, b)
        return a + b, a - b

    @staticmethod
    def backward(ctx: Any, gs: Any, gd: Any) -> Any:
        a, b = ctx.saved_tensors
        return (gs + gd) * a.cos(), (gs - gd) * b.cos()


class Marked(sg.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        sign = x.sign()
        ctx.mark_non_differentiable(sign)
        return x.abs(), sign

    @staticmethod
    def backward(ctx: Any, g: Any, unused: Any) -> Any:
        return g * 2


def test_functions_gradient_is_the_users(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            loss = (Cube.apply(w, 0.5) * x).sum()
            loss.backward()
            return loss

        return step, [w], x

    agree(make, backend)


def test_function_that_saves_its_output(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            loss = (ExpOut.apply(w * x) * x).sum()
            loss.backward()
            return loss

        return step, [w], x

    agree(make, backend)


@pytest.mark.parametrize("used", [(0,), (1,), (0, 1)])
def test_function_of_several_outputs(used: Any, backend: str) -> None:
    def make() -> Any:
        a, b, x = leaf(4), leaf(4, seed=1), data(4)

        def step(x: Any) -> Any:
            a.grad = b.grad = None
            outs = SumDiff.apply(a, b)
            loss = sum((outs[i] * x * (i + 1)).sum() for i in used)
            loss.backward()
            return loss, outs[1].detach()

        return step, [a, b], x

    agree(make, backend)


def test_function_with_an_output_no_gradient_flows_through(backend: str) -> None:
    def make() -> Any:
        a = leaf(4)

        def step() -> Any:
            a.grad = None
            size, sign = Marked.apply(a)
            loss = (size * sign).sum()
            loss.backward()
            return loss, sign

        return step, [a]

    agree(make, backend)


def test_function_on_what_needs_no_grad(backend: str) -> None:
    def make() -> Any:
        return (lambda x: Cube.apply(x, 2.0)), [], data(4)

    agree(make, backend)


def test_function_differentiated_outside(backend: str) -> None:
    def make() -> Any:
        w = leaf(4)

        def loss(x: Any) -> Any:
            return (Cube.apply(w, 0.5) * x).sum()

        def step(x: Any) -> Any:
            w.grad = None
            compiled(x).backward()

        compiled = loss
        if make.count:  # type: ignore[attr-defined]
            compiled = sg.compile(loss, backend=backend, fullgraph=True)
        make.count += 1  # type: ignore[attr-defined]
        return step, [w], data(4)

    make.count = 0  # type: ignore[attr-defined]
    step, watched, x = make()
    other, others, _ = make()
    for _ in range(3):
        step(x)
        other(x)
        assert others[0].grad.tolist() == pytest.approx(watched[0].grad.tolist())


def test_double_backward_through_grad(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            y = (w.exp() * x).sum()
            (g,) = sg.grad(y, [w], create_graph=True)
            penalty = (g * g).sum() + y
            penalty.backward()
            return penalty, g.detach()

        return step, [w], x

    agree(make, backend)


def test_double_backward_leaves_none_where_no_gradient_leads(backend: str) -> None:
    """A gradient penalty: what the gradient does not depend on keeps `.grad` None, as in eager mode."""
    def make() -> Any:
        w, b, v, x = leaf(3, 4), leaf(4, seed=1), leaf(4, seed=2), leaf(5, 3, seed=3)

        def step() -> Any:
            for p in (w, b, v, x):
                p.grad = None
            y = ((x @ w).tanh() * v + b).sum()
            (g,) = sg.grad(y, [x], create_graph=True)
            penalty = (g.square().sum(1).sqrt() - 1).square().mean()
            penalty.backward()
            return penalty

        return step, [w, b, v, x]

    agree(make, backend)


def test_third_derivative(backend: str) -> None:
    def make() -> Any:
        x = leaf(5)

        def step() -> Any:
            y = x.sin().sum()
            for _ in range(3):
                (y,) = sg.grad(y.sum(), [x], create_graph=True)
            return y.detach()

        return step, [x]

    agree(make, backend)


def test_backward_with_create_graph_leaves_a_gradient_with_history(backend: str) -> None:
    def make() -> Any:
        w = leaf(4)

        def step() -> Any:
            w.grad = None
            (w**3).sum().backward(create_graph=True)
            first = w.grad
            w.grad = None
            first.sum().backward()
            return first.detach()

        return step, [w]

    agree(make, backend)


def test_hook_on_an_intermediate_changes_the_gradient(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            h.register_hook(lambda g: g * 3)
            h.register_hook(lambda g: g + 1)
            loss = h.sin().sum()
            loss.backward()
            return loss

        return step, [w], x

    agree(make, backend)


def test_removed_hook_does_not_run(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            handle = h.register_hook(lambda g: g * 3)
            handle.remove()
            h.sin().sum().backward()

        return step, [w], x

    agree(make, backend)


def test_hook_on_a_leaf_runs(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)
        w.register_hook(lambda g: g * 10)

        def step(x: Any) -> Any:
            w.grad = None
            (w * x).sin().sum().backward()

        return step, [w], x

    agree(make, backend)


def test_hook_on_a_leaf_added_or_removed_later_is_seen(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            (w * x).sin().sum().backward()

        return step, [w], x

    handles: list[Any] = []
    add = lambda w: handles.append(w.register_hook(lambda g: g * 10))
    remove = lambda w: handles.pop(0).remove()
    agree(make, backend, between=[add, remove], variants=None)


def test_hook_on_a_leaf_is_seen_by_grad_and_outside_backward(backend: str) -> None:
    w, x = leaf(4), data(4)
    loss = sg.compile(lambda x: (w * x).sum(), backend=backend, fullgraph=True)
    loss(x).backward()
    w.grad = None
    w.register_hook(lambda g: g * 10)
    loss(x).backward()
    assert w.grad.tolist() == pytest.approx([v * 10 for v in x.tolist()])


def test_retain_grad(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            h.retain_grad()
            h.sin().sum().backward()
            return h.grad

        return step, [w], x

    agree(make, backend)


def test_detach_and_data_cut_the_graph(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            loss = (h * h.detach() + w.data * h + w.detach() * x).sum()
            loss.backward()
            return loss, h.detach().requires_grad

        return step, [w], x

    agree(make, backend)


def test_no_grad_block_and_enable_grad_in_it(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            with sg.no_grad():
                scale = (w * x).sum()
                with sg.enable_grad():
                    h = w * 2
                k = h * 3
            loss = (h * scale + k * x).sum()
            loss.backward()
            return loss, scale, k

        return step, [w], x

    agree(make, backend)


def test_no_grad_value_used_twice_then_recorded(backend: str) -> None:
    """The same equation under no_grad and recorded must not be merged into one without a gradient."""
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            with sg.no_grad():
                a = w * x
            b = w * x
            loss = (a * b).sum()
            loss.backward()
            return loss

        return step, [w], x

    agree(make, backend)


def without_grad(change: Any) -> None:
    with sg.no_grad():
        change()


INPLACE = {
    "add_": lambda h, w, x: h.add_(x),
    "mul_by_recorded": lambda h, w, x: h.mul_(w),
    "operator": lambda h, w, x: h.__iadd__(w * x),
    "through_slice": lambda h, w, x: h[1:3].mul_(2),
    "through_slice_recorded": lambda h, w, x: h[0].add_(w[0]),
    "set_slice": lambda h, w, x: h.__setitem__(slice(1, 3), 7.0),
    "set_slice_tensor": lambda h, w, x: h.__setitem__((slice(None), 0), w[:, 1] * 2),
    "through_t": lambda h, w, x: h.t()[1].mul_(3),
    "through_reshape": lambda h, w, x: h.reshape(-1)[::2].add_(1),
    "through_view_of_view": lambda h, w, x: h[1:][0][1:].mul_(w[0, 1:]),
    "mask": lambda h, w, x: h.__setitem__(x > 0, 0.5),
    "mask_of_itself": lambda h, w, x: h.__setitem__(h > 0, 0.0),
    "zero_": lambda h, w, x: h[0].zero_(),
    "fill_": lambda h, w, x: h.fill_(2.0),
    "copy_": lambda h, w, x: h.copy_(w),
    "relu_": lambda h, w, x: h.relu_(),
    "expanded": lambda h, w, x: h.sub_(w[0]),
    "unsqueeze": lambda h, w, x: h.unsqueeze(0)[0, 1].div_(2),
    "detached": lambda h, w, x: h.detach()[0].zero_(),
    "no_grad": lambda h, w, x: without_grad(lambda: h.mul_(2)),
    "no_grad_slice": lambda h, w, x: without_grad(lambda: h[1].mul_(w[0])),
    "detached_scale": lambda h, w, x: h.detach().mul_(3),
    "detached_slice": lambda h, w, x: h[1].detach().add_(3),
    "data": lambda h, w, x: h.data.clamp_(max=0.5),
}  # fmt: skip


@pytest.mark.parametrize("name", INPLACE)
@pytest.mark.parametrize("held", [False, True], ids=["", "held"])
def test_in_place_on_an_intermediate(name: str, held: bool, backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4, 4), data(4, 4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w + x
            view = h[1] if held else None
            INPLACE[name](h, w, x)
            loss = (h * x).sum()
            if view is not None:
                loss = loss + (view * view).sum()
            loss.backward()
            return loss, h, view

        return step, [w], x

    agree(make, backend)


@pytest.mark.parametrize("name", INPLACE)
def test_in_place_on_an_intermediate_differentiated_outside(name: str, backend: str) -> None:
    def build() -> Any:
        w, x = leaf(4, 4), data(4, 4)

        def loss(x: Any) -> Any:
            h = w + x
            INPLACE[name](h, w, x)
            return (h * x).sum()

        return loss, w, x

    loss, w, x = build()
    other, v, _ = build()
    compiled = sg.compile(other, backend=backend, fullgraph=True)
    for _ in range(2):
        loss(x).backward()
        compiled(x).backward()
    assert sum(v.grad.tolist(), []) == pytest.approx(sum(w.grad.tolist(), []), rel=1e-5)


SPOILERS = {
    "operand": lambda h, k: h.add_(1),
    "output": lambda h, k: k.mul_(2),
    "view_of_operand": lambda h, k: h[0].zero_(),
    "detached_operand": lambda h, k: h.detach().zero_(),
    "harmless": lambda h, k: None,
}


@pytest.mark.parametrize("name", SPOILERS)
@pytest.mark.parametrize("op", ["exp", "sin", "square", "relu"])
def test_changed_saved_tensor_is_the_version_error(name: str, op: str, backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4, 4), data(4, 4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            k = getattr(h, op)()
            loss = k.sum()
            SPOILERS[name](h, k)
            loss.backward()
            return loss

        return step, [w], x

    agree(make, backend, variants=None)


def test_changed_parameter_before_backward_is_the_version_error(backend: str) -> None:
    def make() -> Any:
        w, v, x = leaf(4, 4), leaf(4, 4, seed=1), data(4, 4)

        def step(x: Any) -> Any:
            loss = (x @ w @ v).sum()
            with sg.no_grad():
                v.mul_(0.5)
            loss.backward()

        return step, [], x

    agree(make, backend, variants=0)


def test_in_place_on_a_leaf_that_requires_grad_is_refused(backend: str) -> None:
    for change in (lambda w: w.add_(1), lambda w: w[0].zero_(), lambda w: w.t().mul_(2)):
        def make(change: Any = change) -> Any:
            w = leaf(4, 4)
            p = sg.nn.Parameter(data(4, 4))
            return (lambda: change(w)), [w, p]

        agree(make, backend, variants=0)

        def of_parameter(change: Any = change) -> Any:
            p = sg.nn.Parameter(data(4, 4))
            return (lambda: change(p)), [p]

        agree(of_parameter, backend, variants=0)


def test_custom_node_freed_twice_is_an_error(backend: str) -> None:
    def make() -> Any:
        w = leaf(4)

        def step() -> Any:
            loss = Cube.apply(w, 1.0).sum()
            loss.backward()
            loss.backward()

        return step, []

    agree(make, backend, variants=0)


def test_leaf_made_inside_the_trace(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            inner = (x * 2).detach().requires_grad_()
            loss = (inner * w).exp().sum()
            w.grad = None
            loss.backward()
            return inner.grad

        return step, [w], x

    agree(make, backend)


def test_zeros_made_inside_that_require_grad(backend: str) -> None:
    def make() -> Any:
        x = data(4)

        def step(x: Any) -> Any:
            a = sg.zeros(4, requires_grad=True)
            loss = ((a + 1) * x).square().sum()
            loss.backward()
            return a.grad, sg.grad((a * x).sum(), [a])[0]

        return step, [], x

    agree(make, backend)
