"""How the C library keeps memory that was freed, and when Python looks for what nobody holds any more.

glibc returns large blocks to the system when they are freed, and the top of its heap, so that a training step
takes the same pages anew each time, zeroed one by one: more than half the time of a small convolutional
network. It stops for blocks below the largest that was ever freed, if that one was at most 32 MB.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

LARGEST = (1 << 25) - (1 << 16)
"""Just under glibc's DEFAULT_MMAP_THRESHOLD_MAX."""


def keep_freed_memory() -> None:
    """Free one block of the size from which on memory is to be returned. Its pages are never touched."""
    np.empty(LARGEST, np.uint8)


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cycles: nearly all that a compiler makes is held until it is done, and would be looked at again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
