"""`explain()`: what each kernel moves, the least time that takes, and the time it took."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.compiler import measure
from symgrad.compiler.explain import HEAD


def step_of(backend: str) -> tuple[Any, list[Any], Any]:
    w, b, x = sg.randn(64, 32, requires_grad=True), sg.zeros(32, requires_grad=True), sg.randn(128, 64)
    opt = sg.optim.SGD([w, b], lr=0.1, momentum=0.9)

    @sg.compile(backend=backend, fullgraph=True)
    def step(x: Any) -> Any:
        opt.zero_grad()
        loss = (x @ w + b).tanh().square().mean()
        loss.backward()
        opt.step()
        return loss

    for _ in range(3):
        step(x)
    return step, [w, b, *(s for state in opt.state.values() for s in state.values())], x


def test_each_kernel_is_timed_and_nothing_of_the_program_changes() -> None:
    step, state, x = step_of("numba")
    before = [t.detach().numpy().copy() for t in state]
    explanation = step.explain()
    rows = [dict(zip(HEAD, row)) for row in explanation.kernels]
    assert len(rows) == len(step.program(x).kernels) > 3
    for row in rows:
        assert row["time"] != "–" and row["share"].endswith("%") and row["floor"].split()[1] in ("ns", "µs", "ms")
    product = next(row for row in rows if row["ops"] == "matmul")
    assert product["reads"] == "41 kB" and product["writes"] == "16.4 kB"
    for tensor, value in zip(state, before, strict=True):
        np.testing.assert_array_equal(tensor.detach().numpy(), value)
    text = str(explanation)
    assert all(word in text for word in HEAD) and text.splitlines()[0] == "step: 1 variant"


def test_times_are_those_of_the_state_as_it_is() -> None:
    """What is computed of made-up weights may be slower by far: denormal numbers."""
    step, state, _ = step_of("numba")
    (variant,) = next(iter(step.variants.values()))
    cells = [a for a, p in zip(measure.made_up(variant), variant.entry.params) if p.kind == "cell"]
    for tensor in state:
        mine = [a for a in cells if np.array_equal(a, tensor.detach().numpy())]
        assert mine and not any(np.shares_memory(a, tensor.detach().numpy()) for a in mine)


@pytest.mark.parametrize("backend", ["numpy", "reference"])
def test_what_is_no_native_function_has_no_times(backend: str) -> None:
    step, _, _ = step_of(backend)
    assert all(row[HEAD.index("time")] == "–" and row[HEAD.index("floor")] for row in step.explain().kernels)


def test_the_clock_counts_each_statement() -> None:
    """Twice the work in one kernel is seen there."""
    step = sg.compile(lambda x, y: (x.exp().sum(), y.exp().exp().exp().sum(0)), backend="numba", fullgraph=True)
    step(sg.zeros(200_000), sg.zeros(400, 500))
    (variant,) = next(iter(step.variants.values()))
    spent = measure.kernel_seconds(variant)
    assert set(spent) == {s.name for s in variant.program.schedule["run"].steps}
    assert all(1e-8 < seconds < 1 for seconds in spent.values())
