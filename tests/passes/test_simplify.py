"""The engine under the rules: fires everywhere, to a fixpoint, and never changes a type."""

from __future__ import annotations

from graphs import assert_becomes, read

from symgrad.passes.simplify import simplify


def test_rules_fire_on_each_other_s_results() -> None:
    fired: list[str] = []
    after = simplify(read("""
def f(x: f32[2], y: f32[2]):
    a = mul(x, 1.0)
    b = neg(y)
    c = neg(b)
    d = neg(c)
    e = add(a, d)
    return e"""), fired=fired)
    assert fired[:2] == ["mul_one", "neg_neg"] and fired[-1] == "add_neg"
    assert_becomes(after, """
def f(x: f32[2], y: f32[2]):
    b = neg(y)
    d = neg(y)
    e = sub(x, y)
    return e""")


def test_operands_of_commutative_primitives_match_in_any_order() -> None:
    after = simplify(read("def f(x: f32[2], y: f32[2]):\n    a = neg(y)\n    b = add(a, x)\n    return b"))
    assert after.eqns[-1].prim.name == "sub" and after.eqns[-1].inputs == after.inputs


def test_a_power_becomes_multiplications_that_cse_can_share() -> None:
    after = simplify(read("def f(x: f32[2]):\n    a = pow(x, exponent=5)\n    return a"))
    assert_becomes(after, """
def f(x: f32[2]):
    a = mul(x, x)
    b = mul(a, a)
    c = mul(b, x)
    return c""")


def test_a_firing_that_changes_the_type_is_refused() -> None:
    graph = read("def f(x: f32[2], c: bool[3,2]):\n    a = where(c, x, x)\n    return a")
    assert simplify(graph) is graph


def test_host_numbers_never_match() -> None:
    graph = read("def f(x: f32[2], *, lr: host):\n    a = mul(x, host('lr', f32(1.0)))\n    return a")
    assert simplify(graph) is graph


def test_minus_zero_is_not_zero() -> None:
    graph = read("def f(x: f32[2]):\n    a = sub(x, -0.0)\n    return a")
    assert simplify(graph) is graph


def test_exact_leaves_out_what_only_agrees_within_rounding() -> None:
    graph = read("def f(x: f32[2]):\n    a = add(x, 0.0)\n    return a")
    assert simplify(graph, exact=True) is graph
    assert simplify(graph).outputs == graph.inputs


def test_provenance_stays() -> None:
    after = simplify(read("""
def f(x: f32[2]):
    a = pow(x, exponent=2)  # f32[2] train.py:3 backward <- mul
    return a"""))
    assert "# f32[2] train.py:3 backward <- mul" in str(after)
    assert str(after).splitlines()[1].startswith("    a = mul(x, x)")


def test_a_product_used_elsewhere_is_not_computed_twice() -> None:
    text = """
def f(x: f32[2,3], w: f32[3,4]):
    h = matmul(x, w)
    t = permute(h, dims=(1, 0))
    return {}"""
    shared = read(text.format("h, t"))
    assert simplify(shared) is shared
    after = simplify(read(text.format("t")))
    assert [eqn.prim.name for eqn in after.eqns][-3:] == ["permute", "permute", "matmul"]
