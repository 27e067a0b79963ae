"""Run a script's text as the main module, on PyTorch or on symgrad in its place, and what it prints."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from types import ModuleType
from typing import Any

import symgrad as sg

NUMBER = re.compile(r"-?\d+\.\d+(?:e[+-]?\d+)?")


def printed(text: str, alias: bool, argv: tuple[str, ...] = (), name: str = "script.py") -> str:
    """What a script prints."""
    module = ModuleType("__main__")
    out = io.StringIO()
    before, sys.argv = sys.argv, [name, *argv]
    main = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        with sg.as_torch() if alias else switchable(), contextlib.redirect_stdout(out):
            exec(compile(text, name, "exec"), module.__dict__)
    finally:
        sys.argv = before
        sys.modules["__main__"] = main
    return out.getvalue()


def switchable() -> Any:
    """PyTorch's flags as a script finds them: its own test tables, imported beside, forbid setting them."""
    import torch.backends

    return getattr(torch.backends, "__allow_nonbracketed_mutation")()  # noqa: B009


def same_text(mine: str, theirs: str, rel: float = 1e-4) -> None:
    """Equal but for rounding in the numbers with a point."""
    assert NUMBER.sub("#", mine) == NUMBER.sub("#", theirs), f"{mine}\n{theirs}"
    for a, b in zip(map(float, NUMBER.findall(mine)), map(float, NUMBER.findall(theirs))):
        assert abs(a - b) <= rel * abs(b) + 1e-5, f"{a} {b}\n{mine}\n{theirs}"


def both(text: str, rel: float = 1e-4, **options: Any) -> str:
    """Run on both and compare; what symgrad printed."""
    mine, theirs = (printed(text, alias, **options) for alias in (True, False))
    assert theirs.strip()
    same_text(mine, theirs, rel)
    return mine
