"""Random small graphs with reductions and updates of cells: the CUDA emulation against the interpreter."""

from __future__ import annotations

import numpy as np
import pytest
from codegen import harness
from codegen.harness import compare, graph_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symgrad.testing import cuda_module

pytestmark = pytest.mark.skipif(
    cuda_module.available() is not None, reason=cuda_module.available() or ""
)


@pytest.fixture(autouse=True)
def emulation(monkeypatch):
    """Modules are loaded with `cupy` emulated."""
    monkeypatch.setattr(harness, "load", cuda_module.load_module)
    with np.errstate(all="ignore"):
        yield


UNARY = ("neg", "exp", "tanh", "sigmoid", "abs", "relu", "sign")
BINARY = ("add", "sub", "mul", "maximum", "minimum")


@st.composite
def graphs(draw):
    """Text of a graph over [n, m], [n], [m] and 0-d values, with updates of cells."""
    n, m = draw(st.sampled_from([(3, 5), (1, 40), (300, 2), (17, 1)]))
    shapes = {"x": (n, m), "y": (n, m), "r": (n, 1), "c": (m,), "k": ()}
    cells = {"p": (n, m), "q": (m,), "s": ()}
    known = {**shapes, **cells}
    lines = []

    def operand():
        return draw(st.sampled_from(sorted(known)))

    for number in range(draw(st.integers(3, 9))):
        name, kind = f"t{number}", draw(st.sampled_from("ubbrv"))
        a = operand()
        if kind == "b":
            b = operand()
            known[name] = np.broadcast_shapes(known[a], known[b])
            call = f"{draw(st.sampled_from(BINARY))}({a}, {b})"
        elif kind == "r" and known[a]:
            rank = len(known[a])
            axes = draw(st.sampled_from([(i,) for i in range(rank)] + [tuple(range(rank))]))
            known[name] = tuple(e for i, e in enumerate(known[a]) if i not in axes)
            if known[name] and known[name] != (m,):
                continue_shape = known.pop(name)
                lines.append(f"    {name}_ = {draw(st.sampled_from(['sum', 'amax']))}({a}, axis={axes})")
                known[name] = (*continue_shape, 1)
                call = f"view({name}_, shape={known[name]})"
            else:
                call = f"{draw(st.sampled_from(['sum', 'amax']))}({a}, axis={axes})"
        elif kind == "v" and known[a] == (n, m):
            known[name] = (m, n) if n == m else (n, m)
            lines.append(f"    {name}_ = permute({a}, dims=(1, 0))")
            call = f"permute({name}_, dims=(1, 0))"
        else:
            known[name] = known[a]
            call = f"tanh({a})" if kind != "u" else f"{draw(st.sampled_from(UNARY))}({a})"
        lines.append(f"    {name} = {call}")
    made = [t for t in known if t.startswith("t")]
    for cell, shape in cells.items():
        fitting = [t for t in made if known[t] == shape]
        if fitting and draw(st.booleans()):
            lines.append(f"    {cell}[...] = {draw(st.sampled_from(fitting))}")
    outs = draw(st.lists(st.sampled_from(made), min_size=1, max_size=4, unique=True))
    head = ", ".join(f"{v}: f32[{','.join(map(str, s))}]" for v, s in shapes.items())
    state = ", ".join(f"{v}: f32[{','.join(map(str, s))}]" for v, s in cells.items())
    return "\n".join([f"def f({head}, *, {state}):", *lines, f"    return {', '.join(outs)}"])


@settings(max_examples=25, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])  # fmt: skip
@given(graphs())
def test_random_graphs(text):
    compare(graph_of(text), "cupy", ulps=64)
