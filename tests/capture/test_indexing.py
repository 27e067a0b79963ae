"""Reading and writing by index in compiled programs: through views, in whole steps, and out of range."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from twins import agree, data, leaf

import symgrad as sg
from symgrad.errors import RangeError, TraceError

ROWS, COLUMNS = (0, 2, 2), (1, 0, -1)


def index(*items: int) -> Any:
    return sg.tensor(list(items))


def loss_of(x: Any) -> Any:
    return (x * x * 0.5).sum()


READS: dict[str, Callable[..., Any]] = {
    "rows": lambda x, i, j, m: x[i], "columns": lambda x, i, j, m: x[:, j], "pairs": lambda x, i, j, m: x[i, j],
    "grid": lambda x, i, j, m: x[i[:, None], j], "of a part": lambda x, i, j, m: x[1:, ::2][i - 1, :],
    "after a view": lambda x, i, j, m: x.t()[j[:2]], "with None": lambda x, i, j, m: x[None, i, 1:],
    "a list": lambda x, i, j, m: x[[2, 0]], "a true": lambda x, i, j, m: x[True, i],
    "0-d": lambda x, i, j, m: x[i[1]] * x[i[0], j[2]], "0-d beside": lambda x, i, j, m: x[i[0], j],
    "0-d then slice": lambda x, i, j, m: x[1:, i[1]], "gather": lambda x, i, j, m: x.gather(1, i[:, None]),
    "index_select": lambda x, i, j, m: x.index_select(1, i), "take": lambda x, i, j, m: x.take(i * 4 + 1),
    "narrow": lambda x, i, j, m: x.narrow(1, j[2], 1) * x.narrow(0, i[0], 2).sum(0, keepdim=True)[:, :1],
    "take_along_dim": lambda x, i, j, m: sg.take_along_dim(x, j[None, :1], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", READS)
def test_reads(name: str, backend: str) -> None:
    def make() -> Any:
        w = leaf(3, 4)

        def step(i: Any, j: Any, m: Any) -> Any:
            w.grad = None
            loss = loss_of(READS[name](w * 1, i, j, m) + 1)
            loss.backward()
            return loss

        return step, [w], index(*ROWS), index(*COLUMNS), data(3, 4) > 0

    agree(make, backend)


def assign(x: Any, at: Any, value: Any) -> None:
    x[at] = value


def add(x: Any, at: Any, value: Any) -> None:
    x[at] += value


WRITES: dict[str, Callable[..., Any]] = {
    "rows": lambda x, v, i, j, m: assign(x, i, v), "a number": lambda x, v, i, j, m: assign(x, (i, j), 2.5),
    "add": lambda x, v, i, j, m: add(x, i[:2], v[:2]),
    "columns": lambda x, v, i, j, m: assign(x, (slice(None), i), v[:, :3]),
    "part of a part": lambda x, v, i, j, m: assign(x[1:], (i - 1, slice(0, 2)), v[:, 2:]),
    "through t": lambda x, v, i, j, m: assign(x.t(), i, v.t()[:3]),
    "through a chain": lambda x, v, i, j, m: add(x.t()[1:].t()[0:2], (slice(None), j), v[1:, 1:]),
    "0-d": lambda x, v, i, j, m: assign(x, i[1], v[0]), "0-d view": lambda x, v, i, j, m: x[i[1]].mul_(v[0]),
    "0-d view of a view": lambda x, v, i, j, m: x.t()[i[0], 1:].copy_(v[0, 2:]),
    "mask": lambda x, v, i, j, m: assign(x, m, 0.5), "mask tensor": lambda x, v, i, j, m: assign(x, m, v[0, 0]),
    "mask of rows": lambda x, v, i, j, m: assign(x, m[:, 0], v[0]),
    "mask of columns": lambda x, v, i, j, m: assign(x, (slice(None), m[0]), v[:, :1]),
    "mask through a view": lambda x, v, i, j, m: assign(x.t(), m.t(), v[0, 0]),
    "index_add_": lambda x, v, i, j, m: x.index_add_(0, i, v, alpha=0.5),
    "scatter_": lambda x, v, i, j, m: x.scatter_(0, i[:, None], v),
    "one of each row": lambda x, v, i, j, m: x.scatter_(1, i[:, None], v),
    "added to one of each row": lambda x, v, i, j, m: x.scatter_add_(1, i[:, None], v),
    "narrow": lambda x, v, i, j, m: x.narrow(0, i[0] + 1, 2).mul_(v[1:]),
    "index_copy_": lambda x, v, i, j, m: x.index_copy_(0, i[:2], v[:2]),
    "index_fill_": lambda x, v, i, j, m: x[:2].index_fill_(1, i, 3.0),
    "scatter_reduce_": lambda x, v, i, j, m: x.scatter_reduce_(0, i[:, None], v, "amax"),
    "scatter mean": lambda x, v, i, j, m: x.copy_(x.scatter_reduce(0, i[:, None], v, "mean", include_self=False)),
    "masked_fill_": lambda x, v, i, j, m: x[1:].masked_fill_(m[1:], v[0, 0]),
    "index_put_": lambda x, v, i, j, m: x.index_put_((i, j), v[0, :3], accumulate=True),
    "put_": lambda x, v, i, j, m: x.put_(i, v[0, :3], accumulate=True),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITES)
def test_writes_and_their_gradients(name: str, backend: str) -> None:
    """To an intermediate, of which views were taken before and after."""
    def make() -> Any:
        w, v = leaf(3, 4), leaf(3, 4, seed=3)

        def step(i: Any, j: Any, m: Any) -> Any:
            w.grad = v.grad = None
            x = w * 2
            before = x[1:]
            WRITES[name](x, v * 3, i, j, m)
            loss = loss_of(x) + (before * x[:, 0:1].sum()).sum()
            loss.backward()
            return loss, x.detach() + 0

        return step, [w, v], index(*ROWS), index(*COLUMNS), data(3, 4) > 0

    agree(make, backend)


@pytest.mark.parametrize("name", WRITES)
def test_writes_to_state(name: str, backend: str) -> None:
    """To memory from outside, of which there is a view before the call."""
    def make() -> Any:
        x, v = data(3, 4), data(3, 4, seed=3)
        row = x[1]

        def step(i: Any, j: Any, m: Any) -> Any:
            WRITES[name](x, v, i, j, m)
            return (x * row).sum(), row * 1

        return step, [x, v, row], index(*ROWS), index(*COLUMNS), data(3, 4) > 0

    agree(make, backend)


def test_the_index_is_written_too(backend: str) -> None:
    def make() -> Any:
        table, place = data(4), index(0, 1)

        def step(x: Any) -> Any:
            table[place] = x
            place.copy_((place + 1) * (place < 3).long())
            return table[place] * 1

        return step, [table, place], data(2, seed=5)

    agree(make, backend, calls=5)


def test_the_values_are_a_view_of_what_is_written(backend: str) -> None:
    def make() -> Any:
        x = data(6)

        def step(i: Any) -> Any:
            x[i] = x[0:3]
            return x.sum()

        return step, [x], index(1, 2, 3)

    agree(make, backend)


def test_training_an_embedding_and_a_classifier(backend: str) -> None:
    """Lookup by index, log-softmax, the loss by gather: a whole step; a batch of another size is one variant more."""
    def make() -> Any:
        table, w = leaf(7, 5), leaf(5, 3, seed=2)
        optimizer = sg.optim.SGD([table, w], lr=0.1, momentum=0.9)

        def step(words: Any, targets: Any) -> Any:
            optimizer.zero_grad()
            scores = table[words].mean(1) @ w
            chosen = scores.gather(1, targets[:, None])[:, 0]
            loss = (scores.exp().sum(1).log() - chosen).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step, [table, w, optimizer], index(0, 3, 3, 6, 1, 0).reshape(3, 2), index(0, 2, 1)

    agree(make, backend, calls=4)


def test_a_loss_whose_backward_is_outside(backend: str) -> None:
    def run(wrap: Any) -> Any:
        w = leaf(4, 3)
        f = wrap(lambda i: loss_of(w[i] * w.sum()))
        for _ in range(3):
            w.grad = None
            f(index(1, 1, 3)).backward()
        return w.grad.numpy()

    got = run(lambda f: sg.compile(f, backend=backend, fullgraph=True))
    np.testing.assert_allclose(got, run(lambda f: f), rtol=1e-5)


def test_second_derivatives(backend: str) -> None:
    def make() -> Any:
        w = leaf(4, 3)

        def step(i: Any) -> Any:
            w.grad = None
            (g,) = sg.autograd.grad((w[i] ** 3).sum(), [w], create_graph=True)
            (g[:, i] ** 2).sum().backward()
            return g.detach() + 0

        return step, [w], index(0, 2, 2)

    agree(make, backend)


@pytest.mark.filterwarnings("ignore:.*cannot be captured")
@pytest.mark.parametrize("call", [
    lambda x, m: x[m], lambda x, m: x.masked_select(m), lambda x, m: x.nonzero(), lambda x, m: sg.where(m),
    lambda x, m: x.masked_scatter(m, x), lambda x, m: x.masked_fill_(m, 0)[m],
])  # fmt: skip
def test_what_depends_on_data_runs_eagerly(call: Callable[..., Any], backend: str) -> None:
    x = data(3, 4)
    with pytest.raises(TraceError, match="while tracing"):
        sg.compile(lambda x: call(x, x > 0), backend=backend, fullgraph=True)(x.clone())
    agree(lambda: (lambda x: call(x, x > 0), [], data(3, 4)), backend, fullgraph=False, variants=None)


def test_values_of_the_selected_length_run_eagerly(backend: str) -> None:
    def step(x: Any, v: Any) -> Any:
        x[x > 0] = v
        return x

    x = data(6)
    v = data(int((x.numpy() > 0).sum()))
    with pytest.raises(TraceError, match="while tracing"):
        sg.compile(step, backend=backend, fullgraph=True)(x.clone(), v)


def test_a_view_placed_by_a_tensor_is_not_returned(backend: str) -> None:
    with pytest.raises(TraceError, match="clone"):
        sg.compile(lambda x, i: x[i], backend=backend, fullgraph=True)(data(3, 4), sg.tensor(1))


OUT_OF_RANGE: dict[str, Callable[..., Any]] = {
    "rows": lambda w, i: w[i], "gather": lambda w, i: w.gather(0, i[:, None]),
    "one of each column": lambda w, i: w[:, :2].gather(0, i[None]),
    "select": lambda w, i: w.index_select(0, i),
    "pairs": lambda w, i: w[i, i], "take": lambda w, i: w.take(i * 4), "add": lambda w, i: w.index_add(0, i, w[:2]),
    "put": lambda w, i: w.index_put((i,), w[:2]), "amax": lambda w, i: w.scatter_reduce(0, i[:, None], w, "amax"),
}  # fmt: skip


@pytest.mark.parametrize("name", OUT_OF_RANGE)
def test_an_index_out_of_range_leaves_all_as_it_was(name: str, backend: str) -> None:
    """Parameters, buffers, gradients that nobody has read yet, and the versions of all."""
    def make() -> Any:
        w, other, count = leaf(3, 4), leaf(4, seed=5), data(1)

        def step(x: Any, i: Any) -> Any:
            w.grad = other.grad = None
            (other * other * x).sum().backward()
            with sg.no_grad():
                count.add_(1)
                other.sub_(other.grad * 0.1)
            OUT_OF_RANGE[name](w * 2, i).square().sum().backward()
            with sg.no_grad():
                w.sub_(w.grad * 0.1)
            return count * 1

        return step, [w, other, count]

    step, state = make()
    compiled = sg.compile(step, backend=backend, fullgraph=True)
    x = data(4)
    for _ in range(3):
        compiled(x, index(0, 2))
    before = [t.detach().numpy().copy() for t in state]
    versions = [t._version for t in state]
    for wrong in (index(1, 5), index(5, 0)):
        with pytest.raises(RangeError, match="out of bounds for dimension 0 with size") as caught:
            compiled(x * 3, wrong)
        assert isinstance(caught.value, IndexError) and isinstance(caught.value, RuntimeError)
    assert [t._version for t in state] == versions
    for t, old in zip(state, before, strict=True):
        np.testing.assert_array_equal(t.detach().numpy(), old)
    grads = [t.grad.numpy().copy() for t in state[:2]]
    again, twin = make()
    for _ in range(3):
        again(x, index(0, 2))
    for got, t in zip(grads, twin, strict=False):
        np.testing.assert_allclose(got, t.grad.numpy(), rtol=1e-5)
    assert float(compiled(x, index(0, 1))[0]) == float(again(x, index(0, 1))[0])


def test_a_classifier_s_step_is_native_throughout() -> None:
    """Cross entropy reads and writes one element of each row: loops do, after a native check of the classes."""
    layer = sg.nn.Linear(4, 3)
    optimizer = sg.optim.SGD(layer.parameters(), lr=0.1)

    @sg.compile(backend="numba", fullgraph=True)
    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = sg.nn.functional.cross_entropy(layer(x), y)
        loss.backward()
        optimizer.step()
        return loss

    x = data(5, 4)
    first = float(step(x, index(0, 2, 1, -100, 2)))
    source = step.program(x, index(0, 2, 1, -100, 2)).source
    assert "_in_range(" in source and "np.errstate" not in source and "@njit" in source.partition("def run(")[0][-200:]
    weight = layer.weight.detach().numpy().copy()
    with pytest.raises(RangeError, match="index 3 is out of bounds for dimension 1 with size 3"):
        step(x, index(0, 2, 1, 3, 2))
    np.testing.assert_array_equal(layer.weight.detach().numpy(), weight)
    assert float(step(x, index(0, 2, 1, -100, 2))) < first
