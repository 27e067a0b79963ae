"""A step length by the strong Wolfe conditions: enough descent, and a slope that has become flat.

Source: Nocedal & Wright 2006, algorithms 3.5 and 3.6, with minFunc's safeguards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Point:
    """A step length with the loss there, its gradient, and its slope along the direction."""

    t: Any
    loss: float
    gradient: Any
    slope: Any


DESCENT, FLATNESS, SHORTEST = 1e-4, 0.9, 1e-9


def strong_wolfe(
    evaluate: Callable[[Any], Point], start: Point, t: Any, width: Any, most: int
) -> tuple[Point, int]:
    """The best point found along a direction from `start`, `t` being tried first, and the number of evaluations.

    `width` is the largest component of the direction; there are at most `most` + 1 evaluations.
    """

    def too_high(point: Point) -> Any:
        return point.loss > start.loss + DESCENT * point.t * start.slope

    def flat(point: Point) -> Any:
        return abs(point.slope) <= -FLATNESS * start.slope

    before, here = start, evaluate(t)
    steps, done = 0, False
    while steps < most:
        if too_high(here) or (steps > 1 and here.loss >= before.loss) or (not flat(here) and here.slope >= 0):
            bracket = [before, here]
            break
        if flat(here):
            return here, steps + 1
        bounds = (here.t + 0.01 * (here.t - before.t), here.t * 10)
        before, here = here, evaluate(cubic(before, here, bounds))
        steps += 1
    else:
        bracket = [start, here]

    low, high = _order(bracket)
    stuck = False
    while not done and steps < most:
        if abs(bracket[1].t - bracket[0].t) * width < SHORTEST:
            break
        t, stuck = _inside(cubic(bracket[0], bracket[1]), bracket, stuck)
        here = evaluate(t)
        steps += 1
        if too_high(here) or here.loss >= bracket[low].loss:
            bracket[high] = here
            low, high = _order(bracket)
            continue
        if flat(here):
            done = True
        elif here.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = here
    return bracket[low], steps + 1


def _order(bracket: list[Point]) -> tuple[int, int]:
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)


def _inside(t: Any, bracket: list[Point], stuck: bool) -> tuple[Any, bool]:
    """`t` kept off the ends of the bracket if it has come near them twice, and whether it is near."""
    left, right = sorted([point.t for point in bracket])
    margin = 0.1 * (right - left)
    if not min(right - t, t - left) < margin:
        return t, False
    if not (stuck or t >= right or t <= left):
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


def cubic(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through both losses and slopes is least, within `bounds` or between the points."""
    least, most = bounds if bounds is not None else sorted([a.t, b.t])
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (least + most) / 2.0
    left, right = (a, b) if a.t <= b.t else (b, a)
    d2 = square.sqrt()
    t = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
    return min(max(t, least), most)
