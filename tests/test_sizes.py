"""A file one can hold in the head: at most 400 lines, without exceptions."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "symgrad"
LIMIT = 400
ALLOWED: frozenset[str] = frozenset()  # none, and none shall be


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_file_is_short(path: Path) -> None:
    count = len(path.read_text(encoding="utf-8").splitlines())
    assert count <= LIMIT or str(path.relative_to(ROOT)) in ALLOWED, f"{count} lines"
