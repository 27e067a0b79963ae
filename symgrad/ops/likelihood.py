"""Minus the log-probabilities of the true classes of rows, and its gradient: each is the other's gradient.

A trace records their formulas, which fuse with the row that the scores are.
"""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import int64
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import Composite
from symgrad.ir.types import TensorType
from symgrad.ops.elementwise import where_
from symgrad.ops.index import put, read
from symgrad.ops.reduce import SUMS, _sum
from symgrad.ops.registry import primitive
from symgrad.tensor.dispatch import bind

PARAMS = ("ignore_index", "reduction")


def _checked(index: TensorType) -> TensorType:
    if index.dtype is not int64 or index.ndim != 1:
        raise DTypeError(f"expected a vector of classes of dtype int64, but got {index}")
    return index


def _infer(x: TensorType, index: TensorType, ignore_index: int, reduction: str) -> TensorType:
    if x.ndim != 2 or x.shape[0] != _checked(index).shape[0]:
        raise ShapeError(f"scores {x} and classes {index} do not fit each other")
    return x.with_shape(index.shape if reduction == "none" else ())


def _infer_back(g: TensorType, index: TensorType, classes: int, ignore_index: int, reduction: str) -> TensorType:
    return g.with_shape((_checked(index).shape[0], classes))


def _chosen(np: Any, index: Any, classes: Any, ignore_index: Any) -> Any:
    """The rows whose class counts (all, as a slice, where it can be), and their classes; an error for one not there."""
    rows = None
    if index.size and ((low := index.min()) < 0 or (high := index.max()) >= classes or low <= ignore_index <= high):
        rows = (index != ignore_index).nonzero()[0]
        index = index[rows]
        wrong = index[(index < 0) | (index >= classes)]
        if wrong.size:
            raise IndexError(f"index {int(wrong[0])} is out of bounds for dimension 1 with size {int(classes)}")
    return rows, (np.arange(index.shape[0]) if rows is None else rows, index)


def _loss(np: Any, x: Any, index: Any, ignore_index: Any, reduction: Any) -> Any:
    rows, at = _chosen(np, index, x.shape[1], ignore_index)
    losses = np.negative(x[at])
    if reduction == "none":
        if rows is None:
            return losses
        out = np.zeros(index.shape, x.dtype)
        out[rows] = losses
        return out
    total = _sum(np, losses, (0,))
    return total / x.dtype.type(losses.shape[0]) if reduction == "mean" else total


def _back(np: Any, g: Any, index: Any, classes: Any, ignore_index: Any, reduction: Any) -> Any:
    rows, at = _chosen(np, index, classes, ignore_index)
    out = np.zeros((index.shape[0], classes), g.dtype)
    if reduction == "none":
        out[at] = np.negative(g if rows is None else g[rows])
    elif reduction == "sum" or at[1].shape[0]:
        out[at] = -g / g.dtype.type(at[1].shape[0]) if reduction == "mean" else -g
    return out


def _loss_formula(x: Any, index: Any, ignore_index: int, reduction: str) -> Any:
    ignored = index == ignore_index
    known = where_(ignored, 0, index).unsqueeze(1)
    losses = where_(ignored, 0.0, -read(x, (known,), (1,), True, False).squeeze(1))
    if reduction == "none":
        return losses
    return losses.sum() / ignored.logical_not().to(x.dtype).sum() if reduction == "mean" else losses.sum()


def _back_formula(g: Any, index: Any, classes: int, ignore_index: int, reduction: str) -> Any:
    from symgrad.ops.creation import zeros

    ignored = index == ignore_index
    known = where_(ignored, 0, index).unsqueeze(1)
    share = g / ignored.logical_not().to(g.dtype).sum() if reduction == "mean" else g
    shares = where_(ignored, 0.0, -share).unsqueeze(1)
    room = zeros((index.shape[0], classes), dtype=g.dtype, device=g.device)
    return put(room, shares, (known,), (1,), True, False)


def _pull(g: Any, x_shape: Any, index: Any, ignore_index: int, reduction: str) -> Any:
    params = {"classes": x_shape[1], "ignore_index": ignore_index, "reduction": reduction}
    return bind(class_loss_back, (g, index), params)


def _pull_back(g: Any, index: Any, classes: int, ignore_index: int, reduction: str) -> Any:
    return bind(class_loss, (g, index), {"ignore_index": ignore_index, "reduction": reduction})


_HELPERS = {**SUMS, "_chosen": _chosen, "_loss": _loss, "_back": _back}

class_loss = primitive(
    "class_loss", "x index", params=PARAMS, infer=_infer, array="_loss(np, x, index, ignore_index, reduction)",
    helpers=_HELPERS, lower=Composite(_loss_formula), grad=dict(x=_pull, index=None),
    doc="Minus the element of each row that its class chooses, 0 for an ignored one; their mean, sum or all.",
    gradient="dx = -g at the classes, over their number for the mean",
)
class_loss_back = primitive(
    "class_loss_back", "g index", params=("classes", *PARAMS), infer=_infer_back,
    array="_back(np, g, index, classes, ignore_index, reduction)", helpers=_HELPERS,
    lower=Composite(_back_formula), grad=dict(g=_pull_back, index=None),
    doc="The gradient of `class_loss`: -g at the class of each row, over their number for the mean; else 0.",
    gradient="dg = the class_loss of the cotangent",
)
