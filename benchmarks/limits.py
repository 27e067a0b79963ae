"""What a step cannot be faster than: the whole step in C, or its matrix products alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hand_written
import numpy as np
from workloads.products import Product

from symgrad.bench import Contender, Workload


def limit(workload: Workload) -> tuple[str, Contender] | None:
    """The limit's name and how to run it, or None where it cannot be had here."""
    if hasattr(workload, "products"):
        return "gemms alone", Contender(products_alone(workload.products()))
    found = hand_written.contenders(workload)
    if found:
        return next((name, found[name]) for name in ("BLAS alone", "C") if name in found)
    by_hand = None if workload.compiles else workload.numpy()
    return None if by_hand is None else ("NumPy", Contender(by_hand))


def products_alone(products: list[Product]) -> Callable[[], float]:
    """A step that makes these products by NumPy's BLAS, into memory that is already there."""
    calls: list[tuple[Any, Any, Any]] = []
    rng = np.random.default_rng(0)
    for p in products:
        a = factor(rng, p.batch, p.m, p.k, p.turn_a)
        b = factor(rng, p.batch, p.k, p.n, p.turn_b)
        calls.append((a, b, np.zeros((*a.shape[:-1], p.n), np.float32)))

    def step() -> float:
        for a, b, out in calls:
            np.matmul(a, b, out=out)
        return 0.0

    return step


def factor(rng: np.random.Generator, batch: int, rows: int, columns: int, turned: bool) -> np.ndarray:
    """Matrices of normal numbers; turned ones are the transposes of what lies in memory."""
    shape = (columns, rows) if turned else (rows, columns)
    array = rng.standard_normal(shape if batch == 1 else (batch, *shape)).astype(np.float32)
    return array.swapaxes(-1, -2) if turned else array
