"""Starting values for parameters, written in place outside the graph."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

from symgrad.dtypes import float64
from symgrad.ops import ranges
from symgrad.ops.creation import empty
from symgrad.ops.factorizations import qr
from symgrad.ops.random import rand
from symgrad.tensor.core import Tensor
from symgrad.tensor.state import no_grad

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
_GAINS = {**dict.fromkeys(_LINEAR, 1), "sigmoid": 1, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 0.75}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much a nonlinearity asks weights to be scaled so that variance is kept."""
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"negative_slope {param} not a valid number")
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def fans(tensor: Tensor) -> tuple[int, int]:
    """How many inputs and outputs each unit of a weight has."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def fan(tensor: Tensor, mode: str) -> int:
    """The number of inputs or of outputs, as `mode` says."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    return fans(tensor)[modes.index(mode.lower())]


_calculate_fan_in_and_fan_out = fans
_calculate_correct_fan = fan


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Uniform in [a, b)."""
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Normal with the given mean and standard deviation."""
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0,
                  generator: Any = None) -> Any:  # fmt: skip
    """Normal, of what lies in [a, b]: the inverse of the distribution function at uniform numbers."""
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
                      "incorrect.", stacklevel=2)  # fmt: skip
    low, high = (math.erf((end - mean) / (std * math.sqrt(2.0))) for end in (a, b))
    with no_grad():
        drawn = empty(tensor.shape, dtype=float64, device=tensor.device).uniform_(low, high, generator=generator)
        return tensor.copy_((drawn.erfinv() * (std * math.sqrt(2.0)) + mean).clamp(a, b))


def constant_(tensor: Any, val: float) -> Any:
    """Every element `val`."""
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Any) -> Any:
    """Every element 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Every element 1."""
    return constant_(tensor, 1.0)


def eye_(tensor: Any) -> Any:
    """A matrix with 1 on its diagonal and 0 elsewhere."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    with no_grad():
        return tensor.copy_(ranges.eye(*tensor.shape, device=tensor.device))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """The kernel of a convolution that passes as many channels as it can unchanged, in each of `groups`."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    out = tensor.shape[0] // groups
    middle = tuple(extent // 2 for extent in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(out, tensor.shape[1])):
                tensor[(group * out + channel, channel, *middle)] = 1
    return tensor


def kaiming_uniform_(tensor: Any, a: float = 0, mode: str = "fan_in",
                     nonlinearity: str = "leaky_relu", generator: Any = None) -> Any:  # fmt: skip
    """Uniform with variance gain^2 / fan (He et al. 2015)."""
    if _nothing(tensor):
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(fan(tensor, mode))
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(tensor: Any, a: float = 0, mode: str = "fan_in",
                    nonlinearity: str = "leaky_relu", generator: Any = None) -> Any:  # fmt: skip
    """Normal with variance gain^2 / fan (He et al. 2015)."""
    if _nothing(tensor):
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(fan(tensor, mode)), generator)


def _nothing(tensor: Any) -> bool:
    if 0 not in tensor.shape:
        return False
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
    return True


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Uniform with variance 2 gain^2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    bound = math.sqrt(3.0) * gain * math.sqrt(2.0 / sum(fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Normal with variance 2 gain^2 / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor))), generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """A matrix of the first extent by all others whose rows or columns are orthonormal, times `gain`.

    It is uniform among those: the signs that a QR decomposition chooses are undone (Mezzadri 2007).
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    with no_grad():
        drawn = tensor.new_empty((max(rows, columns), min(rows, columns))).normal_(generator=generator)
        q, r = qr(drawn)
        q = q * r.diagonal().sign()
        return tensor.copy_(gain * (q.t() if rows < columns else q).reshape(tensor.shape))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Normal, with the fraction `sparsity` of each column set to 0 (Martens 2010)."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    zeros = math.ceil(sparsity * tensor.shape[0])
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        places: Any = rand(tensor.shape, generator=generator, device=tensor.device)
        return tensor.scatter_(0, places.argsort(0)[:zeros], 0)


def _deprecated(current: Callable[..., Any]) -> Callable[..., Any]:
    """The function under its old name, without the underscore."""
    new = current.__name__
    text = f"`nn.init.{new[:-1]}` is now deprecated in favor of `nn.init.{new}`."

    @functools.wraps(current)
    def called(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(text, FutureWarning, stacklevel=2)
        return current(*args, **kwargs)

    called.__name__ = called.__qualname__ = new[:-1]
    called.__doc__ = f"`{new}`, by its old name."
    return called


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
