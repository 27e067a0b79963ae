"""Random tensors: one counter-based stream per Generator, the same bits eagerly and compiled.

Only three samplers draw (uniform, normal, randint); everything else is arithmetic on what they give,
in operations of the language, so a compiled program repeats it exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, GradError
from symgrad.ops.creation import place, shape_of
from symgrad.ops.draws import SAMPLERS
from symgrad.ops.functional import convert
from symgrad.runtime.generator import Philox
from symgrad.runtime.philox import counters_for, words_per
from symgrad.tensor import state
from symgrad.tensor.core import Device, Tensor, wrap
from symgrad.tensor.views import assign, check_writable

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


def draw(kind: str, shape: tuple[int, ...], dtype: DType, generator: Generator | None, **args: Any) -> Tensor:
    """Numbers of one sampler (uniform in [0, 1), normal, randint low high), eager or recorded."""
    source = default_generator if generator is None else generator
    if dtype is dtypes.float16:
        return convert(draw(kind, shape, dtypes.float32, source, **args), dtype)
    count = 1
    for extent in shape:
        count = count * int(extent)
    if (active := state.capture()) is not None:
        counters = counters_for(count * words_per(kind, dtype.np))
        return active.draw(
            SAMPLERS[kind], source.stream, counters, dict(shape=shape, dtype=dtype, **args))
    if kind == "randint":
        data = source.stream.randint(count, args["low"], args["high"])
    elif kind == "uniform":
        data = source.stream.uniform(count, dtype.np)
    else:
        data = source.stream.normal(count, dtype.np)
    return wrap(data.reshape(shape))


def floating(dtype: Any, what: str) -> DType:
    """The floating dtype asked for, the default if none was."""
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not kind.is_floating_point:
        raise DTypeError(f'"{what}" not implemented for {kind.name}', hint="ask for a floating dtype")
    return kind


def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Numbers uniform in [0, 1)."""
    kind = floating(dtype, "uniform")
    return place(draw("uniform", shape_of(*size), kind, generator), device, requires_grad)


def randn(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None,
          requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Numbers from the standard normal distribution."""
    kind = floating(dtype, "normal")
    return place(draw("normal", shape_of(*size), kind, generator), device, requires_grad)


def rand_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`rand` of `input`'s shape, dtype and device."""
    return rand(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


def randn_like(input: Tensor, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`randn` of `input`'s shape, dtype and device."""
    return randn(input.shape, dtype=dtype or input.dtype, device=device or input.device,
                 requires_grad=requires_grad)  # fmt: skip


def randint(low: int, high: Any = None, size: Any = None, *, generator: Generator | None = None,
            dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high); `randint(high, size)` starts at 0."""
    if size is None:
        low, high, size = 0, low, high
    if high is None or size is None:
        raise TypeError("randint() needs (high, size) or (low, high, size)")
    if low >= high:
        raise GradError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    out = draw("randint", shape_of(size), dtypes.int64, generator, low=int(low), high=int(high))
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    return place(convert(out, kind), device, requires_grad)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
           dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Normal numbers; mean and std are numbers with a `size`, or tensors that give the shape."""
    for value in (mean, std):
        if isinstance(value, Tensor):
            shape = tuple((mean + std).shape)
            return place(draw("normal", shape, value.dtype, generator) * std + mean, device, requires_grad)
    if size is None:
        raise TypeError("normal() needs a size where mean and std are numbers")
    kind = floating(dtype, "normal")
    return place(scaled(draw("normal", shape_of(size), kind, generator), mean, std), device, requires_grad)


def scaled(x: Tensor, shift: Any, factor: Any) -> Tensor:
    """factor * x + shift."""
    return x * factor + shift


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Overwrite with normal numbers of the given mean and standard deviation."""
    if std < 0:
        raise GradError(f"normal expects std >= 0.0, but found std {std}")
    check_writable(self)
    fresh = draw("normal", tuple(self.shape), floating(self.dtype, "normal"), generator)
    return assign(self, scaled(fresh, mean, std))


def uniform_(self: Tensor, *bounds: float, generator: Generator | None = None, **named: float) -> Tensor:
    """Overwrite with numbers uniform in [from, to), by default [0, 1)."""
    given = dict(zip(("from", "to"), bounds))
    unknown = set(named) - {"from", "to"} | set(named) & set(given)
    if unknown or len(bounds) > 2:
        raise TypeError(f"uniform_() got unexpected arguments {sorted(unknown) or bounds}")
    low, high = (float({"from": 0.0, "to": 1.0, **given, **named}[k]) for k in ("from", "to"))
    if low > high:
        raise GradError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
    check_writable(self)
    fresh = draw("uniform", tuple(self.shape), floating(self.dtype, "uniform"), generator)
    return assign(self, scaled(fresh, low, high - low))


Tensor.normal_ = normal_  # type: ignore[attr-defined]
Tensor.uniform_ = uniform_  # type: ignore[attr-defined]
