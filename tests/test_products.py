"""Products of vectors and matrices, and einsum, beside PyTorch: values, gradients, errors, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from beside import both, normal
from oracle import agree, make, torch

import symgrad as sg

DTYPES = ("int32", "int64", "float32", "float64", "complex64", "complex128")


PRODUCTS = {
    "matmul": (((3, 4), (4, 2)), ((4,), (4,)), ((4,), (4, 2)), ((3, 4), (4,)), ((2, 3, 4), (4, 2)), ((2, 3, 4), (4,)),
               ((4,), (2, 4, 3)), ((5, 1, 3, 4), (2, 4, 2)), ((3, 0), (0, 2)), ((0, 3), (3, 2)), ((2, 0, 3), (3, 4))),
    "mm": (((3, 4), (4, 2)), ((0, 4), (4, 2)), ((3, 0), (0, 2))),
    "bmm": (((2, 3, 4), (2, 4, 5)), ((0, 3, 4), (0, 4, 5)), ((2, 3, 0), (2, 0, 5))),
    "mv": (((3, 4), (4,)), ((0, 4), (4,)), ((3, 0), (0,))),
    "dot": (((4,), (4,)), ((0,), (0,))), "vdot": (((4,), (4,)), ((0,), (0,))),
    "outer": (((3,), (4,)), ((0,), (4,))), "ger": (((3,), (4,)),),
    "inner": (((3, 4), (2, 4)), ((4,), (4,)), ((2, 3, 4), (4,)), ((), (3,)), ((2, 2), ())),
    "kron": (((2, 3), (3, 2)), ((2,), (2, 3)), ((), (3,)), ((2, 0), (2, 2)), ((1, 2, 2), (3, 1, 2))),
    "addmm": (((3, 2), (3, 4), (4, 2)), ((2,), (3, 4), (4, 2)), ((), (3, 4), (4, 2)), ((3, 1), (3, 0), (0, 2))),
    "addmv": (((3,), (3, 4), (4,)), ((), (3, 4), (4,)), ((3,), (3, 0), (0,))),
    "addr": (((3, 2), (3,), (2,)), ((2,), (3,), (2,))),
    "addbmm": (((3, 5), (2, 3, 4), (2, 4, 5)), ((5,), (2, 3, 4), (2, 4, 5)), ((3, 5), (0, 3, 4), (0, 4, 5))),
    "baddbmm": (((2, 3, 5), (2, 3, 4), (2, 4, 5)), ((3, 1), (2, 3, 4), (2, 4, 5)), ((2, 3, 5), (2, 3, 0), (2, 0, 5))),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PRODUCTS)
def test_product(name: str, dtype: str) -> None:
    for shapes in PRODUCTS[name]:
        both(lambda lib, *xs: getattr(lib, name)(*xs), *[normal(*s, dtype=dtype) for s in shapes])


@pytest.mark.parametrize("dtype", ("int64", "float32", "complex64"))
@pytest.mark.parametrize("name", ("addmm", "addmv", "addr", "addbmm", "baddbmm"))
def test_coefficients_and_twins(name: str, dtype: str) -> None:
    shapes = PRODUCTS[name][0]
    arrays = [normal(*s, dtype=dtype) for s in shapes]
    for beta, alpha in ((2, 3), (0, 2), (-1, 0), (0.5, 2.5)):
        both(lambda lib, *xs: getattr(lib, name)(*xs, beta=beta, alpha=alpha), *arrays)
        both(lambda lib, x, *xs: getattr(x, name + "_")(*xs, beta=beta, alpha=alpha), *arrays, grad=False)
        both(lambda lib, x, *xs: getattr(x * 1, name + "_")(*xs, beta=beta, alpha=alpha), *arrays)
        both(lambda lib, x, *xs: getattr(lib, name)(x, *xs, beta=beta, alpha=alpha, out=x * 1), *arrays, grad=False)
    arrays[0] = np.full_like(arrays[0], np.nan) if dtype != "int64" else arrays[0]
    both(lambda lib, *xs: getattr(lib, name)(*xs, beta=0), *arrays, grad=False)


def test_strided_operands() -> None:
    a, b = normal(4, 3, dtype="float32").T, normal(2, 4, dtype="float32")[:, ::2]
    both(lambda lib, a: a @ a.mT + a[:, ::2] @ a[:, 1::2].mT, a, tol=1e-4)
    found = sg.kron(sg.from_numpy(a), sg.from_numpy(b))  # PyTorch takes no transposed matrix here
    np.testing.assert_allclose(found.numpy(), np.kron(a, b), rtol=1e-6)


@pytest.mark.parametrize("half", ("float16", "bfloat16"))
def test_half_products_round_once(half: str) -> None:
    a, b = normal(5, 300, dtype="float32"), normal(300, 4, dtype="float32")
    mine = (sg.from_numpy(a).to(getattr(sg, half)) @ sg.from_numpy(b).to(getattr(sg, half))).float()
    theirs = (torch.from_numpy(a).to(getattr(torch, half)) @ torch.from_numpy(b).to(getattr(torch, half))).float()
    np.testing.assert_allclose(mine.numpy(), theirs.numpy(), rtol=2e-2 if half == "bfloat16" else 2e-3, atol=1e-2)


WRONG = (
    lambda lib, m, v: m @ 3, lambda lib, m, v: 3 @ m, lambda lib, m, v: lib.matmul(m, 3),
    lambda lib, m, v: lib.mm(m, m.mT.double()), lambda lib, m, v: m.double() @ m.mT, lambda lib, m, v: lib.mm(m, v),
    lambda lib, m, v: lib.mm(m, m), lambda lib, m, v: lib.mv(m, m),
    lambda lib, m, v: lib.mv(v, m), lambda lib, m, v: lib.dot(m, m), lambda lib, m, v: lib.dot(v, v[:2]),
    lambda lib, m, v: lib.dot(v, v.double()), lambda lib, m, v: lib.bmm(m, m), lambda lib, m, v: lib.outer(m, v),
    lambda lib, m, v: lib.inner(m, v[:2]), lambda lib, m, v: m.double() @ v, lambda lib, m, v: m.bool() @ v.bool(),
    lambda lib, m, v: lib.addmm(v, m, m.mT.double()), lambda lib, m, v: lib.addmm(v, m, m.mT),
    lambda lib, m, v: lib.addmm(v, m, v), lambda lib, m, v: lib.addmv(v, m, m), lambda lib, m, v: lib.addbmm(v, m, m),
    lambda lib, m, v: lib.baddbmm(v, m, m),
    lambda lib, m, v: lib.bmm(m[None], m[None]), lambda lib, m, v: lib.bmm(m[None], m.mT[None].expand(2, 4, 3)),
    lambda lib, m, v: lib.addmm(m.int(), m.int(), m.mT.int(), alpha=0.5), lambda lib, m, v: m[0, 0] @ v,
    lambda lib, m, v: v.addmm_(m, m.mT), lambda lib, m, v: lib.tensordot(m, m, 1),
    lambda lib, m, v: lib.tensordot(m, m, 3),
    lambda lib, m, v: lib.tensordot(m, m, -1), lambda lib, m, v: lib.tensordot(m, m, ([0, 1], [0])),
    lambda lib, m, v: lib.linalg.multi_dot([m]), lambda lib, m, v: lib.linalg.multi_dot([m, m]),
    lambda lib, m, v: lib.linalg.cross(m, m), lambda lib, m, v: lib.linalg.vecdot(v.int(), v.int()),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_errors(number: int) -> None:
    m, v = normal(3, 4, dtype="float32"), normal(4, dtype="float32")
    agree(lambda lib: WRONG[number](lib, make(lib, m), make(lib, v)), rtol=1e-5)


TENSORDOT = (((3, 4), (4, 2), 1), ((3, 4), (3, 4), 2), ((3, 4), (2,), 0), ((2, 3, 4), (4, 3, 5), ([1, 2], [1, 0])),
             ((2, 3, 4), (3, 2, 4), ([-1, 0], [2, 1])), ((3, 1), (4, 2), 1), ((), (), 0),
             ((2, 0), (0, 3), 1))  # fmt: skip


@pytest.mark.parametrize("a, b, dims", TENSORDOT)
def test_tensordot(a: Any, b: Any, dims: Any) -> None:
    for dtype in ("int64", "float64", "complex128"):
        both(lambda lib, x, y: lib.tensordot(x, y, dims), normal(*a, dtype=dtype), normal(*b, dtype=dtype))


EINSUM = (
    ("ij,jk", (3, 4), (4, 2)), ("ij,jk->ik", (3, 4), (4, 2)), ("ij,jk->ki", (3, 4), (4, 2)), ("ij->ji", (3, 4)),
    ("ij", (3, 4)), ("ba", (3, 4)), ("ii", (3, 3)), ("ii->i", (3, 3)), ("iij->ij", (3, 3, 2)), ("iji->j", (3, 2, 3)),
    ("i,i", (4,), (4,)), ("i,j->ij", (3,), (4,)), ("ij,ij->ij", (3, 4), (3, 4)), ("ij,ij", (3, 4), (3, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("bij,bjk->ik", (2, 3, 4), (2, 4, 5)), ("bi,bi->b", (3, 4), (3, 4)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)), ("...ij,...jk", (5, 1, 3, 4), (2, 4, 5)), ("i...->...", (3, 4, 2)),
    ("...", (3, 4)), ("...->...", ()), ("i...j,j...->...i", (3, 2, 4), (4, 2)), ("ij,j", (3, 1), (4,)),
    ("ij,ij->ij", (3, 1), (3, 4)), ("ij,ij->i", (3, 1), (3, 4)), ("ij,jk,kl->il", (3, 4), (4, 2), (2, 5)),
    ("ij,jk,kl", (3, 4), (4, 2), (2, 5)), ("i,j,k->ijk", (2,), (3,), (4,)),
    ("ea,fb,abcd,gc,hd->efgh", (2, 3), (2, 3), (3, 3, 2, 2), (2, 2), (2, 2)),
    ("a,a,a,a->", (3,), (3,), (3,), (3,)), ("ab,b,ab->a", (3, 4), (4,), (3, 4)), (" i j , j k -> i k ", (3, 4), (4, 2)),
    ("ij,->ij", (3, 4), ()), ("i,ij->", (3,), (3, 4)), ("Aa,aB->AB", (2, 3), (3, 4)), ("ij,jk->ik", (3, 0), (0, 2)),
    ("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)), ("ijk,jk->i", (2, 3, 4), (3, 4)), ("ii,ii->i", (3, 3), (3, 3)),
    ("...ii->...i", (2, 3, 3)), ("i...,...i->...", (3, 2), (2, 3)), ("ij->", (3, 4)), ("ij->j", (0, 4)),
)  # fmt: skip


@pytest.mark.parametrize("case", EINSUM, ids=lambda c: c[0])
def test_einsum(case: Any) -> None:
    equation, *shapes = case
    for dtype in ("float64", "complex128"):
        both(lambda lib, *xs: lib.einsum(equation, *xs), *[normal(*s, dtype=dtype) for s in shapes])
    both(lambda lib, *xs: lib.einsum(equation, list(xs)), *[normal(*s, dtype="int64") for s in shapes])


def test_einsum_by_lists() -> None:
    a, b = normal(2, 3, 4), normal(4, 5)
    both(lambda lib, a, b: lib.einsum(a, [..., 1], b, [1, 2], [..., 2]), a, b)
    both(lambda lib, a, b: lib.einsum(a, [0, 51, 27], b, [27, 2]), a, b)
    both(lambda lib, a: lib.einsum(a, [2, 0, 1], []), a)


@pytest.mark.parametrize("case", (
    ("ij,jk", (3, 4)), ("ij", (3, 4), (3, 4)), ("ij->ik", (3, 4)), ("ij->ii", (3, 4)), ("ii", (3, 4)), ("ijk", (3, 4)),
    ("i", (3, 4)), ("ij,jk", (3, 4), (5, 2)), ("i1", (3, 4)), ("", (3,)), ("", ()), ("i...j...", (3, 4)),
    ("ij->i...", (3, 4)), ("ij,jk->ik->", (3, 4), (4, 2)),
), ids=lambda c: c[0])  # fmt: skip
def test_einsum_errors(case: Any) -> None:
    equation, *shapes = case
    agree(lambda lib: lib.einsum(equation, *[make(lib, normal(*s)) for s in shapes]) * 0)


COMPILED = {
    "complex matmul": (lambda a, b: a @ b, ((2, 3, 4), (4, 5)), "complex64"),
    "integer matmul": (lambda a, b: a @ b, ((3, 4), (4, 5)), "int32"),
    "float matmul": (lambda a, b: a @ b, ((2, 3, 4), (2, 4, 5)), "float32"),
    "addmm": (lambda a, b, c: sg.addmm(a, b, c, beta=2, alpha=0.5), ((5,), (3, 4), (4, 5)), "float64"),
    "addbmm": (lambda a, b, c: sg.addbmm(a, b, c), ((3, 5), (2, 3, 4), (2, 4, 5)), "complex128"),
    "einsum": (lambda a, b, c: sg.einsum("bij,bjk,k->ib", a, b, c), ((2, 3, 4), (2, 4, 5), (5,)), "float32"),
    "diagonal": (lambda a: sg.einsum("bii->ib", a) * 2, ((2, 3, 3),), "float32"),
    "kron": (lambda a, b: sg.kron(a, b), ((2, 3), (3, 2)), "float64"),
    "tensordot": (lambda a, b: sg.tensordot(a, b, ([0, 2], [1, 0])), ((2, 3, 4), (4, 2)), "float64"),
    "vdot": (lambda a, b: sg.vdot(a, b) * a, ((4,), (4,)), "complex128"),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_compiled(name: str, backend: str) -> None:
    """What runs compiled gives what runs eagerly, gradients included."""
    function, shapes, dtype = COMPILED[name]
    arrays = [normal(*s, dtype=dtype) for s in shapes]

    def run(f: Any) -> Any:
        xs = [make(sg, a, dtype[0] != "i") for a in arrays]
        out = f(*xs)
        if dtype[0] != "i":
            out.backward(sg.from_numpy(np.cos(np.arange(out.numel())).reshape(out.shape).astype(dtype)))
        return [out.detach().numpy(), *[x.grad.numpy() for x in xs if x.grad is not None]]

    eager, compiled = run(function), run(sg.compile(function, backend=backend, fullgraph=True))
    assert len(eager) == len(compiled)
    for a, b in zip(compiled, eager):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
