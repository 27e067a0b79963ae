"""The list of promised operations: no name twice, each with samples."""

from __future__ import annotations

from collections import Counter

from opinfo.cases import load
from opinfo.left_out import LOOSE
from opinfo.named import NAMES, RANDOM, UNINITIALISED


def test_no_name_twice() -> None:
    assert [n for n, count in Counter(NAMES).items() if count > 1] == []


def test_every_name_has_samples() -> None:
    assert all(load().values())


def test_tables_name_promised_operations() -> None:
    assert (set(LOOSE) | RANDOM | UNINITIALISED) <= set(NAMES)
