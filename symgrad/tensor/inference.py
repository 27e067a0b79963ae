"""`inference_mode`: tensors made in it have no version and can never be saved for backward.

Such a tensor is told by a negative `_version`. From the first use of the mode on, new tape nodes are
looked at for saved inference tensors; a program that never uses it pays nothing.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import GradError
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.node import Node, watch_nodes


class inference_mode(state.Mode):
    """`no_grad`, and more: what is made inside takes no part in autograd, outside either.

    >>> with sg.inference_mode():
    ...     y = sg.ones(2) * 2
    >>> y.is_inference()
    True
    """

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if isinstance(mode, bool):
            return self
        inference_mode.__init__(self, True)
        return self(mode)

    def __init__(self, mode: bool = True):
        self.mode = mode
        self._old: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        if self.mode:
            watch_nodes(_refuse)
        self._old.append((state.set_inference(self.mode), state.set_grad(not self.mode)))

    def __exit__(self, *exc: object) -> None:
        inference, grad = self._old.pop()
        state.set_inference(inference)
        state.set_grad(grad)

    def _fresh(self) -> "inference_mode":
        return inference_mode(self.mode)  # type: ignore[no-any-return]


def is_inference_mode_enabled() -> bool:
    """Whether this thread is in inference mode."""
    return state.local.inference


def _refuse(node: Node) -> None:
    for value in node.saved:
        for item in value if type(value) is tuple else (value,):
            if isinstance(item, Tensor) and item.owner._version < 0:
                raise GradError(
                    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference "
                    "mode in computation tracked by autograd. To work around this, you can make a clone to get a "
                    "normal tensor and use it in autograd, or use `no_grad()` instead of `inference_mode()`.")
