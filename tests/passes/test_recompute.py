"""What backward computes again, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import assert_same_bits, read, run

from symgrad.ir import Graph
from symgrad.ir.access import accesses
from symgrad.passes.fuse import fuse
from symgrad.passes.recompute import recompute
from symgrad.passes.schedule import Schedule

TWO_PRODUCTS = """
def step(x: f32[16,16], w: f32[16,16], g: f32[16,16]):
    u = matmul(x, w)
{forward}
    y = matmul({h}, w)
    d = matmul(g, w)  # its type backward
{backward}
    gx = matmul({gu}, w)  # its type backward
    return y, gx"""


def program(forward: str, backward: str, h: str = "h", gu: str = "gu") -> Graph:
    def lines(text: str, mark: str) -> str:
        return "\n".join(f"    {line}{mark}" for line in text.split("; ") if line)

    forward, backward = lines(forward, ""), lines(backward, "  # its type backward")
    return read(TWO_PRODUCTS.format(forward=forward, backward=backward, h=h, gu=gu))


def again(schedule: Schedule) -> list[str]:
    """The names of what stands twice."""
    names = [v.hint for step in schedule.steps for eqn in step.eqns for v in eqn.outputs]
    return sorted({name for name in names if names.count(name) > 1})


def stored(schedule: Schedule) -> set[str]:
    return {value.hint for value in schedule.temps}


def test_a_derivative_at_an_operand_that_is_kept_anyway() -> None:
    graph = program("a = tanh(u); h = mul(u, a)", "b = mul(d, a); c = mul(d, u); gu = add(b, c)")
    found = fuse(graph)
    assert again(found) == ["a"] and stored(found) == {"u", "h", "d", "gu"}
    assert stored(fuse(graph, loops=False)) == {"u", "a", "h", "d", "gu"}


def test_what_a_product_reads_is_kept_and_serves_others() -> None:
    mask = "m = gt(h, 0.0); z = cast(m, dtype=float32); p = mul(d, z)"
    found = fuse(program("h = relu(u)", f"{mask}; q = matmul(h, d); gu = add(p, q)"))
    assert stored(found) == {"u", "h", "d", "p", "q", "gu"}
    assert "m" in stored(fuse(program("h = relu(u)", f"{mask}; q = matmul(w, d); gu = add(p, q)")))  # it is smaller


def test_a_mask_of_bytes_is_kept_rather_than_what_it_is_made_of() -> None:
    found = fuse(program("m = gt(u, 0.0); z = cast(m, dtype=float32); h = mul(u, z)", "gu = mul(d, z)"))
    assert again(found) == ["z"] and "m" in stored(found) and "z" not in stored(found)


@pytest.mark.parametrize("forward", [
    "s = sum(u, axis=(1,)); v = view(s, shape=(16, 1)); a = exp(v); h = mul(u, a)",
    "t = permute(u, dims=(1, 0)); a = exp(t); h = mul(a, a)",
])  # fmt: skip
def test_what_is_read_elsewhere_is_not_computed_again(forward: str) -> None:
    backward = "q = permute(a, dims=(1, 0)); gu = mul(d, q)" if "permute" in forward else "gu = mul(d, a)"
    assert again(fuse(program(forward, backward))) == []


def test_a_function_that_no_vector_unit_has_is_not_computed_twice() -> None:
    found = fuse(program("a = erfc(u); h = mul(u, a)", "b = mul(d, a); c = mul(d, u); gu = add(b, c)"))
    assert again(found) == [] and stored(found) == {"u", "a", "h", "d", "gu"}


def test_draws_and_reductions_are_not_done_twice() -> None:
    text = "n = uniform(host('seed', i64(1)), host('offset', i64(2)), dtype=float32, shape=(16, 16)); h = mul(u, n)"
    found = fuse(program(text, "gu = mul(d, n)"))
    assert again(found) == [] and "n" in stored(found)


def test_a_loop_over_both_directions_keeps_nothing_and_repeats_nothing() -> None:
    found = fuse(read("""
def step(x: f32[99], y: f32[99]):
    a = tanh(x)
    r = sub(a, y)
    l = sum(r, axis=(0,))
    b = mul(a, a)  # its type backward
    c = mul(b, r)  # its type backward
    g = sum(c, axis=(0,))  # its type backward
    return l, g"""))
    assert len(found.steps) == 1 and again(found) == []


def test_a_chain_longer_than_the_stack() -> None:
    names = ["x", *(f"a{n}" for n in range(1500))]
    forward = "; ".join(f"{new} = mul({old}, {old})" for old, new in zip(names, names[1:]))
    backward = ["t0 = mul(d, d)"]
    for n, name in enumerate(reversed(names[:-1])):
        backward.append(f"t{n + 1} = mul(t{n}, {name})")
    last = len(names) - 1
    found = fuse(program(f"{forward}; h = add(u, {names[-1]})", "; ".join(backward), gu=f"t{last}"))
    assert stored(found) == {"u", "h", "d", f"t{last}"} and len(again(found)) == last - 1


@pytest.mark.parametrize("forward", [
    "a = tanh(u); h = mul(u, a)", "m = gt(u, 0.0); a = cast(m, dtype=float32); h = mul(u, a)",
    "e = exp(u); f = add(e, 1.0); a = div(1.0, f); h = mul(u, a)",
])  # fmt: skip
def test_no_number_changes(forward: str, rng: np.random.Generator) -> None:
    graph = program(forward, "b = mul(d, a); c = mul(b, u); gu = add(b, c)")
    late = [eqn for eqn in graph.eqns if eqn.phase == "backward"]
    steps = [[eqn for eqn in graph.eqns if eqn not in late], late]
    after, copies = recompute(graph, accesses(graph), steps)
    assert copies and set(copies) <= set(after.verify().eqns)
    given = [rng.standard_normal((16, 16)).astype(np.float32) for _ in graph.inputs]
    assert_same_bits(run(after, *given), run(graph, *given))
