"""Which extents are names in the emitted text: the first of each argument, and those that have been seen to change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from twins import data

import symgrad as sg
from symgrad.passes.schedule import Kernel


def source(step: Any, *shape: int) -> str:
    x = data(*shape)
    step(x)
    return str(step.program(x).source)


@pytest.mark.parametrize("use", [
    lambda x: x.reshape(x.shape[0], -1).sum() / x.shape[0],
    lambda x: (x.reshape(x.size(0), x.size(1) * 2 // 2) * 2).sum(0),
    lambda x: sg.zeros(x.shape[0], 3) + x.sum(1, keepdim=True),
    lambda x: sg.nn.functional.max_pool2d(x.reshape(-1, 1, 6, 1).expand(-1, 1, 6, 6), 2).sum((1, 2, 3)),
])  # fmt: skip
def test_a_new_batch_size_is_the_same_text(use: Any, backend: str) -> None:
    """However the function asks for the size of its argument."""
    step = sg.compile(use, backend=backend, fullgraph=True)
    assert source(step, 4, 6) == source(step, 7, 6)


def test_other_extents_are_numbers_until_they_change(backend: str) -> None:
    step = sg.compile(lambda x: (x * 2).sum(1), backend=backend, fullgraph=True)
    first = source(step, 4, 6)
    assert "f32[n0,6]" in first
    second = source(step, 4, 9)
    assert "f32[n0,n1]" in second
    assert source(step, 5, 30) == second
    assert float(step(sg.ones(3, 11))[0]) == 22


def test_equal_sizes_of_arguments_are_one_name(backend: str) -> None:
    step = sg.compile(lambda x, y: x @ y.T, backend=backend, fullgraph=True)
    x, y = data(4, 3), data(4, 3)
    step(x, y)
    assert step.program(x, y).source.count("f32[n0,3]") == 2
    step(x, data(5, 3))
    assert "y: f32[n1,3]" in step.program(x, data(5, 3)).source


TOKENS = sg.arange(12.0).reshape(4, 3)


def labelled(x: Any, y: Any) -> Any:
    return sg.nn.functional.cross_entropy(x.reshape(-1, 3), y)


@pytest.mark.parametrize("use, second, met", [
    (lambda x, y: x @ y, (3, 4), "y: f32[3,4]"),
    (lambda x, y: x.reshape(-1).mul(2) + y, (12,), "y: f32[3*n0]"),
    (lambda x, y: (x.unsqueeze(0) + TOKENS) * y.reshape(-1, 1), (4,), "x: f32[4,3]"),
    (lambda x, y: x.exp() + y.reshape(2, 4, 1)[0] / y.shape[0], (8,), "y: f32[n1]"),  # 4 out of 8 is no name of 8
])  # fmt: skip
def test_extents_that_meet_are_written_alike(use: Any, second: Any, met: str, backend: str) -> None:
    step = sg.compile(use, backend=backend, fullgraph=True)
    x, y = data(4, 3), data(*second) + 3
    np.testing.assert_allclose(step(x, y).numpy(), use(x, y).numpy(), rtol=1e-5)
    assert met in step.program(x, y).source


def test_labels_of_tokens_are_counted_as_the_tokens_are(backend: str) -> None:
    """Also where sizes are computed with, in control flow, and for another batch, whose text is the same."""
    def scaled(x: Any, y: Any) -> Any:
        loss = labelled(x, y) * (y.shape[0] + 1) / y.shape[0]
        return sg.cond(loss > 100, lambda v: v.sum() * 0.0, lambda v: v.sum() + loss, (y,))

    step = sg.compile(scaled, backend=backend, fullgraph=True)
    texts = []
    for batch in (2, 5):
        x, y = data(batch, 4, 3), sg.arange(batch * 4) % 3
        np.testing.assert_allclose(float(step(x, y)), float(scaled(x, y)), rtol=1e-5)
        texts.append(str(step.program(x, y).source))
    assert texts[0] == texts[1] and "y: i64[4*n0]" in texts[0] and "n1" not in texts[0]


@pytest.mark.parametrize("tokens", [False, True])
def test_a_cross_entropy_of_rows_with_its_gradient_is_one_kernel_after_the_check(tokens: bool) -> None:
    """Labels count the rows, whether these are as many as the batch, the tokens in it, or a parameter has."""
    weight = data(6, 3).requires_grad_()

    def step(x: Any, y: Any) -> Any:
        weight.grad = None
        loss = labelled(x * weight if tokens else weight, y)
        loss.backward()
        return loss

    compiled = sg.compile(step, backend="numba", fullgraph=True)
    x, y = data(2, 6, 3), sg.arange(12 if tokens else 6) % 3
    expected, grad = float(step(x, y)), weight.grad.numpy().copy()
    assert float(compiled(x, y)) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(weight.grad.numpy(), grad, rtol=1e-4, atol=1e-6)
    (schedule,) = compiled.program(x, y).schedule.values()
    names = [s.name for s in schedule.steps if isinstance(s, Kernel)]
    assert len(names) == (4 if tokens else 2), names  # the first counts the labels; products have an extent more
