"""Contenders take turns: what disturbs the machine disturbs all of them, so their ratios stay true."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Step = Callable[[], float]

SETTLE_SECONDS = 0.03


@dataclass
class Contender:
    """A way to run a step; `many(n)` makes n of them without returning to Python in between."""

    step: Step
    many: Callable[[int], Any] | None = None

    def run(self, count: int) -> float:
        """Seconds that `count` steps take."""
        start = time.perf_counter()
        if self.many is not None:
            self.many(count)
        else:
            step = self.step
            for _ in range(count):
                step()
        return time.perf_counter() - start


@dataclass(frozen=True)
class Timing:
    """Seconds per step: the median and the best of all turns."""

    median: float
    best: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Timing:
        """What `samples`, each in seconds per step, come to."""
        return cls(statistics.median(samples), min(samples))


class DisagreementError(AssertionError):
    """Two contenders do not compute the same losses: their times are not to be compared."""


def agree(contenders: Mapping[str, Contender], steps: int = 20, rtol: float = 1e-3) -> list[float]:
    """Run the first `steps` steps of each and check the losses against the first contender's."""
    expected: list[float] = []
    reference = ""
    for name, contender in contenders.items():
        losses = [contender.step() for _ in range(steps)]
        if not expected:
            expected, reference = losses, name
        for number, (found, wanted) in enumerate(zip(losses, expected)):
            if not abs(found - wanted) <= rtol * abs(wanted):
                raise DisagreementError(
                    f"step {number}: {name} has loss {found:.7g}, {reference} has {wanted:.7g}")
    return expected


def interleave(
    contenders: Mapping[str, Contender], turns: int = 15, seconds: float = 0.02
) -> dict[str, Timing]:
    """Time each contender in `turns` turns of about `seconds` each, in an order shuffled for each turn.

    Before its turn a contender waits and warms up: the helper threads of one library's BLAS or
    OpenMP spin for some milliseconds after their work is done, and would slow the next one down.
    """
    counts = {name: calibrate(contender, seconds) for name, contender in contenders.items()}
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffle = random.Random(0).shuffle  # nobody always follows the same neighbour
    for _ in range(turns):
        shuffle(order)
        for name in order:
            contender, count = contenders[name], counts[name]
            if len(contenders) > 1:
                time.sleep(SETTLE_SECONDS)
            contender.run(max(1, count // 10))
            samples[name].append(contender.run(count) / count)
    return {name: Timing.of(found) for name, found in samples.items()}


def calibrate(contender: Contender, seconds: float) -> int:
    """How many steps take about `seconds`, found by doubling; this is the warm-up too."""
    count = 1
    while True:
        taken = contender.run(count)
        if taken >= seconds or count >= 1 << 20:
            return max(1, round(count * seconds / max(taken, 1e-9))) if count > 1 else 1
        count *= 2
