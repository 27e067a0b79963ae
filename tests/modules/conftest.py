"""Without PyTorch, or what its test tables import, nothing here can be compared."""

from __future__ import annotations

from opinfo.conftest import collect_ignore_glob

__all__ = ["collect_ignore_glob"]
