"""Every module on PyTorch's samples, eager and compiled; `python tests/modules/__main__.py --all` shows more."""

from __future__ import annotations

import pytest
import torch
from modules import sweep
from modules.cases import promised

TABLE = promised()


def agree(name: str, modes: tuple[str, ...], dtype: torch.dtype, limit: int | None = None) -> None:
    found = list(sweep.check(name, TABLE[name], modes, [dtype], limit))
    failures = [f"{what}: {text}" for what, text in found if text is not None]
    assert found
    assert not failures, "\n".join(failures[:10])


@pytest.mark.parametrize("name", TABLE)
def test_eager(name: str) -> None:
    agree(name, ("eager",), torch.float64)


@pytest.mark.parametrize("name", TABLE)
def test_compiled(name: str) -> None:
    agree(name, ("numpy",), torch.float32, limit=2)


@pytest.mark.parametrize("name", [n for i, n in enumerate(TABLE) if i % 12 == 0 and not n.startswith("Transformer")])
@pytest.mark.parametrize("backend", ["numba"])
def test_native(name: str, backend: str) -> None:
    agree(name, (backend,), torch.float32, limit=1)
