"""Tables of learned rows, chosen by number."""

from __future__ import annotations

from typing import Any

from symgrad.nn import functional as F
from symgrad.nn import init
from symgrad.nn.functions.embedding import padding_of, refuse_sparse
from symgrad.nn.module import Module
from symgrad.nn.parameter import Parameter
from symgrad.ops.creation import empty
from symgrad.tensor import state
from symgrad.tensor.core import Tensor

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """A learned matrix of `num_embeddings` rows."""

    weight: Any

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, max_norm: float | None,
                 norm_type: float, scale_grad_by_freq: bool, sparse: bool, given: Tensor | None, freeze: bool,
                 device: Any, dtype: Any):  # fmt: skip
        super().__init__()
        refuse_sparse(type(self).__name__, sparse)
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_of(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        if given is None:
            table = empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not freeze)
            self.reset_parameters()
        else:
            assert list(given.shape) == [num_embeddings, embedding_dim], \
                "Shape of weight does not match num_embeddings and embedding_dim"  # fmt: skip
            self.weight = Parameter(given, requires_grad=not freeze)

    def reset_parameters(self) -> None:
        """Standard normal rows; zeros at padding_idx."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with state.no_grad():
                self.weight[self.padding_idx].fill_(0)

    def told(self, **rest: Any) -> str:
        """The printed form: the sizes, and what is not as it is by default."""
        own = {"max_norm": (self.max_norm, None), "norm_type": (self.norm_type, 2),
               "scale_grad_by_freq": (self.scale_grad_by_freq, False)}  # fmt: skip
        said = {k: value for k, (value, usual) in own.items() if value != usual}
        return ", ".join([f"{self.num_embeddings}, {self.embedding_dim}", *(f"{k}={v}" for k, v in said.items()),
                          *(f"{k}={v!r}" for k, v in rest.items())])  # fmt: skip


class Embedding(_Table):
    """Rows of a learned table [num_embeddings, embedding_dim], chosen by number.

    Shapes: [...] of whole numbers -> [..., embedding_dim]
    >>> sg.nn.Embedding(10, 3)(sg.tensor([[1, 2], [4, 5]])).shape
    torch.Size([2, 2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, max_norm: float | None = None,
        norm_type: float = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False, _weight: Tensor | None = None,
        _freeze: bool = False, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                         _weight, _freeze, device, dtype)  # fmt: skip

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type,
                           self.scale_grad_by_freq, self.sparse)  # fmt: skip

    def extra_repr(self) -> str:
        head = f"{self.num_embeddings}, {self.embedding_dim}"
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return head + padding + self.told()[len(head) :]

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
                        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                        sparse: bool = False) -> "Embedding":  # fmt: skip
        """A table of given rows, not learned further unless `freeze` is False."""
        assert embeddings.ndim == 2, "Embeddings parameter is expected to be 2-dimensional"
        rows, columns = embeddings.shape
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)


class EmbeddingBag(_Table):
    """Sums, means or maxima of the rows that each bag of numbers chooses.

    Shapes: [b, n] (bags of n), or [k] with offsets [b] where bags begin -> [b, embedding_dim]
    >>> sg.nn.EmbeddingBag(10, 3, mode="sum")(sg.tensor([1, 2, 4, 5]), sg.tensor([0, 3])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, _weight: Tensor | None = None,
        include_last_offset: bool = False, padding_idx: int | None = None, device: Any = None, dtype: Any = None,
    ):  # fmt: skip
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse,
                         _weight, False, device, dtype)  # fmt: skip
        self.mode = mode
        self.include_last_offset = include_last_offset

    def forward(self, input: Tensor, offsets: Tensor | None = None,
                per_sample_weights: Tensor | None = None) -> Tensor:  # fmt: skip
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse,
            per_sample_weights, self.include_last_offset, self.padding_idx)  # fmt: skip

    def extra_repr(self) -> str:
        rest = {} if self.padding_idx is None else {"padding_idx": self.padding_idx}
        return self.told(mode=self.mode, **rest)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None, norm_type: float = 2.0,
        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> "EmbeddingBag":  # fmt: skip
        """A table of given rows, not learned further unless `freeze` is False."""
        assert embeddings.ndim == 2, "Embeddings parameter is expected to be 2-dimensional"
        rows, columns = embeddings.shape
        made = cls(rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
                   include_last_offset, padding_idx)  # fmt: skip
        made.weight.requires_grad = not freeze
        return made
