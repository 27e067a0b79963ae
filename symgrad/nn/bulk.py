"""Changes of a whole module tree at once: mode, freezing, gradients dropped, dtype and device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from symgrad.nn.tree import Tree
from symgrad.tensor import state
from symgrad.tensor.core import Tensor


class Bulk(Tree):
    """What a Module can do to itself and all below it."""

    training: bool

    def train(self, mode: bool = True) -> Any:
        """Set training mode here and below."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Any:
        """Leave training mode here and below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Make every parameter (not) require grad."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradient of every parameter, or set it to zero."""
        clear_grads(self.parameters(), set_to_none)

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert parameters and floating buffers in place of themselves; returns the module."""
        return self._convert(lambda tensor: tensor.to(*args, **kwargs))

    def _convert(self, change: Callable[[Any], Tensor]) -> Any:
        with state.no_grad():
            for tensor in [*self.parameters(), *self.buffers()]:
                new = change(tensor)
                if not tensor.dtype.is_floating_point and new.dtype is not tensor.dtype:
                    new = new.to(tensor.dtype)  # type: ignore[attr-defined]
                if new is not tensor:
                    tensor.data = new
                    if tensor.grad is not None:
                        tensor.grad.data = change(tensor.grad)
        return self

    def float(self) -> Any:
        """Floating parameters and buffers as float32."""
        return self._convert(lambda tensor: tensor.float())

    def double(self) -> Any:
        """Floating parameters and buffers as float64."""
        return self._convert(lambda tensor: tensor.double())

    def half(self) -> Any:
        """Floating parameters and buffers as float16."""
        return self._convert(lambda tensor: tensor.half())

    def cpu(self) -> Any:
        """Everything in main memory."""
        return self._convert(lambda tensor: tensor.cpu())

    def cuda(self) -> Any:
        """Everything on the GPU."""
        return self._convert(lambda tensor: tensor.cuda())


def clear_grads(params: Iterable[Tensor], set_to_none: bool) -> None:
    """Drop gradients (without reading them, so that a trace need not know they were there), or zero them."""
    if set_to_none:
        for param in params:
            param.grad = None
        return
    with state.no_grad():
        for param in params:
            grad: Any = param.grad
            if grad is not None:
                if grad._node is not None:
                    grad.detach_()
                elif grad._rg:
                    grad.requires_grad_(False)
                grad.zero_()
