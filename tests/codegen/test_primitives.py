"""Every primitive that loops can do, in every dtype it takes, on both backends."""

import numpy as np
import pytest
from codegen.harness import BACKENDS, compare, graph_of

from symgrad import dtypes
from symgrad.ir.primitive import Gemm, Reduce, Scalar, View, Write
from symgrad.ops import PRIMITIVES

INTEGERS = ("u8", "i8", "i16", "i32", "i64")
FLOATS = ("f16", "f32", "f64")
EXTRA = {"clamp": ("min=-1, max=2", "min=None, max=1", "min=0, max=None"),
         "pow": tuple(f"exponent={n}" for n in (0, 1, 2, 3, 5, 8, -2))}  # fmt: skip
MADE = ("full", "iota", "cast", "clone", "contiguous")


def takes(name: str, dtype: str) -> bool:
    """Whether the primitive is defined for two operands of the dtype, by asking it."""
    from symgrad.errors import SymgradError
    from symgrad.ir import TensorType

    prim = PRIMITIVES[name]
    type = TensorType((3,), dtypes.BY_SHORT[dtype])
    try:
        prim.infer(*[type] * len(prim.names))
        with np.errstate(all="ignore"):
            out = prim.evaluate(*[np.ones(3, type.dtype.np)] * len(prim.names))
    except (SymgradError, TypeError, ValueError):
        return False
    return out.dtype == prim.infer(*[type] * len(prim.names)).dtype.np


def elementwise(dtype: str) -> str:
    """One graph with every elementwise primitive that takes the dtype."""
    lines, outs = [], []

    def add(call: str) -> None:
        outs.append(f"r{len(outs)}")
        lines.append(f"    {outs[-1]} = {call}")

    for name, prim in PRIMITIVES.items():
        if not isinstance(prim.lower, Scalar) or name in MADE:
            continue
        if name == "where":
            add("where(m, a, b)")
        elif name == "polygamma":
            if dtype in FLOATS:
                add("polygamma(a, n=1)")
        elif name in EXTRA:
            for params in EXTRA[name]:
                if dtype not in ("bool",) and not ("-" in params and dtype in (*INTEGERS, "f16")):
                    add(f"{name}(a, {params})")
        elif takes(name, dtype):
            operands = ["a", "b", "m"][: len(prim.names)]
            add(f"{name}({', '.join(operands)})")
    for target in dtypes.ALL:
        if target.is_native:
            add(f"cast(a, dtype={target.name})")
    add("clone(a)")
    head = f"def f(a: {dtype}[4,9], b: {dtype}[4,9], m: bool[4,9]):"
    return "\n".join([head, *lines, f"    return {', '.join(outs)}"])


def specials(dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Ordinary numbers, and those that break things."""
    kind = dtypes.BY_SHORT[dtype].np
    if kind.kind == "f":
        edge = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 2.5, -2.5, 300.5, -70000.0, 3e9, -1e19]
        data = np.concatenate([edge, rng.normal(size=23) * 3])
    elif kind.kind == "b":
        data = rng.integers(0, 2, size=36)
    else:
        info = np.iinfo(kind)
        data = np.concatenate([[info.min, info.max, 0, 1, 2], rng.integers(max(info.min, -20), 21, size=31)])
    with np.errstate(all="ignore"):
        return rng.permutation(np.asarray(data).astype(kind)).reshape(4, 9)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ("bool", *INTEGERS, *FLOATS))
def test_elementwise(dtype, backend):
    graph = graph_of(elementwise(dtype))
    rng = np.random.default_rng(1)
    b = specials(dtype, rng)
    if np.issubdtype(b.dtype, np.signedinteger):
        b = np.maximum(b, 0)  # NumPy refuses integers to negative powers
    inputs = [specials(dtype, rng), b, rng.integers(0, 2, (4, 9)).astype(bool)]
    module = compare(graph, backend, inputs=inputs, ulps=4)
    if dtype in FLOATS:  # no large ones, beside which an error would not be seen
        compare(graph, backend, inputs=[*(rng.normal(size=(4, 9)).astype(x.dtype) for x in inputs[:2]), inputs[2]])
    assert backend != "numba" or dtype == "f16" or "np.where(" not in module.source, "a kernel, not array calls"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ("bool", *INTEGERS, *FLOATS))
def test_conversion_to_float16(dtype, backend):
    graph = graph_of(f"def f(a: {dtype}[4,9]):\n    b = cast(a, dtype=float16)\n    return b")
    compare(graph, backend, inputs=[specials(dtype, np.random.default_rng(1))])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ("bool", *INTEGERS, *FLOATS))
def test_reductions_and_views(dtype, backend):
    reduces = [n for n, p in PRIMITIVES.items() if isinstance(p.lower, Reduce)
               and (dtype == "bool" or n not in ("any", "all"))]  # fmt: skip
    lines, outs = [], []
    for name in reduces:
        for axis in ("(0,)", "(1,)", "(0, 1)", "()"):
            outs.append(f"r{len(outs)}")
            lines.append(f"    {outs[-1]} = {name}(x, axis={axis})")
    text = "\n".join([f"def f(x: {dtype}[40,60], y: {dtype}[3,4], v: {dtype}[2,2]):", *lines, f"""
    t = permute(y, dims=(1, 0))
    c = clone(t)
    w = slice_write(y, v, index=(slice(0, 3, 2), slice(1, 3, None)))
    z = view(t, shape=(12,))
    p = expand(v, shape=(3, 2, 2))
    q = contiguous(p)
    g = slice(y, index=(slice(1, None, None), slice(None, None, 3)))
    k = clone(g)
    return {', '.join(outs)}, c, w, z, q, k"""])  # fmt: skip
    compare(graph_of(text), backend, ulps=64 if dtype == "f64" else 4)


def test_every_lowering_is_swept():
    """What is neither elementwise, nor a reduction, a view, a write or a product, is named here."""
    swept = (Scalar, Reduce, View, Write, Gemm)
    others = {type(p.lower).__name__ for p in PRIMITIVES.values() if not isinstance(p.lower, swept)}
    assert others <= {"ArrayCall", "Check", "Choice", "Gather", "Nested", "Alias", "Draw", "Composite"}
