"""A training loop of a document, run as written: by PyTorch, eagerly, and compiled, loss only and whole.

A loop is a function `loop(torch, loss, step, *tensors)` that returns its losses and what it has learned. It
puts `@loss` on the function that computes the loss and `@step` on the one that does a whole step; each is
either `compile` or does nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from oracle import torch

import symgrad as sg

Loop = Callable[..., tuple[list[float], list[Any]]]


def plain(function: Any) -> Any:
    """No decoration."""
    return function


def trains(loop: Loop, *arrays: Any, backends: tuple[str, ...] = ("numpy", "numba"), rtol: float = 1e-4,
           atol: float = 1e-6) -> None:  # fmt: skip
    """The loop gives the same losses and coefficients in all ways; what is compiled is traced once."""
    want = outcome(torch, loop, plain, plain, arrays)
    agree(outcome(sg, loop, plain, plain, arrays), want, rtol, atol)
    for backend in backends:
        for whole in (False, True) if backend == "numpy" else (True,):  # Numba takes seconds to compile one
            made: list[Any] = []

            def compiled(function: Any, backend: str = backend, made: list[Any] = made) -> Any:
                made.append(sg.compile(function, backend=backend, fullgraph=True))
                return made[-1]

            got = outcome(sg, loop, plain if whole else compiled, compiled if whole else plain, arrays)
            agree(got, want, rtol, atol)
            assert made, "nothing was compiled"


def outcome(lib: Any, loop: Loop, loss: Any, step: Any, arrays: Any) -> list[Any]:
    """Losses, then coefficients, as float64 arrays."""
    losses, learned = loop(lib, loss, step, *[lib.from_numpy(np.array(a)) for a in arrays])
    return [np.asarray(losses), *(np.asarray(p.detach().numpy(), np.float64) for p in learned)]


def agree(got: list[Any], want: list[Any], rtol: float, atol: float) -> None:
    assert len(got) == len(want) and np.isfinite(want[0]).all()
    for mine, theirs in zip(got, want):
        np.testing.assert_allclose(mine, theirs, rtol=rtol, atol=atol)
