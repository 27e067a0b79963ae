"""Where a tensor lives."""

from __future__ import annotations

from symgrad.errors import GradError


class Device:
    """Where a tensor lives: `cpu` or `cuda`."""

    __slots__ = ("type", "index")

    def __init__(self, type: "str | Device", index: int | None = None):
        text = str(type)
        name, _, number = text.partition(":")
        if name not in ("cpu", "cuda"):
            raise GradError(f"Expected one of cpu, cuda device type at start of device string: {text}")
        self.type = name
        self.index = int(number) if number else index

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"

    def __eq__(self, other: object) -> bool:
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
