"""Branches on a tensor's value: each outcome is a path, and a call leaves what eager would have left."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from twins import assert_alike, data, image, leaf, outcome

import symgrad as sg
from symgrad.compiler.compiled import EagerFallbackWarning
from symgrad.errors import ConcretizationError

LIMIT = 0.5


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


def hop(make: Callable[[], Any], inputs: list[Any], backend: str, paths: int | None = None, **options: Any) -> Any:
    """`make()` gives (function, what to watch): eager and compiled agree after each of `inputs`."""
    sg.manual_seed(0)
    function, watched = make()
    start = sg.get_rng_state()
    want = []
    for x in inputs:
        got = outcome(function, *x) if isinstance(x, tuple) else outcome(function, x)
        want.append((image((got, watched)), sg.get_rng_state().tolist()))
    sg.manual_seed(0)
    function, watched = make()
    sg.set_rng_state(start)
    compiled = sg.compile(function, backend=backend, **options)
    for call, x in enumerate(inputs):
        got = outcome(compiled, *x) if isinstance(x, tuple) else outcome(compiled, x)
        assert_alike((image((got, watched)), sg.get_rng_state().tolist()), want[call], f"call {call + 1}")
    assert not compiled.eager
    if paths is not None:
        assert sum(map(len, compiled.variants.values())) == paths, compiled.explain()
    return compiled


def document_004(a: Any) -> Any:
    b = a * 2
    while b.norm() < 1000:
        b = b * 2
    if b.sum() > 0:
        c = b
    else:
        c = 100 * b
    return c


VECTORS = [[1.0, 2.0, 3.0], [-1.0, 2.0, -3.0], [1.5, 2.0, 3.0], [1e-3, 0.0, 3.0], [-400.0, 2.0, 1.0], [1.0, 2.0, 3.1]]


@pytest.mark.parametrize("inputs", [VECTORS, [0.3, -0.3, 4000.0, 0.31, -0.31]], ids=["vectors", "0-d"])
def test_the_function_of_document_004(inputs: Any, backend: str) -> None:
    compiled = sg.compile(document_004, backend=backend)
    for value in [*inputs, *inputs]:
        a, b = (sg.tensor(value, requires_grad=True) for _ in range(2))
        want, got = document_004(a), compiled(b)
        assert_alike(image(got.detach()), image(want.detach()))
        want.sum().backward()
        got.sum().backward()
        assert_alike(image(b.grad), image(a.grad))
    assert len(compiled.misses) == sum(map(len, compiled.variants.values())) - 1
    assert sum(int(calls) for _, calls, _ in compiled.explain().paths) == 2 * len(inputs)


def training() -> Any:
    net = sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.ReLU(), sg.nn.Linear(4, 1))
    opt = sg.optim.Adam(net.parameters(), lr=0.05)

    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = (net(x) ** 2).mean()
        if loss > 10:
            loss = loss * 0.1
        loss.backward()
        total = sum((p.grad**2).sum() for p in net.parameters()).sqrt()
        if total > 1.0:
            for p in net.parameters():
                p.grad.mul_(1.0 / total)
        if total.item() > 50 and float(loss) > 3:
            return loss
        opt.step()
        return loss

    return step, [net, opt]


def test_a_step_that_branches_on_its_loss_and_on_its_gradients(backend: str) -> None:
    compiled = hop(training, [data(5, 3) * k for k in (1, 0.1, 100, 1, 100, 0.1, 1, 30, 1)], backend, 3)
    assert len(compiled.misses) == 2
    assert all("new path: test_paths.py:" in reason for reason in compiled.misses)


def test_cells_change_on_the_path_that_is_taken_only(backend: str) -> None:
    def make() -> Any:
        mean, count = sg.zeros(3), sg.zeros(())

        def step(x: Any) -> Any:
            count.add_(1)
            if (x - mean).abs().sum() > 1:
                mean.mul_(0.5).add_(0.5 * x)
            elif count > 3:
                count.zero_()
            return mean.sum()

        return step, [mean, count]

    hop(make, [data(3), data(3), data(3) * 0, data(3) * 9, data(3), data(3), data(3) * 0, data(3)], backend)


def test_an_argument_is_changed_in_place(backend: str) -> None:
    def make() -> Any:
        def f(x: Any) -> Any:
            while x.sum() > 1:
                x.mul_(0.5)
            return x.sum()

        return f, []

    hop(make, [sg.full((3,), v) for v in (1.0, 10.0, 0.1, 1.1, 9.0)], backend)


def test_draws_are_taken_once(backend: str) -> None:
    def make() -> Any:
        w = leaf(3)

        def f(x: Any) -> Any:
            if sg.rand(()) > 0.5:
                x = x + sg.randn(3)
            if (x * w).sum() > 0:
                x = x * sg.rand(3)
            return (x * w).sum()

        return f, [w]

    hop(make, [data(3, seed=s) for s in range(12)], backend, 4)


def test_what_item_gives_may_be_compared_and_added(backend: str) -> None:
    def make() -> Any:
        w = leaf(3)

        def f(x: Any, lr: float) -> Any:
            best = x.sum().item()
            if abs(best - w.sum().item()) < LIMIT:
                return w * 0
            if not isinstance(best, float) or 2 * best + 1 > 3:
                return w * 1
            if x.max_count.item() == 2 if hasattr(x, "max_count") else lr < best:
                return w * lr
            x.mul_(3.0)
            if best < -1.0 or x.sum().item() == best:
                return w * 2
            return w * 3

        return f, [w]

    inputs = [(data(3) * k, lr) for k, lr in ((1, 0.1), (5, 0.1), (-5, 0.1), (1, 9.0), (0, 9.0), (0.1, -1.0), (1, 0.1))]
    hop(make, inputs, backend)


@pytest.mark.parametrize("test", [
    lambda x: sg.equal(x, x.abs()), lambda x: sg.allclose(x, x * 1.0, atol=0.1), lambda x: 2.0 in x,
    lambda x: (x > 1).any(), lambda x: (x > 0).all() or x[0] > 9, lambda x: x.isnan().any(), lambda x: any(x > 1),
    lambda x: max(x) is x[0] or min(x) > 0, lambda x: x.argmax().item() == 1,
    lambda x: sorted([x[0].item(), 0.3])[0] < 0.3,
], ids=range(10))  # fmt: skip
def test_functions_that_give_python_bools(test: Any, backend: str) -> None:
    def make() -> Any:
        return (lambda x: x + 1 if test(x) else x - 1), []

    rows = [[0.5, 2.0, 1.0], [-0.5, 2.5, 0.1], [3.0, 2.0, 1.0], [-1.0, -2.0, 0.0], [math.nan, 1.0, 2.0]]
    hop(make, [sg.tensor(row) for row in [*rows, *rows]], backend)


def test_an_index_that_only_the_other_path_would_use(backend: str) -> None:
    def make() -> Any:
        w, log = leaf(4), sg.zeros(3)

        def step(i: Any) -> Any:
            w.grad = None
            if i < 6:
                log.add_(1)
                loss = w[i] * 2
            else:
                loss = w.sum()
            loss.backward()
            return loss.detach()

        return step, [w, log]

    # 5 is out of range on its own path: an IndexError that changes nothing, eagerly but for the log
    compiled = hop(make, [sg.tensor(i) for i in (1, 7, 3, 9, 1)], backend, 2)
    state = image(compiled.function.__closure__[0].cell_contents)
    with pytest.raises(IndexError):
        compiled(sg.tensor(5))
    assert_alike(image(compiled.function.__closure__[0].cell_contents), state)


class Settings:
    limit = 0.7


SETTINGS = Settings()
SETTINGS.limit = 0.7


@pytest.mark.parametrize("test", [
    lambda x: float(x) > 0.5, lambda x: -0.5 < float(x),  # noqa: SIM300
    lambda x: -0.5 < float(x) <= LIMIT, lambda x: int(x) == 0,
    lambda x: float(x) > SETTINGS.limit, lambda x: float(x.item()) >= 0.5, lambda x: math.isnan(x.item()),
    lambda x: math.isfinite(x), lambda x: math.isinf(x), bool, lambda x: not x, lambda x: x > 0 and x < 1,
    lambda x: 3 * x.item() - 1 > x.item(), lambda x: x.item() in (0.5, 0.25), lambda x: max(x.item(), 0.3) > 0.4,
    lambda x: (x > 0).item(), lambda x: (x * 3).int().item() >= 2, lambda x: (x * 3).int().item() > 0.5,
], ids=range(18))  # fmt: skip
def test_numbers_that_are_only_compared(test: Any, backend: str) -> None:
    def make() -> Any:
        return (lambda x: x + 1 if test(x) else x - 1), []

    values = (0.5, 0.25, -3.0, 0.9, math.nan, math.inf, 0.0, 2.0)
    hop(make, [sg.tensor(v) for v in values], backend)


@pytest.mark.parametrize("use", [
    lambda x: x.item(), lambda x: x * x.item(), lambda x: x + float(x), lambda x: x * round(x.item(), 1),
    lambda x: f"{x.item():.2f}", lambda x: [x, x + 1][int(x)], lambda x: x + (x.item() ** 2), lambda x: math.exp(x),
    lambda x: sg.full((2,), x.item()), lambda x: x.clamp(min=x.item()), lambda x: sg.zeros(3)[int(x)] + x,
    lambda x: sg.tensor([x.item(), 1.0]), lambda x: x.clone().fill_(x.item()), lambda x: x * {1: 2}.get(x.item(), 3),
    lambda x: x * math.sqrt(abs(x.item())), lambda x: float(x) if float(x) > 0 else x, lambda x: x / (1 + x.item()),
], ids=range(17))  # fmt: skip
def test_other_uses_of_a_number_run_eagerly(use: Any, backend: str) -> None:
    compiled = sg.compile(use, backend=backend)
    with pytest.warns(EagerFallbackWarning, match="test_paths.py") as caught:
        for value in (0.5, 1.0, 0.25):
            x = sg.tensor(value)
            assert_alike(image(compiled(x)), image(use(x)))
    assert len(caught) == 1
    with pytest.raises(ConcretizationError):
        sg.compile(use, backend=backend, fullgraph=True)(sg.tensor(0.5))


def test_an_assertion_that_fails_changes_nothing(backend: str) -> None:
    def make() -> Any:
        w = leaf(3)

        def step(x: Any) -> Any:
            w.grad = None
            loss = (w * x).sum() ** 2
            loss.backward()
            assert loss < 5, "diverged"
            with sg.no_grad():
                w.sub_(0.1 * w.grad)
            return loss.detach()

        return step, [w]

    step, (w,) = make()
    compiled = sg.compile(step, backend=backend)
    for k in (1, 2, 1):
        compiled(data(3) * k)
    before = image([w])
    for _ in range(2):
        with pytest.raises(AssertionError, match="diverged"):
            compiled(data(3) * 99)
        assert_alike(image([w]), before)
    compiled(data(3))
    assert sum(map(len, compiled.variants.values())) == 1


def test_a_wrong_path_that_raises_is_not_this_path(backend: str) -> None:
    def f(x: Any) -> Any:
        if x.sum() > 0:
            return x * 2
        return x * 3

    compiled = sg.compile(f, backend=backend)
    compiled(data(3).abs())
    (variant,) = next(iter(compiled.variants.values()))

    def fail(*args: Any) -> None:
        raise IndexError("index 9 is out of bounds")

    run, direct, variant.entry.function, variant.entry.direct = variant.entry.function, variant.entry.direct, fail, None
    assert_alike(image(compiled(-data(3).abs())), image(data(3).abs() * -3))
    with pytest.raises(IndexError, match="out of bounds"):
        compiled(data(3).abs())
    variant.entry.function, variant.entry.direct = run, direct
    assert_alike(image(compiled(data(3).abs())), image(data(3).abs() * 2))
    assert len(compiled.misses) == 1


def test_where_rounding_decides_the_trace_is_believed(backend: str) -> None:
    def f(x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x * 3

    compiled = sg.compile(f, backend=backend)
    compiled(data(3).abs())
    (variant,) = next(iter(compiled.variants.values()))
    settle = variant._settle
    variant._settle = lambda outs, arrays, checked: settle([outs[0], outs[1] * 0], arrays, checked)
    assert_alike(image(compiled(data(3).abs())), image(data(3).abs() * 2))
    assert sum(map(len, compiled.variants.values())) == 1 and not compiled.misses


def test_gradients_nobody_has_read_survive_a_path_without_any(backend: str) -> None:
    def make() -> Any:
        w = leaf(3)

        def step(x: Any) -> None:
            loss = (w * x).sum()
            if loss.abs() < 1e6:
                w.grad = None
                loss.backward()

        return step, []

    step, _ = make()
    w: Any = step.__closure__[0].cell_contents
    compiled = sg.compile(step, backend=backend)
    compiled(data(3))
    compiled(data(3) * 1e9)
    assert_alike(image(w.grad), image(data(3)))


def test_a_module_that_branches(backend: str) -> None:
    class Gate(sg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = sg.nn.Linear(3, 2), sg.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            return self.left(x) if x.sum() > 0 else self.right(x)

    results = []
    for wrap in (lambda m: m, lambda m: sg.compile(m, backend=backend, fullgraph=True)):
        sg.manual_seed(3)
        gate = Gate()
        model = wrap(gate)
        for k in (1, -1, 1):
            model(data(4, 3).abs() * k).sum().backward()
        results.append(image(gate))
    assert_alike(results[1], results[0])


def test_higher_derivatives_through_a_path(backend: str) -> None:
    def f(x: Any) -> Any:
        return (x**3).sum() if x.sum() > 0 else (x**2).sum()

    compiled = sg.compile(f, backend=backend)
    for k in (1, -1, 1):
        seconds = []
        for function in (f, compiled):
            x = (data(3).abs() * k).requires_grad_()
            (g,) = sg.grad(function(x), [x], create_graph=True)
            seconds.append(image(sg.grad((g * g).sum(), [x])))
        assert_alike(seconds[1], seconds[0])


def test_inner_compiled_functions_branch_in_the_outer_trace(backend: str) -> None:
    inner = sg.compile(lambda x: x * 2 if x.sum() > 0 else x * 3, backend=backend)

    def make() -> Any:
        return (lambda x: inner(x) + inner(-x) if x[0] > 0 else inner(x)), []

    hop(make, [data(3), -data(3), data(3) * 2, data(3, seed=7)], backend)


def test_branches_beside_floats_globals_and_hooks(backend: str) -> None:
    def make() -> Any:
        w = leaf(3)
        w.register_hook(lambda g: g * 2)

        def step(x: Any, lr: float) -> Any:
            loss = (w * x).sum()
            loss.backward()
            if w.grad.sum() > lr:
                with sg.no_grad():
                    w.sub_(lr * w.grad)
                w.grad = None
            return loss.detach()

        return step, [w]

    hop(make, [(data(3) * k, lr) for k, lr in ((1, 0.1), (1, 0.2), (-1, 0.3), (2, -5.0), (1, 0.1))], backend)


@pytest.mark.parametrize("fullgraph", [False, True])
def test_the_number_of_paths_is_bounded(fullgraph: bool, backend: str) -> None:
    def f(x: Any) -> Any:
        n = 0
        while x > n:
            n += 1
        return x * n

    compiled = sg.compile(f, backend=backend, max_variants=3, fullgraph=fullgraph)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in (0, 1, 2, 3, 4, 1, 5, 0, 3):
            assert compiled(sg.tensor(float(n))).item() == n * n
    messages = [str(w.message) for w in caught]
    if fullgraph:
        assert not messages and len(compiled.misses) > 3
    else:
        (message,) = messages
        assert "3 paths" in message and caught[0].filename == __file__
    assert sum(map(len, compiled.variants.values())) == 3


def test_one_trace_has_a_bounded_number_of_branches(backend: str) -> None:
    def f(x: Any) -> Any:
        while x < 1000:
            x = x + 1
        return x

    with pytest.warns(EagerFallbackWarning, match="while_loop"):
        assert sg.compile(f, backend=backend)(sg.tensor(0.0)).item() == 1000


def test_on_retrace_error_refuses_a_new_path(backend: str) -> None:
    compiled = sg.compile(document_004, backend=backend, on_retrace="error")
    compiled(sg.tensor(1.0))
    with pytest.raises(RuntimeError, match=r"new path: test_paths.py:\d+ `if b.sum\(\) > 0:` is False"):
        compiled(sg.tensor(-1.0))


def test_a_branch_elsewhere_that_cannot_be_captured(backend: str) -> None:
    def f(x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x * float(x.numpy()[0])

    compiled = sg.compile(f, backend=backend)
    with pytest.warns(EagerFallbackWarning) as caught:
        for k in (1, -1, 1, -1):
            x = data(3).abs() * k
            assert_alike(image(compiled(x)), image(f(x)))
    assert len(caught) == 1 and caught[0].filename == __file__


def test_explain_lists_the_paths(backend: str) -> None:
    compiled = sg.compile(document_004, backend=backend)
    for value in (1.0, 1.0, -1.0):
        compiled(sg.tensor(value))
    first = document_004.__code__.co_firstlineno
    loop = f"test_paths.py:{first + 2} `while b.norm() < 1000:`: True x9, False"
    paths = compiled.explain().paths
    assert paths == [
        ("1", "1", f"{loop}; test_paths.py:{first + 4} `if b.sum() > 0:`: False"),
        ("2", "2", f"{loop}; test_paths.py:{first + 4} `if b.sum() > 0:`: True"),
    ]
    text = str(compiled.explain())
    assert all(row in text for _, _, row in paths)
    assert f"1. new path: test_paths.py:{first + 4} `if b.sum() > 0:` is False" in text


def test_program_and_trace_show_the_path_of_their_arguments(backend: str) -> None:
    compiled = sg.compile(document_004, backend=backend)
    up, down = compiled.program(sg.tensor(900.0)), compiled.program(sg.tensor(-900.0))
    assert up.traced.outcomes == (False, True) and down.traced.outcomes == (False, False)
    assert "100.0" in str(down) and "100.0" not in str(up)
    assert sum(e.prim.name == "lt" for e in sg.trace(document_004, sg.tensor(300.0)).eqns) == 2
    if backend != "reference":
        assert "is False: test_paths.py:" in down.source


def test_a_cached_program_of_another_path_is_not_mistaken(backend: str) -> None:
    def f(x: Any, w: Any) -> Any:
        if x > 0:
            w.add_(1)
        else:
            w.add_(1)
        return w * 2

    for _ in range(2):
        compiled = sg.compile(f, backend=backend)
        for k in (1.0, -1.0, 2.0, -2.0):
            w = sg.zeros(3)
            assert compiled(sg.tensor(k), w).tolist() == [2.0] * 3 and w.tolist() == [1.0] * 3
        assert sum(map(len, compiled.variants.values())) == 2
