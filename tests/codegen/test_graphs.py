"""Small graphs as text, run on each backend against the interpreter."""

import pytest
from codegen.harness import BACKENDS, compare, graph_of

HOSTS = {"lr": 0.5, "seed": 7, "offset": 40}
GRAPHS = {
    "polynomial": """
def step(x: f32[2000], y: f32[2000], *, a: f32[], b: f32[], lr: host):
    bx = mul(b, x)
    p = add(a, bx)
    r = sub(p, y)
    r2 = pow(r, exponent=2)
    loss = sum(r2, axis=(0,))
    g = mul(r, 2.0)
    ga = sum(g, axis=(0,))
    gx = mul(g, x)
    gb = sum(gx, axis=(0,))
    da = mul(ga, host("(-lr)", f32(-0.5)))
    a2 = add(a, da)
    db = mul(gb, host("(-lr)", f32(-0.5)))
    b2 = add(b, db)
    a[...] = a2
    b[...] = b2
    return loss, ga, gb
""",
    "two layers": """
def step(x: f32[20,8], t: f32[20,3], *, w1: f32[8,16], b1: f32[16], w2: f32[16,3], lr: host):
    xw = matmul(x, w1)
    h0 = add(xw, b1)
    h = relu(h0)
    p = matmul(h, w2)
    r = sub(p, t)
    r2 = pow(r, exponent=2)
    loss = sum(r2, axis=(0, 1))
    ht = permute(h, dims=(1, 0))
    gw2 = matmul(ht, r)
    w2t = permute(w2, dims=(1, 0))
    gh = matmul(r, w2t)
    m = gt(h, 0.0)
    g0 = where(m, gh, f32(0.0))
    gb1 = sum(g0, axis=(0,))
    xt = permute(x, dims=(1, 0))
    gw1 = matmul(xt, g0)
    s1 = mul(gw1, host("lr", f32(0.5)))
    w1n = sub(w1, s1)
    sb = mul(gb1, host("lr", f32(0.5)))
    b1n = sub(b1, sb)
    s2 = mul(gw2, host("lr", f32(0.5)))
    w2n = sub(w2, s2)
    w1[...] = w1n
    b1[...] = b1n
    w2[...] = w2n
    return loss
""",
    "results of every kind": """
def f(x: f32[4,5], y: f32[4,5], *, c: f32[4,5], d: f32[4,5], e: f32[4,5], k: f32[4,5]):
    s = add(x, y)
    t = permute(s, dims=(1, 0))
    u = mul(c, 2.0)
    c[...] = d
    d[...] = c
    e[...] = u
    k[...] = x
    return s, s, t, x, c, f32(3.5), u
""",
    "an old value read later": """
def f(x: f32[6], *, c: f32[6]):
    n = add(c, x)
    s = sum(n, axis=(0,))
    m = mul(c, s)
    c[...] = n
    return m
""",
    "a transposed update": """
def f(x: f32[5,5], *, c: f32[5,5]):
    t = permute(c, dims=(1, 0))
    n = add(t, x)
    c[...] = n
    return n
""",
    "strided arguments": """
def f(x: f32[4,6]{1,4}, y: f32[4,6], *, c: f32[4,6]{12,2}):
    s = add(x, y)
    u = mul(c, x)
    v = view(x, shape=(24,))
    w = matmul(x, t)
    c[...] = u
    return s, v, x
""".replace("    w = matmul(x, t)\n", ""),
    "softmax": """
def f(x: f32[7,11]):
    m = amax(x, axis=(1,))
    mk = view(m, shape=(7, 1))
    me = expand(mk, shape=(7, 11))
    z = sub(x, me)
    e = exp(z)
    s = sum(e, axis=(1,))
    sk = view(s, shape=(7, 1))
    p = div(e, sk)
    return p, s
""",
    "reductions of one space": """
def f(x: f32[3,4,5]):
    a = sum(x, axis=(0,))
    b = sum(x, axis=(1,))
    c = sum(x, axis=(2,))
    d = sum(x, axis=(0, 2))
    e = sum(x, axis=(0, 1, 2))
    f = amax(x, axis=(0,))
    g = amin(x, axis=(1, 2))
    h = sum(x, axis=(0, 1))
    i = amax(x, axis=(0, 1, 2))
    j = sum(x, axis=())
    return a, b, c, d, e, f, g, h, i, j
""",
    "views": """
def f(x: f32[4,6], b: f32[6]):
    t = permute(x, dims=(1, 0))
    u = add(t, 1.0)
    s = slice(x, index=(slice(1, 4, 2), slice(None, None, None)))
    v = mul(s, b)
    r = slice(x, index=(2, slice(None, None, None)))
    w = add(r, b)
    o = slice(x, index=(1, 3))
    q = mul(b, o)
    z = view(x, shape=(3, 8))
    y = neg(z)
    c = view(t, shape=(24,))
    d = exp(c)
    e = expand(b, shape=(3, 6))
    g = add(e, 0.5)
    return u, v, w, q, y, d, g, t
""",
    "writes": """
def f(x: f32[4,6], v: f32[2,3], w: f32[6], k: f32[]):
    a = slice_write(x, v, index=(slice(1, 3, None), slice(0, 6, 2)))
    b = slice_write(x, w, index=(2, slice(None, None, None)))
    z = full(shape=(4, 6), dtype=float32, value=0.0, device='cpu')
    c = slice_write(z, v, index=(slice(0, 2, None), slice(3, 6, None)))
    d = slice_write(x, k, index=(1, 1))
    e = add(x, 1.0)
    g = slice_write(e, w, index=(0, slice(None, None, None)))
    h = mul(g, 2.0)
    return a, b, c, d, g, h
""",
    "products": """
def f(a: f32[3,4,5], b: f32[3,5,2], c: f32[5,2], d: f32[1,5,2], v: f32[5,1], q: f64[4,4]):
    p = matmul(a, b)
    r = matmul(a, c)
    s = matmul(a, d)
    t = permute(a, dims=(0, 2, 1))
    u = matmul(t, p)
    w = matmul(c, e)
    x = slice(a, index=(slice(None, None, None), slice(None, None, 2), slice(0, 4, 2)))
    y = slice(b, index=(slice(None, None, None), slice(0, 2, None), slice(None, None, None)))
    z = matmul(x, y)
    k = matmul(q, q)
    l = matmul(c, m)
    return p, r, s, u, z, k
""".replace("    w = matmul(c, e)\n", "").replace("    l = matmul(c, m)\n", ""),
    "array calls": """
def f(a: i32[3,4], b: i32[4,2], x: f32[3,2], h: f16[3,2], *, c: f32[3,2]):
    p = matmul(a, b)
    q = cast(p, dtype=float32)
    r = mul(q, x)
    g = mul(h, 2.0)
    k = cast(g, dtype=float32)
    n = add(c, r)
    s = sum(k, axis=(0, 1))
    c[...] = n
    return r, g, k, p, s
""",
    "scalars": """
def f(x: f32[], y: f32[1,1], z: i64[], *, n: i64[]):
    a = exp(x)
    b = mul(a, y)
    c = add(z, 1)
    d = cast(c, dtype=float32)
    e = view(b, shape=())
    s = sum(y, axis=(0, 1))
    m = add(n, 1)
    n[...] = m
    return a, b, c, d, e, s
""",
    "nothing": """
def f(x: f32[3]):
    return x
""",
    "unused": """
def f(x: f32[3], y: f32[2,2]):
    a = add(x, 1.0)
    b = sum(x, axis=(0,))
    c = matmul(y, y)
    return y
""",
    "random numbers": """
def f(x: f32[6,5], *, seed: host, offset: host):
    u = uniform(host("seed", i64(7)), host("offset", i64(40)), shape=(6, 5), dtype=float32)
    m = gt(u, 0.3)
    y = where(m, x, f32(0.0))
    n = normal(host("seed", i64(7)), host("(offset + 8)", i64(48)), shape=(6, 5), dtype=float64)
    r = randint(host("seed", i64(7)), host("offset", i64(40)), shape=(9,), dtype=int64, low=-5, high=12)
    t = permute(u, dims=(1, 0))
    v = add(t, 1.0)
    k = randint(host("seed", i64(7)), host("offset", i64(40)), shape=(9,), dtype=int32, low=-5, high=12)
    return y, n, r, v, k
""",
    "made from nothing": """
def f(x: f32[5]):
    z = full(shape=(3, 2), dtype=float32, value=1.5, device='cpu')
    i = iota(shape=(5,), dtype=float32, start=1, step=2, device='cpu')
    y = mul(x, i)
    j = iota(shape=(7,), dtype=int64, start=-3, step=1, device='cpu')
    w = add(z, 1.0)
    o = full(shape=(2, 5), dtype=float32, value=2.0, device='cpu')
    p = matmul(o, q)
    s = sum(o, axis=(1,))
    return z, y, j, w, i, s
""".replace("    p = matmul(o, q)\n", ""),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", GRAPHS)
def test_graph_equals_the_interpreter(name, backend):
    compare(graph_of(GRAPHS[name]), backend, hosts=HOSTS, ulps=16)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("rows, columns", [(0, 3), (3, 0), (1, 5), (5, 1), (1, 1), (1500, 3)])
def test_extents_of_zero_and_one(rows, columns, backend):
    compare(graph_of(f"""
def f(x: f32[{rows},{columns}], b: f32[{columns}], w: f32[{columns},4]):
    y = add(x, b)
    z = exp(y)
    a = sum(z, axis=(0,))
    c = sum(z, axis=(1,))
    d = sum(z, axis=(0, 1))
    t = permute(z, dims=(1, 0))
    u = add(t, 1.0)
    m = matmul(x, w)
    n = matmul(t, m)
    return y, a, c, d, u, m, n
"""), backend, ulps=16)  # fmt: skip
