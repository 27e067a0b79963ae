"""What becomes one kernel, what does not and why, and where results are written."""

import pytest

from symgrad.ir import parse
from symgrad.ops import PRIMITIVES
from symgrad.passes.fuse import fuse
from symgrad.passes.schedule import Call, Kernel


def schedule(text):
    return fuse(parse(text, PRIMITIVES))


def steps(text):
    """Each step as the names of what it computes, nests apart by `|`, copies as `->`."""
    found = []
    for step in schedule(text).steps:
        if isinstance(step, Call):
            found.append(step.eqn.prim.name)
            continue
        parts = [" ".join(e.out.hint for e in step.prologue)]
        parts += [" ".join([e.out.hint for e in n.eqns] + [f"->{c.home.kind}{c.home.index}" for c in n.copies])
                  for n in step.nests]  # fmt: skip
        parts += [" ".join(e.out.hint for e in step.epilogue)]
        found.append(" | ".join(p for p in parts if p))
    return found


def test_polynomial_step_is_one_kernel():
    text = """
def step(x: f32[9], y: f32[9], *, a: f32[], b: f32[]):
    bx = mul(b, x)
    p = add(a, bx)
    r = sub(p, y)
    r2 = mul(r, r)
    loss = sum(r2, axis=(0,))
    ga = sum(r, axis=(0,))
    gx = mul(r, x)
    gb = sum(gx, axis=(0,))
    da = mul(ga, -0.1)
    an = add(a, da)
    a[...] = an
    return loss, gb
"""
    assert steps(text) == ["bx p r r2 loss ga gx gb | da an"]
    found = schedule(text)
    (new,) = [v for v in found.homes if v.hint == "an"]
    assert [h.kind for h in found.homes[new]] == ["cell"]


def test_a_reduction_ends_the_kernel_of_its_readers():
    found = schedule("""
def f(x: f32[9]):
    s = sum(x, axis=(0,))
    y = div(x, s)
    return y
""")
    assert [step.name for step in found.steps] == ["k0_sum", "k1_div"]
    assert found.steps[1].reason == "needs all of s first"


def test_views_are_free_and_transposes_split():
    assert steps("""
def f(x: f32[3,3], b: f32[3]):
    t = permute(x, dims=(1, 0))
    y = add(t, b)
    e = expand(b, shape=(3, 3))
    z = mul(y, e)
    u = permute(z, dims=(1, 0))
    w = neg(u)
    return w
""") == ["y z", "w"]


def test_updates_share_a_kernel_though_extents_differ():
    assert steps("""
def f(g: f32[3,4], h: f32[5], *, w: f32[3,4], v: f32[5]):
    wn = sub(w, g)  # f32[3,4] a.py:1 update
    vn = sub(v, h)  # f32[5] a.py:1 update
    w[...] = wn
    v[...] = vn
    return g
""") == ["wn | vn", "->out0"]


def test_what_shares_nothing_has_loops_of_its_own():
    """Two parameters of one shape; `d` and `e` read the same, and a cell's reader stays before its writer."""
    assert steps("""
def step(g: f32[9], h: f32[9], s: f32[], *, p: f32[9], q: f32[9]):
    d = mul(g, s)
    e = mul(h, s)
    pn = sub(p, d)
    qn = sub(q, e)
    p[...] = pn
    q[...] = qn
    return
""") == ["d pn | e qn"]
    assert steps("""
def step(g: f32[9], h: f32[9], *, p: f32[9]):
    d = mul(g, 2.0)
    old = mul(p, 3.0)
    e = mul(g, h)
    new = mul(h, 5.0)
    p[...] = new
    return d, old, e
""") == ["d old e new"]


def test_products_stand_alone_and_fold_transposes():
    found = schedule("""
def f(a: f32[3,4], b: f32[5,4]):
    t = permute(b, dims=(1, 0))
    p = matmul(a, t)
    y = add(p, 1.0)
    return y
""")
    assert [type(s) for s in found.steps] == [Call, Kernel] and not found.synthetic


def test_a_product_gets_dense_operands():
    found = schedule("""
def f(a: f32[6,8], b: f32[4,4]):
    s = slice(a, index=(slice(None, None, 2), slice(None, None, 2)))
    p = matmul(s, b)
    return p
""")
    assert len(found.synthetic) == 1 and [s.name for s in found.steps] == ["k0_copy", "c1_matmul"]


@pytest.mark.parametrize("after, in_place", [
    ("y = add(x, 1.0)", True),
    ("y = add(c, 1.0)", True),  # same kernel, same index: read before it is written
    ("t = permute(c, dims=(1, 0))\n    y = add(t, 1.0)", False),
    ("s = sum(n, axis=(0, 1))\n    y = mul(c, s)", False),  # a later kernel reads the old value
])  # fmt: skip
def test_cells_are_written_in_place_when_nothing_reads_them_later(after, in_place):
    found = schedule(f"""
def f(x: f32[3,3], *, c: f32[3,3]):
    n = add(c, x)
    {after}
    c[...] = n
    return y
""")
    (value,) = [e.out for e in found.graph.eqns if e.out.hint == "n"]
    assert any(h.kind == "cell" for h in found.homes.get(value, ())) == in_place


def test_cells_swap_through_a_snapshot():
    assert steps("""
def f(*, a: f32[3], b: f32[3]):
    a[...] = b
    b[...] = a
    return b
""") == ["->out0 | ->temp0 | ->temp1", "->cell0 | ->cell1"]


def test_time_is_near_linear():
    import time

    def seconds(layers):
        body = "\n".join(f"    h{i + 1} = add(h{i}, {float(i)})\n    s{i} = sum(h{i + 1}, axis=(0,))\n"
                         f"    k{i} = mul(h{i + 1}, s{i})" for i in range(layers))  # fmt: skip
        graph = parse(f"def f(h0: f32[9]):\n{body}\n    return h{layers}", PRIMITIVES)
        begin = time.perf_counter()
        fuse(graph)
        return time.perf_counter() - begin

    seconds(50)
    assert seconds(2000) < 40 * max(seconds(200), 1e-3)
