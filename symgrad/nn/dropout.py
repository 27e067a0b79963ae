"""Random omission as modules: in training, and not in evaluation."""

from __future__ import annotations

from symgrad.nn import functional as F
from symgrad.nn.module import Module
from symgrad.tensor.core import Tensor

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class Dropout(Module):
    """Elements set to 0 with probability p, the rest divided by 1 - p (Srivastava et al. 2014).

    >>> sg.nn.Dropout(1.0)(sg.ones(3)), sg.nn.Dropout().eval()(sg.ones(3))
    (tensor([0., 0., 0.]), tensor([1., 1., 1.]))
    """

    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Dropout of whole channels (Tompson et al. 2015).

    Shapes: [n, c, l] or [c, l] -> the same
    >>> sg.nn.Dropout1d(1.0)(sg.ones(1, 3))
    tensor([[0., 0., 0.]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """Dropout of whole channels (Tompson et al. 2015).

    Shapes: [n, c, h, w] -> the same
    >>> sg.nn.Dropout2d(1.0)(sg.ones(1, 1, 1, 3))
    tensor([[[[0., 0., 0.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(Dropout):
    """Dropout of whole channels (Tompson et al. 2015).

    Shapes: [n, c, d, h, w] or [c, d, h, w] -> the same
    >>> sg.nn.Dropout3d(1.0)(sg.ones(1, 1, 1, 3))
    tensor([[[[0., 0., 0.]]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(Dropout):
    """Dropout that keeps mean 0 and variance 1, to be used with SELU (Klambauer et al. 2017).

    >>> sg.nn.AlphaDropout().eval()(sg.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(Dropout):
    """`AlphaDropout` of whole channels.

    Shapes: [n, c, ...] -> the same
    >>> sg.nn.FeatureAlphaDropout().eval()(sg.ones(1, 1, 3))
    tensor([[[1., 1., 1.]]])
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
