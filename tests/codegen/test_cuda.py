"""CUDA without a GPU: whole modules through the emulation, every kernel through NVRTC.

The emulation runs each launch in both orders of threads and fails if the results differ.
"""

from __future__ import annotations

import ast
import copy
import subprocess
import sys

import numpy as np
import pytest
from codegen import harness, test_graphs, test_module, test_primitives
from codegen.harness import compare, emitted, graph_of, with_extents

import symgrad as sg
from symgrad.codegen import emit
from symgrad.codegen.cuda import CudaPrinter, c_name, helper_order
from symgrad.codegen.loops import Const, Op, Var
from symgrad.dtypes import bool_, float16, float32, int8, int64
from symgrad.errors import BackendError
from symgrad.passes.fuse import fuse
from symgrad.passes.plan_memory import plan_memory
from symgrad.testing import cuda_module, cuda_shim, nvrtc

pytestmark = pytest.mark.skipif(
    cuda_module.available() is not None, reason=cuda_module.available() or ""
)


@pytest.fixture(autouse=True)
def emulation(monkeypatch):
    """Modules are loaded with `cupy` emulated."""
    monkeypatch.setattr(harness, "load", cuda_module.load_module)
    with np.errstate(all="ignore"):
        yield


def accepted(module):
    """The module, once NVRTC has compiled its kernels."""
    if nvrtc.available() is None:
        cuda_module.compile_kernels(module.source)
    return module


def held(text, **options):
    """Hold a graph against the interpreter, and its kernels against the compiler."""
    graph = graph_of(text) if isinstance(text, str) else text
    return accepted(compare(graph, "cupy", **options))


def launches(module):
    """How many kernels `run` starts."""
    return module.source.partition("def run(")[2].count("_launch(")


# -- what the other backends are tested with ----------------------------------------------------


@pytest.mark.parametrize("name", test_graphs.GRAPHS)
def test_graph_equals_the_interpreter(name):
    held(test_graphs.GRAPHS[name], hosts=test_graphs.HOSTS, ulps=16)


@pytest.mark.parametrize("rows, columns", [(0, 3), (3, 0), (1, 5), (5, 1), (1, 1), (1500, 3)])
def test_extents_of_zero_and_one(rows, columns):
    test_graphs.test_extents_of_zero_and_one(rows, columns, "cupy")


DTYPES = ("bool", *test_primitives.INTEGERS, "f32", "f64")


def without_float16(text):
    """The same graph without float16, which goes through CuPy's own functions."""
    head, *lines = text.splitlines()
    kept = [line for line in lines[:-1] if "float16" not in line]
    outs = [line.split()[0] for line in kept]
    return "\n".join([head, *kept, f"    return {', '.join(outs)}"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_elementwise(dtype, rng):
    text = without_float16(test_primitives.elementwise(dtype))
    a, b = test_primitives.specials(dtype, rng), test_primitives.specials(dtype, rng)
    if np.issubdtype(b.dtype, np.signedinteger):
        b = np.maximum(b, 0)  # NumPy refuses integers to negative powers
    module = held(text, inputs=[a, b, rng.integers(0, 2, (4, 9)).astype(bool)], ulps=4)
    assert "cp.where" not in module.source, "a kernel, not array calls"


@pytest.mark.parametrize("dtype", (*DTYPES, "f16"))
def test_reductions_and_views(dtype):
    test_primitives.test_reductions_and_views(dtype, "cupy")


@pytest.mark.parametrize("n", [1, 7, 300])
def test_named_extents_compute_the_same(n):
    compare(test_module.net(n), "cupy", hosts={"lr": 0.5}, ulps=32)


def test_packed_arrays():
    test_module.test_packed_arrays("cupy")


def test_two_entries():
    plans = {}
    for name in ("forward", "backward"):
        graph = graph_of("def f(x: f32[5]):\n    y = exp(x)\n    s = sum(y, axis=(0,))\n    return y, s")
        plans[name] = plan_memory(fuse(graph, rows=False))
    module = accepted(emit(plans, backend="cupy", title="two"))
    assert module.source.count("extern") == 1, "equal kernels are printed once"
    x, y, s = np.arange(5, dtype="f"), np.zeros(5, "f"), np.zeros((), "f")
    loaded = cuda_module.load_module(module.source)
    for entry in (loaded.forward, loaded.backward):
        y[:] = s[()] = 0
        entry(x, y, s, np.zeros(1, "f"))
        np.testing.assert_allclose(s, np.exp(x).sum(), rtol=1e-6)


# -- programs -----------------------------------------------------------------------------------

POLYNOMIAL = """
def step(x: f32[{n}], y: f32[{n}], *, a: f32[], b: f32[], c: f32[], d: f32[], lr: host):
    x2 = mul(x, x)
    x3 = mul(x2, x)
    bx = mul(b, x)
    cx = mul(c, x2)
    dx = mul(d, x3)
    p1 = add(a, bx)
    p2 = add(p1, cx)
    p = add(p2, dx)
    r = sub(p, y)
    r2 = pow(r, exponent=2)
    loss = sum(r2, axis=(0,))
    g = mul(r, 2.0)
    ga = sum(g, axis=(0,))
    g1 = mul(g, x)
    gb = sum(g1, axis=(0,))
    g2 = mul(g, x2)
    gc = sum(g2, axis=(0,))
    g3 = mul(g, x3)
    gd = sum(g3, axis=(0,))
    sa = mul(ga, host("lr", f32(0.5)))
    na = sub(a, sa)
    sb = mul(gb, host("lr", f32(0.5)))
    nb = sub(b, sb)
    sc = mul(gc, host("lr", f32(0.5)))
    nc = sub(c, sc)
    sd = mul(gd, host("lr", f32(0.5)))
    nd = sub(d, sd)
    a[...] = na
    b[...] = nb
    c[...] = nc
    d[...] = nd
    return loss
"""


def polynomial(n):
    return with_extents(graph_of(POLYNOMIAL.format(n=n)), x=("n0",), y=("n0",))


@pytest.mark.parametrize("n", [0, 1, 255, 1024, 2000, 70_001])
def test_a_polynomial_step_is_one_launch(n):
    module = compare(polynomial(n), "cupy", hosts={"lr": 1e-6})
    assert launches(module) == 1
    assert n == 1 or module.source == emitted(polynomial(2000), "cupy").source


def test_sums_do_not_depend_on_the_grid(rng):
    module = accepted(emitted(polynomial(9000), "cupy"))
    x, y = rng.normal(size=(2, 9000)).astype("f")
    results = set()
    for grid in (1, 2, 3, 9, 20):
        loaded = cuda_module.load_module(module.source)
        loaded._blocks = lambda count, each, grid=grid: grid
        cells = [np.full((), v, "f") for v in (0.1, 0.2, 0.3, 0.4)]
        loss = np.zeros((), "f")
        for _ in range(2):  # the counter of finished blocks is back at 0
            loaded.run(x, y, *cells, 1e-7, loss, np.full(45, np.nan, "f"))
        results.add(loss.tobytes() + b"".join(c.tobytes() for c in cells))
    assert len(results) == 1


def test_loops_serve_any_grid(rng):
    text = """
def f(x: f32[40,300], b: f32[300]):
    y = mul(x, b)
    t = permute(y, dims=(1, 0))
    u = add(t, 1.0)
    r = sum(y, axis=(1,))
    c = amax(y, axis=(0,))
    return y, u, r, c
"""
    module = emitted(graph_of(text), "cupy")
    x, b = rng.normal(size=(40, 300)).astype("f"), rng.normal(size=300).astype("f")
    results = set()
    for grid in (1, 2, 7, 100):
        loaded = cuda_module.load_module(module.source)
        loaded._blocks = lambda count, each, grid=grid: grid
        outs = [np.zeros(s, "f") for s in ((40, 300), (12000,), (40,), (300,))]
        loaded.run(x, b, *outs[:1], outs[1].reshape(300, 40), *outs[2:])
        results.add(b"".join(o.tobytes() for o in outs))
    assert len(results) == 1


def test_large_sums_are_accurate(rng):
    x = (rng.random(100_000) + 1).astype("f")
    compare(graph_of("def f(x: f32[100000]):\n    s = sum(x, axis=(0,))\n    return s"), "cupy",
            inputs=[x], ulps=1)  # fmt: skip


def test_legendre_polynomial():
    held("""
def step(x: f32[2000], y: f32[2000], *, a: f32[], b: f32[], c: f32[], d: f32[], lr: host):
    dx = mul(d, x)
    u = add(c, dx)
    u3 = pow(u, exponent=3)
    k = mul(u3, 5.0)
    l = mul(u, 3.0)
    m = sub(k, l)
    q = mul(m, 0.5)
    bq = mul(b, q)
    p = add(a, bq)
    r = sub(p, y)
    r2 = pow(r, exponent=2)
    loss = sum(r2, axis=(0,))
    g = mul(r, 2.0)
    gq = mul(g, b)
    u2 = pow(u, exponent=2)
    f1 = mul(u2, 5.0)
    f2 = sub(f1, 1.0)
    f3 = mul(f2, 1.5)
    gu = mul(gq, f3)
    gc = sum(gu, axis=(0,))
    s = mul(gc, host("lr", f32(0.5)))
    n = sub(c, s)
    c[...] = n
    return loss, gc
""", hosts={"lr": 5e-6}, ulps=16)  # fmt: skip


ADAM = "\n".join(["def step(*, lr: host, t: i64[], CELLS):", "    tn = add(t, 1)",
                  "    tf = cast(tn, dtype=float32)"])  # fmt: skip


def adam(shapes):
    """An Adam-like update of several parameters, and the step count they share."""
    cells, lines, effects = [], [], []
    for n, shape in enumerate(shapes):
        extents = ",".join(map(str, shape))
        cells += [f"{v}{n}: f32[{extents}]" for v in "pgmv"]
        lines += [
            f"    ma{n} = mul(m{n}, 0.9)", f"    mb{n} = mul(g{n}, 0.1)", f"    mn{n} = add(ma{n}, mb{n})",
            f"    va{n} = mul(v{n}, 0.99)", f"    gg{n} = mul(g{n}, g{n})", f"    vb{n} = mul(gg{n}, 0.01)",
            f"    vn{n} = add(va{n}, vb{n})", f"    va2{n} = abs(vn{n})", f"    s{n} = sqrt(va2{n})",
            f"    e{n} = add(s{n}, 1e-08)", f"    q{n} = div(mn{n}, e{n})", f"    w{n} = div(q{n}, tf)",
            f"    u{n} = mul(w{n}, host(\"lr\", f32(0.5)))", f"    pn{n} = sub(p{n}, u{n})",
        ]  # fmt: skip
        effects += [f"    p{n}[...] = pn{n}", f"    m{n}[...] = mn{n}", f"    v{n}[...] = vn{n}"]
    return "\n".join([ADAM.replace("CELLS", ", ".join(cells)), *lines, "    t[...] = tn", *effects,
                      "    return tn"])  # fmt: skip


def test_an_update_of_several_shapes():
    module = held(adam([(300,), (7, 11), (1, 1), (), (2, 3, 4), (7, 11)]), hosts={"lr": 0.01}, ulps=16)
    assert "last_block" in module.source or launches(module) > 1, "t is written once all have read it"


@pytest.mark.parametrize("n, hidden", [(9, 5), (40, 70)])
def test_two_layers(n, hidden):
    text = test_graphs.GRAPHS["two layers"]
    held(text.replace("[20,", f"[{n},").replace("16", str(hidden)), hosts={"lr": 0.1}, ulps=64)


def test_stages_that_need_each_other():
    held("""
def f(x: f32[30,70], w: f32[70]):
    m = amax(x, axis=(1,))
    mk = view(m, shape=(30, 1))
    z = sub(x, mk)
    e = exp(z)
    s = sum(e, axis=(1,))
    sk = view(s, shape=(30, 1))
    p = div(e, sk)
    l = log(p)
    n = mul(p, l)
    h = sum(n, axis=(0, 1))
    c = sum(p, axis=(0,))
    q = div(c, h)
    d = mul(q, w)
    t = sum(d, axis=(0,))
    return p, h, q, t
""", ulps=32)


@pytest.mark.parametrize("shape, dtype", [((), "float64"), ((0, 3), "float32"), ((700,), "float32")])
def test_draws_have_the_same_bits(shape, dtype):
    held(f"""
def f(k: f32[], *, seed: host, offset: host):
    u = uniform(host("seed", i64(7)), host("offset", i64(40)), shape={shape}, dtype={dtype})
    n = normal(host("seed", i64(7)), host("(offset + 9)", i64(49)), shape={shape}, dtype={dtype})
    r = randint(host("seed", i64(7)), host("offset", i64(40)), shape={shape}, dtype=int64, low=-5, high=12)
    return u, n, r
""", hosts={"seed": -3, "offset": 2**40}, ulps=0)  # fmt: skip


def test_a_model_trains_through_compile():
    model = sg.nn.Sequential(sg.nn.Linear(6, 8), sg.nn.ReLU(), sg.nn.Linear(8, 1))
    twin = copy.deepcopy(model)
    x, y = sg.randn(40, 6), sg.randn(40, 1)

    def training(model):
        optimizer = sg.optim.Adam(model.parameters(), lr=0.1)

        def step(x, y):
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss

        return step

    eager, compiled = training(twin), sg.compile(training(model), backend="cupy")
    with cuda_module.emulated():
        for _ in range(3):
            np.testing.assert_allclose(compiled(x, y).item(), eager(x, y).item(), rtol=1e-5)
    source = compiled.program(x, y).source
    if nvrtc.available() is None:
        cuda_module.compile_kernels(source)
    assert "// test_cuda.py:" in source, "the user's lines stand beside what they became"


# -- reductions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 300), (300, 3), (2, 5, 70), (1, 2000), (2000, 1), (33, 1, 40)])
@pytest.mark.parametrize("dtype", ["f32", "i64", "i8", "bool"])
def test_axes(shape, dtype):
    axes = [(n,) for n in range(len(shape))] + [(0, len(shape) - 1), tuple(range(len(shape)))]
    ops = ("any", "all") if dtype == "bool" else ("sum", "amax", "prod", "amin")
    lines = [f"    {op}{k} = {op}(y, axis={axis})" for k, axis in enumerate(axes) for op in ops]
    names = ", ".join(line.split()[0] for line in lines)
    extents = ",".join(map(str, shape))
    first = "bitwise_not(x)" if dtype == "bool" else "add(x, x)"
    text = f"def f(x: {dtype}[{extents}]):\n    y = {first}\n" + "\n".join(lines)
    held(f"{text}\n    return y, {names}")


def test_a_fold_reads_what_another_launch_would_overwrite():
    module = held("""
def f(x: f32[30,20], *, c: f32[30,20]):
    n = mul(c, x)
    r = sum(n, axis=(0,))
    q = sum(n, axis=(1,))
    s = sum(n, axis=(0, 1))
    c[...] = n
    return r, q, s
""")  # fmt: skip
    assert launches(module) == 3


def test_nan_wins():
    x = np.array([[1, np.nan, 2], [3, 4, -np.inf]], "f")
    held("""
def f(x: f32[2,3]):
    a = amax(x, axis=(1,))
    b = amin(x, axis=(0,))
    c = amax(x, axis=(0, 1))
    d = clamp(x, min=-1.0, max=None)
    e = maximum(x, inf)
    return a, b, c, d, e
""".replace("    e = maximum(x, inf)\n", "").replace(", e", ""), inputs=[x])  # fmt: skip


# -- 0-d values and cells -----------------------------------------------------------------------


def test_a_cell_is_written_once_all_blocks_have_read_it():
    module = held("""
def f(x: f32[3000], *, k: f32[], c: f32[3000]):
    n = add(k, 1.0)
    y = mul(x, k)
    z = add(y, c)
    k[...] = n
    c[...] = z
    return y
""")  # fmt: skip
    assert "last_block" in module.source and launches(module) == 1


def test_an_element_of_what_the_kernel_stores():
    held("""
def f(x: f32[3000]):
    y = mul(x, 2.0)
    e = slice(y, index=(2999,))
    z = exp(e)
    return y, z
""")


def test_names_that_c_has_a_meaning_for():
    module = held("""
def f(double: f32[5], exp: f32[5], threadIdx: f32[5], *, register: f32[], short: f32[5], chunk: f32[]):
    min = mul(double, exp)
    expf = exp(min)
    sums = sum(expf, axis=(0,))
    done = add(sums, chunk)
    lanes = add(threadIdx, expf)
    auto = mul(register, 2.0)
    new = mul(lanes, short)
    register[...] = auto
    short[...] = new
    return expf, done, lanes
""".replace("expf = exp(min)", "expf = exp(min)"))  # fmt: skip
    assert "double_[" in module.source
    assert c_name("double") != c_name("double_") and c_name("loss") == "loss"


# -- the text -----------------------------------------------------------------------------------


def test_text_is_the_same_every_time_and_for_two_batch_sizes():
    assert emitted(test_module.net(5), "cupy").source == emitted(test_module.net(5), "cupy").source
    assert len({emitted(test_module.net(n), "cupy").source for n in (2, 64, 1000)}) == 1


def test_module_stands_alone():
    source = emitted(test_module.net(6), "cupy").source
    tree = ast.parse(source)
    imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert imported == {"cupy", "numpy", "time"}
    assert max(map(len, source.splitlines())) <= 100


def test_emitting_needs_no_cupy():
    script = """
import sys
sys.modules["cupy"] = None
from codegen.harness import emitted, graph_of
from codegen.test_graphs import GRAPHS
print(len([emitted(graph_of(text), "cupy") for text in GRAPHS.values()]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          env={"PYTHONPATH": ":".join(p for p in sys.path if p)})  # fmt: skip
    assert done.stdout.strip() == str(len(test_graphs.GRAPHS)), done.stderr


def test_main_block_runs():
    source = emitted(polynomial(64), "cupy").source.replace("range(100)", "range(2)")
    module = cuda_module.ModuleType("__main__")
    with cuda_module.emulated():
        exec(compile(source, "main", "exec"), module.__dict__)


def test_check_says_what_is_wrong():
    loaded = cuda_module.load_module(
        emitted(graph_of("def f(x: f32[3,2]):\n    y = exp(x)\n    return y"), "cupy").source)  # fmt: skip
    x, y = np.zeros((3, 2), "f"), np.zeros((3, 2), "f")
    assert loaded.check(x, y) is None
    assert "expected an array of float32" in loaded.check(x.astype("d"), y)
    assert "expected shape (3, 2)" in loaded.check(x[:2], y)
    assert "contiguous" in loaded.check(np.asfortranarray(x), y)


def test_comments_end_where_their_line_does(tmp_path):
    path = tmp_path / "user.py"
    path.write_text("y = x + \\\nz = '''1'''\n")
    printer = CudaPrinter()
    printer.note(f"{path}:1")
    printer.note(f"{path}:2")
    assert printer.lines == ["// user.py:1  y = x +", '// user.py:2  z = """1"""']


def printed(expr):
    return CudaPrinter().expr(expr)


def test_integer_functions_are_numpy_s():
    edges = [-(2**63), -(2**63) + 1, -7, -1, 0, 1, 2, 7, 31, 63, 64, 200, 2**63 - 1]
    a, b = (v.ravel().copy() for v in np.meshgrid(edges, edges))
    numpy = {"floordiv": np.floor_divide, "mod": np.remainder, "shl": np.left_shift, "shr": np.right_shift}
    printer = CudaPrinter()
    calls = [printer.expr(Op(fn, (Var("p", int64), Var("q", int64)), int64)) for fn in numpy]
    lines = "".join(f"    out[{n} * n + i] = {call};\n" for n, call in enumerate(calls))
    source = "\n".join([*helper_order(printer.helpers), f"""extern "C" __global__ void k(
    const long long* a, const long long* b, long long* out, int n) {{
    const int i = threadIdx.x;
    const long long p = a[i], q = b[i];
{lines}}}"""])  # fmt: skip
    out = np.zeros((4, a.size), np.int64)
    cuda_shim.run_kernel(source, "k", 1, a.size, [a, b, out, np.int32(a.size)])
    for row, (fn, apply) in zip(out, numpy.items()):
        fits = b >= 0 if fn in ("shl", "shr") else b == b  # NumPy leaves negative shifts open
        np.testing.assert_array_equal(row[fits], apply(a, b)[fits], fn)


def test_precedence_is_c_s():
    a, b = Var("a", bool_), Var("b", bool_)
    both = Op("and", (a, b), bool_)
    assert printed(Op("eq", (both, a), bool_)) == "(a & b) == a"
    assert printed(Op("and", (Op("eq", (a, b), bool_), a), bool_)) == "(a == b) & a"
    x = Var("x", float32)
    assert printed(Op("neg", (Const(-1.0, float32),), float32)) == "-(-1.0f)"
    assert printed(Op("sub", (x, Op("sub", (x, x), float32)), float32)) == "x - (x - x)"
    small = Op("add", (Var("i", int8), Const(1, int8)), int8)
    assert printed(small) == "(signed char)add_i32(i, (signed char)1)"
    assert printed(Const(-(2**63), int64)) == "(-9223372036854775807ll - 1ll)"
    with pytest.raises(BackendError, match="float16"):
        printed(Const(1.0, float16))
