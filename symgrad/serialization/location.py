"""Where loaded tensors live: where they were saved from, or where `map_location` says."""

from __future__ import annotations

from typing import Any

from symgrad.cuda import is_available
from symgrad.errors import BackendError
from symgrad.ops.conversion import Storage
from symgrad.tensor.core import wrap
from symgrad.tensor.device import Device, require_cupy


class Placement:
    """What `map_location` (None, a device, a dict of them, a function) makes of the places named in a file."""

    def __init__(self, map_location: Any):
        self.map_location = map_location
        if not (map_location is None or isinstance(map_location, dict) or callable(map_location)):
            Device(map_location)

    def __call__(self, array: Any, saved: str) -> Any:
        """The array, in the memory of the device it belongs on."""
        wanted = self.map_location
        if isinstance(wanted, dict):
            wanted = wanted.get(saved, saved)
        elif callable(wanted) and not isinstance(wanted, Device):
            storage = wanted(Storage(wrap(array), array.itemsize), saved)
            if storage is not None:
                return array
            wanted = saved
        where = Device(wanted) if wanted is not None else _known(saved)
        if where.type == "cpu":
            return array
        if not is_available():
            raise BackendError(
                f"Attempting to deserialize an object on a CUDA device ({where}) but cuda.is_available() is False",
                hint="pass map_location='cpu'")  # fmt: skip
        return require_cupy().asarray(array)


def _known(saved: str) -> Device:
    """The device a file names, which may be one of PyTorch's that is not here."""
    if saved.partition(":")[0] not in ("cpu", "cuda"):
        raise BackendError(f"the file holds tensors saved from the device {saved!r}, which symgrad has not",
                           hint="pass map_location='cpu'")  # fmt: skip
    return Device(saved)
