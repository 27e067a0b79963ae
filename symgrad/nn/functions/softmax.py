"""Probabilities from scores."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.nn.functions.declare import functional
from symgrad.ops import statistics
from symgrad.ops.fills import zeros_like
from symgrad.ops.random import draw
from symgrad.tensor.core import Tensor

__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]


@functional()
def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(input) divided by its sum along `dim`.

    Gradient: s (g - sum(g s)), s = softmax(input)
    Note: without `dim` a warning, and dimension 0 or 1, as PyTorch once chose.
    >>> sg.nn.functional.softmax(sg.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    return statistics.softmax(input, softmax_dim("softmax", input, dim), dtype)


@functional()
def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax(-input) along `dim`.

    Gradient: -s (g - sum(g s)), s = softmin(input)
    >>> sg.nn.functional.softmin(sg.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    x: Any = input
    return statistics.softmax(-x, softmax_dim("softmin", input, dim), dtype)


@functional()
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim)), without losing small probabilities.

    Gradient: g - softmax(input) sum(g)
    >>> sg.nn.functional.log_softmax(sg.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return statistics.log_softmax(input, softmax_dim("log_softmax", input, dim), dtype)


@functional()
def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((logits + Gumbel noise) / tau) along `dim`; `hard`: one-hot forward, with the soft one's gradient.

    Source: Jang, Gu, Poole 2016; Maddison, Mnih, Teh 2016
    >>> sg.nn.functional.gumbel_softmax(sg.tensor([0.0, 1e4]), hard=True)
    tensor([0., 1.])
    """
    x: Any = logits
    exponentials = -(1 - draw("uniform", tuple(x.shape), x.dtype, None)).log()
    soft: Any = statistics.softmax((x - exponentials.log()) / tau, dim)  # type: ignore[attr-defined]
    if not hard:
        return soft  # type: ignore[no-any-return]
    place = soft.argmax(dim, keepdim=True)
    chosen: Any = zeros_like(x).scatter(dim, place, 1.0)
    return chosen - soft.detach() + soft  # type: ignore[no-any-return]


def softmax_dim(name: str, input: Tensor, dim: int | None) -> int:
    """The dimension of a softmax; where none is given, the one PyTorch once chose, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  "argument.", UserWarning, stacklevel=3)  # fmt: skip
    return 0 if input.ndim in (0, 1, 3) else 1
