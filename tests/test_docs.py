"""Every public operation says what it does, with an example that runs; the reference page says the same."""

from __future__ import annotations

import doctest
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import symgrad as sg
from symgrad.ops.public import PUBLIC
from symgrad.reference import page

PAGE = Path(__file__).parents[1] / "docs" / "reference.md"
FIELDS = {"Shapes", "Dtype", "Gradient", "Raises", "Cost", "Source", "Note"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MADE = [key for key, p in PUBLIC.items() if p.function.__globals__["__name__"] != p.function.__module__]


@pytest.mark.parametrize("key", PUBLIC)
def test_docstring(key: str) -> None:
    """One sentence, then fields of known names, then a doctest."""
    doc = inspect.getdoc(PUBLIC[key].function) or ""
    summary, _, rest = doc.partition("\n\n")
    assert len(summary) > 10 and re.search(r"[.)]$", summary), summary
    assert set(re.findall(r"^([A-Z][a-z]+): ", rest, re.MULTILINE)) <= FIELDS
    assert ">>> " in doc, "no example"


@pytest.mark.parametrize("key", MADE)
def test_example(key: str) -> None:
    """The examples of functions that a declaration made; the rest is found by --doctest-modules."""
    doc = PUBLIC[key].function.__doc__ or ""
    test = doctest.DocTestParser().get_doctest(doc, {"sg": sg, "np": np}, key, None, 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


def test_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m symgrad.reference docs/reference.md"
