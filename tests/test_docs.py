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
from symgrad.reference import NAMESPACES, classes, classes_page, page

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


CLASSES = [(f"{space}.{name}", kind)
           for space in NAMESPACES for members in classes(space).values() for name, kind in members]  # fmt: skip


@pytest.mark.parametrize("name, kind", CLASSES, ids=[name for name, _ in CLASSES])
def test_class_docstring(name: str, kind: type) -> None:
    """One sentence, then fields of known names."""
    doc = inspect.getdoc(kind) or ""
    summary, _, rest = doc.partition("\n\n")
    assert len(summary) >= 10 and re.search(r"[.)]$", summary), summary
    assert set(re.findall(r"^([A-Z][a-z]+): ", rest, re.MULTILINE)) <= FIELDS


@pytest.mark.parametrize("space", NAMESPACES)
def test_every_family_of_classes_has_an_example(space: str) -> None:
    """Of siblings (Conv1d, Conv2d, …) one will do."""
    for module, members in classes(space).items():
        if module not in ("symgrad.nn.module", "symgrad.optim.optimizer", "symgrad.optim.lr_scheduler.base"):
            assert any(">>> " in (inspect.getdoc(kind) or "") for _, kind in members), module


def test_page_of_classes_is_current() -> None:
    text = (PAGE.parent / "modules.md").read_text(encoding="utf-8")
    assert text == classes_page(), "run python -m symgrad.reference docs/modules.md"
