"""The documents' training steps, side by side: hand-written, eager, compiled, and by other libraries."""

from symgrad.bench.problems import PROBLEMS, Problem, problem
from symgrad.bench.timing import Contender, DisagreementError, Timing, agree, interleave

__all__ = [
    "PROBLEMS", "Contender", "DisagreementError", "Problem", "Timing", "agree", "interleave", "problem",
]  # fmt: skip
