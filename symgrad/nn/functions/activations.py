"""Activation functions."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.nn.functions.declare import functional
from symgrad.ops import functional as ops
from symgrad.ops import statistics
from symgrad.tensor.core import Tensor

__all__ = ["log_softmax", "relu", "sigmoid", "softmax", "tanh"]


@functional()
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), elementwise; `inplace` writes it to the input.

    Gradient: g where input > 0, else 0
    >>> sg.nn.functional.relu(sg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return input.relu_() if inplace else ops.relu(input)


@functional()
def sigmoid(input: Tensor) -> Tensor:
    """1 / (1 + exp(-input)), elementwise; as `sg.sigmoid`.

    >>> sg.nn.functional.sigmoid(sg.tensor([0.0]))
    tensor([0.5000])
    """
    return ops.sigmoid(input)  # type: ignore[no-any-return]


@functional()
def tanh(input: Tensor) -> Tensor:
    """Hyperbolic tangent, elementwise; as `sg.tanh`.

    >>> sg.nn.functional.tanh(sg.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """
    return ops.tanh(input)  # type: ignore[no-any-return]


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
def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim)), without losing small probabilities.

    Gradient: g - softmax(input) sum(g)
    >>> sg.nn.functional.log_softmax(sg.tensor([0.0, 0.0]), dim=0)
    tensor([-0.6931, -0.6931])
    """
    return statistics.log_softmax(input, softmax_dim("log_softmax", input, dim), dtype)


def softmax_dim(name: str, input: Tensor, dim: int | None) -> int:
    """The dimension of a softmax; where none is given, the one PyTorch once chose, with its warning."""
    if dim is not None:
        return dim
    warnings.warn(f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
                  "argument.", UserWarning, stacklevel=3)  # fmt: skip
    return 0 if input.ndim in (0, 1, 3) else 1
