"""Pictures of graphs: what is drawn, in which cluster, which way edges run; kernels around it."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest

from symgrad.errors import GraphvizMissingError
from symgrad.ir import parse
from symgrad.ir.graph import Eqn, Graph
from symgrad.ops import PRIMITIVES
from symgrad.viz import draw_graph, make_dot, to_svg
from symgrad.viz.origins import origins

pytest.importorskip("graphviz")

JOINT = """
def step(x: f32[8], y: f32[8], *, a: f32[], b: f32[], lr: host):
    t = mul(b, x)                       # f32[8] train.py:14
    p = add(a, t)                       # f32[8] train.py:14
    e = sub(p, y)                       # f32[8] train.py:15
    e2 = mul(e, e)                      # f32[8] train.py:15
    loss = sum(e2, axis=(0,))           # f32[] train.py:15
    g = mul(e, 2.0)                     # f32[8] train.py:15 backward <- mul
    da = sum(g, axis=(0,))              # f32[] train.py:14 backward <- add
    gb = mul(g, x)                      # f32[8] train.py:14 backward <- mul
    db = sum(gb, axis=(0,))             # f32[] train.py:14 backward <- mul
    u = mul(da, host('lr', f32(0.1)))   # f32[] train.py:20 update
    a_1 = sub(a, u)                     # f32[] train.py:20 update
    v = mul(db, host('lr', f32(0.1)))   # f32[] train.py:20 update
    b_1 = sub(b, v)                     # f32[] train.py:20 update
    a[...] = a_1
    b[...] = b_1
    return loss
"""


@pytest.fixture
def joint() -> Graph:
    return parse(JOINT, PRIMITIVES).verify()


def edges(source: str) -> dict[tuple[str, str], str]:
    found = re.findall(r'^\t+"?([\w-]+)"? -> "?([\w-]+)"?(?: \[(.*)\])?$', source, re.M)
    return {(tail, head): how for tail, head, how in found}


def clusters(source: str) -> dict[str, set[str]]:
    """For each cluster the nodes declared in it, those of inner clusters too."""
    inside: dict[str, set[str]] = {}
    open_: list[str] = []
    for line in source.splitlines():
        text = line.strip()
        if text.startswith("subgraph ") or text == "{":
            open_.append(text.split()[1] if text != "{" else "")
            inside.setdefault(open_[-1], set())
        elif text == "}" and open_:
            open_.pop()
        elif open_ and (node := re.match(r"(\w+) \[label=", text)):
            for name in open_:
                inside[name].add(node[1])
    return inside


def test_one_node_for_each_equation_with_type_and_line(joint: Graph) -> None:
    source = draw_graph(joint).source
    for number, eqn in enumerate(joint.eqns):
        (line,) = re.findall(rf"^\t+e{number} \[label=.*$", source, re.M)
        assert f"<b>{eqn.prim.name}</b>" in line and str(eqn.loc) in line
        assert f": f32[{'8' if eqn.out.type.ndim else ''}]" in line
    assert "<b>sub</b>(p, y)" in source and "<b>sum</b>(e2, axis=(0,))" in source


def test_names_are_those_of_the_text(joint: Graph) -> None:
    hints = "def f(x: f32[2]):\n    m = mul(x, x)\n    m_1 = exp(m)\n    return m_1\n"
    clashing = parse(hints, PRIMITIVES)
    clashing.eqns[0].out.hint = "exp"  # the name of a primitive that occurs
    for graph in (joint, clashing):
        source = draw_graph(graph).source
        names = re.findall(r"^    (\w+) = ", str(graph), re.M)
        assert len(names) == len(graph.eqns)
        for number, name in enumerate(names):
            assert re.search(rf"^\t+e{number} \[label=.*>{name}: f32", source, re.M), name


def test_phases_are_clusters_with_their_own_sources(joint: Graph) -> None:
    inside = clusters(draw_graph(joint).source)
    assert inside["cluster_forward"] == {
        "e0", "e1", "e2", "e3", "e4", "output_0", "input_x_forward", "input_y_forward",
        "cell_a_forward", "cell_b_forward"}  # fmt: skip
    assert inside["cluster_backward"] == {"e5", "e6", "e7", "e8", "input_x_backward"}
    assert inside["cluster_update"] == {
        "e9", "e10", "e11", "e12", "effect_1", "effect_2", "host_lr_update", "cell_a_update",
        "cell_b_update", "carried_da_update", "carried_db_update"}  # fmt: skip


def test_backward_runs_up_beside_forward(joint: Graph) -> None:
    drawn = edges(draw_graph(joint).source)
    assert drawn["e0", "e1"] == ""  # forward: t -> p, downward
    assert drawn["e6", "e5"] == "dir=back"  # backward: the arrow still points from g to da
    assert drawn["e8", "e7"] == "dir=back"
    assert drawn["e9", "e10"] == ""


def test_an_input_read_far_away_gets_another_node() -> None:
    """One node with edges over the whole height would be unreadable, and slow to lay out."""
    lines = [f"    h{i + 1} = mul(h{i}, w)\n" for i in range(40)]
    text = f"def f(h0: f32[2], w: f32[2]):\n{''.join(lines)}    return h40\n"
    source = draw_graph(parse(text, PRIMITIVES)).source
    drawn = edges(source)
    assert ("input_w_forward", "e16") in drawn and ("input_w_forward_copy1", "e17") in drawn
    assert len(re.findall(r"^\t+input_w_forward\w* \[label", source, re.M)) == 3


def test_residuals_and_origins(joint: Graph) -> None:
    drawn = edges(draw_graph(joint).source)
    residual = {pair for pair, how in drawn.items() if "class=residual" in how}
    origin = {pair for pair, how in drawn.items() if "class=origin" in how}
    assert residual == {("e2", "e5")}
    assert origin == {("e3", "e5"), ("e1", "e6"), ("e0", "e7"), ("e0", "e8")}
    assert all("style=dotted" in drawn[pair] and "arrowhead=none" in drawn[pair] for pair in origin)
    assert "kept for backward (1: 32 B)" in draw_graph(joint).source


def test_origins_prefer_the_line_then_shared_operands(joint: Graph) -> None:
    found = {joint.eqns.index(k): joint.eqns.index(v) for k, v in origins(joint).items()}
    assert found == {5: 3, 6: 1, 7: 0, 8: 0}
    bare = parse(re.sub(r"train\.py:\d+ ?", "", JOINT), PRIMITIVES)
    found = {bare.eqns.index(k): bare.eqns.index(v) for k, v in origins(bare).items()}
    assert found == {5: 3, 6: 1, 7: 0, 8: 0}


def test_cells_inputs_hosts_outputs_and_effects_look_different(joint: Graph) -> None:
    source = draw_graph(joint).source
    looks = {}
    for node in ("input_x_forward", "cell_a_forward", "host_lr_update", "output_0", "effect_1"):
        (line,) = re.findall(rf"^\t+{node} \[(.*)\]$", source, re.M)
        looks[node] = (re.search(r"shape=(\w+)", line)[1], re.search(r"style=\S+", line)[0])  # type: ignore[index]
    assert len(set(looks.values())) == len(looks)
    assert "a ← <b>a_1</b>" in source and "return <b>loss</b>" in source


def test_key_has_only_what_is_drawn(joint: Graph) -> None:
    whole = draw_graph(joint).source
    assert all(word in whole for word in ("host scalar", "cell, written", "to its gradient"))
    assert "fused kernel" not in whole
    forward = parse("def f(x: f32[2]):\n    y = exp(x)\n    return y\n", PRIMITIVES)
    small = draw_graph(forward).source
    assert "input" in small and "host scalar" not in small and "backward" not in small
    assert "1 equation<" in small


def test_kernels_of_one_phase_stand_inside_it(joint: Graph) -> None:
    kernels = [("fwd", joint.eqns[:5]), ("upd", joint.eqns[9:])]
    inside = clusters(draw_graph(joint, kernels).source)
    assert {"e0", "e4", "cell_a_forward_0"} <= inside["cluster_kernel0"]
    assert inside["cluster_kernel0"] <= inside["cluster_forward"]
    assert inside["cluster_kernel1"] <= inside["cluster_update"]
    assert "e5" in inside["cluster_backward"]


def test_a_kernel_that_spans_phases_holds_them_side_by_side(joint: Graph) -> None:
    source = draw_graph(joint, [("fused <all>", joint.eqns[:9]), ("upd", joint.eqns[9:])]).source
    inside = clusters(source)
    assert "cluster_forward" not in inside
    assert {"e0", "e4"} <= inside["cluster_kernel0_forward"] <= inside["cluster_kernel0"]
    assert {"e5", "e8"} <= inside["cluster_kernel0_backward"] <= inside["cluster_kernel0"]
    assert {"e9", "e12"} <= inside["cluster_kernel1"]
    assert "fused &lt;all&gt;" in source and "fused kernel" in source


def test_an_equation_in_two_kernels_is_drawn_in_the_first(joint: Graph) -> None:
    inside = clusters(draw_graph(joint, [("k0", joint.eqns[:3]), ("k1", joint.eqns[2:5])]).source)
    assert "e2" in inside["cluster_kernel0"] and "e2" not in inside["cluster_kernel1"]


def test_foreign_equations_are_refused(joint: Graph) -> None:
    other: Eqn = parse(JOINT, PRIMITIVES).eqns[0]
    with pytest.raises(ValueError, match="'k' has an equation that is not in the graph"):
        draw_graph(joint, [("k", [other])])


def test_make_dot_takes_graphs_and_programs(joint: Graph) -> None:
    kernels = [("k", joint.eqns[:5])]
    assert make_dot(joint).source == draw_graph(joint).source
    program = SimpleNamespace(graph=joint, kernels=kernels)
    assert make_dot(program).source == draw_graph(joint, kernels).source
    assert make_dot(SimpleNamespace(graph=joint)).source == draw_graph(joint).source


def test_same_graph_same_text() -> None:
    first, second = (draw_graph(parse(JOINT, PRIMITIVES)).source for _ in range(2))
    assert first == second
    assert not re.search(r"0x[0-9a-f]{6}|\b\d{12,}\b", first)


@pytest.mark.parametrize("text", [
    "def f(x: f32[2]):\n    return x\n",
    "def f():\n    return f32(1.0)\n",
    "def f(x: f32[2], *, c: f32[2]):\n    c[...] = x\n    return x, f32(0.0)\n",
    "def f(x: f32[2]):\n    y = mul(x, x)\n    k = gt(y, 0.0)\n    return k, y\n",
    "def f(x: f32[2]):\n    y = mul(x, 2.0)  # f32[2] a.py:1 backward <- mul\n    return y\n",
])  # fmt: skip
def test_small_graphs_are_drawn(text: str) -> None:
    try:
        assert "<svg" in to_svg(draw_graph(parse(text, PRIMITIVES)).source)
    except GraphvizMissingError:
        pytest.skip("no Graphviz")


def test_svg_says_what_the_graph_says(joint: Graph) -> None:
    try:
        svg = to_svg(make_dot(joint).source)
    except GraphvizMissingError:
        pytest.skip("no Graphviz")
    for text in ("loss: f32[]", "train.py:20", "forward", "backward", "update", "a_1"):
        assert text in svg
    assert 'id="eqn-0"' in svg or "eqn&#45;0" in svg
    width, height = map(float, re.search(r'width="(\d+)pt" height="(\d+)pt"', svg).groups())  # type: ignore[union-attr]
    assert 1 / 3 < width / height < 3
