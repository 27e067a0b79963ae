"""Module hooks against PyTorch: forward, forward-pre, full backward and the old kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import BOTH, agree, make
from samples import values

import symgrad as sg
import symgrad.nn.hooks as global_hooks

X, W = values(4, 3), values(2, 3, seed=1)


def model(lib: Any) -> Any:
    class Scaled(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = lib.nn.Parameter(make(lib, W))

        def forward(self, x: Any, scale: float = 1.0) -> Any:
            return (x @ self.weight.t()).tanh() * scale

    return Scaled()


class TwoInTwoOut:
    """Made per library: a module of two arguments and two results."""

    def __new__(cls, lib: Any) -> Any:
        class Both(lib.nn.Module):
            def forward(self, x: Any, y: Any) -> Any:
                return x * y, x + y

        return Both()


def test_kwargs_and_replacements() -> None:
    def program(lib: Any) -> Any:
        m, seen = model(lib), []
        m.register_forward_pre_hook(lambda m, a, k: ((a[0] * 2,), {"scale": 3.0}), with_kwargs=True)
        m.register_forward_pre_hook(lambda m, a: a[0] + 1, prepend=True)
        m.register_forward_hook(lambda m, a, k, out: seen.append((a[0], k["scale"])), with_kwargs=True)
        m.register_forward_hook(lambda m, a, out: out * 10)
        return m(make(lib, X)), seen

    agree(program)


def test_a_pre_hook_with_kwargs_must_give_both() -> None:
    def program(lib: Any) -> Any:
        m = model(lib)
        m.register_forward_pre_hook(lambda m, a, k: a[0], with_kwargs=True)
        return m(make(lib, X))

    agree(program)


def test_always_called() -> None:
    def program(lib: Any) -> Any:
        m, seen = model(lib), []
        m.register_forward_hook(lambda m, a, out: seen.append("usual"))
        m.register_forward_hook(lambda m, a, out: seen.append(out is None), always_call=True)
        with pytest.raises((TypeError, AttributeError)):
            m(3)
        return seen

    agree(program)


def test_full_backward_hooks() -> None:
    def program(lib: Any) -> Any:
        m, seen = model(lib), []
        m.register_full_backward_hook(lambda m, gi, go: seen.append((gi[0], go[0], len(gi), len(go))))
        m.register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
        m.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
        m.register_full_backward_pre_hook(lambda m, go: seen.append(go[0]))
        x = make(lib, X, True)
        m(x).sum().backward()
        return seen, x.grad, m.weight.grad

    agree(program)


def test_full_backward_hooks_of_several_arguments_and_results() -> None:
    def program(lib: Any) -> Any:
        m, seen = TwoInTwoOut(lib), []
        m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
        m.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[1] * 3))
        x, y = make(lib, X, True), make(lib, X + 1, True)
        a, b = m(x, y)
        (a * 2 + b).sum().backward()
        first = x.grad.clone(), y.grad.clone()
        a, b = m(x, y)
        a.sum().backward()
        return first, x.grad, y.grad, [[len(gi), len(go), go[1] is None] for gi, go in seen], seen[0]

    agree(program)


def test_without_a_differentiable_input() -> None:
    def program(lib: Any) -> Any:
        m, seen = model(lib), []
        m.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0])))
        with pytest.warns(UserWarning, match="no inputs require gradients"):
            m(make(lib, X)).sum().backward()
        m.register_full_backward_hook(lambda m, gi, go: (go[0],))
        with pytest.warns(UserWarning), pytest.raises(RuntimeError, match="always return None"):
            m(make(lib, X)).sum().backward()
        return [gi for gi, _ in seen], seen[0][1], m.weight.grad

    agree(program)


def test_nothing_recorded_nothing_called() -> None:
    def program(lib: Any) -> Any:
        m, seen = model(lib), []
        m.register_full_backward_hook(lambda m, gi, go: seen.append(1))
        with lib.no_grad():
            out = m(make(lib, X, True))
        return out, seen

    agree(program)


WRONG = {
    "grad_input": lambda m: m.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0])),
    "grad_output": lambda m: m.register_full_backward_pre_hook(lambda m, go: (go[0], go[0])),
    "mixed kinds": lambda m: (m.register_full_backward_hook(print), m.register_backward_hook(print)),
    "mixed the other way": lambda m: (m.register_backward_hook(print), m.register_full_backward_hook(print)),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name: str) -> None:
    texts = []
    for lib in BOTH:
        m = model(lib)
        with pytest.raises(RuntimeError) as caught:
            WRONG[name](m)
            m(make(lib, X, True)).sum().backward()
        texts.append(str(caught.value))
    assert texts[0].startswith(texts[1].split(". ")[0].rstrip("."))


def test_an_input_whose_gradient_bypasses_the_output() -> None:
    def program(lib: Any) -> Any:
        class Leaky(lib.nn.Module):
            def forward(self, x: Any) -> Any:
                self.kept = x * 2
                return x.detach() * 2

        m = Leaky()
        m.register_full_backward_hook(lambda m, gi, go: None)
        m(make(lib, X, True))
        m.kept.sum().backward()

    agree(program)


def test_in_place_on_what_a_hook_watches_is_refused() -> None:
    def program(lib: Any) -> Any:
        m = model(lib)
        m.register_full_backward_hook(lambda m, gi, go: None)
        out = m(make(lib, X, True))
        out.add_(1)

    agree(program)


def test_the_old_kind_sees_the_last_operation() -> None:
    def program(lib: Any) -> Any:
        m, seen = model(lib), []
        m.register_backward_hook(lambda m, gi, go: seen.append((gi[0], go[0])))
        handle = m.register_backward_hook(lambda m, gi, go: (gi[0] * 2, None))
        x = make(lib, X, True)
        m(x).sum().backward()
        first = x.grad.clone()
        handle.remove()
        m(x).sum().backward()
        return seen, first, x.grad

    agree(program)


def test_global_hooks() -> None:
    def program(lib: Any) -> Any:
        where: Any = global_hooks if lib is sg else lib.nn.modules.module
        seen: list[Any] = []
        handles = [
            where.register_module_forward_pre_hook(lambda m, a: seen.append("pre")),
            where.register_module_forward_hook(lambda m, a, out: seen.append("after")),
            where.register_module_full_backward_pre_hook(lambda m, go: seen.append("backward pre")),
            where.register_module_full_backward_hook(lambda m, gi, go: (gi[0] * 2,)),
        ]
        try:
            x = make(lib, X, True)
            model(lib)(x).sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        model(lib)(x)
        return seen, x.grad

    agree(program)


def test_double_backward_through_hooks() -> None:
    def program(lib: Any) -> Any:
        m = model(lib)
        m.register_full_backward_hook(lambda m, gi, go: (gi[0] * gi[0],))
        x = make(lib, X, True)
        (g,) = lib.autograd.grad(m(x).sum(), x, create_graph=True)
        return g, lib.autograd.grad(g.sum(), x)

    agree(program, 1e-5)


def compiled_agrees(build: Any, backend: str) -> None:
    """A step with hooks leaves the same gradients compiled (in one graph) as eager."""
    found = []
    for compiled in (False, True):
        m = model(sg)
        build(m)
        x = make(sg, X, True)

        def step(x: Any, m: Any = m) -> Any:
            m.weight.grad = None
            loss = m(x).sum()
            loss.backward()
            return loss

        run = sg.compile(step, backend=backend, fullgraph=True) if compiled else step
        for _ in range(3):
            x.grad = None
            loss = run(x)
        found.append([t.detach().numpy().copy() for t in (loss, x.grad, m.weight.grad)])
    for eager, other in zip(*found):
        np.testing.assert_allclose(eager, other, rtol=2e-6)


COMPILED = {
    "forward": lambda m: m.register_forward_hook(lambda m, a, out: out * 2),
    "forward pre": lambda m: m.register_forward_pre_hook(lambda m, a: (a[0] + 1,)),
    "full backward": lambda m: m.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,)),
    "full backward pre": lambda m: m.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,)),
    "both": lambda m: (m.register_full_backward_pre_hook(lambda m, go: (go[0].clamp(max=0.5),)),
                       m.register_full_backward_hook(lambda m, gi, go: (gi[0] * go[0].sum(),))),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_hooks_compile(name: str, backend: str) -> None:
    compiled_agrees(COMPILED[name], backend)


def test_a_hook_added_or_removed_is_seen_by_compiled_code() -> None:
    m = model(sg)
    run = sg.compile(m, backend="numpy", fullgraph=True)
    x = make(sg, X)
    plain = run(x).detach().numpy().copy()
    handle = m.register_forward_hook(lambda m, a, out: out * 2)
    np.testing.assert_allclose(run(x).detach().numpy(), plain * 2, rtol=1e-6)
    handle.remove()
    np.testing.assert_allclose(run(x).detach().numpy(), plain, rtol=1e-6)


def test_a_hook_that_keeps_what_it_sees_runs_eagerly() -> None:
    m, seen = model(sg), []
    m.register_full_backward_hook(lambda m, gi, go: seen.append(go[0]))
    x = make(sg, X, True)

    def step(x: Any) -> None:
        m(x).sum().backward()

    run = sg.compile(step)
    with pytest.warns(UserWarning, match="seen"):
        run(x)
    run(x)
    assert len(seen) == 2 and all(isinstance(g.numpy(), np.ndarray) for g in seen)
