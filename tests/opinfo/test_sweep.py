"""Every promised operation on a part of PyTorch's samples; `python tests/opinfo/__main__.py --all` runs all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from opinfo import grouped, sweep
from opinfo.cases import Case, load
from opinfo.convert import OutOfScope
from opinfo.left_out import EAGER, LEFT_OUT
from opinfo.named import NAMES
from symgrad.testing.cuda_module import available

TABLE = load()
DTYPES = [torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64]
ONE_IN = 6
"""Numba takes a second for an operation, an emulated kernel nearly that: one in so many runs here."""


def told(tally: sweep.Tally) -> None:
    if tally.passed < tally.total:
        pytest.fail(f"{tally}\n" + "\n".join(tally.failures[:10]))


@pytest.mark.parametrize("name", NAMES)
def test_eager(name: str) -> None:
    """Values, first and second gradients, errors, and the other forms of an operation."""
    tally = sweep.Tally()
    for case in TABLE[name]:
        tally += sweep.values(case, DTYPES, limit=6)
        tally += sweep.gradients(case, limit=4)
        tally += sweep.gradients(case, limit=1, order=2)
        tally += sweep.errors(case, limit=10)
        tally += sweep.forms(case, limit=2)
    assert tally.total + tally.skipped + sum(tally.left.values())
    told(tally)


MEMBERS = grouped.members(TABLE)
TOGETHER = 16


@pytest.mark.parametrize("turn", range(0, len(MEMBERS), TOGETHER))
@pytest.mark.parametrize("backend", ["reference", "numpy"])
def test_compiled(backend: str, turn: int) -> None:
    """A sample of every operation, many in one function: values and gradients."""
    failures = grouped.check(MEMBERS[turn : turn + TOGETHER], backend)
    assert not failures, "\n".join(failures)


FEW = [m for i, m in enumerate(MEMBERS) if i % ONE_IN == 0]


@pytest.mark.parametrize("turn", range(0, len(FEW), TOGETHER))
@pytest.mark.parametrize("backend", ["numba", "cupy"])
def test_native(backend: str, turn: int) -> None:
    """The same of some operations, compiled to machine code."""
    if backend == "cupy" and (reason := available()):
        pytest.skip(reason)
    failures = grouped.check(FEW[turn : turn + TOGETHER], backend)
    assert not failures, "\n".join(failures)


def test_what_is_left_out_is_there() -> None:
    """Each entry still covers samples that fail; one that passes is a failure of its operation's test."""
    covered = set()
    for entry in LEFT_OUT:
        for name in entry.names.split():
            for case in TABLE[name]:
                covered |= set(check_of(entry.checks, case).left)
    assert [e for e in LEFT_OUT if e not in covered] == []


def check_of(checks: str, case: Case) -> sweep.Tally:
    tally = sweep.Tally()
    for check in checks.split():
        if check == "values":
            tally += sweep.values(case, [*DTYPES, torch.float16, torch.uint8])
        elif check in ("gradients", "second"):
            tally += sweep.gradients(case, order=1 if check == "gradients" else 2)
        elif check == "compiled":
            tally += sweep.values(case, DTYPES[:1], "reference")
        else:
            tally += getattr(sweep, check)(case)
    return tally


@pytest.mark.parametrize("name", sorted(EAGER))
def test_what_runs_eagerly_needs_to(name: str) -> None:
    """An operation said to run eagerly under `compile` does, for some sample."""
    assert any(runs_eagerly(case, sample) for case in TABLE[name] for sample in some(case))


def some(case: Case) -> Iterator[Any]:
    dtypes = [d for d in (torch.float32, torch.int64) if d in case.dtypes]
    return itertools.chain.from_iterable(itertools.islice(case.samples(d), 60) for d in dtypes)


def runs_eagerly(case: Case, sample: Any) -> bool:
    try:
        sweep.both(case, sample, "reference")
    except sweep.RanEagerly:
        return True
    except OutOfScope:
        return False
    return False


def test_the_page_lists_what_is_promised() -> None:
    text = (Path(__file__).parents[2] / "docs" / "coverage.md").read_text(encoding="utf-8")
    rows = [line.split("`")[1] for line in text.partition("## Left out")[0].splitlines() if line.startswith("| `")]
    assert rows == list(NAMES), "python tests/opinfo/__main__.py --coverage docs/coverage.md"
    left = text.partition("## Left out")[2]
    for why in [*(e.reason for e in LEFT_OUT), *EAGER.values()]:
        assert why in left, "python tests/opinfo/__main__.py --coverage docs/coverage.md"
