"""What autograd knows of a tensor: whether it is followed, the node behind it, its gradient.

`_grad` is None, a tensor, or a promise that a compiled step left (made a tensor when first read).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from symgrad import dtypes
from symgrad.errors import GradError
from symgrad.tensor import state
from symgrad.tensor.attached import Attached

if TYPE_CHECKING:
    from symgrad.tensor.core import Tensor


VOLATILE = "volatile was removed and now has no effect. Use `with torch.no_grad():` instead."


class Differentiable(Attached):
    """The part of Tensor that autograd reads and writes."""

    __slots__ = ()

    @property
    def requires_grad(self: Any) -> bool:
        return self._rg

    @requires_grad.setter
    def requires_grad(self: Any, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self: Any, requires_grad: bool = True) -> Any:
        """Start or stop recording operations on this leaf."""
        if requires_grad is not True and requires_grad is not False:
            raise GradError("requires_grad must be a bool")
        value = requires_grad
        if not value and self._node is not None:
            raise GradError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed "
                "variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach().", hint="use .detach() to get a tensor outside the graph")
        if value == self._rg:
            return self
        if value and self.dtype.category < dtypes.FLOATING:
            raise GradError("only Tensors of floating point and complex dtype can require gradients")
        if value and self.owner._version < 0 and not state.local.inference:
            raise GradError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.",
                            hint="clone() it")  # fmt: skip
        if (active := state.capture()) is not None:
            active.note_requires_grad(self)
        self._rg = value
        state.bump_epoch()
        return self

    @property
    def is_leaf(self: Any) -> bool:
        return not self._rg or self._node is None

    @property
    def grad_fn(self: Any) -> Any:
        from symgrad.tensor.core import fresh_node
        from symgrad.tensor.node import shown

        return shown(fresh_node(self)) if self._rg else None

    @property
    def grad(self: Any) -> "Tensor | None":
        if state.captures and (active := state.capture()) is not None:
            return active.read_grad(self)  # type: ignore[no-any-return]
        grad = self._grad
        if grad is None:
            if self._node is not None and self._rg and not self.retains_grad:
                warnings.warn(
                    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
                    "attribute won't be populated during autograd.backward(). If you indeed want the .grad field "
                    "to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor.", stacklevel=2)
        elif not isinstance(grad, Differentiable):
            grad = self._grad = grad.materialize()
        return grad

    @grad.setter
    def grad(self: Any, value: "Tensor | None") -> None:
        if value is not None:
            if not isinstance(value, Differentiable):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type "
                                f"{type(value).__name__}")  # fmt: skip
            if value is self:
                raise GradError("can't assign Variable as its own grad")
            if value.dtype is not self.dtype:
                raise GradError(f"attempting to assign a gradient with dtype '{value.dtype.name}' to a tensor with "
                                f"grad_dtype '{self.dtype.name}'. The gradient must match the tensor's grad_dtype "
                                "(defaults to the tensor's dtype).", hint="convert with .to(tensor.dtype)")
            if not value.device == self.device:
                raise GradError(
                    f"attempting to assign a gradient with device type '{value.device.type}' to a tensor with "
                    f"device type '{self.device.type}'. Please ensure that the gradient and the tensor are on "
                    "the same device")
            if value.shape != self.shape:
                raise GradError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size")
        if (active := state.capture()) is not None:
            active.write_grad(self, value)
        else:
            self._grad = value

    @grad.deleter
    def grad(self: Any) -> None:
        self.grad = None

    @property
    def retains_grad(self: Any) -> bool:
        """Whether `retain_grad()` keeps this non-leaf tensor's gradient."""
        if (active := state.capture()) is not None:
            return any(self is kept for kept in active.retained)
        hooks = getattr(self._node, "hooks", None)
        return hooks is not None and hooks.retained is not None and hooks.retained() is self

    @property
    def output_nr(self: Any) -> int:
        """Which of its operation's outputs this tensor is."""
        return getattr(self._node, "index", 0)

    def is_inference(self: Any) -> bool:
        """Whether this tensor was made in inference mode."""
        return bool(self.owner._version < 0)

    @property
    def volatile(self) -> bool:
        warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
        return False

    @volatile.setter
    def volatile(self, value: bool) -> None:
        warnings.warn(VOLATILE, stacklevel=2)
