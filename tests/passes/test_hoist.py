"""Checks stand in front, with what they need; what needs more than elementwise work stays."""

from __future__ import annotations

from graphs import assert_becomes, read

from symgrad.passes.hoist import hoist


def test_a_check_goes_before_the_work() -> None:
    after = hoist(read("""
def f(x: f32[3,4], i: i64[3,1]):
    y = exp(x)
    j = add(i, 1)
    k = in_range(j, dim=1, size=4, wrap=True)
    return y, k"""))
    assert_becomes(after, """
def f(x: f32[3,4], i: i64[3,1]):
    j = add(i, 1)
    k = in_range(j, dim=1, size=4, wrap=True)
    y = exp(x)
    return y, k""")


def test_a_check_of_what_is_computed_by_calls_stays() -> None:
    graph = read("""
def f(x: f32[3,4]):
    y = exp(x)
    i = argmax(y, axis=1)
    k = in_range(i, dim=0, size=4, wrap=True)
    return y, k""")
    assert hoist(graph) is graph


def test_nothing_to_move_is_the_same_graph() -> None:
    graph = read("""
def f(x: f32[3,4], i: i64[3,1]):
    k = in_range(i, dim=1, size=4, wrap=True)
    y = exp(x)
    return y, k""")
    assert hoist(graph) is graph
