"""Activations made of straight pieces, or straight on one side, as modules."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.nn import functional as F
from symgrad.nn.module import Module
from symgrad.nn.weights import declare
from symgrad.tensor.core import Tensor

__all__ = ["CELU", "ELU", "Hardtanh", "LeakyReLU", "PReLU", "RReLU", "ReLU", "ReLU6", "SELU", "Threshold"]


class InPlace(Module):
    """An activation that may write its result to its input; elementwise, of any shape."""

    def __init__(self, inplace: bool = False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""

    def also(self, text: str) -> str:
        """`text`, and that it works in place if it does."""
        return f"{text}, inplace=True" if self.inplace else text


class ReLU(InPlace):
    """max(x, 0).

    >>> sg.nn.ReLU()(sg.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.relu(input, inplace=self.inplace)


class SELU(InPlace):
    """`ELU` with the alpha and the scale that keep mean 0 and variance 1 (Klambauer et al. 2017).

    >>> sg.nn.SELU()(sg.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.selu(input, self.inplace)


class Hardtanh(InPlace):
    """x limited to [min_val, max_val].

    >>> sg.nn.Hardtanh()(sg.tensor([-2.0, 0.5]))
    tensor([-1.0000,  0.5000])
    """

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False,
                 min_value: float | None = None, max_value: float | None = None):  # fmt: skip
        super().__init__(inplace)
        for old, new, value in (("min_value", "min_val", min_value), ("max_value", "max_val", max_value)):
            if value is not None:
                warnings.warn(f"keyword argument `{old}` is deprecated and rename to `{new}`", FutureWarning,
                              stacklevel=2)  # fmt: skip
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        assert self.max_val > self.min_val, "max_val must be larger than min_val"

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return self.also(f"min_val={self.min_val}, max_val={self.max_val}")


class ReLU6(Hardtanh):
    """x limited to [0, 6] (Howard et al. 2017).

    >>> sg.nn.ReLU6()(sg.tensor([-1.0, 9.0]))
    tensor([0., 6.])
    """

    def __init__(self, inplace: bool = False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self) -> str:
        return InPlace.extra_repr(self)


class Threshold(InPlace):
    """x where it is above `threshold`, elsewhere `value`.

    >>> sg.nn.Threshold(1.0, 0.0)(sg.tensor([0.5, 2.0]))
    tensor([0., 2.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False):
        super().__init__(inplace)
        self.threshold = threshold
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return self.also(f"threshold={self.threshold}, value={self.value}")


class LeakyReLU(InPlace):
    """x where it is positive, elsewhere negative_slope x (Maas et al. 2013).

    >>> sg.nn.LeakyReLU(0.1)(sg.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 1e-2, inplace: bool = False):
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return self.also(f"negative_slope={self.negative_slope}")


class PReLU(Module):
    """x where it is positive, elsewhere a x with a learned for each channel, or one for all (He et al. 2015).

    Shapes: [n, num_parameters, ...] (any with one parameter) -> the same
    >>> sg.nn.PReLU()(sg.tensor([-1.0, 2.0])).tolist()
    [-0.25, 2.0]
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        declare(self, device, dtype, weight=(num_parameters,))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Every slope `init`."""
        from symgrad.nn.init import constant_

        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(InPlace):
    """x where it is positive, elsewhere times a slope: in training random in [lower, upper) (Xu et al. 2015).

    >>> sg.nn.RReLU(0.25, 0.75).eval()(sg.tensor([-1.0, 2.0]))
    tensor([-0.5000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False):
        super().__init__(inplace)
        self.lower = lower
        self.upper = upper

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return self.also(f"lower={self.lower}, upper={self.upper}")


class ELU(InPlace):
    """x where it is positive, elsewhere alpha (exp(x) - 1) (Clevert, Unterthiner, Hochreiter 2015).

    >>> sg.nn.ELU()(sg.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    def __init__(self, alpha: float = 1.0, inplace: bool = False):
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, input: Tensor) -> Tensor:
        return F.elu(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return self.also(f"alpha={self.alpha}")


class CELU(ELU):
    """x where it is positive, elsewhere alpha (exp(x / alpha) - 1) (Barron 2017).

    >>> sg.nn.CELU(2.0)(sg.tensor([-1.0, 2.0]))
    tensor([-0.7869,  2.0000])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.celu(input, self.alpha, self.inplace)
