"""Changes of a whole module tree at once: mode, freezing, gradients dropped, dtype and device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from symgrad.dtypes import as_dtype
from symgrad.nn.tree import Tree
from symgrad.ops.creation import empty_like
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.device import Device


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
        """Convert parameters and floating buffers in place of themselves; returns the module.

        Takes what `Tensor.to` takes; of a dtype, integer buffers keep their own.
        """
        dtype = wanted_dtype(*args, **kwargs)
        if dtype is not None and not dtype.is_inexact:
            raise TypeError("nn.Module.to only accepts floating point or complex dtypes, but got desired "
                            f"dtype={dtype}")  # fmt: skip

        def change(tensor: Any) -> Tensor:
            new = tensor.to(*args, **kwargs)
            return new if tensor.dtype.is_inexact else new.to(tensor.dtype)  # type: ignore[no-any-return]

        return self._apply(change)

    def _apply(self, fn: Callable[[Any], Tensor], recurse: bool = True) -> Any:
        """Every parameter, its gradient, and every buffer replaced by what `fn` makes of it, below first."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with state.no_grad():
            for tensor in [*self.parameters(recurse=False), *self.buffers(recurse=False)]:
                new = fn(tensor)
                if new is not tensor:
                    tensor.data = new
                    if tensor.grad is not None:
                        tensor.grad.data = fn(tensor.grad)
        return self

    def type(self, dst_type: Any) -> Any:
        """All parameters and buffers as a type, given by dtype or old name."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self) -> Any:
        """Floating parameters and buffers as float32."""
        return self._apply(lambda tensor: tensor.float() if tensor.dtype.is_floating_point else tensor)

    def double(self) -> Any:
        """Floating parameters and buffers as float64."""
        return self._apply(lambda tensor: tensor.double() if tensor.dtype.is_floating_point else tensor)

    def half(self) -> Any:
        """Floating parameters and buffers as float16."""
        return self._apply(lambda tensor: tensor.half() if tensor.dtype.is_floating_point else tensor)

    def bfloat16(self) -> Any:
        """Floating parameters and buffers as bfloat16."""
        return self._apply(lambda tensor: tensor.bfloat16() if tensor.dtype.is_floating_point else tensor)

    def cpu(self) -> Any:
        """Everything in main memory."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Any = None) -> Any:
        """Everything on the GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def to_empty(self, *, device: Any, recurse: bool = True) -> Any:
        """Everything on another device, its values not copied."""
        return self._apply(lambda tensor: empty_like(tensor, device=device), recurse)

    def share_memory(self) -> Any:
        """The module as it is: processes here are given copies."""
        return self


def wanted_dtype(*args: Any, dtype: Any = None, **rest: Any) -> Any:
    """The dtype among the arguments of `to`, if there is one."""
    for arg in args:
        if isinstance(arg, Tensor):
            return arg.dtype
        if not isinstance(arg, (str, int, Device)) and arg is not None:
            dtype = arg
    return None if dtype is None else as_dtype(dtype)


def clear_grads(params: Iterable[Tensor], set_to_none: bool) -> None:
    """Drop gradients (without reading them, so that a trace need not know they were there), or zero them."""
    if set_to_none:
        traced = state.capture() is not None
        for param in params:
            if traced:
                param.grad = None
            else:
                param._grad = None
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
