"""Custom Functions, hooks and function transforms inside compiled code: what eager leaves, compiled leaves."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from twins import agree, data, leaf

import symgrad as sg

F = sg.autograd.functional


def function(forward: Any, backward: Any, **more: Any) -> Any:
    body = dict(forward=forward, backward=backward, **more)
    return type("Fn", (sg.autograd.Function,), {k: staticmethod(v) for k, v in body.items()})


def save_input(ctx: Any, x: Any) -> Any:
    ctx.save_for_backward(x)
    return x * x


def save_result(ctx: Any, x: Any) -> Any:
    out = x.exp()
    ctx.save_for_backward(out)
    return out


def double_it(ctx: Any, x: Any) -> Any:
    ctx.mark_dirty(x)
    x.mul_(2)
    return x


FUNCTIONS = {
    "saved input": function(save_input, lambda ctx, g: g * 5 * ctx.saved_tensors[0]),
    "saved result": function(save_result, lambda ctx, g: g * 3 * ctx.saved_tensors[0]),
    "dirty": function(double_it, lambda ctx, g: g * 7),
    "the input": function(lambda ctx, x: x, lambda ctx, g: g * 5),
    "a view": function(lambda ctx, x: x.view(2, 2), lambda ctx, g: g.reshape(4) * 5),
    "setup_context": function(lambda x: x * 2, lambda ctx, g: g * ctx.saved_tensors[0],
                              setup_context=lambda ctx, inputs, output: ctx.save_for_backward(inputs[0])),
    "None": function(lambda ctx, x: x * 2, lambda ctx, g: None),
    "to be summed": function(lambda ctx, x: x * 2, lambda ctx, g: g.expand(3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, backend: str) -> None:
    apply = FUNCTIONS[name].apply

    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            out = apply(h)
            loss = (out.sin() * 2).sum() + h.cos().sum()
            loss.backward()
            return loss, h.detach()

        return step, [w], x

    agree(make, backend)


@pytest.mark.parametrize("name", ["saved input", "saved result", "dirty"])
def test_functions_differentiated_outside(name: str, backend: str) -> None:
    apply = FUNCTIONS[name].apply

    def make() -> Any:
        w, x = leaf(4), data(4)
        inside = lambda x: apply(w * x).sin().sum()
        return inside, [w], x

    step, (w,), x = make()
    other, (v,), y = make()
    step(x).backward()
    sg.compile(other, backend=backend, fullgraph=True)(y).backward()
    np.testing.assert_allclose(v.grad.numpy(), w.grad.numpy(), rtol=2e-5)


@pytest.mark.parametrize("name", ["saved input", "saved result"])
def test_second_order(name: str, backend: str) -> None:
    apply = FUNCTIONS[name].apply

    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            (g,) = sg.autograd.grad(apply(w * x).sum(), w, create_graph=True)
            (g * g).sum().backward()
            return g.detach()

        return step, [w], x

    agree(make, backend)


def test_once_differentiable(backend: str) -> None:
    once = sg.autograd.function.once_differentiable
    apply = function(save_input, once(lambda ctx, g: 2 * g * ctx.saved_tensors[0])).apply

    def first() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            apply(w * x).sum().backward()

        return step, [w], x

    def second() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            (g,) = sg.autograd.grad((apply(w * x) ** 2).sum(), w, create_graph=True)
            g.sum().backward()

        return step, [w], x

    agree(first, backend)
    agree(second, backend, variants=None)


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients(materialize: bool, backend: str) -> None:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(materialize)
        return x * 2, x / 0

    def backward(ctx: Any, g: Any, h: Any) -> Any:
        assert (h is None) is not materialize
        return g * 2 if h is None else g * 2 + h

    apply = function(forward, backward).apply

    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            apply(w * x)[0].sum().backward()

        return step, [w], x

    agree(make, backend)


WRONG = {
    "too few": function(lambda ctx, x: x * 2, lambda ctx, g: ()),
    "a number": function(lambda ctx, x: x * 2, lambda ctx, g: 3),
    "another shape": function(lambda ctx, x: x * 2, lambda ctx, g: g[:3]),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_backward_is_the_same_error(name: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)
        return lambda x: WRONG[name].apply(w * x).sum().backward(), [w], x

    agree(make, "numpy", variants=None)


def test_an_input_not_saved_may_be_changed(backend: str) -> None:
    apply = function(lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply

    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            y = apply(h)
            h.add_(1)
            y.mul_(3)
            (y + h).sum().backward()

        return step, [w], x

    agree(make, backend)


# -- hooks ------------------------------------------------------------------------------------

SCALE = [3.0]


def test_what_a_hook_reads_is_guarded(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            h.register_hook(lambda g: g * SCALE[0])
            h.sum().backward()

        return step, [w], x

    def change(w: Any) -> None:
        SCALE[0] = 5.0

    SCALE[0] = 3.0
    agree(make, backend, between=[change], variants=None)


def test_what_a_functions_backward_reads_is_guarded(backend: str) -> None:
    apply = function(lambda ctx, x: x * 2, lambda ctx, g: g * SCALE[0]).apply

    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            apply(w * x).sum().backward()

        return step, [w], x

    def change(w: Any) -> None:
        SCALE[0] = 5.0

    SCALE[0] = 3.0
    agree(make, backend, between=[change], variants=None)


def test_a_hook_that_changes_an_object_runs_eagerly() -> None:
    w, x, seen = leaf(4), data(4), []

    def step(x: Any) -> Any:
        h = w * x
        h.register_hook(lambda g: seen.append(g))
        h.sum().backward()

    with pytest.raises(sg.errors.SideEffectError, match="seen"):
        sg.compile(step, fullgraph=True)(x)
    assert seen == []
    run = sg.compile(step)
    with pytest.warns(UserWarning, match="seen"):
        run(x)
    run(x)
    assert len(seen) == 2


def test_several_hooks_in_order_and_one_removed(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)
        w.register_hook(lambda g: g + 1)
        w.register_hook(lambda g: g * 2)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            h.register_hook(lambda g: g + 1)
            h.register_hook(lambda g: g * 4).remove()
            h.register_hook(lambda g: g * g)
            h.retain_grad()
            h.sin().sum().backward()
            return h.grad

        return step, [w], x

    agree(make, backend)


def test_stepping_in_the_backward_pass(backend: str) -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def update(p: Any) -> None:
            with sg.no_grad():
                p.sub_(p.grad, alpha=0.1)
            p.grad = None

        w.register_post_accumulate_grad_hook(update)
        return lambda x: (w * x).sin().sum().backward(), [w], x

    agree(make, backend)


def test_hooks_on_nodes_run_eagerly() -> None:
    def make() -> Any:
        w, x = leaf(4), data(4)

        def step(x: Any) -> Any:
            w.grad = None
            h = w * x
            h.grad_fn.register_hook(lambda gi, go: (gi[0] * 3, gi[1]))
            h.sum().backward()

        return step, [w], x

    with pytest.warns(UserWarning, match="recorded graph"):
        agree(make, "numpy", variants=None, fullgraph=False)


def test_freezing_in_mid_training(backend: str) -> None:
    def make() -> Any:
        model = sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.Tanh(), sg.nn.Linear(4, 1))
        for i, p in enumerate(model.parameters()):
            p.data.copy_(data(*p.shape, seed=i))
        opt = sg.optim.SGD(model.parameters(), lr=0.1)
        x = data(5, 3)

        def step(x: Any) -> Any:
            opt.zero_grad()
            loss = (model(x) ** 2).mean()
            loss.backward()
            opt.step()
            return loss

        return step, [model], x

    freeze = lambda model: model[0].requires_grad_(False)
    thaw = lambda model: model[0].requires_grad_(True)
    compiled = agree(make, backend, between=[lambda m: None, freeze, lambda m: None, thaw], calls=6, variants=None)
    assert any("requires_grad" in miss for miss in compiled.misses)


# -- derivatives as functions ----------------------------------------------------------------

DERIVATIVES = {
    "grad": lambda w, x: sg.func.grad(lambda a: (a.sin() * x).sum())(w),
    "grad of grad": lambda w, x: sg.func.grad(lambda a: sg.func.grad(lambda b: (b**3 * x).sum())(a).sum())(w),
    "value": lambda w, x: sg.func.grad_and_value(lambda a: (a.sin() * x).sum())(w),
    "vjp": lambda w, x: sg.func.vjp(lambda a: a.sin() * x, w)[1](x),
    "jvp": lambda w, x: sg.func.jvp(lambda a: a.sin() * x, (w,), (x,)),
    "jacrev": lambda w, x: sg.func.jacrev(lambda a: a.sin() * x)(w),
    "hessian": lambda w, x: sg.func.hessian(lambda a: (a.sin() * x).sum().exp())(w),
    "functional jacobian": lambda w, x: F.jacobian(lambda a: a.sin() * x, w, create_graph=True),
    "functional hvp": lambda w, x: F.hvp(lambda a: (a**3 * x).sum(), w, x),
    "materialized": lambda w, x: sg.autograd.grad((w * x).sum(), [w, x.clone().requires_grad_()],
                                                  materialize_grads=True),
}  # fmt: skip


@pytest.mark.parametrize("tracked", [True, False])
@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives(name: str, tracked: bool, backend: str) -> None:
    if name == "materialized" and not tracked:
        return

    def make() -> Any:
        w = leaf(3) if tracked else data(3, seed=0)
        return lambda x: DERIVATIVES[name](w, x), [w], data(3)

    agree(make, backend)


def test_nothing_of_a_trace_is_kept_by_a_function() -> None:
    """The contexts of a trace hold symbols; they go with the program."""
    apply = FUNCTIONS["saved input"].apply
    w, x = leaf(4), data(4)
    run = sg.compile(lambda x: apply(w * x).sum().backward(), fullgraph=True)
    run(x)
    del run
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o).__name__ == "FunctionCtx"]
