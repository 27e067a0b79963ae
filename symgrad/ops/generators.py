"""Where random numbers come from: streams, the default one, and putting it aside for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from symgrad.errors import GradError
from symgrad.runtime.generator import Philox
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.device import Device

DEFAULT_SEED = 67280421310721


class Generator:
    """One stream of random numbers: a seed and how far it has been read."""

    def __init__(self, device: Any = "cpu"):
        self.device = Device(device)
        self.stream = Philox(seed=DEFAULT_SEED)

    def manual_seed(self, seed: int) -> "Generator":
        """Start the stream that belongs to `seed` (modulo 2^64) from its beginning."""
        refuse_in_trace("seeding a generator")
        self.stream.set_state((int(seed), 0))
        return self

    def initial_seed(self) -> int:
        """The seed this stream was started from."""
        return self.stream.seed

    def seed(self) -> int:
        """Start from a seed the operating system chose; returns it."""
        fresh = int.from_bytes(np.random.SeedSequence().generate_state(2).tobytes(), "little")
        self.manual_seed(fresh)
        return fresh

    def get_state(self) -> Tensor:
        """Seed and position as a tensor of 16 bytes, for `set_state`."""
        return wrap(np.array(self.stream.get_state(), "<u8").view(np.uint8))

    def clone_state(self) -> "Generator":
        """Another generator at the same place."""
        other = Generator(self.device)
        other.stream.set_state(self.stream.get_state())
        return other

    def set_state(self, new_state: Tensor) -> None:
        """Go back to a state `get_state` gave."""
        refuse_in_trace("setting a generator's state")
        data = np.ascontiguousarray(new_state.numpy())
        if data.dtype != np.uint8 or data.shape != (16,):
            raise GradError("RNG state must be a uint8 tensor of 16 elements")
        seed, offset = data.view("<u8").tolist()
        self.stream.set_state((seed, offset))


default_generator = Generator()


def refuse_in_trace(what: str) -> None:
    """Raise the capture's error where a compiled program could not repeat `what`."""
    if (active := state.capture()) is not None:
        active.refuse(what)


def manual_seed(seed: int) -> Generator:
    """Seed the default generator."""
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """The seed of the default generator."""
    return default_generator.initial_seed()


def seed() -> int:
    """Seed the default generator from the operating system; returns the seed."""
    return default_generator.seed()


def get_rng_state() -> Tensor:
    """The state of the default generator."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Set the state of the default generator."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True, device_type: str = "cuda") -> Iterator[None]:
    """The default generator's state before and after is the same, whatever is drawn inside.

    >>> with sg.random.fork_rng():
    ...     inside = sg.rand(1)
    >>> bool((sg.rand(1) == inside).all())
    True
    """
    before = default_generator.get_state() if enabled else None
    try:
        yield
    finally:
        if before is not None:
            default_generator.set_state(before)
