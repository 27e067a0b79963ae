"""Matrix products as shapes: what a step's limit is made of where products take most of its time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """`batch` products [m, k] @ [k, n]; a turned factor lies in memory the other way round."""

    m: int
    k: int
    n: int
    turn_a: bool = False
    turn_b: bool = False
    batch: int = 1

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.batch * self.m * self.k * self.n


def layer_products(rows: int, layers: Iterable[tuple[int, int]], inner: bool) -> list[Product]:
    """Linear layers' products: x W', g' x, and g W where x wants its gradient."""
    found = []
    for inputs, outputs in layers:
        found.append(Product(rows, inputs, outputs, turn_b=True))
        found.append(Product(outputs, rows, inputs, turn_a=True))
        if inner:
            found.append(Product(rows, outputs, inputs))
    return found
