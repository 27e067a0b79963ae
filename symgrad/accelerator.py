"""What `torch.accelerator` answers: is there a GPU, which, and wait for it."""

from __future__ import annotations

from typing import Any

from symgrad.cuda import current_device, device_count, is_available, set_device, synchronize
from symgrad.tensor.device import Device

__all__ = ["current_accelerator", "current_device_index", "device_count", "is_available", "set_device_index",
           "synchronize"]  # fmt: skip

current_device_index = current_device
set_device_index = set_device


def current_accelerator(check_available: bool = False) -> Any:
    """The device `cuda` where there is one, else None."""
    return Device("cuda") if is_available() else None
