"""Each broken invariant is a VerifyError that shows the graph with the guilty line marked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from symgrad import dtypes
from symgrad.errors import VerifyError
from symgrad.ir import Eqn, Graph, Literal, TensorType, Value, parse
from symgrad.ops import PRIMITIVES

GOOD = """
def f(x: f32[2], *, w: f32[2], lr: host):
    h = mul(x, w)
    s = sum(h, axis=(0,))
    w[...] = h
    return s
"""
Change = Callable[[Graph], Graph]
ODD = Value(TensorType((3,), dtypes.float32), "odd")


def eqn(graph: Graph, index: int, **changes: object) -> Graph:
    """`graph` with fields of one equation changed."""
    old = graph.eqns[index]
    fields = {name: getattr(old, name) for name in old.__dataclass_fields__}
    eqns = list(graph.eqns)
    eqns[index] = Eqn(**{**fields, **changes})  # type: ignore[arg-type]
    return graph.replace(eqns=tuple(eqns))


def retype(graph: Graph) -> Graph:
    graph.eqns[0].out.type = TensorType((2,), dtypes.float64)
    return graph


BROKEN: dict[str, tuple[Change, str, str]] = {
    "given twice": (lambda g: g.replace(inputs=g.inputs * 2), "given twice", "def f"),
    "hosts": (lambda g: g.replace(hosts=("lr", "lr")), "two hosts", "def f"),
    "order": (lambda g: g.replace(eqns=g.eqns[::-1]), "used before", "s = sum"),
    "undefined operand": (lambda g: eqn(g, 0, inputs=(g.inputs[0], ODD)), "used before", "h = mul"),
    "defined twice": (lambda g: eqn(g, 1, outputs=g.eqns[0].outputs, prim=PRIMITIVES["neg"], params={},
                                    inputs=(g.inputs[0],)), "defined twice", "h = neg"),
    "source defined": (lambda g: eqn(g, 0, outputs=(g.inputs[0],)), "defined twice", "x = mul"),
    "operand count": (lambda g: eqn(g, 0, inputs=g.inputs), "takes 2 operands, not 1", "h = mul"),
    "parameter": (lambda g: eqn(g, 0, params={"axis": 0}), "no parameter axis", "h = mul"),
    "type rule": (lambda g: eqn(g, 0, inputs=(g.inputs[0], Literal(1, dtypes.int64))), "differ in dtype", "h = mul"),
    "wrong type": (retype, r"infers f32\[2\], but the graph says f64\[2\]", "h = mul"),
    "outputs missing": (lambda g: eqn(g, 0, outputs=()), "infers", "= mul"),
    "phase": (lambda g: eqn(g, 0, phase="sideways"), "unknown phase", "h = mul"),
    "effect twice": (lambda g: g.replace(effects=g.effects * 2), "no cell or written twice", "w[...] = h"),
    "effect on input": (lambda g: g.replace(effects=((g.inputs[0], g.inputs[0]),)), "no cell", "x[...] = x"),
    "effect of another type": (lambda g: g.replace(effects=((g.cells[0], g.eqns[1].out),)), "effect of f32", "w[..."),
    "effect undefined": (lambda g: g.replace(effects=((g.cells[0], ODD),)), "used before", "w[...] = odd"),
    "output undefined": (lambda g: g.replace(outputs=(ODD,)), "used before", "return odd"),
}  # fmt: skip


def test_good_graph_is_returned() -> None:
    graph = parse(GOOD, PRIMITIVES)
    assert graph.verify() is graph


@pytest.mark.parametrize("change, says, line", BROKEN.values(), ids=BROKEN)
def test_broken_invariant(change: Change, says: str, line: str) -> None:
    with pytest.raises(VerifyError, match=says) as caught:
        change(parse(GOOD, PRIMITIVES)).verify()
    (marked,) = [text for text in str(caught.value).splitlines() if text.endswith("<-- here")]
    assert line in marked


def test_type_rules_own_errors_are_shown_too() -> None:
    graph = parse(GOOD, PRIMITIVES)
    x, w = graph.sources()
    x.type = TensorType((5,), dtypes.float32)
    with pytest.raises(VerifyError, match="must match the size of tensor b"):
        graph.verify()
