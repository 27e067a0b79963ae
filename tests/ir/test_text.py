"""Text is the IR's other form: it reads back to the same text, and reading never runs anything."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad import dtypes
from symgrad.errors import Loc, ParseError
from symgrad.ir import UPDATE, Builder, Eqn, Graph, Literal, TensorType, Value, parse, print_graph
from symgrad.ir.interpret import interpret
from symgrad.ops import PRIMITIVES

TEXTS = {
    "plain": """
def f(x: f32[2,3], w: f32[3]):
    h = mul(x, w)
    return h
""",
    "nothing": "def f():\n    return\n",
    "cells, hosts, effects": """
def step(x: f32[4], *, w: f32[4], m: f32[4], lr: host):
    g = mul(x, w)  # f32[4] train.py:7 backward <- matmul
    d = mul(g, host('lr', f32(0.1)))  # f32[4] train.py:9 update
    w_new = sub(w, d)  # f32[4]
    w[...] = w_new
    m[...] = g
    return d, w_new
""",
    "literals": """
def f(x: f32[2], y: f64[2], c: bool[2], i: i64[2]):
    a = add(x, inf)
    b = add(a, -inf)
    d = add(b, nan)
    e = mul(d, -0.0)
    k = where(c, f32(1e-45), e)
    l = mul(y, 0.1)
    n = add(i, -9223372036854775808)
    o = bitwise_or(c, True)
    return k, l, n, o, f16(65500.0), bool(False), u8(255), f32(nan), f64(-inf)
""",
    "slices": """
def f(x: f32[5,6]):
    a = slice(x, index=(slice(1, None, 2), 0))
    b = slice(x, index=(slice(None, None, None), None, slice(-2, 6, None)))
    return a, b
""",
    "dtypes and layouts": """
def f(x: f32[2,3]{1,2}, y: i8[], z: f16[0,4]@cuda):
    a = cast(x, dtype=float64)
    b = permute(a, dims=(1, 0))
    c = view(z, shape=(4, 0))
    d = full(device='cpu', dtype=bool, shape=(), value=True)
    return a, b, c, y, d
""",
    "several outputs": """
def f(x: f32[2], *, w: f32[2]):
    y = mul(x, w)
    s = sum(y, axis=(0,))
    gx, gw = gradients(s, 1.0, x, w, roots=1, stops=(True, True))
    return gx, gw
""",
    "awkward names": """
def f(inf_1: f32[2], vlambda: f32[2], f32: f32[2], exp_1: f32[2]):
    nan_1 = exp(inf_1)
    y_7 = add(nan_1, f32)
    return y_7, exp_1
""",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_round_trip(text: str) -> None:
    once = print_graph(parse(text, PRIMITIVES))
    assert print_graph(parse(once, PRIMITIVES)) == once
    for line in text.strip().splitlines():
        code, _, note = line.partition("#")
        (found,) = [printed for printed in once.splitlines() if printed.startswith(code.rstrip())]
        assert note.strip() in found


def test_literals_keep_their_bits() -> None:
    graph = parse("def f():\n    return f32(-0.0), f32(nan), f64(-inf), f32(0.1), i64(-3)\n", PRIMITIVES)
    zero, nan, inf, tenth, three = (a.value for a in graph.outputs)  # type: ignore[union-attr]
    assert math.copysign(1, zero) == -1 and math.isnan(nan) and inf == -math.inf and three == -3
    assert np.float32(tenth) == np.float32(0.1)


def test_names_of_hosts_and_numbers_are_not_taken_by_values() -> None:
    x, y, z = (Value(TensorType((2,), dtypes.float32), hint) for hint in ("lr", "nan", "add"))
    prim = PRIMITIVES["add"]
    out = Value(x.type, "sum")
    eqns = (Eqn(prim, (x, y), {}, (out,)),)
    text = print_graph(Graph("f", (x, y, z), eqns, (out,), hosts=("lr",)))
    assert text.startswith("def f(lr_1: f32[2], nan_1: f32[2], add_1: f32[2], *, lr: host):")
    assert print_graph(parse(text, PRIMITIVES)) == text


def test_locations_and_phases() -> None:
    x = Value(TensorType((2,), dtypes.float32), "x")
    out = Value(x.type, "y")
    eqn = Eqn(PRIMITIVES["neg"], (x,), {}, (out,), Loc("/a b/my train.py", 12, "f"), UPDATE, "mul")
    text = print_graph(Graph("f", (x,), (eqn,), (out,)))
    assert "# f32[2] my_train.py:12 update <- mul" in text
    (read,) = parse(text, PRIMITIVES).eqns
    assert (read.loc.line, read.phase, read.origin) == (12, UPDATE, "mul")  # type: ignore[union-attr]


@pytest.mark.parametrize("bad, says", [
    ("", "header"), ("x = 1", "header"), ("def f(x: f32[2])", "header"),
    ("def f(x: g32[2]):\n    return x", "tensor type"), ("def f(x: f32[2,]):\n    return x", "tensor type"),
    ("def f(x: f32[-1]):\n    return x", "tensor type"), ("def f(x: f32[2]{1,1}):\n    return x", "tensor type"),
    ("def f(x: f32[2], x: f32[2]):\n    return x", "defined twice"), ("def f(x):\n    return x", "tensor type"),
    ("def f(x: f32[2]):\n    y = neg(x)", "no return"), ("def f(x: f32[2]):\n    return x\n    y = neg(x)", "after"),
    ("def f(x: f32[2]):\n    y = nega(x)\n    return y", "unknown primitive"),
    ("def f(x: f32[2]):\n    y = neg(x, x)\n    return y", "takes x"),
    ("def f(x: f32[2]):\n    y = add(x)\n    return y", "takes a, b"),
    ("def f(x: f32[2]):\n    y, z = neg(x)\n    return y", "1 outputs"),
    ("def f(x: f32[2]):\n    x = neg(x)\n    return x", "defined twice"),
    ("def f(x: f32[2]):\n    y = neg(z)\n    return y", "not a defined value"),
    ("def f(x: f32[2]):\n    y = add(x, 'a')\n    return y", "not a number"),
    ("def f(x: i8[2]):\n    y = add(x, 300)\n    return y", "not an equation"),
    ("def f(x: f32[2]):\n    y = neg(x, axis=1)\n    return y", "no parameter axis"),
    ("def f(x: f32[2]):\n    y = sum(x)\n    return y", "not an equation"),
    ("def f(x: f32[2], y: f32[3]):\n    z = add(x, y)\n    return z", "must match"),
    ("def f(x: f32[2]):\n    x[...] = x\n    return x", "no cell"),
    ("def f(x: f32[2]):\n    y = = x\n    return y", "not an equation"),
    ("def f(x: f32[2]):\n    return 1.0", "without a dtype"),
    ("def f(x: f32[2]):\n    return f32(opaque('g'))", "not a literal"),
    ("def f(x: f32[2]):\n    y.z = neg(x)\n    return x", "not a name"),
])  # fmt: skip
def test_what_is_no_graph_is_a_parse_error(bad: str, says: str) -> None:
    with pytest.raises(ParseError, match=says):
        parse(bad, PRIMITIVES)


@pytest.mark.parametrize("line", [
    "__import__('os').system('touch HOSTILE')", "y = __import__('os').system('touch HOSTILE')",
    "y = open('HOSTILE', 'w')(x)", "y = neg(open('HOSTILE', 'w'))", "y = neg(x, k=open('HOSTILE', 'w'))",
    "y = (lambda: open('HOSTILE', 'w'))()", "import os; os.mknod('HOSTILE')", "y: open('HOSTILE', 'w') = x",
    "y = neg(*[open('HOSTILE', 'w')])", "y = neg(**{'x': open('HOSTILE', 'w')})", "exec('1')",
    "return host(open('HOSTILE', 'w'), f32(1.0))", "x[open('HOSTILE', 'w')] = x", "y = neg(x)\0",
    "y = neg(" + "(" * 300 + "x" + ")" * 300 + ")", "y = add(x, " + "-" * 99999 + "1)",
    "y = add(x, " + "9" * 9999 + ")",
])  # fmt: skip
def test_hostile_text_is_never_executed(line: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParseError):
        parse(f"def f(x: f32[2]):\n    {line}\n    return x\n", PRIMITIVES)
    assert not list(tmp_path.iterdir())


NUMBERS = st.one_of(
    st.floats(width=32), st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan]), st.integers(-5, 5)
)
UNARY = ("neg", "exp", "tanh", "relu", "abs", "stop_gradient")
BINARY = ("add", "sub", "mul", "maximum")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Random well-typed programs over a few shapes."""
    hints = st.text("abxy_19π λ", max_size=5)
    shape = draw(st.sampled_from([(), (3,), (2, 3), (0, 2)]))
    kind = TensorType(shape, draw(st.sampled_from([dtypes.float32, dtypes.float64, dtypes.float16])))
    sources = [Value(kind, draw(hints)) for _ in range(draw(st.integers(1, 3)))]
    builder, known = Builder(), list(sources)
    for _ in range(draw(st.integers(0, 8))):
        a = draw(st.sampled_from(known))
        if draw(st.booleans()):
            outs = builder.emit(PRIMITIVES[draw(st.sampled_from(UNARY))], (a,), {}, hints=(draw(hints),))
        else:
            with np.errstate(over="ignore"):
                literal = Literal(draw(NUMBERS), a.type.dtype, draw(st.sampled_from([None, "lr * 2"])))
            pair = (a, draw(st.sampled_from([literal, *known])))
            pair = pair[:: draw(st.sampled_from([1, -1]))]
            outs = builder.emit(PRIMITIVES[draw(st.sampled_from(BINARY))], pair, {})
        known += outs
    cut = draw(st.integers(1, len(sources)))
    effects = tuple((cell, known[-1]) for cell in sources[cut:])
    return Graph("f", tuple(sources[:cut]), tuple(builder.eqns), tuple(known[-2:]), tuple(sources[cut:]),
                 ("lr",), effects)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_random_graphs_round_trip(graph: Graph) -> None:
    text = print_graph(graph.verify())
    again = parse(text, PRIMITIVES).verify()
    assert print_graph(again) == text
    inputs = [np.full(v.type.shape, 0.5, v.type.dtype.np) for v in graph.inputs]
    cells = [np.full(v.type.shape, -0.25, v.type.dtype.np) for v in graph.cells]
    with np.errstate(all="ignore"):
        before, after = interpret(graph, inputs, cells), interpret(again, inputs, cells)
    for was, now in zip(sum(before, []), sum(after, [])):
        assert was.tobytes() == now.tobytes()
