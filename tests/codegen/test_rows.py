"""Nests that go by rows: one loop over rows, turns inside it, what is read again and what is kept."""

import numpy as np
import pytest
from codegen.harness import compare, graph_of, with_extents

import symgrad as sg
from symgrad.passes.fuse import fuse
from symgrad.passes.schedule import Kernel
from symgrad.runtime.threads import THRESHOLD

SOFTMAX = """
def f(x: f32[7,{n}]):
    m = amax(x, axis=(1,))
    mk = view(m, shape=(7, 1))
    s = sub(x, mk)
    e = exp(s)
    t = sum(e, axis=(1,))
    tk = view(t, shape=(7, 1))
    y = div(e, tk)
    return y
"""


def kernels(graph):
    return [step for step in fuse(graph).steps if isinstance(step, Kernel)]


@pytest.mark.parametrize("n", [1, 5, 1024, 1025, 3000])
def test_softmax_is_one_loop_over_rows(n):
    graph = graph_of(SOFTMAX.format(n=n))
    (kernel,) = kernels(graph)
    (nest,) = kernel.nests
    assert nest.rows == (1 if n > 1 else 0) and [v.hint for v in nest.kept] == (["e"] if n > 1 else [])
    module = compare(graph, "numba", ulps=4)
    assert ("e_row = np.empty" in module.source) == (n > 1)


def test_a_row_that_is_too_long_is_computed_again():
    graph = graph_of(SOFTMAX.format(n=9000))
    assert [n.kept for k in kernels(graph) for n in k.nests] == [()]
    assert "np.empty" not in compare(graph, "numba", ulps=4).source


def test_rows_of_several_extents_and_named_ones():
    graph = with_extents(graph_of("""
def f(x: f32[3,4,5,6], w: f32[5,6], b: f32[4]):
    s = sum(x, axis=(2, 3))
    d = div(s, 30.0)
    dk = view(d, shape=(3, 4, 1, 1))
    c = sub(x, dk)
    q = mul(c, c)
    v = sum(q, axis=(2, 3))
    bk = add(v, b)
    r = rsqrt(bk)
    rk = view(r, shape=(3, 4, 1, 1))
    z = mul(c, rk)
    y = mul(z, w)
    gw = sum(y, axis=(0, 1))
    loss = sum(y, axis=(0, 1, 2, 3))
    worst = amax(y, axis=(0, 1, 2, 3))
    total = sum(v, axis=(0,))
    return y, gw, loss, worst, v, total
"""), x=("n0", None, None, None))  # fmt: skip
    (kernel,) = kernels(graph)
    assert [n.rows for n in kernel.nests] == [2]
    compare(graph, "numba", ulps=64)


def test_a_cell_is_not_written_while_a_later_turn_reads_it():
    graph = graph_of("""
def f(*, c: f32[4,6]):
    n = exp(c)
    t = sum(n, axis=(1,))
    tk = view(t, shape=(4, 1))
    y = mul(c, tk)
    c[...] = n
    return y
""")
    compare(graph, "numba", ulps=8)


def test_a_sum_over_columns_still_ends_the_kernel():
    graph = graph_of("""
def f(x: f32[6,6]):
    s = sum(x, axis=(0,))
    y = sub(x, s)
    t = sum(y, axis=(1,))
    return t
""")
    assert [k.reason for k in kernels(graph)] == ["first of its extents", "needs all of s first"]
    compare(graph, "numba")


def test_without_rows_a_reduction_ends_its_kernel():
    assert len(fuse(graph_of(SOFTMAX.format(n=5)), rows=False).steps) > 1


@pytest.mark.parametrize("function", [
    lambda f, x: f.nn.functional.softmax(x * 0.5, -1).square().sum(),
    lambda f, x: f.nn.functional.layer_norm(x, (x.shape[-1],)).exp().mean(),
    lambda f, x: f.logsumexp(x, 1).sin().sum(),
    lambda f, x: f.nn.functional.normalize(x).cumsum(0).mean() + f.var(x, 1).sum(),
])  # fmt: skip
@pytest.mark.parametrize("rows", [1, 3, 2 + THRESHOLD // 64])
def test_steps_agree_with_torch(function, rows):
    torch = pytest.importorskip("torch")
    data = np.random.default_rng(0).normal(size=(rows, 64)).astype(np.float32)
    x = sg.tensor(data, requires_grad=True)

    def step(x):
        x.grad = None
        loss = function(sg, x)
        loss.backward()
        return loss

    mine = sg.compile(step, backend="numba", fullgraph=True)(x)
    y = torch.tensor(data, requires_grad=True)
    theirs = function(torch, y)
    theirs.backward()
    np.testing.assert_allclose(mine.item(), theirs.item(), rtol=1e-5)
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=2e-4, atol=2e-6)


def test_a_large_loss_among_small_steps_is_a_region_of_its_own(monkeypatch):
    """Cross entropy checks its targets, then goes through the rows; which thread does which changes no bit."""
    from symgrad.compiler import variant

    rows = 1 + THRESHOLD // 100
    rng = np.random.default_rng(0)
    x = sg.tensor(rng.normal(size=(rows, 100)).astype(np.float32), requires_grad=True)
    target = sg.tensor(rng.integers(0, 100, rows))

    def step(x, target):
        x.grad = None
        loss = sg.nn.functional.cross_entropy(x, target)
        loss.backward()
        return loss

    want = step(x, target).item(), x.grad.numpy().copy()
    run = sg.compile(step, backend="numba", fullgraph=True)
    assert "region == 1" in run.program(x, target).source
    results = []
    for order in (range(16), reversed(range(16)), None):
        if order is not None:
            tasks = list(order)
            monkeypatch.setattr(variant, "parallel_run", lambda call, count, t=tasks: [call(k) for k in t])
        else:
            monkeypatch.undo()
        results.append((run(x, target).item(), x.grad.numpy().copy()))
        np.testing.assert_allclose(results[-1][0], want[0], rtol=1e-6)
        np.testing.assert_allclose(results[-1][1], want[1], rtol=1e-4, atol=1e-9)
    assert len({loss for loss, _ in results}) == 1 and all(np.array_equal(g, results[0][1]) for _, g in results)


def test_extents_that_happen_to_agree_make_no_rows():
    """A bias of as many elements as its matrix has rows is updated by a loop of its own."""
    (kernel,) = kernels(graph_of("""
def f(g: f32[8,8], h: f32[8], *, w: f32[8,8], b: f32[8]):
    wn = sub(w, g)  # f32[8,8] a.py:1 update
    bn = sub(b, h)  # f32[8] a.py:1 update
    w[...] = wn
    b[...] = bn
    return
"""))
    assert [(n.rows, len(n.eqns)) for n in kernel.nests] == [(0, 1), (0, 1)]
