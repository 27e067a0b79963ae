"""Short innermost loops written out compute the same, and leave the loop around them to vector units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.nn import functional as F

PROGRAMS = {
    "pairs": lambda x: x.unsqueeze(-1) * sg.tensor([2.0, -3.0]) + 1,
    "halves": lambda x: sg.stack([x.exp(), x * 2, x], -1).cumsum(0),
    "placed": lambda x: x.unsqueeze(-1) * sg.arange(4.0),
    "five": lambda x: x.unsqueeze(-1) * sg.arange(5.0),
    "pooled": lambda x: F.max_pool2d(x, 2),
    "pooled by three": lambda x: F.max_pool2d(x, (3, 2)),
    "pooled with a rest": lambda x: F.max_pool2d(x, 5, stride=2),
}


def gradient(name: str, x: Any) -> Any:
    leaf = x.detach().requires_grad_()
    out = PROGRAMS[name](leaf)
    (out * out.detach()).sum().backward()
    return out.detach(), leaf.grad


@pytest.mark.parametrize("name", PROGRAMS)
def test_results_and_gradients_are_eagers(name: str) -> None:
    x = sg.randn(2, 3, 12, 12, generator=sg.Generator().manual_seed(0)).round(decimals=1)
    compiled = sg.compile(lambda x: gradient(name, x), backend="numba", fullgraph=True)
    for mine, eager in zip(compiled(x), gradient(name, x), strict=True):
        np.testing.assert_allclose(mine.numpy(), eager.numpy(), 2e-5, 1e-5)


def test_no_innermost_loop_of_two_turns_is_left() -> None:
    x = sg.randn(2, 3, 12, 12)
    source = sg.compile(lambda x: gradient("pooled", x), backend="numba").program(x).source
    assert "prange(_2)" not in source
    assert "prange(_5)" in sg.compile(PROGRAMS["five"], backend="numba").program(x).source
