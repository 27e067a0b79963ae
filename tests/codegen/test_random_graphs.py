"""Random programs: whatever the graph, a backend computes what the interpreter does."""

import numpy as np
import pytest
from codegen.harness import compare
from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.dtypes import float32
from symgrad.errors import ShapeError
from symgrad.ir import Builder, Graph, Literal, TensorType, Value
from symgrad.ops import PRIMITIVES

SHAPES = [(4, 6), (6,), (4, 1), (1, 6), (), (6, 4), (2, 3, 4), (1,), (4, 6), (3, 2)]
UNARY = ["tanh", "neg", "abs", "sin", "relu", "sigmoid", "sign", "clone", "contiguous"]
BINARY = ["add", "sub", "mul", "maximum", "minimum"]


class Maker:
    """Grows a graph by random equations over float32 values."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.builder = Builder()
        self.inputs = [Value(TensorType(s, float32), f"x{i}") for i, s in enumerate(SHAPES)]
        self.inputs[0].type = TensorType((4, 6), float32, (1, 4))
        self.cells = [Value(TensorType(s, float32), f"c{i}") for i, s in enumerate([(4, 6), (), (6,), (4, 6)])]
        self.values = [*self.inputs, *self.cells]

    def pick(self) -> Value:
        recent = self.values[-8:] if self.rng.random() < 0.6 else self.values
        return recent[self.rng.integers(len(recent))]

    def emit(self, name, *inputs, **params):
        return self.builder.emit(PRIMITIVES[name], inputs, params)[0]

    def grow(self) -> None:
        x, y = self.pick(), self.pick()
        kind = self.rng.choice(["unary", "binary", "binary", "reduce", "view", "where", "write", "matmul", "literal"])
        try:
            new = getattr(self, kind)(x, y)
        except (ShapeError, ValueError):
            return
        self.values.append(new)

    def unary(self, x, y):
        return self.emit(str(self.rng.choice(UNARY)), x)

    def binary(self, x, y):
        return self.emit("tanh", self.emit(str(self.rng.choice(BINARY)), x, y))

    def literal(self, x, y):
        if self.rng.random() < 0.3:
            shape = SHAPES[self.rng.integers(len(SHAPES))]
            return self.emit("full", shape=shape, dtype=float32, value=0.5, device="cpu")
        return self.emit("mul", x, Literal(0.5, float32, "h" if self.rng.random() < 0.5 else None))

    def reduce(self, x, y):
        axes = tuple(i for i in range(x.type.ndim) if self.rng.random() < 0.5)
        fold = str(self.rng.choice(["sum", "amax", "amin"])) if x.type.size else "sum"
        return self.emit("tanh", self.emit(fold, x, axis=axes))

    def view(self, x, y):
        rank = x.type.ndim
        kind = self.rng.choice(["permute", "view", "slice", "expand"])
        if kind == "permute":
            return self.emit("permute", x, dims=tuple(map(int, self.rng.permutation(rank))))
        if kind == "view":
            shapes = [s for s in (*SHAPES, (24,), (8, 3), (2, 2, 6)) if np.prod(s, dtype=int) == x.type.size]
            return self.emit("view", x, shape=shapes[self.rng.integers(len(shapes))])
        if kind == "slice":
            items = [slice(None), slice(0, None, 2), slice(1, None), 0, -1]
            # an int has no place in an empty extent
            index = tuple(items[self.rng.integers(5 if e else 3)] for e in x.type.shape)
            return self.emit("slice", x, index=index)
        return self.emit("expand", x, shape=(2, *x.type.shape))

    def where(self, x, y):
        return self.emit("where", self.emit("gt", x, y), x, y)

    def write(self, x, y):
        index = tuple(slice(0, None, 2) if self.rng.random() < 0.5 else slice(1, 3) for _ in range(x.type.ndim))
        part = self.emit("slice", x, index=index)
        return self.emit("slice_write", x, self.emit("mul", part, part), index=index)

    def matmul(self, x, y):
        if x.type.ndim < 2 or y.type.ndim < 2:
            raise ShapeError("a product needs matrices")
        return self.emit("tanh", self.emit("matmul", x, y))

    def graph(self, length: int) -> Graph:
        for _ in range(length):
            self.grow()
        outs = [self.pick() for _ in range(4)]
        effects = []
        for cell in self.cells:
            fits = [v for v in self.values if tuple(v.type.shape) == tuple(cell.type.shape)]
            if self.rng.random() < 0.8:
                effects.append((cell, fits[self.rng.integers(len(fits))]))
        return Graph("f", tuple(self.inputs), tuple(self.builder.eqns), tuple(outs), tuple(self.cells),
                     ("h",), tuple(effects)).verify()  # fmt: skip


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=400, deadline=None)
def test_numpy(seed, length):
    graph = Maker(np.random.default_rng(seed)).graph(length)
    compare(graph, "numpy", seed=seed, hosts={"h": 0.5})


@pytest.mark.parametrize("seed", range(12))
def test_numba(seed):
    graph = Maker(np.random.default_rng(seed)).graph(30)
    compare(graph, "numba", seed=seed, hosts={"h": 0.5}, ulps=64)

