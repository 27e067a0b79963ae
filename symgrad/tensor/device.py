"""Where a tensor lives, and where new ones do unless told."""

from __future__ import annotations

import threading
from typing import Any

from symgrad.errors import BackendError, GradError


class Device:
    """Where a tensor lives: `cpu` or `cuda`. As a context, where new tensors live."""

    __slots__ = ("type", "index", "_outer")

    def __init__(self, type: "str | int | Device", index: int | None = None):
        text = f"cuda:{type}" if isinstance(type, int) else str(type)
        name, _, number = text.partition(":")
        if name not in ("cpu", "cuda") or _ and not number.isdigit():
            raise GradError(f"Expected one of cpu, cuda device type at start of device string: {text}")
        if number and index is not None:
            raise GradError(f"type (string) must not include an index because index was passed explicitly: {text}")
        self.type = name
        self.index = int(number) if number else index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> Any:
        return (Device, (str(self),))

    def __enter__(self) -> "Device":
        self._outer = default_device()
        set_default_device(self)
        return self

    def __exit__(self, *exc: object) -> None:
        set_default_device(self._outer)


class _Default(threading.local):
    device = Device("cpu")


_default = _Default()


def default_device() -> Device:
    """Where new tensors live unless told."""
    return _default.device


def set_default_device(device: Any) -> None:
    """Let new tensors live on `device`; None is the CPU."""
    chosen = Device("cpu" if device is None else device)
    if chosen.type == "cuda":
        require_cupy()
    _default.device = chosen


def require_cupy() -> Any:
    """The module `cupy`, or the error that says how to get it."""
    try:
        import cupy
    except ImportError as error:
        raise BackendError("device 'cuda' needs CuPy", hint="pip install 'symgrad[cuda13]'") from error
    return cupy
