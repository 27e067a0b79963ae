"""PyTorch's names of the tape's nodes, where they are not the primitive's name and `Backward0`.

PyTorch numbers the gradients of overloads (`sum()` and `sum(dim)`) and names a view by the method that
made it; a primitive here often serves several of those, so its parameters decide.
"""

from __future__ import annotations

from typing import Any

from symgrad.tensor.node import NAMES, Node


class Named(dict[str, Any]):
    """A view's parameters, with the name of the method that asked for it."""

    __slots__ = ("node_name",)

    def __init__(self, node_name: str, **params: Any):
        super().__init__(params)
        self.node_name = node_name


def _reduced(kind: str) -> Any:
    return lambda node: f"{kind}Backward{1 if node.shape else 0}"


def _product(node: Node) -> str:
    rank = len(node.shape)
    return f"{'Mm' if rank == 2 else 'Bmm' if rank == 3 else 'Matmul'}Backward0"


def _power(node: Node) -> str:
    return "PowBackward2" if node.edges[0] is None else "PowBackward1"


def _index(node: Node) -> str:
    kinds = {int: "Select", slice: "Slice", type(None): "Unsqueeze"}
    items = [i for i in node.params["index"] if i != slice(None)]
    return f"{kinds.get(type(items[-1]), 'Slice') if items else 'Slice'}Backward0"


NAMES.update(
    sum=_reduced("Sum"), mean=_reduced("Mean"), matmul=_product, power=_power, slice=_index,
    clamp="ClampBackward1", contiguous="CloneBackward0", cast="ToCopyBackward0", log1p="Log1PBackward0",
    reshape="ViewBackward0", slice_write="CopySlices", overwrite="CopyBackwards",
)  # fmt: skip
