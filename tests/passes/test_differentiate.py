"""The backward pass is derived by rule: known text, and slopes that finite differences confirm."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import assert_becomes, read, run

import symgrad as sg
from symgrad.ir import BACKWARD
from symgrad.passes.cse import cse
from symgrad.passes.dce import dce
from symgrad.passes.differentiate import differentiate
from symgrad.passes.erase import erase
from symgrad.passes.fold import fold
from symgrad.passes.simplify import simplify

STEP = """
def step(x: f32[4,3], *, w: f32[3,2], lr: host):
    h = matmul(x, w)  # f32[4,2] train.py:3
    s = sum(h, axis=(0, 1))  # f32[] train.py:4
    gw = gradients(s, 1.0, w, roots=1, stops=(True,))  # f32[3,2] train.py:5 backward
    d = mul(gw, host('lr', f32(0.1)))  # f32[3,2] train.py:6 update
    w_new = sub(w, d)  # f32[3,2] train.py:6 update
    w[...] = w_new
    return s
"""


def test_a_step_becomes_one_joint_graph_and_keeps_its_provenance() -> None:
    joint = differentiate(read(STEP)).verify()
    assert not any(eqn.prim.name == "gradients" for eqn in joint.eqns)
    (gemm,) = [e for e in joint.eqns if e.phase == BACKWARD and e.prim.name == "matmul"]
    assert (str(gemm.loc), gemm.origin) == ("train.py:3", "matmul")
    x, w = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones((3, 2), np.float32)
    _, w_new = run(joint, x, cells=[w])
    np.testing.assert_allclose(w_new, w - 0.1 * x.sum(0)[:, None], rtol=1e-6)


def test_a_graph_without_gradients_is_the_same_graph() -> None:
    graph = read("def f(x: f32[2]):\n    y = exp(x)\n    return y")
    assert differentiate(graph) is graph


def clean(text: str):
    graph = differentiate(read(text))
    for step in (erase, dce, fold, simplify, cse, dce, fold, simplify, cse, dce):
        graph = step(graph).verify()
    return graph


def test_product() -> None:
    assert_becomes(clean("""
def f(x: f32[], y: f32[]):
    z = mul(x, y)
    gx, gy = gradients(z, 1.0, x, y, roots=1, stops=(True, True))
    return gx, gy"""), "def f(x: f32[], y: f32[]):\n    return y, x")


def test_only_the_way_to_what_is_asked_is_derived() -> None:
    assert_becomes(clean("""
def f(x: f32[2], y: f32[2], g: f32[2]):
    a = exp(x)
    b = sin(y)
    z = mul(a, b)
    gx = gradients(z, g, x, roots=1, stops=(True,))
    return gx"""), """
def f(x: f32[2], y: f32[2], g: f32[2]):
    a = exp(x)
    b = sin(y)
    c = mul(g, b)
    d = mul(c, a)
    return d""")


def test_what_does_not_reach_the_root_has_zero_gradient() -> None:
    graph = clean("""
def f(x: f32[2], y: f32[3]):
    a = sum(x, axis=(0,))
    b = stop_gradient(y)
    c = sum(b, axis=(0,))
    z = add(a, c)
    gy = gradients(z, 1.0, y, roots=1, stops=(True,))
    return gy""")
    assert run(graph, np.ones(2, np.float32), np.ones(3, np.float32))[0].tolist() == [0, 0, 0]


def test_a_stop_ends_the_path_but_takes_its_gradient() -> None:
    text = """
def f(x: f32[]):
    a = mul(x, 3.0)
    b = mul(a, a)
    ga, gx = gradients(b, 1.0, a, x, roots=1, stops=({}, True))
    return ga, gx"""
    for stop, gx in ((False, 36.0), (True, 0.0)):
        assert [float(g) for g in run(clean(text.format(stop)), np.float32(2))] == [12.0, gx]


def test_broadcast_operands_get_summed_gradients_of_their_own_dtype() -> None:
    graph = clean("""
def f(x: f32[2,3], b: f32[3], c: f16[2,1]):
    d = cast(c, dtype=float32)
    e = add(x, b)
    z = mul(e, d)
    s = sum(z, axis=(0, 1))
    gb, gc = gradients(s, 1.0, b, c, roots=1, stops=(True, True))
    return gb, gc""")
    x, b, c = np.ones((2, 3), np.float32), np.ones(3, np.float32), np.full((2, 1), 2, np.float16)
    gb, gc = run(graph, x, b, c)
    assert gb.tolist() == [4, 4, 4] and gc.tolist() == [[6], [6]] and gc.dtype == np.float16


def test_the_gradient_of_a_gradient() -> None:
    graph = clean("""
def f(x: f32[]):
    y = pow(x, exponent=4)
    g = gradients(y, 1.0, x, roots=1, stops=(True,))
    h = gradients(g, 1.0, x, roots=1, stops=(True,))
    return g, h""")
    assert [float(v) for v in run(graph, np.float32(2))] == [32.0, 48.0]


PROGRAMS = {
    "polynomial": "    p = pow(x, exponent=3)\n    q = mul(p, w)\n    r = tanh(q)",
    "network": "    h = matmul(x, w)\n    q = relu(h)\n    r = matmul(q, w)",
    "ratios": "    p = exp(x)\n    q = add(p, 1.0)\n    r = div(w, q)",
    "reductions": "    p = amax(x, axis=(0,))\n    q = sum(w, axis=(1,))\n    r = mul(p, q)",
    "views": "    p = permute(x, dims=(1, 0))\n    q = slice(p, index=(slice(0, 3, 2),))\n    r = mul(q, w)",
    "choice": "    c = gt(x, w)\n    p = sin(w)\n    r = where(c, x, p)",
    "shared": "    p = mul(x, w)\n    q = sigmoid(p)\n    r = mul(q, p)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_slopes_agree_with_finite_differences(name: str, rng: np.random.Generator) -> None:
    shapes = ("3,3", "2,3") if name == "views" else ("3,3", "3,3")
    head = f"def f(x: f64[{shapes[0]}], w: f64[{shapes[1]}]):\n{PROGRAMS[name]}\n"
    forward = read(head + "    return r")
    g = rng.standard_normal(forward.outputs[0].type.shape)
    text = head.replace("):", f", g: f64[{','.join(map(str, g.shape))}]):") + (
        "    gx, gw = gradients(r, g, x, w, roots=1, stops=(True, True))\n    return gx, gw"
    )
    given = [rng.standard_normal(v.type.shape) for v in forward.inputs]
    for at, gradient in enumerate(run(clean(text), *given, g)):
        step = rng.standard_normal(given[at].shape)
        ends = []
        for sign in (1, -1):
            moved = [a + sign * 1e-6 * step if i == at else a for i, a in enumerate(given)]
            ends.append(float((run(forward, *moved)[0] * g).sum()))
        np.testing.assert_allclose((gradient * step).sum(), (ends[0] - ends[1]) / 2e-6, rtol=2e-5, atol=1e-7)


def test_the_same_as_the_tape() -> None:
    """One set of rules, used by the eager tape and by this pass."""

    def loss(x, w):
        out = ((x @ w).relu() * x.sin()).sum()
        out.backward()
        return out

    x, w = sg.randn(3, 3), sg.randn(3, 3, requires_grad=True)
    graph = sg.trace(loss, x, w)
    assert {e.phase for e in graph.eqns} >= {BACKWARD}
    loss(x, w)
    results = [np.asarray(r) for r in run(graph, *[t.detach().numpy() for t in (x, w)][: len(graph.inputs)])]
    assert any(r.shape == (3, 3) and np.array_equal(r, w.grad.numpy()) for r in results)
