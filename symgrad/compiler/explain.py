"""`compiled.explain()`: what was fused, what it moves through memory and in what time, and why it was traced again."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from symgrad.compiler.measure import floor_seconds, kernel_seconds, run_floor_seconds, turn_name
from symgrad.ir.graph import Value

if TYPE_CHECKING:
    from symgrad.compiler.compiled import Compiled
    from symgrad.compiler.variant import Variant
    from symgrad.passes.schedule import Run, Step


class Explanation:
    """Tables as text (and as rows): kernels of each variant, paths taken, misses of the guards.

    Kernels are timed when the table is first looked at (a fraction of a second for each variant).
    """

    def __init__(self, compiled: "Compiled"):
        self.name = compiled.__name__
        self._variants = [v for known in compiled.variants.values() for v in known]
        self.variants = sum(map(len, compiled.variants.values()))
        self.paths = [(str(number + 1), str(v.calls), conditions(v)) for known in compiled.variants.values()
                      for number, v in enumerate(v for v in known if v.traced.branches)]  # fmt: skip
        self.misses = list(compiled.misses)
        self.eager = list(compiled.eager.values())

    @cached_property
    def kernels(self) -> list[tuple[str, ...]]:
        """One row per kernel of each variant, as the table has them."""
        return [row for v in self._variants for row in kernel_rows(v)]

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.variants} variant{'s' if self.variants != 1 else ''}"]
        if self.kernels:
            lines += ["", *table(HEAD, self.kernels)]
        if self.paths:
            lines += ["", *table(("path", "calls", "conditions on tensors' values"), self.paths)]
        if self.misses:
            lines += ["", "traced again because"] + [f"  {i + 1}. {reason}" for i, reason in enumerate(self.misses)]
        for reason in self.eager:
            lines += ["", f"runs eagerly: {reason}"]
        return "\n".join(lines)

    __repr__ = __str__


HEAD = ("kernel", "ops", "reads", "writes", "floor", "time", "share", "not fused further because")


def kernel_rows(variant: "Variant") -> list[tuple[str, ...]]:
    """One row per step: name, equations, bytes read and written once, the least time that takes, the time
    measured (where the program is one native function), the share of it that is the floor, why it stands alone.
    """
    program = variant.program
    if program.backend == "reference":
        return []
    rows: list[tuple[str, ...]] = []
    taken = kernel_seconds(variant) if program.backend == "numba" and program.seam is None else {}
    for schedule in program.schedule.values():
        for steps, run in schedule.turns():
            reasons = {step: step.reason for step in steps}
            if run is not None:
                rows.append(run_row(steps, run, taken.get(turn_name(steps))))
                reasons = dict.fromkeys(steps, "in the loop over samples above")
            for step in steps:
                ops = shorten(" ".join(eqn.prim.name for eqn in step.eqns), 40)
                traffic = (size(step.reads), size(step.writes)) if run is None else ("–", "–")
                times = timed(floor_seconds(step), taken.get(step.name)) if run is None else ("–", "–", "–")
                rows.append((step.name, ops, *traffic, *times, reasons[step]))
    return rows


def run_row(steps: "tuple[Step, ...]", run: "Run", spent: float | None) -> tuple[str, ...]:
    """The row of steps that take turns on each sample; what only they use stays in cache."""
    reads = {v: None for step in steps for v in step.reads if v not in run.local}
    writes = {v: None for step in steps for v in step.writes if v not in run.local}
    ops = f"{len(steps)} steps for each of {int(run.extent)} samples"
    least = run_floor_seconds(steps, run)
    given = tuple(v for v in reads if v not in writes)
    return (turn_name(steps), ops, size(given), size(tuple(writes)), *timed(least, spent), "")


def timed(least: float, spent: float | None) -> tuple[str, str, str]:
    """The least time, the time measured, and the first's share of it."""
    return seconds(least), seconds(spent) if spent else "–", f"{least / spent:.0%}" if spent else "–"


def seconds(time: float) -> str:
    """A time in words."""
    for unit, scale in (("ns", 1e-9), ("µs", 1e-6), ("ms", 1e-3)):
        if time < 999.5 * scale:
            return f"{time / scale:.3g} {unit}"
    return f"{time:.3g} s"


def conditions(variant: "Variant") -> str:
    """A path in words: each of the user's lines with its outcomes in order, repeated ones counted."""
    runs: list[list[Any]] = []
    for branch in variant.traced.branches:
        if runs and runs[-1][:2] == [branch.where, branch.outcome]:
            runs[-1][2] += 1
        else:
            runs.append([branch.where, branch.outcome, 1])
    parts = []
    for number, (where, outcome, count) in enumerate(runs):
        again = number and runs[number - 1][0] == where
        parts.append(f"{', ' if again else '; ' if number else ''}{'' if again else f'{where}: '}{outcome}"
                     + (f" x{count}" if count > 1 else ""))  # fmt: skip
    return "".join(parts)


def size(values: tuple[Value, ...]) -> str:
    """Bytes of values in words."""
    nbytes = float(sum(int(v.type.nbytes) for v in values))
    for unit in ("B", "kB", "MB"):
        if nbytes < 1000:
            return f"{nbytes:.3g} {unit}"
        nbytes /= 1000
    return f"{nbytes:.3g} GB"


def shorten(text: str, width: int) -> str:
    """`text` cut to `width` with an ellipsis."""
    return text if len(text) <= width else text[: width - 1] + "…"


def table(head: tuple[str, ...], rows: Any) -> list[str]:
    """Aligned columns."""
    cells = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths)).rstrip() for row in cells]
    return [lines[0], "  ".join("-" * w for w in widths), *lines[1:]]
