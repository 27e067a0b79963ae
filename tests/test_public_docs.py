"""The examples in the docstrings of public functions, those made by declarations included."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

import symgrad as sg
from symgrad.ops.public import PUBLIC

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MADE = {key: p for key, p in PUBLIC.items() if p.function.__globals__["__name__"].endswith(("pointwise", "bitwise"))}


@pytest.mark.parametrize("name", MADE)
def test_example(name: str) -> None:
    """What `--doctest-modules` finds by itself is left to it."""
    function = MADE[name].function
    test = doctest.DocTestParser().get_doctest(function.__doc__ or "", {"sg": sg, "np": np}, name, None, 0)
    assert test.examples, "no example"
    said: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=said.append)
    assert not said, "".join(said)
