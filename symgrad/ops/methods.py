"""Tensor's operators and methods: what `public` declares, and the few that are no public function."""

from __future__ import annotations

from symgrad.ops import (
    arrange,
    autograd,
    complex,
    conversion,
    functional,
    indexing,
    inplace,
    operators,
    public,
    special,
)
from symgrad.tensor.core import Tensor

_OPERATORS = {
    "__matmul__": functional.at, "__rmatmul__": functional.at_right,
    "__getitem__": indexing.getitem, "__setitem__": indexing.setitem,
}  # fmt: skip


def attach() -> None:
    """Give Tensor its operators, methods, in-place twins and properties."""
    for name, function in (*_OPERATORS.items(), *operators.OPERATORS.items(), *public.methods()):
        setattr(Tensor, name, function)
    for name in ("copy_", "add_", "sub_", "addcmul_", "addcdiv_", "lerp_"):
        setattr(Tensor, name, getattr(inplace, name))
    for name in ("slice_read", "slice_write"):
        setattr(Tensor, name, getattr(functional, name))
    Tensor.subtract_ = inplace.sub_  # type: ignore[attr-defined]
    for name, twin in operators.INPLACE.items():
        setattr(Tensor, name, inplace.operator_twin(getattr(Tensor, twin)))
    Tensor.real = property(complex.real, complex.set_real)  # type: ignore[attr-defined]
    Tensor.imag = property(complex.imag, complex.set_imag)  # type: ignore[attr-defined]
    Tensor.where = lambda self, condition, other: functional.where(condition, self, other)  # type: ignore[attr-defined]
    Tensor.polygamma = lambda self, n: special.polygamma(n, self)  # type: ignore[attr-defined]
    Tensor.polygamma_ = inplace.twin("polygamma_", Tensor.polygamma)  # type: ignore[attr-defined]
    Tensor.backward = autograd.tensor_backward  # type: ignore[attr-defined]
    for name in ("register_hook", "register_post_accumulate_grad_hook", "retain_grad", "detach", "detach_"):
        setattr(Tensor, name, getattr(autograd, name))
    for name, what in conversion.ATTRIBUTES.items():
        setattr(Tensor, name, what)
    Tensor.T = property(arrange.reverse_dims)  # type: ignore[attr-defined]
    Tensor.mT = property(arrange.matrix_transpose)  # type: ignore[attr-defined]
    Tensor.H = property(arrange.hermitian)  # type: ignore[attr-defined]
    Tensor.mH = property(arrange.adjoint)  # type: ignore[attr-defined]


attach()
