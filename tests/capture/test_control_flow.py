"""sg.cond, sg.while_loop, sg.scan: one graph that gives what the same functions give eagerly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from twins import assert_alike, data, image, leaf

import symgrad as sg
from symgrad.errors import DTypeError, ShapeError, TraceError
from symgrad.ir import parse
from symgrad.ops import PRIMITIVES

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _no_warnings() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


W, B = leaf(3, 3), leaf(3, seed=4)


def branches(x: Any, lr: float) -> Any:
    def inner(x: Any) -> Any:
        return sg.cond(x[0, 0] > 0, lambda: x * B, lambda: x)

    return sg.cond(x.sum() > 0, lambda x: (x @ W * lr).tanh(), inner, (x,)).sum()


def closed_over(x: Any, lr: float) -> Any:
    y = (x * lr).detach() * W.sum()
    a, (b, c) = sg.cond(x.sum() > 0, lambda: (y * x, [x, x.t()]), lambda: (y + 1.0, [x - lr, x.t() * B.sum()]))
    return (a * b).sum() + (c * 2).exp().sum()


def recurrence(x: Any, lr: float) -> Any:
    def step(h: Any, row: Any) -> Any:
        h = (h @ W + row * lr).tanh()
        return h, (h * B, h.sum())

    h, (ys, sums) = sg.scan(step, B * 1.0, x)
    return h.sum() + (ys**2).sum() + sums.sum()


def backwards(x: Any, lr: float) -> Any:
    last, ys = sg.scan(lambda c, r: ({"a": c["a"] * lr + r}, r * c["a"]), {"a": sg.zeros(3)}, x, reverse=True)
    return (last["a"] * ys).sum() * B.sum()


def columns(x: Any, lr: float) -> Any:
    total, ys = sg.scan(lambda c, r: (c + r * B.sum(), c * r), sg.zeros(x.shape[0]), x, dim=1)
    return (total * total).sum() + ys.sin().sum() / x.shape[0]


def scan_of_cond(x: Any, lr: float) -> Any:
    def step(c: Any, r: Any) -> Any:
        c = sg.cond(r.sum() > 0, lambda c: c * r.sum(), lambda c: c - B.sum() * lr, (c,))
        return c, c * c

    c, ys = sg.scan(step, W.sum(), x)
    return c + ys.sum()


def steps(x: Any, lr: float) -> Any:
    def body(i: Any, y: Any) -> Any:
        return i + 1, y @ W * 30.0 * lr

    i, y = sg.while_loop(lambda i, y: (i < 5) & (y.norm() < 100), body, (sg.tensor(0), x))
    return y.sum() + i + B.sum() * 0


def halving(x: Any, lr: float) -> Any:
    def body(y: Any) -> Any:
        with sg.no_grad():
            scale = y.abs().sum()
        return (y * B / (1 + scale),)

    (y,) = sg.while_loop(lambda y: y.abs().sum() > 0.01, body, (x * W.sum(),))
    return (y * y).sum() * 1e6


FUNCTIONS = [branches, closed_over, recurrence, backwards, columns, scan_of_cond, steps, halving]
ALL_ORDERS = FUNCTIONS[:6]
functions = pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
SCALES = (1.0, -1.0, 2.0, 0.1)


def gradients(f: Callable[..., Any], k: float) -> Any:
    """Loss and gradients, None as zeros: a compiled cond gives those for what the other branch uses."""
    x = (data(5, 3) * k).requires_grad_()
    W.grad, B.grad = sg.zeros(3, 3), sg.zeros(3)
    loss = f(x, 0.1)
    loss.backward()
    return image([loss.detach(), x.grad, W.grad, B.grad])


@functions
def test_a_loss_with_backward_outside(f: Any, backend: str) -> None:
    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for k in SCALES:
        assert_alike(gradients(compiled, k), gradients(f, k), f"{k}")
    assert not compiled.misses


@functions
def test_a_whole_step(f: Any, backend: str) -> None:
    def make() -> Any:
        w = sg.nn.Parameter(sg.ones(5, 3))
        opt = sg.optim.SGD([w], lr=0.05)

        def step(x: Any, lr: float) -> Any:
            opt.zero_grad()
            loss = f(x * w, lr)
            loss.backward()
            opt.step()
            return loss.detach()

        return step, w

    def run(wrap: Any) -> Any:
        step, w = make()
        W.grad, B.grad = sg.zeros(3, 3), sg.zeros(3)
        step = wrap(step)
        return image([[step(data(5, 3) * k, lr) for k, lr in zip(SCALES, (0.1, 0.2, 0.1, 0.3))], w, W.grad, B.grad])

    assert_alike(run(lambda f: sg.compile(f, backend=backend, fullgraph=True)), run(lambda f: f))


@pytest.mark.parametrize("f", ALL_ORDERS, ids=lambda f: f.__name__)
def test_second_derivatives_in_the_trace_and_through_it(f: Any, backend: str) -> None:
    def squared(x: Any, lr: float, of: Any = f) -> Any:
        gw, gx = sg.grad(of(x, lr) + W.sum() * 0, [W, x], create_graph=True)
        return (gw * gw).sum() + (gx * gx * x).sum()

    inside = sg.compile(squared, backend=backend, fullgraph=True)
    inner = sg.compile(f, backend=backend, fullgraph=True)
    for k in (1.0, -1.0):
        want = gradients(squared, k)
        assert_alike(gradients(inside, k), want, f"inside {k}")
        assert_alike(gradients(lambda x, lr: squared(x, lr, inner), k), want, f"through {k}")


def test_the_second_derivative_of_a_while_loop_runs_eagerly(backend: str) -> None:
    def squared(x: Any, lr: float) -> Any:
        (g,) = sg.grad(steps(x, lr), [x], create_graph=True)
        return (g * g).sum() + (W.sum() + B.sum()) * 0

    with pytest.raises(TraceError, match="second derivative of a while_loop"):
        sg.compile(squared, backend=backend, fullgraph=True)(data(5, 3).requires_grad_(), 0.1).backward()
    inner = sg.compile(steps, backend=backend, fullgraph=True)

    def through(x: Any, lr: float) -> Any:
        (g,) = sg.grad(inner(x, lr), [x], create_graph=True)
        return (g * g).sum() + (W.sum() + B.sum()) * 0

    assert_alike(gradients(through, 1.0), gradients(squared, 1.0))


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
def test_dtypes_are_kept(dtype: str, backend: str) -> None:
    kind = getattr(sg, dtype)

    def f(x: Any) -> Any:
        c, ys = sg.scan(lambda c, r: (c + r, c * r), sg.zeros((), dtype=kind), x)
        (d,) = sg.while_loop(lambda d: d < 9, lambda d: (d * 2,), (x[0],))
        return c, ys, d, sg.cond(c > 3, lambda: c * 2, lambda: d)

    x = sg.tensor([1, 2, 3], dtype=kind)
    assert_alike(image(sg.compile(f, backend=backend, fullgraph=True)(x)), image(f(x)))


def test_a_loop_that_never_runs_gives_memory_of_its_own(backend: str) -> None:
    def f(x: Any, w: Any) -> Any:
        (y,) = sg.while_loop(lambda y: y.sum() > 100, lambda y: (y * 0.5,), (w,))
        z = sg.cond(x.sum() > 100, lambda: x, lambda: w)
        w.add_(1)
        return y, z

    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for _ in range(2):
        w = sg.ones(3)
        y, z = compiled(data(3), w)
        assert y.tolist() == z.tolist() == [1.0] * 3 and w.tolist() == [2.0] * 3


def test_a_python_condition_takes_one_branch(backend: str) -> None:
    f = sg.compile(lambda x, up: sg.cond(up, lambda: x + 1, lambda: x - 1), backend=backend, fullgraph=True)
    assert f(sg.tensor(1.0), True).item() == 2 and f(sg.tensor(1.0), False).item() == 0


def test_a_branch_on_what_control_flow_gave_is_a_path(backend: str) -> None:
    def f(x: Any) -> Any:
        y = sg.cond(x.sum() > 0, lambda: x * 2, lambda: x * 3)
        (g,) = sg.grad(y.sum(), [x])
        return y * 10 if g.sum() > 6.5 else y

    compiled = sg.compile(f, backend=backend, fullgraph=True)
    for k in (1, -1, 1):
        x = (data(3).abs() * k).requires_grad_()
        assert_alike(image(compiled(x).detach()), image(f(x).detach()))
    assert len(compiled.misses) == 1


def test_modules_inside(backend: str) -> None:
    class Net(sg.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = sg.nn.Linear(3, 3), sg.nn.Linear(3, 3)

        def forward(self, x: Any) -> Any:
            y, _ = sg.scan(lambda h, r: (self.a(h + r).relu(), h), sg.zeros(3), x)
            return sg.cond(y.sum() > 0, self.a, self.b, (y,))

    results = []
    for wrap in (lambda m: m, lambda m: sg.compile(m, backend=backend, fullgraph=True)):
        sg.manual_seed(3)
        net = Net()
        for p in net.parameters():
            p.grad = sg.zeros_like(p)
        model = wrap(net)
        for k in SCALES:
            model(data(4, 3) * k).sum().backward()
        results.append(image(net))
    assert_alike(results[1], results[0])


# -- errors -------------------------------------------------------------------------------------


def cond_of(one: Any, other: Any) -> Any:
    return lambda x: sg.cond(x.sum() > 0, lambda: one(x), lambda: other(x))


KEPT: list[Any] = []


@pytest.mark.parametrize("f, error, match", [
    (cond_of(lambda x: x, lambda x: x[:1]), ShapeError, r"output 0 is f32\[3\] of true_fn and f32\[1\] of false_fn"),
    (cond_of(lambda x: x, lambda x: x.double()), DTypeError, r"output 0 is f32\[3\] of true_fn and f64"),
    (cond_of(lambda x: (x, x), lambda x: x), ShapeError, "structures"),
    (lambda x: sg.cond(x > 0, lambda: x, lambda: x), RuntimeError, "single-element"),
    (lambda x: sg.while_loop(lambda x: x.sum() > 0, lambda x: x.sum(), (x,)), ShapeError, "carry 0 is .* after"),
    (lambda x: sg.while_loop(lambda x: x.sum() > 0, lambda x: x.double(), (x,)), DTypeError, "carry 0"),
    (lambda x: sg.while_loop(lambda x: x > 0, lambda x: x, (x,)), ShapeError, "cond_fn gives bool.*not one bool"),
    (lambda x: sg.while_loop(lambda x: x.sum() > 0, lambda x: (x, x), (x,)), ShapeError, "structure"),
    (lambda x: sg.scan(lambda c, r: (c.double(), r), x[0], x), DTypeError, "scan: carry 0"),
    (lambda x: sg.scan(lambda c, r: ((c, c), r), x[0], x), ShapeError, "structure"),
    (lambda x: sg.scan(lambda c, r: (c, r), x[0], x, dim=1), ShapeError, "dim"),
    (lambda x: sg.scan(lambda c, r: (c, r), x[0], [x, x[:2]]), ShapeError, "differ in extent"),
    (cond_of(lambda x: x.add_(1), lambda x: x), TraceError, "cond: a tensor from outside is changed in place"),
    (cond_of(lambda x: x * sg.rand(3), lambda x: x), TraceError, "cond: random numbers are drawn inside"),
    (cond_of(lambda x: x if x[0] > 1 else x, lambda x: x), TraceError, "branch"),
    (cond_of(lambda x: x * x.sum().item(), lambda x: x), TraceError, "item"),
    (cond_of(lambda x: KEPT.append(1) or x, lambda x: x), TraceError, "KEPT"),
    (cond_of(lambda x: 1.0, lambda x: x), TraceError, "not a tensor"),
    (lambda x: sg.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, x)), TraceError, "must be tensors"),
])  # fmt: skip
def test_what_is_refused_is_named(f: Any, error: Any, match: str, backend: str) -> None:
    with pytest.raises(error, match=match):
        sg.compile(f, backend=backend, fullgraph=True)(data(3))
    assert not KEPT and sg.is_grad_enabled()


def test_side_effects_inside_run_eagerly_after_a_warning(backend: str) -> None:
    f = cond_of(lambda x: x * sg.rand(3), lambda x: x - 1)
    sg.manual_seed(5)
    want = image([f(data(3).abs()), f(-data(3).abs())])
    sg.manual_seed(5)
    compiled = sg.compile(f, backend=backend)
    with pytest.warns(UserWarning, match="draw outside"):
        got = image([compiled(data(3).abs()), compiled(-data(3).abs())])
    assert_alike(got, want)


# -- text, meaning, PyTorch ---------------------------------------------------------------------


@functions
def test_text_reads_back_and_the_graph_verifies(f: Any) -> None:
    def step(x: Any, lr: float) -> Any:
        return (sg.grad(f(x, lr) + B.sum() * 0, [B]), f(x, lr))

    graph = sg.trace(step, data(5, 3).requires_grad_(), 0.1).verify()
    text = str(graph)
    assert str(parse(text, PRIMITIVES).verify()) == text


def test_emitted_python_is_plain(backend: str) -> None:
    if backend == "reference":
        return
    source = sg.compile(recurrence, backend=backend).program(data(5, 3), 0.1).source
    assert "def _scan_1(h, rows, " in source and "for i in range(5):" in source
    source = sg.compile(steps, backend=backend).program(data(5, 3), 0.1).source
    assert "while True:" in source and "if not " in source and " in reversed(states):" in source
    source = sg.compile(branches, backend=backend).program(data(5, 3), 0.1).source
    assert "    else:" in source


def test_what_backward_does_not_need_is_not_kept(backend: str) -> None:
    program = sg.compile(recurrence, backend=backend).program(data(5, 3), 0.1)
    with sg.no_grad():
        forward = sg.compile(recurrence, backend=backend).program(data(5, 3), 0.1)
    outs = [len(e.outputs) for e in forward.graph.eqns if e.prim.name == "scan"]
    assert outs == [3] and [len(e.outputs) for e in program.graph.eqns if e.prim.name == "scan"][0] == 4


def test_as_pytorch_does() -> None:
    from torch._higher_order_ops.scan import scan as torch_scan
    from torch._higher_order_ops.while_loop import while_loop as torch_while

    x = np.arange(12, dtype="f").reshape(3, 4) / 10

    def step(lib: Any) -> Any:
        return lambda c, r: (c * 0.5 + r, (c + r, (c * r).sum()))

    for dim, reverse in ((0, False), (0, True), (1, False), (1, True), (-1, True)):
        init = np.zeros(4 if dim == 0 else 3, "f")
        want = torch_scan(step(torch), torch.tensor(init), torch.tensor(x), dim=dim, reverse=reverse)
        got = sg.scan(step(sg), sg.tensor(init), sg.tensor(x), dim=dim, reverse=reverse)
        for a, b in zip((got[0], *got[1]), (want[0], *want[1])):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)
    want = torch_while(lambda i, y: i < 4, lambda i, y: (i + 1, y * 2), (torch.tensor(0), torch.tensor(x)))
    got = sg.while_loop(lambda i, y: i < 4, lambda i, y: (i + 1, y * 2), (sg.tensor(0), sg.tensor(x)))
    np.testing.assert_array_equal(got[1].numpy(), want[1].numpy())
    assert got[0].item() == want[0].item()
    for sign in (1, -1):
        want = torch.cond(torch.tensor(x * sign).sum() > 0, lambda y: y.sin(), lambda y: y.cos(), (torch.tensor(x),))
        got = sg.cond(sg.tensor(x * sign).sum() > 0, lambda y: y.sin(), lambda y: y.cos(), (sg.tensor(x),))
        np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=1e-6)
