"""The documents' training steps, side by side: hand-written, eager, compiled, and by other libraries."""

from symgrad.bench.problems import PROBLEMS, problem
from symgrad.bench.timing import Contender, DisagreementError, Timing, agree, interleave
from symgrad.bench.workload import Workload

__all__ = [
    "PROBLEMS", "Contender", "DisagreementError", "Timing", "Workload", "agree", "interleave", "problem",
]  # fmt: skip
