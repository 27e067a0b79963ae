"""In-place twins: compute the value, then `assign` it; straight into memory when nothing records."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import functional as F
from symgrad.ops.arithmetic import add_op, addcdiv, addcmul, lerp, scaled, sub_op, value_times
from symgrad.ops.node_names import Named
from symgrad.ops.public import op
from symgrad.ops.shape import slice_write
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, fresh_node, wrap
from symgrad.tensor.dispatch import bind, ndarray
from symgrad.tensor.numbers import OF_ONE, beside
from symgrad.tensor.views import assign, check_writable, mark_modified


def store(target: Tensor, value: Any, name: str) -> Tensor:
    """Assign `value` to `target`, refusing a change of shape or of dtype category."""
    if not isinstance(value, Tensor):
        value = F.full_scalar(value, target.dtype)
    if value.dtype.category > target.dtype.category:
        raise DTypeError(f"result type {value.dtype.name} can't be cast to the desired output type {target.dtype.name}")
    if tuple(value.shape) != tuple(target.shape):
        raise ShapeError(f"{name}: output with shape {list(target.shape)} doesn't match the broadcast "
                         f"shape {list(value.shape)}")
    return assign(target, F.convert(value, target.dtype))


def twin(name: str, function: Callable[..., Any], ufunc: Any = None) -> Callable[..., Any]:
    """The in-place method for `function`."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if ufunc is not None and not state.captures and len(args) == 1 and not kwargs \
                and _direct(self, args[0], ufunc):  # fmt: skip
            return self
        check_writable(self)
        if not state.is_grad_enabled() or not (self._rg or any([requires_grad_of(x) for x in args])):
            return store(self, function(self, *args, **kwargs), name)
        before = original(self)
        value = function(before, *args, **kwargs)
        if state.capture() is None and sys.getrefcount(before) > 2:  # a gradient formula kept it
            before._data = before._data.copy()
        return store(self, value, name)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place version of `{name.rstrip('_')}`."
    return method


def original(self: Tensor) -> Tensor:
    """What `self` is now, as a tensor that the coming change does not reach."""
    active = state.capture()
    out = wrap(self._data if active is None else active.value_of(self))
    out._rg, out._node = self._rg, fresh_node(self)
    return out


def requires_grad_of(x: Any) -> bool:
    """Whether x is a tensor that requires grad."""
    return isinstance(x, Tensor) and x._rg


INT64 = np.dtype(np.int64)
_SMALL = 1 << 31


def _direct(target: Tensor, other: Any, ufunc: Any, alpha: Any = 1) -> bool:
    """Apply `ufunc` straight into memory; False where recording, promotion or shape needs the general way."""
    data = target._data
    if type(data) is not ndarray or not data.flags.writeable:
        return False
    dtype, kind = data.dtype, type(alpha)
    if kind is not int and kind is not float:
        return False
    if dtype.kind != "f":
        counts = dtype is INT64 and type(other) is kind is int and alpha == 1
        if not counts or not -_SMALL < other < _SMALL or ufunc is np.true_divide:
            return False
    if (target._rg or isinstance(other, Tensor) and other._rg) and (not state.no_grads or state.local.grad):
        return False
    if isinstance(other, Tensor):
        y = other._data
        if type(y) is not ndarray or y.dtype is not dtype:
            return False
        if y.ndim:
            if y.shape != data.shape:
                return False
            if alpha != 1:
                y = y * beside(alpha, dtype)
        elif alpha != 1:
            y = y[()] * alpha
    elif type(other) is float or type(other) is int:
        y = beside(other * alpha, dtype)
    else:
        return False
    mark_modified(target)
    one = None if data.ndim else OF_ONE.get(ufunc)
    if one is None:
        ufunc(data, y, data)
    else:
        data[()] = one(data[()], y[()] if type(y) is ndarray else y)
    return True


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Overwrite with `src`, converted and broadcast."""
    check_writable(self)
    if not isinstance(src, Tensor):
        src = wrap(np.asarray(src, self.dtype.np)) if not F.is_scalar(src) else F.full_scalar(src, self.dtype)
    src = F.convert(src, self.dtype)
    if tuple(src.shape) != tuple(self.shape):
        src = F.expand(src, tuple(self.shape))
    if self._rg and state.is_grad_enabled():
        # The result still depends, with gradient zero, on what was overwritten.
        params = Named("CopyBackwards", index=(slice(None),) * self.ndim)
        src = bind(slice_write, (original(self), src), params)
    elif src._rg and src._node is None and self._view is None and state.is_grad_enabled():
        src = bind(F.copy_p, (src,), _COPIED)
    return assign(self, src)


_COPIED = Named("CopyBackwards")


@op(out=False)
def fill_(self: Tensor, value: Any) -> Tensor:
    """Overwrite every element with `value`, a number or a 0-d tensor.

    >>> sg.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    data = self._data
    if type(value) in (int, float) and not state.captures and isinstance(data, np.ndarray) \
            and data.flags.writeable and not (self._rg and state.is_grad_enabled()):  # fmt: skip
        mark_modified(self)
        data.fill(value)
        return self
    if isinstance(value, Tensor) and value.ndim:
        raise ShapeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.",
                         hint="copy_() broadcasts")
    return copy_(self, value if isinstance(value, Tensor) or F.is_scalar(value) else float(value))


@op(out=False, method=False)
def fill(input: Tensor, value: Any) -> Tensor:
    """A tensor like input with every element `value`, a number or a 0-d tensor.

    >>> sg.fill(sg.zeros(2), 3)
    tensor([3., 3.])
    """
    return fill_(F.clone(input), value)


@op(out=False)
def zero_(self: Tensor) -> Tensor:
    """Overwrite every element with zero.

    >>> sg.ones(2).zero_()
    tensor([0., 0.])
    """
    return fill_(self, 0)


def add_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """self += alpha * other, in place."""
    if not state.captures and _direct(self, other, np.add, alpha):
        return self
    return _add_(self, scaled(self, other, alpha))


def sub_(self: Tensor, other: Any, *, alpha: Any = 1) -> Tensor:
    """self -= alpha * other, in place."""
    if not state.captures and _direct(self, other, np.subtract, alpha):
        return self
    return _sub_(self, scaled(self, other, alpha))


def addcmul_(self: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """self += value * tensor1 * tensor2, in place."""
    if self.dtype.is_half:
        return _addcmul_(self, tensor1, tensor2, value=value)
    return _add_(self, value_times(tensor1, value) * tensor2)


def addcdiv_(self: Tensor, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """self += value * tensor1 / tensor2, in place."""
    if self.dtype.is_half or not self.dtype.is_inexact:
        return _addcdiv_(self, tensor1, tensor2, value=value)
    return _add_(self, value_times(tensor1, value) / tensor2)


def lerp_(self: Tensor, end: Any, weight: Any) -> Tensor:
    """In-place version of `lerp`."""
    if not isinstance(weight, Tensor) and -0.5 < weight < 0.5 and not self.dtype.is_half and end.dtype is self.dtype:
        return add_(self, (end - self) * weight)
    return _lerp_(self, end, weight)


def operator_twin(method: Callable[..., Tensor]) -> Callable[..., Any]:
    """An in-place method as the operator (`x += y`), which says NotImplemented to what is no operand."""

    def operator(self: Tensor, other: Any) -> Any:
        return method(self, other) if isinstance(other, Tensor) or F.is_scalar(other) else NotImplemented

    return operator


_add_ = twin("add_", add_op, np.add)
_sub_ = twin("sub_", sub_op, np.subtract)
_lerp_ = twin("lerp_", lerp)
_addcmul_ = twin("addcmul_", addcmul)
_addcdiv_ = twin("addcdiv_", addcdiv)
