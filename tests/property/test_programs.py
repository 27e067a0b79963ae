"""Random programs: compiled, as a whole step or as a loss, they give eager's values and every gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from property.programs import Line, execute, lines, loss_of
from twins import assert_alike, data, image, leaf

import symgrad as sg
from symgrad.testing.cuda_module import available, emulated


def outcome(function: Any, *args: Any) -> Any:
    try:
        return function(*args)
    except RuntimeError as error:
        return type(error).__name__


def leaves(**dtype: Any) -> list[Any]:
    return [leaf(3, 4, **dtype), leaf(4, 3, seed=1, **dtype), leaf(2, 3, 4, seed=2, **dtype)]


def run(program: list[Line], values: list[Any]) -> Any:
    return loss_of(execute(sg, program, values))


def whole(program: list[Line]) -> Any:
    ws, x = leaves(), data(3, 4)

    def step(x: Any) -> Any:
        for w in ws:
            w.grad = None
        loss = run(program, [*ws, x])
        if loss.requires_grad:
            loss.backward()
        with sg.no_grad():
            for w in ws:
                if w.grad is not None:
                    w.sub_(w.grad * 0.01)
        return loss

    return step, ws, x


FAST = settings(deadline=None, suppress_health_check=list(HealthCheck), database=None)


@pytest.fixture(params=["reference"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@settings(FAST, max_examples=80)
@given(program=lines())
def test_a_whole_step_leaves_eagers_state(backend: str, program: list[Line]) -> None:
    step, ws, x = whole(program)
    other, vs, y = whole(program)
    compiled = sg.compile(other, backend=backend, fullgraph=True)
    for _ in range(2):
        want, got = outcome(step, x), outcome(compiled, y)
        if isinstance(want, str):
            assert got == want
            return
        assert_alike(image((got, vs, y)), image((want, ws, x)))


@settings(FAST, max_examples=80)
@given(program=lines())
def test_a_loss_gives_eagers_gradients(backend: str, program: list[Line]) -> None:
    ws, vs, x = leaves(), leaves(), data(3, 4)
    compiled = sg.compile(lambda x: run(program, [*vs, x]), backend=backend, fullgraph=True)
    for _ in range(2):
        want = outcome(lambda: run(program, [*ws, x]).backward())
        got = outcome(lambda: compiled(x).backward())
        assert got == want or "VersionError" in (got, want)
        if want is None and got is None:
            assert_alike(image((vs, x)), image((ws, x)))


@settings(FAST, max_examples=80)
@given(program=lines(6))
def test_second_derivatives_through_a_compiled_loss(backend: str, program: list[Line]) -> None:
    ws, x = leaves(dtype="f8"), data(3, 4, dtype="f8")
    versions = [w._version for w in ws]

    def second(loss: Any) -> Any:
        for w in ws:
            w.grad = None
        grads = sg.grad(loss(x), ws, create_graph=True, allow_unused=True)
        total = sum(g.square().sum() for g in grads if g is not None)
        if isinstance(total, sg.Tensor) and total.requires_grad:
            total.backward()
        return image((total, ws))

    want = outcome(second, lambda x: run(program, [*ws, x]))
    got = outcome(second, sg.compile(lambda x: run(program, [*ws, x]), backend=backend, fullgraph=True))
    if isinstance(want, str) or isinstance(got, str):
        writes_leaves = [w._version for w in ws] != versions  # second derivatives of that are a named error
        assert got == want or "VersionError" in (got, want) or (writes_leaves and got == "GradError")
    else:
        assert_alike(got, want)


# -- on each backend, many programs to a compilation ----------------------------------------------


@pytest.fixture
def device(target: str) -> Iterator[None]:
    if target != "cupy":
        yield
        return
    if reason := available():
        pytest.skip(reason)
    with emulated():
        yield


def several(programs: list[list[Line]], ws: list[Any], x: Any) -> list[Any]:
    """Every value and the loss of several programs, those left out that eager refuses."""
    out = []
    for program in programs:
        values = execute(sg, program, [*ws, x])
        out += [*values[4:], loss_of(values)]
    return out


@pytest.mark.parametrize("target, examples, together", [("numpy", 80, 1), ("numba", 3, 4), ("cupy", 3, 4)])
def test_programs_on_each_backend(target: str, examples: int, together: int, device: None) -> None:
    shrink = [Phase.shrink] if together == 1 else []  # each attempt would be compiled

    @settings(FAST, max_examples=examples, phases=[Phase.generate, *shrink])
    @given(programs=st.lists(lines(), min_size=together, max_size=together))
    def check(programs: list[list[Line]]) -> None:
        fresh = lambda: (leaves(dtype="f8"), data(3, 4, dtype="f8"))  # a program may change what it is given
        refused = [outcome(lambda p: several([p], *fresh())[-1].backward(), p) for p in programs]
        programs = [p for p, error in zip(programs, refused) if error is None]
        (ws, x), (vs, y) = fresh(), fresh()
        want = several(programs, ws, x)
        got = sg.compile(lambda y: several(programs, vs, y), backend=target, fullgraph=True)(y) if programs else []
        assert_alike([image(g.detach()) for g in got], [image(w.detach()) for w in want])
        for outs in (want, got):
            total = sum(o.sum() for o in outs if o.ndim == 0)
            if isinstance(total, sg.Tensor) and total.requires_grad:
                total.backward()
        assert_alike(image(vs), image(ws))

    check()
