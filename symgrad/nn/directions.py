"""How alike two vectors are, as modules."""

from __future__ import annotations

from symgrad.nn import functional as F
from symgrad.nn.module import Module
from symgrad.tensor.core import Tensor

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along `dim`.

    Shapes: x1 and x2 broadcast; `dim` goes
    >>> sg.nn.CosineSimilarity(0)(sg.tensor([1.0, 0.0]), sg.tensor([1.0, 1.0]))
    tensor(0.7071)
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The p-norm of x1 - x2 + eps over the last dimension.

    Shapes: [n, d], [n, d] -> [n], or [n, 1] with keepdim
    >>> sg.nn.PairwiseDistance()(sg.tensor([0.0, 0.0]), sg.tensor([3.0, 4.0]))
    tensor(5.0000)
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
