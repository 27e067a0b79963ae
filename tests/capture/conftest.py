"""The backends on which every captured program must agree with eager."""

from __future__ import annotations

import os

import pytest

BACKENDS = os.environ.get("SYMGRAD_TEST_BACKENDS", "reference,numpy").split(",")
"""The emitted `numba` runs the same programs in tests/property and tests/codegen; compiling each of
these hundreds of functions would take minutes: SYMGRAD_TEST_BACKENDS=numba does it."""


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
