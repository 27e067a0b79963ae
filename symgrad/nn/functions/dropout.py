"""Random omission: of elements, or of whole channels.

The mask is drawn from the generator in the order of the calls, so a compiled program omits what eager does.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from symgrad.errors import ShapeError
from symgrad.nn.functions.declare import functional, in_place
from symgrad.ops.distributions import hits
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

SELU_LIMIT = 1.7580993408473766
"""Minus what `selu` tends to at minus infinity."""


def omitted(input: Tensor, p: float, shape: tuple[int, ...], alpha: bool = False) -> Tensor:
    """`input` with what a mask of `shape` hits set to 0 and the rest scaled, so that the mean stays; with `alpha`
    set to what `selu` tends to, so that the variance stays too."""  # fmt: skip
    x: Any = input
    if p == 1:
        return x * 0  # type: ignore[no-any-return]
    kept: Any = hits(1 - p, shape, x.dtype, None)
    if not alpha:
        return x * (kept / (1 - p))  # type: ignore[no-any-return]
    scale = 1 / math.sqrt((SELU_LIMIT**2 * p + 1) * (1 - p))
    return x * (kept * scale) + ((kept - 1) * (SELU_LIMIT * scale) + SELU_LIMIT * scale * p)  # type: ignore[no-any-return]


def dropped(input: Tensor, p: float, training: bool, inplace: bool, spread: int = 0, alpha: bool = False) -> Tensor:
    """`omitted` in training, else the input; the last `spread` dimensions go together."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if p == 0 or not training:
        return input
    given = tuple(input.shape)
    shape = (*given[: len(given) - spread], *(1,) * spread)
    return in_place(omitted, input, p, shape, alpha) if inplace else omitted(input, p, shape, alpha)


def channels(name: str, input: Tensor) -> int:
    """How many dimensions a channel has, which is of dimension 1."""
    if input.ndim < 2:
        raise ShapeError(f"{name}: Feature dropout requires at least 2 dimensions in the input")
    return input.ndim - 2


@functional()
def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, elements set to 0 with probability p and the rest divided by 1 - p; else the input itself.

    Source: Srivastava et al. 2014
    >>> sg.nn.functional.dropout(sg.ones(3), p=1.0)
    tensor([0., 0., 0.])
    """
    return dropped(input, p, training, inplace)


@functional()
def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1, to be used with `selu`.

    Source: Klambauer et al. 2017
    >>> sg.nn.functional.alpha_dropout(sg.ones(3))
    tensor([1., 1., 1.])
    """
    return dropped(input, p, training, inplace, alpha=True)


@functional()
def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels.

    Shapes: [n, c, l] or [c, l]
    Source: Tompson et al. 2015
    >>> sg.nn.functional.dropout1d(sg.ones(1, 1, 3), p=1.0)
    tensor([[[0., 0., 0.]]])
    """
    if input.ndim not in (2, 3):
        raise ShapeError(f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Note that dropout1d "
                         "exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel "
                         "dimension, and an optional batch dimension (i.e. 2D or 3D inputs).")  # fmt: skip
    return dropped(input, p, training, inplace, 1)


@functional()
def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels.

    Shapes: [n, c, h, w]
    Source: Tompson et al. 2015
    Note: [n, c, l] is taken too, with a warning, as in PyTorch.
    >>> sg.nn.functional.dropout2d(sg.ones(1, 1, 1, 3), p=1.0)
    tensor([[[[0., 0., 0.]]]])
    """
    _warn_dims("dropout2d", input, (3, 4), "2 spatial dimensions, a channel dimension, and an optional batch dimension "
               "(i.e. 3D or 4D inputs)")  # fmt: skip
    if input.ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is "
            "desired - input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change "
            "in a future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To "
            "maintain the 1D channel-wise dropout behavior, please switch to using dropout1d instead.", stacklevel=2,
        )  # fmt: skip
    return dropped(input, p, training, inplace, channels("dropout2d", input))


@functional()
def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels.

    Shapes: [n, c, d, h, w] or [c, d, h, w]
    Source: Tompson et al. 2015
    >>> sg.nn.functional.dropout3d(sg.ones(1, 1, 1, 3), p=1.0)
    tensor([[[[0., 0., 0.]]]])
    """
    _warn_dims("dropout3d", input, (4, 5), "3 spatial dimensions, a channel dimension, and an optional batch dimension "
               "(i.e. 4D or 5D inputs)")  # fmt: skip
    return dropped(input, p, training, inplace, max(input.ndim - (2 if input.ndim == 5 else 1), 0))


def _warn_dims(name: str, input: Tensor, known: tuple[int, ...], meant: str) -> None:
    if input.ndim not in known:
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            f"{name} exists to provide channel-wise dropout on inputs with {meant}.", stacklevel=3,
        )  # fmt: skip


@functional()
def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels.

    Shapes: [n, c, ...]
    >>> sg.nn.functional.feature_alpha_dropout(sg.ones(1, 1, 3))
    tensor([[[1., 1., 1.]]])
    """
    spread = channels("feature_alpha_dropout", input) if training and p else 0
    return dropped(input, p, training, inplace, spread, alpha=True)


def at_top(name: str, whole: bool, alpha: bool, inplace: bool) -> None:
    """`sg.NAME`, which takes no default as PyTorch's has none."""

    def function(input: Tensor, p: float, train: bool) -> Tensor:
        spread = channels(name, input) if whole and train and p else 0
        return dropped(input, p, train, inplace, spread, alpha)

    what = "Whole channels" if whole else "Elements"
    how = "set to what `selu` tends to" if alpha else "set to 0"
    where = ", in place" if inplace else ""
    arguments = "sg.ones(1, 2, 3), 0.5, False"
    function.__doc__ = (f"{what} {how} with probability p if `train`{where}; see `nn.functional`.\n\n"
                        f">>> sg.{name}({arguments}).shape\ntorch.Size([1, 2, 3])")  # fmt: skip
    function.__name__ = function.__qualname__ = name
    op(name=name, method=False, out=False)(function)


for _whole in (False, True):
    for _alpha in (False, True):
        for _inplace in (False, True):
            _name = "feature_" * _whole + "alpha_" * _alpha + "dropout" + "_" * _inplace
            at_top(_name, _whole, _alpha, _inplace)
