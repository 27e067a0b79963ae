"""The minimum cut is one, beside networkx, and of all minimum cuts the nearest to what is wanted."""

from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.dtypes import float32
from symgrad.ir import Value
from symgrad.ir.types import TensorType
from symgrad.passes.cut import cheapest

Made = list[tuple[int, list[int] | None]]  # of each value its cost, and what it is made of: values before it
TOLL = 2  # of every third value


@st.composite
def programs(draw: st.DrawFn) -> tuple[Made, list[int]]:
    made: Made = []
    for number in range(draw(st.integers(1, 14))):
        before = st.lists(st.integers(0, number - 1), max_size=3) if number else st.just([])
        made.append((draw(st.integers(0, 9)), draw(st.none() | before)))
    return made, draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=4))


def cut_of(made: Made, wanted: list[int]) -> list[int]:
    values = [Value(TensorType((), float32), f"v{n}") for n in range(len(made))]
    number = {value: n for n, value in enumerate(values)}

    def feeds(value: Value) -> list[Value] | None:
        of = made[number[value]][1]
        return None if of is None else [values[n] for n in of]

    return [number[v] for v in cheapest((values[n] for n in wanted), feeds, lambda v: made[number[v]][0],
                                        lambda v: TOLL if number[v] % 3 == 0 else 0)]  # fmt: skip


def least(made: Made, wanted: list[int]) -> int:
    flow = networkx.DiGraph()
    flow.add_nodes_from(["wanted", "given"])
    for number, (cost, of) in enumerate(made):
        flow.add_edge(("in", number), ("out", number), capacity=cost)
        for feed in of or ():
            flow.add_edge(("out", number), ("in", feed))
        if of is None:
            flow.add_edge(("out", number), "given")
        elif number % 3 == 0:
            flow.add_edge(("out", number), "given", capacity=TOLL)
    for number in wanted:
        flow.add_edge("wanted", ("in", number))
    return networkx.minimum_cut_value(flow, "wanted", "given")


@given(programs())
def test_no_cut_costs_less(program: tuple[Made, list[int]]) -> None:
    made, wanted = program
    kept = cut_of(made, wanted)
    computable = set(kept)
    for number, (_, of) in enumerate(made):
        if of is not None and computable.issuperset(of):
            computable.add(number)
    assert computable.issuperset(wanted)
    assert len(set(kept)) == len(kept)
    again, waiting = set[int](), [n for n in wanted if n not in kept]
    while waiting:
        number = waiting.pop()
        again.add(number)
        waiting += [n for n in made[number][1] or () if n not in kept and n not in again]
    assert sum(made[n][0] for n in kept) + sum(TOLL for n in again if n % 3 == 0) == least(made, wanted)


@pytest.mark.parametrize(("costs", "expected"), [((5, 5, 5), [4]), ((5, 4, 5), [2]), ((0, 4, 5), [1])])
def test_of_equal_cuts_the_nearest_to_what_is_wanted(costs: tuple[int, ...], expected: list[int]) -> None:
    chain: Made = [(9, None), (costs[0], None), (costs[1], [1]), (9, None), (costs[2], [2])]
    assert cut_of(chain, [4]) == expected


def test_flow_is_taken_back_where_a_later_value_needs_the_room() -> None:
    made: Made = [(1, None), (1, None), (9, [0, 1]), (9, None), (9, [0])]
    assert sorted(cut_of(made, [2, 4])) == [0, 1]


def test_what_is_dear_to_compute_again_is_kept_instead() -> None:
    assert cut_of([(5, None), (9, [0]), (9, [1]), (7, [2])], [3]) == [3]  # for 7, as for 5 and the toll of 3
    assert cut_of([(4, None), (9, [0]), (9, [1]), (7, [2])], [3]) == [0]
