"""Which extents are names in the emitted text: the first of each argument, and those that have been seen to change."""

from __future__ import annotations

from typing import Any

import pytest
from twins import data

import symgrad as sg


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
    step = sg.compile(lambda x, y: x @ y, backend=backend, fullgraph=True)
    x, y = data(4, 3), data(3, 4)
    step(x, y)
    assert "f32[n0,3]" in step.program(x, y).source and "f32[n1,4]" in step.program(x, y).source
