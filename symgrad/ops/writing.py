"""Writes by index in place: straight to memory, then on the tape; in a trace a new value that is assigned."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from symgrad import dtypes
from symgrad.errors import DTypeError
from symgrad.ir.primitive import Primitive
from symgrad.ops.functional import convert, where
from symgrad.ops.index import _put as put_array
from symgrad.ops.index import index_put_p, index_reduce_p
from symgrad.ops.inplace import original
from symgrad.ops.shapes import reshape
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.dispatch import bind, explain
from symgrad.tensor.tape import record
from symgrad.tensor.views import assign, check_writable, mark_modified, rebase


class Written(NamedTuple):
    """A write by index: what is put where; `how` names the ufunc that combines it with what is there."""

    x: Tensor
    v: Tensor
    indices: tuple[Tensor, ...]
    dims: tuple[int, ...]
    aligned: bool = False
    wrap: bool = True
    how: str = ""

    def operation(self) -> tuple[Primitive, tuple[Any, ...], dict[str, Any]]:
        """The write as a primitive, its operands and parameters."""
        params: dict[str, Any] = {"dims": self.dims, "aligned": self.aligned, "wrap": self.wrap}
        operands = (self.x, self.v, *self.indices)
        if self.how in ("", "add"):
            return index_put_p, operands, {**params, "accumulate": bool(self.how)}
        return index_reduce_p, operands, {**params, "how": self.how}


def copied(like: Tensor, written: Written) -> Tensor:
    """The write done to a copy, in the shape of `like`."""
    out = bind(*written.operation())
    return out if out.ndim == like.ndim else reshape(out, tuple(like.shape))


def in_place(name: str, plan: Callable[..., Written]) -> Callable[..., Tensor]:
    """The method `name` that does the write of `plan` to its tensor itself."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        check_writable(self)
        written = plan(self, *args, **kwargs)
        if written.x.owner is self.owner:
            write(written)
            return self
        return assign(self, copied(self, written))  # the plan had to copy, to see the tensor flat

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"In-place version of `{name.rstrip('_')}`."
    return method


def write(written: Written) -> None:
    """Do a write to the tensor itself."""
    target, value = written.x, written.v
    check_writable(target)
    prim, operands, params = written.operation()
    data = target._data
    recording = state.is_grad_enabled() and (target._rg or value._rg)
    if state.captures or not isinstance(data, np.ndarray) or not data.flags.writeable or target.dtype.is_half \
            or recording and prim is index_reduce_p:  # fmt: skip
        assign(target, bind(prim, operands, params))
        return
    if recording:
        operands = (original(target), *operands[1:])
    try:
        if value.dtype is not target.dtype:
            raise TypeError("dtypes differ")
        source = value._data.copy() if np.may_share_memory(value._data, data) else value._data
        put_array(np, data, source, [i._data for i in written.indices], *written[3:])
    except (ValueError, TypeError, IndexError) as error:
        raise explain(prim, operands, params, error) from error
    mark_modified(target)
    if recording:
        after = wrap(data)
        record(prim, operands, params, after)
        rebase(target, after)


def fill_where(part: Tensor, mask: Tensor, value: Any) -> None:
    """Write `value` into `part` where the mask, which broadcasts to it, holds."""
    check_writable(part)
    recording = state.is_grad_enabled() and (part._rg or isinstance(value, Tensor) and value._rg)
    data = part._data
    if recording or state.captures or not isinstance(data, np.ndarray) or not data.flags.writeable:
        assign(part, where(mask, convert(value, part.dtype), part))
        return
    source = value._data if isinstance(value, Tensor) else convert(value, part.dtype)
    np.copyto(data, source, where=mask._data, casting="unsafe")
    mark_modified(part)


def fit_number(value: Any, dtype: dtypes.DType) -> Any:
    """A number as `dtype` holds it: fractions are cut off, what overflows is an error."""
    if isinstance(value, (complex, np.complexfloating)) and dtype.category in (dtypes.INTEGRAL, dtypes.FLOATING):
        raise DTypeError(f"value cannot be converted to type {dtype.name} without overflow")
    if dtype.category != dtypes.INTEGRAL or not isinstance(value, (int, float, np.number)) or hasattr(value, "expr"):
        return convert(value, dtype)
    info = np.iinfo(dtype.np)
    if not math.isfinite(value) or not (info.min or -info.max) <= int(value) <= info.max:
        raise DTypeError(f"value cannot be converted to type {dtype.name} without overflow")
    return int(value) if info.min else int(value) % (info.max + 1)
