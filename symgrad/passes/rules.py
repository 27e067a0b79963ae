"""Rewrite rules: pairs of functions in user syntax, both traced, each with a name.

An `exact` rule gives the same bits for every input, infinities and nan included; the others only
agree within rounding and are left out under `compile(exact=True)`. None assumes that inf and nan do
not occur. Adding one is a line here and its samples in `tests/passes/test_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from symgrad.ops.functional import where


@dataclass(frozen=True)
class Rule:
    """`pattern(*operands)` becomes `replacement(*operands)`.

    `once`: only where the pattern's inner results are used nowhere else, because what is dear would
    otherwise be computed twice.
    """

    name: str
    pattern: Callable[..., Any]
    replacement: Callable[..., Any]
    exact: bool = True
    once: bool = False


def _power(n: int) -> Rule:
    """x**n by the multiplications the primitive itself does (so equal bits, and shareable)."""

    def multiplied(x: Any) -> Any:
        return 1 / chain(x, abs(n)) if n < 0 else chain(x, n)

    return Rule(f"pow_{'m' if n < 0 else ''}{abs(n)}", lambda x: x**n, multiplied)


def chain(x: Any, n: int) -> Any:
    """x multiplied n times by the binary method."""
    if n == 1:
        return x
    half = x if n == 3 else chain(x, n // 2)
    return half * half * x if n % 2 else half * half


RULES: tuple[Rule, ...] = (
    Rule("mul_one", lambda x: x * 1, lambda x: x),
    Rule("div_one", lambda x: x / 1, lambda x: x),
    Rule("sub_zero", lambda x: x - 0, lambda x: x),
    Rule("mul_minus_one", lambda x: x * -1, lambda x: -x),
    Rule("neg_neg", lambda x: -(-x), lambda x: x),
    Rule("add_neg", lambda x, y: x + (-y), lambda x, y: x - y),
    Rule("sub_neg", lambda x, y: x - (-y), lambda x, y: x + y),
    Rule("mul_neg_neg", lambda x, y: (-x) * (-y), lambda x, y: x * y),
    Rule("where_same", lambda c, x: where(c, x, x), lambda c, x: x),
    Rule("add_zero", lambda x: x + 0, lambda x: x, exact=False),  # -0.0 + 0 is 0.0
    Rule("neg_sub", lambda x, y: -(x - y), lambda x, y: y - x, exact=False),  # sign of zero
    Rule("double_mul", lambda x: x + x, lambda x: x * 2),
    Rule("transpose_product", lambda m, k: (m @ k).mT, lambda m, k: k.mT @ m.mT, exact=False, once=True),
    *(_power(n) for n in (*range(1, 17), *range(-16, 0))),
)
