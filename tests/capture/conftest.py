"""The backends on which every captured program must agree with eager."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["reference"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
