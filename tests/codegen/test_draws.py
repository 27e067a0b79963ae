"""Random numbers drawn a block at a time: the very numbers that are drawn one by one, wherever rows begin."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg

SHAPES = [(), (1,), (3,), (1023,), (1024,), (1025,), (5000,), (7, 10), (3, 1000), (2, 3, 1030), (4, 512),
          (0, 5), (5, 0)]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("transposed", [False, True])
def test_numbers_are_eagers(shape: tuple[int, ...], transposed: bool) -> None:
    def draws(x: Any) -> Any:
        a = sg.rand_like(x)
        b = sg.rand_like(x)
        return a + 0 * x, (a < b).float() + (b * x).sum(-1, keepdim=True) if x.ndim else b

    x = sg.ones(shape[::-1]).permute(*reversed(range(len(shape)))) if transposed else sg.ones(shape)
    results = []
    for run in (draws, sg.compile(draws, backend="numba", fullgraph=True)):
        sg.manual_seed(3)
        sg.rand(5)  # the next one begins within the stream
        results.append([t.numpy() for t in (*run(x), *run(x))])
    for mine, eager in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(mine, eager, 2e-6)
        assert mine.shape == eager.shape


def test_a_block_is_printed_where_a_loop_draws() -> None:
    """One call for each draw; aligned rows are read without a shift, others with one."""

    def two(x: Any, row: Any) -> Any:
        return sg.rand_like(x) * sg.rand_like(x) * row

    source = sg.compile(two, backend="numba").program(sg.ones(6, 512), sg.ones(512)).source
    assert source.count("    uniform_block_f32(draws") == 2 and "draws[j] * draws_1[j]" in source
    assert "first = i * _10" in sg.compile(two, backend="numba").program(sg.ones(6, 10), sg.ones(10)).source


def test_a_loop_that_draws_very_often_still_draws_the_same() -> None:
    def many(x: Any) -> Any:
        total = x
        for _ in range(6):
            total = total + sg.rand_like(x)
        return total

    x, results = sg.zeros(2000), []
    for run in (many, sg.compile(many, backend="numba", fullgraph=True)):
        sg.manual_seed(1)
        results.append(run(x).numpy())
    np.testing.assert_array_equal(*results)
