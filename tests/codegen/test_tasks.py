"""A kernel cut into tasks gives the same bits whoever runs the parts, and the serial result within rounding."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.runtime.threads import THRESHOLD


def polynomial(n, backend="numba"):
    x = sg.linspace(-3, 3, n)
    y = sg.sin(x)
    params = [sg.full((), v, requires_grad=True) for v in (0.1, 0.2, -0.3, 0.4)]

    def step(x, y):
        a, b, c, d = params
        loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum()
        loss.backward()
        with sg.no_grad():
            for p in params:
                p -= 1e-3 / n * p.grad
                p.grad = None
        return loss

    return sg.compile(step, backend=backend, fullgraph=True) if backend else step, x, y, params


@pytest.mark.parametrize("n", [THRESHOLD, THRESHOLD + 1, 3 * THRESHOLD + 777])
def test_large_step_equals_eager(n):
    compiled, x, y, mine = polynomial(n)
    eager, _, _, theirs = polynomial(n, "")
    for _ in range(3):
        assert compiled(x, y).item() == pytest.approx(eager(x, y).item(), rel=1e-6)
    for p, q in zip(mine, theirs):
        assert p.item() == pytest.approx(q.item(), rel=1e-5, abs=1e-7)


def test_bits_do_not_depend_on_who_runs_the_parts(monkeypatch):
    from symgrad.compiler import variant

    n = THRESHOLD + 12345
    results = []
    orders = (range(16), reversed(range(16)), None)
    for order in orders:
        if order is not None:
            tasks = list(order)
            monkeypatch.setattr(variant, "parallel_run", lambda call, count, t=tasks: [call(k) for k in t])
        else:
            monkeypatch.undo()
        compiled, x, y, params = polynomial(n)
        results.append([compiled(x, y).item(), *[p.item() for p in params]])
    assert results[0] == results[1] == results[2]


def test_elementwise_parts_cover_everything():
    n = THRESHOLD + 3
    compiled = sg.compile(lambda x: x * 2 + 1, backend="numba", fullgraph=True)
    x = sg.arange(n, dtype=sg.float32)
    for _ in range(2):
        assert np.array_equal(compiled(x).numpy(), x.numpy() * 2 + 1)


def test_loops_over_the_same_points_are_cut_alike():
    """Two parameters under Adam: one kernel of two loops, whose step counts are written once, at the end."""
    n = THRESHOLD + 3
    results = []
    for compiled in (False, True):
        params = [sg.linspace(low, 1, n).requires_grad_(True) for low in (-1, 0)]
        grads = [p.detach() * 2 for p in params]
        optimizer = sg.optim.Adam(params, lr=0.1)

        def step(params=params, grads=grads, optimizer=optimizer):
            for p, g in zip(params, grads):
                p.grad = g
            optimizer.step()

        run = sg.compile(step, backend="numba", fullgraph=True) if compiled else step
        if compiled:
            assert "_part_start" in run.program().source
        for _ in range(3):
            run()
        results.append([*(p.detach().numpy() for p in params), *(optimizer.state[p]["step"].item() for p in params)])
    for mine, theirs in zip(*results):
        np.testing.assert_allclose(mine, theirs, 1e-5, 1e-6)


def test_source_does_not_depend_on_the_size():
    small, *few = polynomial(2000)
    large, *many = polynomial(THRESHOLD)
    body = [f.program(*a[:2]).source.split("@kernel")[1].split("RUN_SIGNATURE")[0]
            for f, a in ((small, few), (large, many))]  # fmt: skip
    import re

    strip = [re.sub(r"float32\([-\de.]+\)", "float32(…)", text) for text in body]
    assert strip[0] == strip[1]


def test_a_smaller_batch_is_the_same_module():
    """Loops that were large enough for threads stay written as tasks: nothing is compiled for fewer points."""
    def function(x):
        y = sg.tanh(x.unsqueeze(0) * x.unsqueeze(1))
        return (y - y.mean(0)).square().sum()

    compiled = sg.compile(function, backend="numba", fullgraph=True)
    for n in (800, 70, 900):  # the loops over n by n points are on both sides of the threshold
        x = sg.linspace(-1, 1, n)
        assert compiled(x).item() == pytest.approx(function(x).item(), rel=1e-5)
    modules = {v.program.executable.module for known in compiled.variants.values() for v in known}
    assert len(compiled.variants) == 3 and len(modules) == 1
    assert "region ==" in compiled.program(sg.ones(70)).source
    alone = sg.compile(function, backend="numba", fullgraph=True).program(sg.ones(70))
    assert "region ==" not in alone.source


COLUMN_SUMS = {
    "columns": ((3001, 700), lambda x: (sg.tanh(x).sum(0), x * 2)),
    "few columns": ((400_000, 3), lambda x: (sg.erfc(x).sum(0),)),
    "one column": ((600_000, 1), lambda x: (sg.erfc(x).sum(0),)),
    "middle axis": ((40, 900, 70), lambda x: (sg.exp(x).sum(1), x.abs())),
    "outer two": ((40, 900, 70), lambda x: (sg.exp(x).sum((0, 1)),)),
    "with draws": ((901, 803), lambda x: (sg.dropout(x, 0.5, True).sum(0),)),
    "largest": ((3001, 300), lambda x: (sg.tanh(x).amax(0),)),
    "float64": ((3001, 300), lambda x: (sg.tanh(x.double()).sum(0),)),
}


@pytest.mark.parametrize("name", COLUMN_SUMS)
def test_sums_of_columns_belong_to_one_task_each(name, monkeypatch):
    from symgrad.compiler import variant

    shape, function = COLUMN_SUMS[name]
    x = sg.linspace(0.1, 1, int(np.prod(shape))).reshape(shape)
    results = []
    for order in ([-1], range(16), reversed(range(16)), None):
        compiled = sg.compile(function, backend="numba", fullgraph=True)
        assert "_part_start" in compiled.program(x).source
        if order == [-1]:  # everything at once
            monkeypatch.setattr(variant, "THRESHOLD", 2**60)
        elif order is not None:
            monkeypatch.undo()
            monkeypatch.setattr(variant, "parallel_run", lambda call, _, tasks=list(order): [call(k) for k in tasks])
        else:
            monkeypatch.undo()
        sg.manual_seed(0)
        results.append([y.numpy() for y in compiled(x)])
    sg.manual_seed(0)
    for mine, theirs in zip(results[0], function(x)):
        np.testing.assert_allclose(mine, theirs.numpy(), 1e-5)
    for other in results[1:]:
        for mine, theirs in zip(results[0], other):
            np.testing.assert_array_equal(mine, theirs)


def test_functions_count_for_more_than_points():
    """The error function of a quarter million numbers is shared by threads, a sum of theirs is not."""
    def step(x):
        y = sg.erfc(x) if dear else x + 1
        return y - y.mean(0)

    for dear in (False, True):
        text = sg.compile(step, backend="numba", fullgraph=True).program(sg.ones(512, 512)).source
        assert ("_part_start" in text) == dear


def test_threads_of_products_are_not_disturbed():
    """They spin after a product, and a helper would not find an idle processor: only what takes long is shared."""
    program = sg.compile(lambda x, w: sg.erfc(x) @ w, backend="numba", fullgraph=True).program
    small, large = (program(sg.ones(n, 8), sg.ones(8, 8)).source for n in (1 << 17, 1 << 20))
    assert "_part_start" not in small and "_part_start" in large
