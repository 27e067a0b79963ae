"""Doctests find `sg` and `np` without importing them."""

from typing import Any

import numpy as np
import pytest

import symgrad as sg


@pytest.fixture(autouse=True)
def _names(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace.update(sg=sg, np=np)
