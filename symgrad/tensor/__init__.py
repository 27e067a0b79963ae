"""Tensors: the one class, the tape, views, and the door every operation goes through."""

from symgrad.tensor.core import Device, Size, Tensor, wrap
from symgrad.tensor.dispatch import bind
from symgrad.tensor.inference import inference_mode, is_inference_mode_enabled
from symgrad.tensor.state import enable_grad, is_grad_enabled, no_grad, set_grad_enabled

__all__ = ["Device", "Size", "Tensor", "bind", "enable_grad", "inference_mode", "is_grad_enabled",
           "is_inference_mode_enabled", "no_grad", "set_grad_enabled", "wrap"]  # fmt: skip
