"""The questions scripts ask of a GPU: is there one, how many, wait for it. CuPy answers, where it is installed."""

from __future__ import annotations

from functools import cache
from typing import Any

from symgrad.ops.generators import default_generator
from symgrad.tensor.device import Device, require_cupy


@cache
def device_count() -> int:
    """How many GPUs there are; 0 without CuPy or a driver."""
    try:
        import cupy
    except ImportError:
        return 0
    try:
        return int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError:
        return 0


def is_available() -> bool:
    """Whether there is a GPU that can be used."""
    return device_count() > 0


def current_device() -> int:
    """The number of the GPU in use."""
    return int(require_cupy().cuda.Device().id)


def set_device(device: Any) -> None:
    """Use the GPU of this number."""
    index = Device(device).index if not isinstance(device, int) else device
    require_cupy().cuda.Device(index or 0).use()


def get_device_name(device: Any = None) -> str:
    """What the GPU is called."""
    index = current_device() if device is None else device if isinstance(device, int) else Device(device).index or 0
    name = require_cupy().cuda.runtime.getDeviceProperties(index)["name"]
    return name.decode() if isinstance(name, bytes) else str(name)


def synchronize(device: Any = None) -> None:
    """Wait until the GPU has done all it was given."""
    require_cupy().cuda.Device().synchronize()


def empty_cache() -> None:
    """Give memory that is not in use back to the GPU; nothing to do without one."""
    if is_available():
        require_cupy().get_default_memory_pool().free_all_blocks()


def manual_seed(seed: int) -> None:
    """Seed the generator, which all devices share."""
    default_generator.manual_seed(seed)


manual_seed_all = manual_seed


def is_initialized() -> bool:
    """Whether a GPU is in use; asking for one is enough."""
    return is_available()


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether there is a GPU that takes bfloat16."""
    return is_available()


def memory_allocated(device: Any = None) -> int:
    """Bytes of GPU memory that arrays take now."""
    return int(require_cupy().get_default_memory_pool().used_bytes()) if is_available() else 0


def memory_reserved(device: Any = None) -> int:
    """Bytes of GPU memory kept for arrays to come, and those in use."""
    return int(require_cupy().get_default_memory_pool().total_bytes()) if is_available() else 0


max_memory_allocated = max_memory_reserved = memory_reserved
"""CuPy keeps what it has had: the most is what it holds."""


def reset_peak_memory_stats(device: Any = None) -> None:
    """There is no peak to forget but what is held."""


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The GPU's compute capability."""
    index = current_device() if device is None else device if isinstance(device, int) else Device(device).index or 0
    text = require_cupy().cuda.Device(index).compute_capability
    return int(text[:-1]), int(text[-1])
