"""A cache directory of the test's own, in a process that has loaded nothing from it yet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

import symgrad.config
from symgrad.runtime import cache


@pytest.fixture
def use_cache_dir(monkeypatch) -> Callable[[Path], None]:
    """Sets `config.cache_dir` for the duration of the test."""

    def use(path: Path) -> None:
        changed = dataclasses.replace(symgrad.config.config, cache_dir=path)
        monkeypatch.setattr(symgrad.config, "config", changed)
        monkeypatch.setattr(cache, "_modules", {})
        monkeypatch.setattr(cache, "_sources", {})

    return use


@pytest.fixture
def folder(tmp_path, use_cache_dir) -> Path:
    use_cache_dir(tmp_path / "cache")
    return tmp_path / "cache"
