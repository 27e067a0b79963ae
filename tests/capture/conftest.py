"""The backends on which every captured program must agree with eager."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from symgrad.testing.cuda_module import available, emulated

_DEFAULT = "numpy,cupy" if available() is None else "numpy"
BACKENDS = os.environ.get("SYMGRAD_TEST_BACKENDS", _DEFAULT).split(",")
"""Numba compiles each of these hundreds of functions, which takes minutes: SYMGRAD_TEST_BACKENDS=numba
does it, and CI; ordinary runs have it in tests/property and tests/codegen, and `reference` in tests/property and
tests/opinfo. `cupy` is emulated."""


@pytest.fixture(scope="module", autouse=True)
def _device() -> Iterator[None]:
    """With `cupy` among the backends and no GPU wanted, its kernels run through the C++ shim."""
    if "cupy" not in BACKENDS:
        yield
        return
    with emulated():
        yield


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)
