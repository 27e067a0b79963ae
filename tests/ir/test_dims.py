"""An extent keeps its tag through arithmetic, and equal extents look equal however they were made."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad import dtypes
from symgrad.ir.dims import Dim, DimFloat, expr_of, is_tagged
from symgrad.ir.extents import names, poly, same, show
from symgrad.ir.graph import Literal

N = Dim(6, "n0")
CASES = {
    "((n0 * 2) + 1)": N * 2 + 1, "(2 * n0)": 2 * N, "(1 - n0)": 1 - N, "(n0 // 4)": N // 4, "(7 % n0)": 7 % N,
    "(-n0)": -N, "(n0 / 4)": N / 4, "(1 / n0)": 1 / N, "(n0 * 0.5)": N * 0.5, "((1 / n0) * 3.0)": (1 / N) * 3.0,
    "(3.0 * (1 / n0))": 3.0 * (1 / N), "(n0 + (n0 * 2))": N + N * 2, "((n0 + 1) * (n0 / 2))": (N + 1) * (N / 2),
}  # fmt: skip


@pytest.mark.parametrize("expr", CASES)
def test_arithmetic_keeps_the_expression(expr: str) -> None:
    value = CASES[expr]
    assert is_tagged(value) and expr_of(value) == expr
    assert value == eval(expr, {"n0": 6})
    assert isinstance(value, (Dim, DimFloat))


def test_comparison_is_plain_and_a_dim_is_an_int() -> None:
    assert (N == 6) is True and (N > 3) is True and hash(N) == hash(6)
    assert list(range(N)) == [0, 1, 2, 3, 4, 5] and [0] * N == [0] * 6 and f"{N}" == "6"


def test_a_float_on_the_left_does_not_know() -> None:
    assert not is_tagged(1.0 / N) and 1.0 / N == 1 / 6


def test_copies_keep_the_tag() -> None:
    for value in (N, 1 / N):
        for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
            assert again == value and expr_of(again) == expr_of(value)


def test_a_literal_takes_the_expression_along() -> None:
    assert Literal(1 / N, dtypes.float32).expr == "(1 / n0)"
    assert Literal(1 / 6, dtypes.float32).expr is None
    assert Literal(1 / N, dtypes.float32) != Literal(1 / 6, dtypes.float32)


def test_equal_polynomials_are_the_same_extent() -> None:
    a, b = Dim(6, "n0"), Dim(6, "n1")
    assert same(a * 2 + a, 3 * a) and same((a + 1) * (a - 1), a * a - 1)
    assert not same(a, b) and not same(a, 6) and same(6, 6)
    assert show((a + 2) * 3 - 6) == "3*n0" and show(a - a) == "0" and names(a * b + 1) == ["n0", "n1"]
    assert show((a * 2 + 4) // 3) == "((2*n0 + 4) // 3)" and poly(0) == ()


def test_rounding_up_is_a_quotient_of_positive_terms() -> None:
    a = Dim(7, "n0")
    assert show(-(-a // 2)) == "((n0 + 1) // 2)" and show(-(-(a + 3) // 1)) == "n0 + 3" and show(a // 1) == "n0"


def test_an_exact_quotient_is_a_polynomial() -> None:
    a = Dim(7, "n0")
    assert same(a * 128 // 64, a * 2) and same((a * 6 + 4) // 2, a * 3 + 2) and same(-(a * 4) // 2, a * -2)
    assert show((a * 6 + 3) // 2) == "((6*n0 + 3) // 2)"


STEPS = st.lists(st.tuples(st.sampled_from("+-*/"), st.integers(-3, 3), st.booleans()), max_size=6)


@given(STEPS, st.integers(2, 9))
def test_polynomials_evaluate_as_the_arithmetic(steps: list[tuple[str, int, bool]], extent: int) -> None:
    value = Dim(extent, "n0")
    for op, number, flip in steps:
        left, right = (number, value) if flip else (value, number)
        if op == "/":
            value = value // (abs(number) + 1)
            continue
        value = left + right if op == "+" else left - right if op == "-" else left * right
    assert eval(expr_of(value), {"n0": extent}) == value == eval(show(value), {"n0": extent})


def test_long_sums_stay_short() -> None:
    """Hundreds of extents added up, as a plan's bytes are, are still one that can be parsed."""
    n = Dim(3, "n0")
    total = 0
    for i in range(500):
        total = total + n * (i + 1) + 1
    assert show(total) == "125250*n0 + 500" and total == 3 * 125250 + 500
