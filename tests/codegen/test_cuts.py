"""Loops cut where a guard changes its answer compute what the guarded loop does, and ask nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from codegen.harness import compare, graph_of

import symgrad as sg


def written(*indices: Any) -> Any:
    """x with numbers written to parts of it, one after the other."""

    def program(x: Any) -> Any:
        y = x * 2
        for number, index in enumerate(indices):
            y[index] = y[index] * (number + 2)
        return y

    return program


PROGRAMS = {
    "one piece": written(slice(2, 7)),
    "the end": written(slice(3, None)),
    "every second": written(slice(None, None, 2)),
    "both halves": written(slice(None, None, 2), slice(1, None, 2)),
    "every third, late": written(slice(4, None, 3), slice(0, 9, 3)),
    "every fifth": written(slice(1, None, 5)),
    "many pieces": written(*(slice(n, n + 2) for n in range(0, 12, 3))),
    "rows and columns": written((slice(1, 5), slice(2, None)), (slice(None, None, 2), slice(0, 8, 4))),
    "one row": written(3, (slice(None), 1)),
    "joined": lambda x: sg.cat([x[:3] * 2, x.exp(), x[4:]], 0),
    "joined along rows": lambda x: sg.cat([x[..., :2] * 2, x, x[..., 5:]], -1).cumsum(-1),
    "padded": lambda x: sg.nn.functional.pad(x, (1, 2)) * 3,
    "chunks": lambda x: sum(part.square() * n for n, part in enumerate(x.chunk(3, -1), 1)),
    "sums": lambda x: sg.cat([x, x.tanh()], -1).sum(0) + sg.cat([x, x * 3], -1).sum(),
}


@pytest.mark.parametrize("shape", [(12,), (12, 12), (3, 12, 18)], ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_results_and_gradients_are_eagers(name: str, shape: tuple[int, ...]) -> None:
    def program(x: Any) -> Any:
        leaf = x.detach().requires_grad_()
        try:
            out = PROGRAMS[name](leaf)
        except IndexError:
            pytest.skip("an index has more axes than the operand")
        (out * out.detach()).sum().backward()
        return out.detach(), leaf.grad

    x = sg.randn(shape, generator=sg.Generator().manual_seed(0))
    compiled = sg.compile(program, backend="numba", fullgraph=True)
    for mine, eager in zip(compiled(x), program(x), strict=True):
        np.testing.assert_allclose(mine.numpy(), eager.numpy(), 2e-5, 1e-5)


def joining(program: Any, *shape: int) -> str:
    """The text of the last kernel, which puts the parts together."""
    source = sg.compile(program, backend="numba").program(sg.ones(shape)).source
    return source.split("@kernel")[-1].partition("@njit")[0]


def test_nothing_is_asked_in_the_loops() -> None:
    text = joining(lambda x: sg.cat([x, x * 2, x * 3], -1) + 1, 4, 128)
    assert text.count(" in prange(") == 3 and " if " not in text
    pairs = joining(written((slice(None), slice(None, None, 2)), (slice(None), slice(1, None, 2))), 4, 128)
    assert "prange(_64)" in pairs and " if " not in pairs


def test_what_would_become_too_many_loops_stays_one() -> None:
    """The gradient of overlapping windows: another sum at each of the first and the last few elements."""

    def windows(x: Any) -> Any:
        leaf = x.detach().requires_grad_()
        leaf.unfold(1, 5, 1).square().sum().backward()
        return leaf.grad

    text = joining(windows, 4, 128)
    assert text.count(" in prange(") == 1 and " if " in text


def test_a_piece_that_does_nothing_is_no_loop() -> None:
    """What is written goes nowhere; the interpreter's answer is the other result."""
    graph = graph_of("""
def f(v: f32[3], w: f32[2,1]):
    x = full(shape=(3, 2), value=0.5, dtype=float32, device="cpu")
    y = slice_write(x, w, index=(slice(None, None, 2), slice(1, 2, None)))
    z = mul(v, 2.0)
    return z
""")
    compare(graph, "numba")
