"""Matrix products for the Numba backend: calls of the OpenBLAS that NumPy brings along.

The library's `cblas_?gemm` is reached without Python in between, so a whole step stays one native
call. Operands are row-major or transposed with a leading dimension; batches loop, except where
they are rows of one larger matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from symgrad.codegen import loops
from symgrad.codegen.loops import INDEX, Expr, Var
from symgrad.codegen.lower import SAMPLE, extent_expr
from symgrad.dtypes import DType, float32, float64
from symgrad.ir.access import Access, broadcast_strides, leading, own
from symgrad.ir.extents import same
from symgrad.ir.graph import Eqn, Value
from symgrad.ir.types import Shape
from symgrad.passes.schedule import Run

PREFIX = {float32: "s", float64: "d"}

PREAMBLE = '''\
_libs = os.path.join(os.path.dirname(np.__file__), "..", "numpy.libs")
llvm.load_library_permanently(glob.glob(os.path.join(_libs, "libscipy_openblas64_*"))[0])
'''

HELPER = '''\
_{p}gemm = types.ExternalFunction(
    "scipy_cblas_{p}gemm64_",
    types.void(
        *[types.intc] * 3, *[types.int64] * 3, types.{t}, types.CPointer(types.{t}),
        types.int64, types.CPointer(types.{t}), types.int64, types.{t},
        types.CPointer(types.{t}), types.int64,
    ),
)


@kernel
def matmul_{t}(flip_a, flip_b, m, n, k, a, lda, b, ldb, c, ldc):
    """c = a b (row-major, m x k times k x n), an operand transposed where its flip is set."""
    if m > 0 and n > 0:
        _{p}gemm(
            101, 112 if flip_a else 111, 112 if flip_b else 111, int64(m), int64(n), int64(k),
            {t}(1.0), a.ctypes, max(int64(lda), 1), b.ctypes, max(int64(ldb), 1),
            {t}(0.0), c.ctypes, int64(ldc),
        )
'''


@cache
def available() -> bool:
    """Whether NumPy's bundled OpenBLAS is there and exports the functions."""
    import ctypes
    import glob
    import os

    import numpy as np

    libs = os.path.join(os.path.dirname(np.__file__), "..", "numpy.libs")
    found = glob.glob(os.path.join(libs, "libscipy_openblas64_*"))
    if not found:
        return False
    library = ctypes.CDLL(found[0])
    return hasattr(library, "scipy_cblas_sgemm64_") and hasattr(library, "scipy_cblas_dgemm64_")


def native(eqn: Eqn) -> bool:
    """Whether the product can be done by the library, from native code."""
    return eqn.out.type.dtype in PREFIX and available()


def helper(dtype: DType) -> str:
    """The module text that defines `matmul_<dtype>`."""
    return HELPER.format(p=PREFIX[dtype], t=dtype.name)


@dataclass(frozen=True)
class Product:
    """One gemm per point of the batch: offsets into the three buffers, sizes, leading dimensions."""

    batch: tuple[Expr, ...]
    flips: tuple[bool, bool]
    sizes: tuple[Expr, Expr, Expr]
    leads: tuple[Expr, Expr, Expr]
    offsets: tuple[Expr, Expr, Expr]


def product(eqn: Eqn, seen: Callable[[Value], Access], run: Run | None = None) -> Product:
    """The gemm calls that compute `eqn`; in a `run`, those for one sample."""
    a, b = (seen(x) for x in eqn.inputs)  # type: ignore[arg-type]
    c = own(eqn.out)
    shape = eqn.out.type.shape
    batch = shape[:-2]
    m, n, k = shape[-2], shape[-1], a.shape[-1]
    layout_a, layout_b = leading(a), leading(b)
    assert layout_a is not None and layout_b is not None
    strides = [broadcast_strides(x, (*batch, *x.shape[-2:]))[:-2] for x in (a, b, c)]
    if run is None and batch and rows_of_one(a, batch, m, layout_a[0], strides[0]) and not any(map(int, strides[1])):
        for extent in batch:
            m = m * extent
        batch, strides = (), [(), (), ()]
    axes = [Var("ijklpq"[i], INDEX) for i in range(len(batch))]
    if run is not None:
        batch, axes = batch[1:], [SAMPLE, *axes[:-1]]
        strides = [(0, *s[1:]) if x.root in run.local else s for x, s in zip((a, b, c), strides)]
    offsets = []
    for x, along in zip((a, b, c), strides):
        total = extent_expr(x.offset)
        for var, stride in zip(axes, along):
            total = loops.add(total, loops.mul(var, extent_expr(stride)))
        offsets.append(total)
    return Product(
        tuple(map(extent_expr, batch)), (layout_a[0], layout_b[0]),
        (extent_expr(m), extent_expr(n), extent_expr(k)),
        (extent_expr(layout_a[1]), extent_expr(layout_b[1]), extent_expr(n)),
        (offsets[0], offsets[1], offsets[2]),
    )  # fmt: skip


def rows_of_one(a: Access, batch: Shape, m: int, flipped: bool, strides: Shape) -> bool:
    """Whether the batch of `a` continues its rows, so that all is one tall matrix."""
    if flipped or len(a.shape) != len(batch) + 2:
        return False
    expected = a.strides[-2] * m
    for extent, stride in zip(reversed(batch), reversed(strides)):
        if not same(stride, expected):
            return False
        expected = expected * extent
    return True

