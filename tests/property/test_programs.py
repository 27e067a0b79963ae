"""Random programs: compiled, as a whole step or as a loss, they give eager's value and every gradient."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twins import assert_alike, data, image, leaf

import symgrad as sg

UNARY = ("sin", "tanh", "relu", "square", "abs", "sigmoid", "neg", "clone", "detach", "contiguous")
BINARY = ("add", "sub", "mul", "maximum")
VIEWS = {
    "t": lambda v: v.t(),
    "rows": lambda v: v[1:],
    "column": lambda v: v[:, :1].expand(v.shape[0], v.shape[1]),
    "step": lambda v: v[::2],
    "flat": lambda v: v.reshape(1, -1),
    "swap": lambda v: v.unsqueeze(0).transpose(1, 2).squeeze(0),
}
INPLACE = {
    "mul_": lambda v, o: v.mul_(0.5),
    "add_": lambda v, o: v.add_(o.sum()),
    "row": lambda v, o: v[0].mul_(o.mean()),
    "column": lambda v, o: v.t()[-1].add_(1.5),
    "fill": lambda v, o: v.__setitem__((slice(None), 0), 0.25),
    "mask": lambda v, o: v.__setitem__(v > 0.3, 0.1),
    "quiet": lambda v, o: quiet(lambda: v.mul_(1.25)),
}


def quiet(change: Any) -> None:
    with sg.no_grad():
        change()


def line() -> Any:
    number = st.integers(0, 7)
    return st.one_of(
        st.tuples(st.just("unary"), st.sampled_from(UNARY), number),
        st.tuples(st.just("binary"), st.sampled_from(BINARY), number, number),
        st.tuples(st.just("scale"), st.sampled_from((0.5, -1.5, 2)), number),
        st.tuples(st.just("view"), st.sampled_from(sorted(VIEWS)), number),
        st.tuples(st.just("inplace"), st.sampled_from(sorted(INPLACE)), number, number),
        st.tuples(st.just("matmul"), number, number),
        st.tuples(st.just("reduce"), st.sampled_from(("sum", "mean", "amax")), number),
    )


def run(lines: list[Any], values: list[Any]) -> Any:
    """The loss of a program over 2-d `values`; a line whose shapes do not fit is left out."""
    values = list(values)
    for kind, *rest in lines:
        pick = lambda n: values[n % len(values)]
        if kind == "unary":
            out = getattr(pick(rest[1]), rest[0])()
        elif kind == "scale":
            out = pick(rest[1]) * rest[0]
        elif kind == "view":
            out = VIEWS[rest[0]](pick(rest[1]))
            if not out.numel():
                continue
        elif kind == "reduce":
            out = getattr(pick(rest[1]), rest[0])(dim=1, keepdim=True)
        elif kind == "matmul":
            a, b = pick(rest[0]), pick(rest[1])
            out = a @ (b if a.shape[1] == b.shape[0] else a.t())
            out = out * 0.25
        elif kind == "binary":
            a, b = pick(rest[1]), pick(rest[2])
            if a.shape != b.shape and 1 not in (b.shape[0], a.shape[0]):
                b = b.sum()
            elif a.shape[1] != b.shape[1] and 1 not in (a.shape[1], b.shape[1]):
                b = b.mean()
            if a.ndim == b.ndim and any(m != n and 1 not in (m, n) for m, n in zip(a.shape, b.shape)):
                b = b.sum()
            out = getattr(sg, rest[0])(a, b)
        else:
            out = pick(rest[1])
            if not out.requires_grad or out.is_leaf:
                out = out * 1
            INPLACE[rest[0]](out, pick(rest[2]).detach())
        values.append(out)
    return sum((v * (i + 1)).tanh().sum() for i, v in enumerate(values[-4:]))


def outcome(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except RuntimeError as error:
        return type(error).__name__


def leaves() -> list[Any]:
    return [leaf(3, 4), leaf(4, 3, seed=1), leaf(3, 4, seed=2)]


def whole(lines: list[Any]) -> Any:
    ws, x = leaves(), data(3, 4)

    def step(x: Any) -> Any:
        for w in ws:
            w.grad = None
        loss = run(lines, [*ws, x])
        loss.backward()
        with sg.no_grad():
            for w in ws:
                if w.grad is not None:
                    w.sub_(w.grad * 0.01)
        return loss

    return step, ws, x


FAST = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(params=["reference"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@FAST
@given(lines=st.lists(line(), min_size=1, max_size=9))
def test_a_whole_step_leaves_eagers_state(backend: str, lines: list[Any]) -> None:
    step, ws, x = whole(lines)
    other, vs, y = whole(lines)
    compiled = sg.compile(other, backend=backend, fullgraph=True)
    for _ in range(2):
        want, got = outcome(step, x), outcome(compiled, y)
        if isinstance(want, str):
            assert got == want
            return
        assert_alike(image((got, vs, y)), image((want, ws, x)))


@FAST
@given(lines=st.lists(line(), min_size=1, max_size=9))
def test_a_loss_gives_eagers_gradients(backend: str, lines: list[Any]) -> None:
    ws, vs, x = leaves(), leaves(), data(3, 4)
    compiled = sg.compile(lambda x: run(lines, [*vs, x]), backend=backend, fullgraph=True)
    for _ in range(2):
        want = outcome(lambda: run(lines, [*ws, x]).backward())
        got = outcome(lambda: compiled(x).backward())
        assert got == want or "VersionError" in (got, want)
        if want is None and got is None:
            assert_alike(image((vs, x)), image((ws, x)))


@FAST
@given(lines=st.lists(line(), min_size=1, max_size=6))
def test_second_derivatives_through_a_compiled_loss(backend: str, lines: list[Any]) -> None:
    ws, x = leaves(), data(3, 4)

    def second(loss: Any) -> Any:
        for w in ws:
            w.grad = None
        grads = sg.grad(loss(x), ws, create_graph=True, allow_unused=True)
        total = sum(g.square().sum() for g in grads if g is not None)
        if isinstance(total, sg.Tensor) and total.requires_grad:
            total.backward()
        return image((total, ws))

    want = outcome(second, lambda x: run(lines, [*ws, x]))
    got = outcome(second, sg.compile(lambda x: run(lines, [*ws, x]), backend=backend, fullgraph=True))
    if isinstance(want, str) or isinstance(got, str):
        assert got == want or "VersionError" in (got, want)
    else:
        assert_alike(got, want)
