"""make_dot against torchviz's contract: nodes, colours, edges; and how pictures are rendered."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import symgrad as sg
from symgrad.errors import GraphvizMissingError
from symgrad.ops.function import Function
from symgrad.viz import make_dot, render, to_svg

pytest.importorskip("graphviz")

NODE = re.compile(r'^\t(n\d+) \[label=(?:"((?:[^"\\]|\\.)*)"|(\w+))(?: fillcolor=(\w+))?\]$', re.M)
EDGE = re.compile(r"^\t(n\d+) -> (n\d+)(?: \[(.*)\])?$", re.M)


def picture(dot: Any) -> tuple[dict[str, str], set[tuple[str, str, str]]]:
    """Colours by label, and edges between labels with their attributes; '' is grey."""
    found = NODE.findall(dot.source)
    nodes = {name: (quoted or plain, color) for name, quoted, plain, color in found}
    colors = {label: color for label, color in nodes.values()}
    edges = {(nodes[a][0], nodes[b][0], how) for a, b, how in EDGE.findall(dot.source)}
    return colors, edges


def leaf(*shape: int) -> sg.Tensor:
    return sg.ones(*shape, requires_grad=True)


def test_chain_has_torchviz_nodes_and_edges() -> None:
    x, w = leaf(2, 3), leaf(3)
    colors, edges = picture(make_dot((x * w).exp(), params={"x": x, "w": w}))
    assert colors == {
        "x\n (2, 3)": "lightblue", "w\n (3)": "lightblue", "\n (2, 3)": "darkolivegreen1",
        "AccumulateGrad": "", "MulBackward0": "", "ExpBackward0": "",
    }  # fmt: skip
    assert edges == {
        ("x\n (2, 3)", "AccumulateGrad", ""), ("w\n (3)", "AccumulateGrad", ""),
        ("AccumulateGrad", "MulBackward0", ""), ("MulBackward0", "ExpBackward0", ""),
        ("ExpBackward0", "\n (2, 3)", ""),
    }  # fmt: skip


def test_look_of_nodes() -> None:
    source = make_dot(leaf(2) * 2).source
    look = "align=left fontname=monospace fontsize=10 height=0.2 ranksep=0.1 shape=box style=filled"
    assert f"node [{look}]" in source and "graph [size=" in source


def test_size_grows_with_content_from_twelve_inches() -> None:
    x = leaf(2)
    assert make_dot(x).graph_attr["size"] == "12,12"
    for _ in range(60):
        x = x * 2
    dot = make_dot(x)
    assert dot.graph_attr["size"] == f"{len(dot.body) * 0.15},{len(dot.body) * 0.15}"
    assert len(dot.body) * 0.15 > 12


def test_leaf_output_and_zero_dimensions() -> None:
    assert picture(make_dot(sg.ones(3)))[0] == {"\n (3)": "darkolivegreen1"}
    z = sg.tensor(2.0, requires_grad=True)
    colors, _ = picture(make_dot(z * z, {"z": z}))
    assert colors["z\n ()"] == "lightblue" and colors["\n ()"] == "darkolivegreen1"


def test_shared_leaf_is_drawn_once_with_both_edges() -> None:
    x = leaf(2)
    source = make_dot(x * x, {"x": x}).source
    assert source.count("AccumulateGrad]") == 1
    assert len(re.findall(r"n\d+ -> n1\n", source)) == 2


def test_no_grad_inputs_are_left_out() -> None:
    w, constant = leaf(3), sg.ones(3)
    with sg.no_grad():
        frozen = w * constant
    colors, _ = picture(make_dot(frozen * w + constant, {"w": w}))
    assert sorted(colors) == ["\n (3)", "AccumulateGrad", "AddBackward0", "MulBackward0", "w\n (3)"]


def test_view_shows_its_base_with_a_dotted_edge() -> None:
    x = leaf(2, 3)
    colors, edges = picture(make_dot((x * 2).exp()[0], {"x": x}))
    assert colors["\n (2, 3)"] == "darkolivegreen3" and colors["\n (3)"] == "darkolivegreen1"
    assert ("\n (2, 3)", "\n (3)", "style=dotted") in edges
    assert ("ExpBackward0", "\n (2, 3)", "") in edges


def test_base_of_a_view_is_dark_green() -> None:
    h = leaf(2, 3) * 2
    assert "fillcolor=darkolivegreen3" in make_dot(h[0]).source
    assert "fillcolor=darkolivegreen3" not in make_dot((h, h[0])).source  # it is an output itself


def test_several_outputs() -> None:
    x = leaf(2)
    h = x * 2
    source = make_dot((h, h.exp())).source
    assert source.count("darkolivegreen1") == 2 and source.count("MulBackward0") == 1


def test_in_place_changes_are_part_of_the_history() -> None:
    x, w = leaf(2, 3), leaf(3)
    y = x * w
    y.mul_(2)
    y += w
    source = make_dot(y, {"x": x, "w": w}).source
    assert source.count("MulBackward0") == 2 and source.count("AddBackward0") == 1


def test_saved_tensors_are_orange_with_arrowless_edges() -> None:
    x = leaf(2, 3)
    dot = make_dot(x.exp() * sg.ones(3), show_saved=True)
    colors, edges = picture(dot)
    assert colors["result\n (2, 3)"] == "orange" and colors["b\n (3)"] == "orange"
    assert ("ExpBackward0", "result\n (2, 3)", "dir=none") in edges
    assert "orange" not in make_dot(x.exp()).source


def test_saved_leaf_stays_a_blue_leaf() -> None:
    x, w = leaf(3), leaf(3)
    colors, _ = picture(make_dot(x * w, {"x": x, "w": w}, show_saved=True))
    assert colors["x\n (3)"] == colors["w\n (3)"] == "lightblue"


def test_freed_and_outdated_graphs_can_be_drawn() -> None:
    x = leaf(3)
    h = x * 2
    y = (h * h).sum()
    h.detach().add_(1)
    assert "orange" in make_dot(y, show_saved=True).source
    z = x.exp().sum()
    z.backward()
    assert "ExpBackward0" in make_dot(z, show_saved=True, show_attrs=True).source


class Scaled(Function):
    @staticmethod
    def forward(ctx: Any, a: Any, b: Any) -> Any:
        ctx.save_for_backward(a, b)
        return a * b, a + b

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        return g, h


def test_function_keeps_its_name_and_always_shows_what_it_saved() -> None:
    x, k = leaf(2, 3), sg.ones(3)
    p, q = Scaled.apply(x * 2, k)
    assert p.grad_fn.name() == "ScaledBackward"
    source = make_dot(p * q).source
    assert source.count("label=ScaledBackward") == 1
    colors, edges = picture(make_dot(p * q))
    assert colors["\n (3)"] == "orange" and ("\n (3)", "ScaledBackward", "dir=none") in edges
    assert ("MulBackward0", "ScaledBackward", "") in edges
    assert sum(a == "MulBackward0" and b == "ScaledBackward" for a, b, _ in edges) == 1


def test_attributes_are_a_table_cut_at_max_attr_chars() -> None:
    x = leaf(2, 3)
    colors, _ = picture(make_dot(x.sum(), show_attrs=True))
    head, rule, *rows = next(label for label in colors if "Sum" in label).split("\n")
    assert head == "SumBackward0" and set(rule) == {"-"} and len(rule) >= len(head)
    assert "axis   : (0, 1)" in rows and "x_shape: (2, 3)" in rows
    short = make_dot(x.sum(), show_attrs=True, max_attr_chars=5).source
    assert "(0..." in short and "(0, 1)" not in short
    assert "[saved tensor]" in make_dot(x.exp(), show_attrs=True).source


def test_params_as_pairs_and_wrong_ones() -> None:
    x = leaf(2)
    assert make_dot(x * 2, [("x", x)]).source == make_dot(x * 2, {"x": x}).source
    with pytest.raises(AssertionError, match="'x' is a float"):
        make_dot(x * 2, {"x": 1.0})  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="params"):
        make_dot(x * 2, [x])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="cannot draw a float"):
        make_dot(1.0)


def test_same_history_same_text() -> None:
    def build() -> str:
        x, w = leaf(2, 3), leaf(3)
        return str(make_dot(((x * w).exp() + w).sum(), {"x": x}, True, True).source)

    assert build() == build()


def test_deep_histories_do_not_recurse() -> None:
    x = leaf(1)
    for _ in range(3000):
        x = x * 0.5
    assert make_dot(x).source.count("MulBackward0") == 3000


def test_backslashes_in_names_stay_text() -> None:
    x = leaf(2)
    assert '"layer\\\\N\n (2)"' in make_dot(x * 2, {"layer\\N": x}).source


# -- rendering ------------------------------------------------------------------------------------


@pytest.fixture
def no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def needs_renderer() -> None:
    try:
        to_svg("digraph { a }")
    except GraphvizMissingError:
        pytest.skip("no Graphviz")


def test_svg_has_the_labels_and_no_date() -> None:
    needs_renderer()
    x = leaf(2, 3)
    svg = to_svg(make_dot((x * 2).exp(), {"weight": x}).source)
    assert svg.lstrip().startswith("<?xml") and "ExpBackward0" in svg and "weight" in svg
    assert svg == to_svg(make_dot((x * 2).exp(), {"weight": x}).source)


def test_library_draws_where_no_program_is(no_program: None, tmp_path: Path) -> None:
    pytest.importorskip("pygraphviz")
    x = leaf(2)
    dot = make_dot((x * 2, x * 3, x * 4))  # unnamed: Graphviz 14 faults when it frees such labels
    assert "MulBackward0" in dot.pipe(format="svg", encoding="utf-8")
    assert dot.pipe(format="png").startswith(b"\x89PNG")
    assert "<svg" in dot._repr_svg_()
    assert "<svg" in dot._repr_mimebundle_()["image/svg+xml"]
    path = dot.render(tmp_path / "graph", format="svg", cleanup=True)
    assert path == str(tmp_path / "graph.svg") and "<svg" in Path(path).read_text(encoding="utf-8")
    assert not (tmp_path / "graph").exists()
    assert dot.render(outfile=tmp_path / "other.png") == str(tmp_path / "other.png")
    assert (tmp_path / "other.gv").read_text(encoding="utf-8") == dot.source
    assert render(dot, tmp_path / "third.svg") == str(tmp_path / "third.svg")


def test_missing_graphviz_says_how_to_get_it(
    no_program: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)  # type: ignore[arg-type]
    dot = make_dot(leaf(2) * 2)
    for call in (dot.pipe, dot.render, dot._repr_svg_, lambda: render(dot, tmp_path / "a.svg")):
        with pytest.raises(GraphvizMissingError, match=r'pip install "symgrad\[viz\]"'):
            call()
    assert not list(tmp_path.iterdir())
    render(dot, tmp_path / "a.gv")  # the text needs no Graphviz
    assert (tmp_path / "a.gv").read_text(encoding="utf-8") == dot.source


def test_program_on_the_path_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\n/bin/cat >/dev/null\necho drawn-by-program $1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert to_svg("digraph { a }") == "drawn-by-program -Tsvg\n"


def test_refusals_of_graphviz_are_one_line_errors(tmp_path: Path) -> None:
    needs_renderer()
    with pytest.raises(ValueError, match="Graphviz refused"):
        to_svg("digraph { a -> ")
    with pytest.raises(ValueError, match="Graphviz refused"):
        render("digraph { a }", tmp_path / "a.nonsense")
    with pytest.raises(ValueError, match="suffix"):
        render("digraph { a }", tmp_path / "a")


def test_importing_viz_imports_no_graphviz() -> None:
    code = "import sys, symgrad.viz; print('graphviz' in sys.modules, 'pygraphviz' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
