"""Modules that PyTorch's table does not list: ((args, kwargs) to make one, shapes of the operands)."""

from __future__ import annotations

from typing import Any

Made = tuple[tuple[Any, ...], dict[str, Any]]

EXTRAS: dict[str, list[tuple[Made, tuple[Any, ...]]]] = {
    "Identity": [(((), {}), ((2, 3),)), (((54,), {"unused": 1}), ((),))],
    "Flatten": [(((), {}), ((2, 3, 4),)), (((0, 1), {}), ((2, 3, 4),))],
}
