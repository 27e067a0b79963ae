"""Which results lie where an operand did."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import read

import symgrad as sg
from symgrad.passes.fuse import fuse
from symgrad.passes.plan_memory import plan_memory

SHARED = {
    "a bias": ("b = add(p, v)", "b", ("b", "p")),
    "a chain": ("a = add(p, v); e = exp(a); b = mul(e, a)", "b", ("b", "p")),
    "beside another result": ("b = add(p, v); c = mul(v, 2.0); d = add(b, c)", "d", ("d", "p")),
}
APART = {
    "read for two results": ("b = add(p, v); c = mul(p, b)", "b", "b"),
    "turned": ("t = permute(p, dims=(1, 0)); b = add(t, v)", "b", "b"),
    "reduced too": ("b = add(p, v); s = sum(p, axis=(0, 1)); c = mul(v, s)", "b", "b"),
    "read again later": ("b = add(p, v); q = matmul(b, v); c = add(q, p)", "b", "b"),
    "of another size": ("m = gt(p, 0.0); q = matmul(v, v); c = where(m, q, v)", "c", "m"),
}


def slots(body: str, *used: str) -> dict[str, tuple[int, int]]:
    lines = "".join(f"    {line}\n" for line in body.split("; "))
    ends = "".join(f"    y{n} = matmul({value}, v)\n" for n, value in enumerate(used))
    results = ", ".join(f"y{n}" for n in range(len(used)))
    graph = read(f"def f(x: f32[8,8], v: f32[8,8]):\n    p = matmul(x, v)\n{lines}{ends}    return {results}")
    plan = plan_memory(fuse(graph), native=True)
    return {value.hint: (slot.offset, slot.size * slot.dtype.itemsize) for value, slot in plan.slots.items()}


@pytest.mark.parametrize("name", SHARED)
def test_a_last_read_makes_room_for_the_result(name: str) -> None:
    body, used, (result, operand) = SHARED[name]
    found = slots(body, used)
    assert found[result] == found[operand]


@pytest.mark.parametrize("name", APART)
def test_what_is_still_read_keeps_its_place(name: str) -> None:
    body, used, result = APART[name]
    found = slots(body, *dict.fromkeys((used, "c" if "c =" in body else "b")))
    (start, size), (begin, length) = found["p"], found[result]
    assert begin + length <= start or start + size <= begin


def test_only_native_steps_share() -> None:
    graph = read("def f(x: f32[8,8], v: f32[8,8]):\n    p = matmul(x, v)\n    b = add(p, v)\n    y = matmul(b, v)\n"
                 "    return y")  # fmt: skip
    assert plan_memory(fuse(graph), native=True).peak_nbytes == 8 * 8 * 4
    assert plan_memory(fuse(graph)).peak_nbytes == 2 * 8 * 8 * 4


@pytest.mark.parametrize("rows", [1, 7, 700])
def test_a_network_whose_layers_overwrite_computes_the_same(rows: int) -> None:
    sg.manual_seed(0)
    layers = [sg.nn.Linear(30, 30) for _ in range(4)]

    def step(x: sg.Tensor) -> sg.Tensor:
        for layer in layers:
            layer.zero_grad()
            x = sg.tanh(layer(x)) + 0.1
        loss = x.square().mean()
        loss.backward()
        return loss

    x = sg.randn(rows, 30)
    expected = step(x).item(), [layer.weight.grad.numpy().copy() for layer in layers]
    compiled = sg.compile(step, backend="numba", fullgraph=True)
    for _ in range(2):
        assert compiled(x).item() == pytest.approx(expected[0], rel=1e-5)
    for layer, wanted in zip(layers, expected[1]):
        np.testing.assert_allclose(layer.weight.grad.numpy(), wanted, 1e-4, 1e-6)
