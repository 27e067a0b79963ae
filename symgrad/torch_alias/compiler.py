"""`torch.compiler`: what programs ask of it."""

from __future__ import annotations

from typing import Any

from symgrad.tensor import state
from symgrad.torch_alias.names import compile

__all__ = ["compile", "is_compiling", "reset"]


def is_compiling() -> bool:
    """Whether a function is being traced."""
    return state.capture() is not None


def reset() -> Any:
    """Compiled functions keep what they have compiled: it is checked at each call."""
