"""Modules that PyTorch's table does not list: ((args, kwargs) to make one, shapes of the operands)."""

from __future__ import annotations

from typing import Any

Made = tuple[tuple[Any, ...], dict[str, Any]]

EXTRAS: dict[str, list[tuple[Made, tuple[Any, ...]]]] = {
    "Identity": [(((), {}), ((2, 3),)), (((54,), {"unused": 1}), ((),))],
    "Hardsigmoid": [(((), {}), ((2, 3),)), (((), {}), ((),))],
    "RReLU": [(((), {}), ((2, 3),)), (((0.1, 0.3), {"inplace": False}), ((4,),))],
    "CosineSimilarity": [(((), {}), ((2, 3), (2, 3))), (((), {"dim": -1, "eps": 0.5}), ((2, 1, 3), (4, 3)))],
    "PairwiseDistance": [(((), {}), ((2, 3), (2, 3))), (((1.0, 0.1, True), {}), ((2, 3), (1, 3)))],
    "Flatten": [(((), {}), ((2, 3, 4),)), (((0, 1), {}), ((2, 3, 4),))],
}
