"""Tensor's operators and methods: what `public` declares, and the few that are no public function."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.ops import autograd, composites, creation, functional, indexing, inplace, public
from symgrad.tensor.core import Tensor

_OPERATORS = {
    "__add__": functional.add_op, "__radd__": functional.radd_op,
    "__sub__": functional.sub_op, "__rsub__": functional.rsub_op,
    "__mul__": functional.mul_op, "__rmul__": functional.rmul_op,
    "__truediv__": functional.div_op, "__rtruediv__": functional.rdiv_op,
    "__matmul__": functional.matmul, "__neg__": functional.neg, "__abs__": functional.abs,
    "__pow__": functional.pow, "__rpow__": lambda self, base: functional.pow(base, self),
    "__eq__": functional.eq_op, "__ne__": functional.ne_op, "__lt__": functional.lt_op,
    "__le__": functional.le_op, "__gt__": functional.gt_op, "__ge__": functional.ge_op,
    "__and__": functional.and_op, "__or__": functional.or_op,
    "__rand__": functional.and_op, "__ror__": functional.or_op, "__invert__": functional.bitwise_not,
    "__pos__": lambda self: self,
    "__getitem__": indexing.getitem, "__setitem__": indexing.setitem,
    "__iadd__": inplace._add_, "__isub__": inplace._sub_, "__imul__": inplace._mul_,
    "__itruediv__": inplace._div_,
}  # fmt: skip


def attach() -> None:
    """Give Tensor its operators, methods, in-place twins and properties."""
    for name, function in (*_OPERATORS.items(), *public.methods()):
        setattr(Tensor, name, function)
    for name in ("copy_", "fill_", "zero_", "add_", "sub_", "addcmul_", "addcdiv_"):
        setattr(Tensor, name, getattr(inplace, name))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(Tensor, name, getattr(functional, name + "_op"))
    Tensor.where = lambda self, condition, other: functional.where(condition, self, other)  # type: ignore[attr-defined]
    Tensor.lerp_ = composites.lerp_  # type: ignore[attr-defined]
    Tensor.expand_as = lambda self, other: functional.expand(self, tuple(other.shape))  # type: ignore[attr-defined]
    Tensor.view_as = lambda self, other: functional.view(self, tuple(other.shape))  # type: ignore[attr-defined]
    Tensor.backward = autograd.tensor_backward  # type: ignore[attr-defined]
    for name in ("register_hook", "register_post_accumulate_grad_hook", "retain_grad", "detach", "detach_"):
        setattr(Tensor, name, getattr(autograd, name))
    for short, dtype in {**dtypes.ALIASES, "bool": dtypes.bool_}.items():
        setattr(Tensor, short, _converter(dtype))
    Tensor.T = property(lambda self: functional.permute(self, tuple(reversed(range(self.ndim)))))  # type: ignore[attr-defined]
    Tensor.mT = property(lambda self: functional.transpose(self, -2, -1))  # type: ignore[attr-defined]
    Tensor.cpu = lambda self: functional.to(self, "cpu")  # type: ignore[attr-defined]
    Tensor.cuda = lambda self: functional.to(self, "cuda")  # type: ignore[attr-defined]
    for name in ("new_zeros", "new_ones", "new_full"):
        setattr(Tensor, name, _new_like(getattr(creation, name[4:])))
    Tensor.data_ptr = lambda self: self.array("data_ptr()").__array_interface__["data"][0]  # type: ignore[attr-defined]
    Tensor.element_size = lambda self: self.dtype.itemsize  # type: ignore[attr-defined]
    Tensor.type_as = lambda self, other: functional.to(self, other.dtype)  # type: ignore[attr-defined]
    Tensor.norm = lambda self: functional.sqrt(functional.sum(self * self))  # type: ignore[attr-defined]


def _converter(dtype: dtypes.DType) -> Any:
    def method(self: Tensor) -> Tensor:
        return functional.to(self, dtype)

    method.__doc__ = f"This tensor as {dtype.name}."
    return method


def _new_like(make: Any) -> Any:
    def method(self: Tensor, *args: Any, dtype: Any = None, **kwargs: Any) -> Tensor:
        return make(*args, dtype=dtype or self.dtype, **kwargs)

    return method


attach()
