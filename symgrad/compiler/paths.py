"""Choosing among the paths of a function that branches on tensors' values.

A variant with branches is a pure program: its conditions are outputs, and so are the new values of the
cells. It runs, and only if every condition turned out as in its trace is anything committed; otherwise
the first that did not tells which of the other paths may be the right one, and nothing has happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from symgrad.ir.graph import Graph

if TYPE_CHECKING:
    from symgrad.compiler.variant import Variant

NEW_PATH = "new path: "
RAISED = (ArithmeticError, LookupError, ValueError, TypeError, RuntimeError)
"""What an entry can raise: on a path that is not the right one, no matter."""


class OtherPath(Exception):
    """A variant's branches turned out otherwise: `outcomes`, up to the first that did."""

    def __init__(self, outcomes: tuple[bool, ...]):
        self.outcomes = outcomes


def deferring(graph: Graph) -> Graph:
    """`graph` with the new values of its cells as its last outputs, for the caller to commit."""
    return graph.replace(outputs=(*graph.outputs, *(new for _, new in graph.effects)), effects=())


def turned(expected: Sequence[bool], actual: Iterable[bool]) -> tuple[bool, ...] | None:
    """None if all turned out as expected, else the outcomes up to the first that did not."""
    for number, (want, got) in enumerate(zip(expected, actual)):
        if want != got:
            return (*expected[:number], got)
    return None


def follow(known: Sequence["Variant"], leaves: list[Any]) -> tuple["Variant | None", Any, str]:
    """Run the variant whose path this call takes; without one, None and the branch that led away."""
    taken: tuple[bool, ...] = ()
    reason = ""
    for variant in known:
        outcomes = variant.traced.outcomes
        if not outcomes or outcomes[: len(taken)] != taken or variant.miss(leaves) is not None:
            continue
        try:
            return variant, variant.run(leaves), ""
        except OtherPath as other:
            taken = other.outcomes
        except RAISED:
            instead = turned(outcomes, variant.interpreted(leaves))
            if instead is None:
                raise
            taken = instead
        branch = variant.traced.branches[len(taken) - 1]
        reason = f"{NEW_PATH}{branch.where} is {taken[-1]}"
    return None, None, reason
