"""Cutting a joint graph in two changes no number, and saves no more than keeping everything would."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import assert_same_bits, read, run

from symgrad.ir import Graph, Value
from symgrad.ir.primitive import Scalar, View
from symgrad.passes.cse import cse
from symgrad.passes.dce import dce
from symgrad.passes.differentiate import differentiate
from symgrad.passes.partition import Split, partition

PROGRAMS = {
    "elementwise chain": "    a = exp(x)\n    b = sin(a)\n    c = mul(b, w)\n    r = sum(c, axis=(0, 1))",
    "network": "    h = matmul(x, w)\n    a = relu(h)\n    b = matmul(a, w)\n    r = tanh(b)",
    "linear": "    a = mul(x, 3.0)\n    r = add(a, w)",
    "wide middle": ("    a = sum(x, axis=(1,))\n    b = view(a, shape=(16, 1))\n    c = mul(b, w)\n    d = exp(c)\n"
                    "    r = sin(d)"),
    "draws": ("    n = uniform(host('seed', i64(1)), host('offset', i64(2)), dtype=float32, shape=(16, 16))\n"
              "    c = gt(n, 0.5)\n    m = cast(c, dtype=float32)\n    a = mul(x, m)\n    r = mul(a, w)"),
    "root is an input": "    r = view(x, shape=(256,))",
}  # fmt: skip


def joint_graph(name: str) -> tuple[Graph, Graph]:
    """The forward graph, and it with its backward, cotangent last among the inputs."""
    head = f"def f(x: f32[16,16], w: f32[16,16]):\n{PROGRAMS[name]}\n"
    forward = read(head + "    return r")
    shape = ",".join(map(str, forward.outputs[0].type.shape))
    text = head.replace("):\n", f", g: f32[{shape}]):\n", 1) + (
        "    gx, gw = gradients(r, g, x, w, roots=1, stops=(True, True))\n    return r, gx, gw"
    )
    return forward, dce(cse(differentiate(read(text)))).verify()


def nbytes(values: tuple[Value, ...], free: tuple[Value, ...]) -> int:
    return sum(v.type.nbytes for v in values if v not in free)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_two_halves_are_the_whole(name: str, rng: np.random.Generator) -> None:
    forward, joint = joint_graph(name)
    split: Split = partition(joint, joint.inputs[-1:], 1)
    split.forward.verify(), split.backward.verify()
    given = [rng.standard_normal(v.type.shape).astype(np.float32) for v in joint.inputs]
    first = run(split.forward, *given[:2])
    assert len(first) == 1 + split.kept
    by_source = dict(zip(joint.inputs, given))
    computed = iter(first[1:])
    saved = [by_source[v] if v in by_source else next(computed) for v in split.saved]
    assert_same_bits([first[0], *run(split.backward, *saved, given[2])], run(joint, *given))
    assert_same_bits(first[:1], run(forward, *given[:2]))


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_more_is_saved_than_everything_backward_reads(name: str) -> None:
    _, joint = joint_graph(name)
    split = partition(joint, joint.inputs[-1:], 1)
    late = set(joint.inputs[-1:])
    read_late: dict[Value, None] = {}
    for eqn in joint.eqns:
        if late.intersection(eqn.inputs):
            late.update(eqn.outputs)
            read_late.update((a, None) for a in eqn.inputs if isinstance(a, Value) and a not in late)
    assert nbytes(split.saved, joint.inputs) <= nbytes(tuple(read_late), joint.inputs)


@pytest.mark.parametrize("name", PROGRAMS)
def test_only_cheap_equations_are_done_twice(name: str) -> None:
    _, joint = joint_graph(name)
    split = partition(joint, joint.inputs[-1:], 1)
    twice = set(split.forward.eqns).intersection(split.backward.eqns)
    assert all(isinstance(eqn.prim.lower, (Scalar, View)) for eqn in twice)


def test_arguments_are_saved_before_what_is_computed_from_them() -> None:
    _, joint = joint_graph("elementwise chain")
    split = partition(joint, joint.inputs[-1:], 1)
    assert split.kept == 0 and set(split.saved) <= set(joint.inputs)


def test_a_narrow_place_is_where_the_cut_goes() -> None:
    _, joint = joint_graph("wide middle")
    split = partition(joint, joint.inputs[-1:], 1)
    computed = [v for v in split.saved if v not in joint.inputs]
    assert [v.type.shape for v in computed] in ([(16,)], [(16, 1)])


def test_a_cell_written_by_the_forward_is_saved_as_it_was() -> None:
    joint = read("""
def f(x: f32[8], g: f32[8], *, w: f32[8]):
    y = mul(x, w)
    w_new = add(w, 1.0)
    gx = mul(g, w)
    w[...] = w_new
    return y, gx""")
    split = partition(joint, joint.inputs[1:], 1)
    assert split.saved == joint.cells and split.kept == 1
    x, g, w = (np.full(8, v, np.float32) for v in (2, 3, 5))
    y, old, new = run(split.forward, x, cells=[w])
    assert new[0] == 6 and y[0] == 10
    assert run(split.backward, old, g)[0][0] == 15
