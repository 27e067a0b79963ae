"""What a custom Function may do and return, against PyTorch: contexts, dirty inputs, views, checks, second order."""

from __future__ import annotations

from typing import Any

import pytest
from oracle import BOTH, agree, make
from samples import values

import symgrad as sg

A = values(2, 2)


def function(lib: Any, forward: Any, backward: Any, **more: Any) -> Any:
    body = dict(forward=forward, backward=backward, **more)
    return type("Fn", (lib.autograd.Function,), {k: staticmethod(v) for k, v in body.items()})


def ran(lib: Any, forward: Any, backward: Any, *args: Any, **more: Any) -> Any:
    """The results of applying it and the gradient of the sum of those that can have one."""
    x = make(lib, A, True)
    result = function(lib, forward, backward, **more).apply(x, *args)
    outs = [t for t in (result if isinstance(result, tuple) else (result,)) if isinstance(t, lib.Tensor)]
    sum(t.sum() for t in outs if t.requires_grad).backward()
    return result, x.grad, [t.grad_fn is not None and t.grad_fn.name() for t in outs]


RUNS = {
    "None for a gradient": (lambda ctx, x: x * 2, lambda ctx, g: None),
    "too few gradients": (lambda ctx, x, y: x * 2, lambda ctx, g: g, 3),
    "too many gradients": (lambda ctx, x: x * 2, lambda ctx, g: (g, g)),
    "too many, but None": (lambda ctx, x: x * 2, lambda ctx, g: (g, None, None)),
    "a gradient of a number": (lambda ctx, x, y: x * 2, lambda ctx, g: (g, g), 3),
    "a number for a gradient": (lambda ctx, x: x * 2, lambda ctx, g: 3),
    "a gradient that does not fit": (lambda ctx, x: x * 2, lambda ctx, g: g[:, :1].reshape(2).repeat(2)),
    "a gradient to be summed": (lambda ctx, x: x * 2, lambda ctx, g: g.expand(3, 2, 2)),
    "a scalar gradient": (lambda ctx, x: x * 2, lambda ctx, g: g.sum()),
    "a gradient of another dtype": (lambda ctx, x: x * 2, lambda ctx, g: g.float()),
    "None among the results": (lambda ctx, x: (x * 2, None), lambda ctx, g, h: g),
    "a string among the results": (lambda ctx, x: (x * 2, "a"), lambda ctx, g, h: g if h is None else None),
    "the input": (lambda ctx, x: x, lambda ctx, g: g * 5),
    "the input twice": (lambda ctx, x: (x, x), lambda ctx, g, h: g * 5 + h),
    "a view": (lambda ctx, x: x.view(4), lambda ctx, g: g.view(2, 2) * 5),
    "integers": (lambda ctx, x: (x * 2, x.long()), lambda ctx, g, h: g + h),
    "infinite, and its gradient not asked for": (
        lambda ctx, x: (ctx.mark_non_differentiable(out := x / 0), (x * 2, out))[1], lambda ctx, g, h: g + h),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_results_and_gradients(name: str) -> None:
    agree(lambda lib: ran(lib, *RUNS[name]))


def test_setup_context() -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []

        def setup(ctx: Any, inputs: Any, output: Any) -> None:
            x, factor = inputs
            ctx.factor = factor
            ctx.save_for_backward(x, output)
            seen.append((type(inputs).__name__, output))

        def backward(ctx: Any, g: Any) -> Any:
            x, output = ctx.saved_tensors
            return g * ctx.factor * x + output, None

        return ran(lib, lambda x, factor: x * factor, backward, 3.0, setup_context=setup), seen

    agree(program)


def test_keyword_arguments() -> None:
    def program(lib: Any) -> Any:
        Fn = function(lib, lambda ctx, x, factor=2.0: (setattr(ctx, "k", factor), x * factor)[1],
                      lambda ctx, g: (g * ctx.k, None))  # fmt: skip
        x = make(lib, A, True)
        Fn.apply(x, factor=4.0).sum().backward()
        return x.grad

    agree(program)


def test_grad_fn_is_the_context() -> None:
    def program(lib: Any) -> Any:
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.factor = factor
            ctx.save_for_backward(x)
            return x * factor

        x = make(lib, A, True)
        y = function(lib, forward, lambda ctx, g: (g * ctx.factor, None)).apply(x, 3.0)
        return (y.grad_fn.name(), type(y.grad_fn).__name__, y.grad_fn.factor, y.grad_fn.needs_input_grad,
                y.grad_fn.saved_tensors, len(y.grad_fn.next_functions))  # fmt: skip

    agree(program)


def test_saved_tensors_after_they_were_freed() -> None:
    def program(lib: Any) -> Any:
        forward = lambda ctx, x: (ctx.save_for_backward(x), x * x)[1]
        y = function(lib, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(make(lib, A, True))
        y.sum().backward()
        y.grad_fn.saved_tensors  # noqa: B018 - asking is the error

    agree(program)


def test_what_saved_nothing_may_run_twice() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        y = function(lib, lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply(x)
        y.backward(lib.ones_like(y))
        y.backward(lib.ones_like(y))
        return x.grad

    agree(program)


def dirty(lib: Any, pick: Any, leaf: bool = False, mark: bool = True, give: bool = True) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        if mark:
            ctx.mark_dirty(x)
        x.mul_(2)
        return x if give else x * 1

    x = make(lib, A, True)
    h = x if leaf else x * 1
    part = pick(h)
    out = function(lib, forward, lambda ctx, g: g * 2).apply(part)
    same = out is part
    (h * h).sum().backward() if same else out.sum().backward()
    return same, out, h.detach(), x.grad


DIRTY = {
    "an intermediate": dict(pick=lambda h: h),
    "a leaf": dict(pick=lambda h: h, leaf=True),
    "a view": dict(pick=lambda h: h[0]),
    "a column": dict(pick=lambda h: h[:, 1]),
    "not marked": dict(pick=lambda h: h, mark=False),
    "not returned": dict(pick=lambda h: h, give=False),
}


@pytest.mark.parametrize("name", DIRTY)
def test_dirty_inputs(name: str) -> None:
    agree(lambda lib: dirty(lib, **DIRTY[name]))


@pytest.mark.parametrize("forward", [lambda ctx, x: x, lambda ctx, x: x.view(4), lambda ctx, x: x[0]])
def test_a_result_on_the_inputs_memory_may_not_be_changed(forward: Any) -> None:
    texts = []
    for lib in BOTH:
        y = function(lib, forward, lambda ctx, g: g).apply(make(lib, A, True))
        with pytest.raises(RuntimeError) as caught:
            y.add_(1)
        texts.append(str(caught.value))
    assert all("is a view and is being modified inplace" in text for text in texts)


def test_a_fresh_result_may_be_changed() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        a, b = function(lib, lambda ctx, x: (x * 2, x * 3), lambda ctx, g, h: g * 2 + h * 3).apply(x)
        a.mul_(5)
        (a + b).sum().backward()
        return a, x.grad

    agree(program)


def test_a_saved_result_may_not() -> None:
    def program(lib: Any) -> Any:
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(y := x.exp())
            return y

        y = function(lib, forward, lambda ctx, g: g * ctx.saved_tensors[0]).apply(make(lib, A, True))
        y.add_(1)
        y.sum().backward()

    agree(program)


def test_an_input_not_saved_may_be_changed() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        h = x * 1
        y = function(lib, lambda ctx, x: x * 2, lambda ctx, g: g * 2).apply(h)
        h.add_(1)
        y.sum().backward()
        return x.grad

    agree(program)


@pytest.mark.parametrize("materialize", [True, False])
def test_missing_gradients(materialize: bool) -> None:
    def program(lib: Any) -> Any:
        seen: list[Any] = []

        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(materialize)
            return x * 2, x / 0

        def backward(ctx: Any, g: Any, h: Any) -> Any:
            seen.append(h)
            return g * 2

        x = make(lib, A, True)
        function(lib, forward, backward).apply(x)[0].sum().backward()
        return x.grad, seen

    agree(program)


def test_second_order_through_a_saved_result() -> None:
    def program(lib: Any) -> Any:
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(y := x.exp())
            return y

        Exp = function(lib, forward, lambda ctx, g: g * ctx.saved_tensors[0])
        x = make(lib, A, True)
        (g,) = lib.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad((g * g).sum(), x, create_graph=True)
        return g, h, lib.autograd.grad(h.sum(), x)

    agree(program)


def test_once_differentiable() -> None:
    def program(lib: Any) -> Any:
        once = lib.autograd.function.once_differentiable
        forward = lambda ctx, x: (ctx.save_for_backward(x), x * x)[1]
        Fn = function(lib, forward, once(lambda ctx, g: 2 * g * ctx.saved_tensors[0]))
        x = make(lib, A, True)
        Fn.apply(x).sum().backward()
        first = x.grad.clone()
        y = Fn.apply(x)
        (g,) = lib.autograd.grad((y * y).sum(), x, create_graph=True)
        try:
            lib.autograd.grad(g.sum(), x)
        except RuntimeError as error:
            return first, g, str(error).split("\n")[0].startswith("trying to differentiate twice")
        return "no error"

    agree(program)


def test_vjp_is_another_name_for_backward() -> None:
    def program(lib: Any) -> Any:
        x = make(lib, A, True)
        body = dict(forward=lambda ctx, x: x * 2, vjp=lambda ctx, g: g * 7)
        Fn = type("Fn", (lib.autograd.Function,), {k: staticmethod(v) for k, v in body.items()})
        Fn.apply(x).sum().backward()
        return x.grad

    agree(program)


UNUSABLE = {
    "saving a number": lambda lib, x: function(
        lib, lambda ctx, x: (ctx.save_for_backward(3), x * 1)[1], lambda ctx, g: g).apply(x),
    "dirty, but no input": lambda lib, x: function(
        lib, lambda ctx, x: (ctx.mark_dirty(x * 2), x * 1)[1], lambda ctx, g: g).apply(x),
    "no backward": lambda lib, x: type("Fn", (lib.autograd.Function,), {
        "forward": staticmethod(lambda ctx, x: x * 2)}).apply(x).sum().backward(),
    "backward and vjp": lambda lib, x: function(
        lib, lambda ctx, x: x * 1, lambda ctx, g: g, vjp=lambda ctx, g: g).apply(x).sum().backward(),
    "no forward": lambda lib, x: type("Fn", (lib.autograd.Function,), {}).apply(x),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_errors(name: str) -> None:
    agree(lambda lib: UNUSABLE[name](lib, make(lib, A, True)))


def test_what_is_not_written_is_not_implemented() -> None:
    with pytest.raises(NotImplementedError, match="forward function"):
        sg.autograd.Function.apply(sg.ones(1, requires_grad=True))


def test_an_old_function_object_cannot_be_called() -> None:
    for lib in BOTH:
        with pytest.warns(DeprecationWarning), pytest.raises(RuntimeError, match="Legacy autograd function"):
            type("Fn", (lib.autograd.Function,), {})()(lib.ones(1))
