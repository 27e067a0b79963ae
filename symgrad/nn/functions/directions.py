"""Vectors by length, by angle and by how far they are apart."""

from __future__ import annotations

from typing import Any

from symgrad.errors import GradError
from symgrad.nn.functions.declare import functional
from symgrad.ops.norms import norm, vector_norm
from symgrad.ops.promotion import convert, result_type
from symgrad.ops.public import write_out
from symgrad.tensor.core import Tensor

__all__ = ["cosine_similarity", "normalize", "pairwise_distance"]


@functional()
def normalize(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """input divided by its p-norm along `dim`, by eps where that is smaller.

    >>> sg.nn.functional.normalize(sg.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    x: Any = input
    found = x / norm(x, p, dim, keepdim=True).clamp_min(eps).expand_as(x)  # type: ignore[attr-defined]
    return found if out is None else write_out(out, found)  # type: ignore[no-any-return]


@functional(top=True)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; a length below eps counts as eps.

    Shapes: operands broadcast; `dim` goes
    >>> sg.nn.functional.cosine_similarity(sg.tensor([[1.0, 0.0]]), sg.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    dtype = result_type(x1, x2)
    if not dtype.is_floating_point:
        raise GradError(f"expected common dtype to be floating point, yet common dtype is {dtype.name}")
    first, second = (_unit(convert(x, dtype), dim, eps) for x in broadcast(x1, x2))
    return (first * second).sum(dim)  # type: ignore[no-any-return]


def broadcast(a: Any, b: Any) -> tuple[Any, Any]:
    """Both operands in their common shape."""
    from symgrad.ops.repeating import broadcast_tensors

    return broadcast_tensors(a, b)  # type: ignore[return-value]


def _unit(x: Any, dim: int, eps: float) -> Any:
    """x by its length; where that is raised to eps, its gradient is as if it were not, as in PyTorch."""
    length: Any = vector_norm(x, 2, dim, keepdim=True)
    return x / (length + (length.clamp_min(eps) - length).detach())


@functional(top=True)
def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps over the last dimension.

    >>> sg.nn.functional.pairwise_distance(sg.tensor([[0.0, 0.0]]), sg.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    a, b = broadcast(x1, x2)
    return norm(a - b + eps, p, -1, keepdim)  # type: ignore[no-any-return]
