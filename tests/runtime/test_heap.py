"""The collector waits for a trace and for the compiler, and is afterwards as it was."""

from __future__ import annotations

import gc
from typing import Any

import pytest

import symgrad as sg


def collecting(x: Any) -> Any:
    return x * (1.0 if gc.isenabled() else 2.0)


def failing(x: Any) -> Any:
    raise KeyError("the user's")


@pytest.fixture
def off() -> Any:
    gc.disable()
    yield
    gc.enable()


def test_it_is_off_while_tracing_only() -> None:
    assert sg.compile(collecting, backend="numpy", fullgraph=True)(sg.ones(1)).item() == 2.0
    assert gc.isenabled()
    with pytest.raises(KeyError):
        sg.compile(failing, backend="numpy")(sg.ones(1))
    assert gc.isenabled()


@pytest.mark.usefixtures("off")
def test_who_switched_it_off_finds_it_off() -> None:
    sg.compile(collecting, backend="numpy", fullgraph=True)(sg.ones(1))
    assert not gc.isenabled()
