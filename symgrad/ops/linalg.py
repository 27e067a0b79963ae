"""Primitives that multiply and invert: the matrix product, systems of equations, determinants, exponentials.

Gradient rules are in conjugate Wirtinger cotangents, as PyTorch's, and made of public operations. Where a
matrix has no inverse a rule gives nan and raises nothing: the error belongs to the forward step.
"""

from __future__ import annotations

import math
from typing import Any

from symgrad.dtypes import int32
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import ArrayCall, Gemm
from symgrad.ir.types import TensorType, broadcast_shapes
from symgrad.ops import lapack
from symgrad.ops.joining import cat
from symgrad.ops.registry import primitive
from symgrad.tensor.dispatch import bind


def _infer_matmul(a: TensorType, b: TensorType) -> TensorType:
    shown = f"\n  a: {a}   b: {b}"
    if a.dtype is not b.dtype:
        raise DTypeError(f"expected m1 and m2 to have the same dtype, but got: {a.dtype.name} != {b.dtype.name}{shown}")
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]}){shown}",
            hint="transpose one of them, or check in_features of the layer",
        )
    try:
        batch = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(f"matmul: batch extents do not broadcast{shown}") from None
    return a.with_shape((*batch, a.shape[-2], b.shape[-1]))


def adjoint(x: Any) -> Any:
    """The conjugate transpose of each matrix; of real ones a view."""
    return x.mT.conj() if x.dtype.is_complex else x.mT


def _left_grad(g: Any, a_shape: Any, b: Any) -> Any:
    """g b^H; of one matrix that multiplies many, as one product where their sum would read more than a copy does."""
    if len(a_shape) == 2 < b.ndim == g.ndim and tuple(b.shape[:-2]) == tuple(g.shape[:-2]):
        (m, k), n = a_shape, b.shape[-1]
        if m * k > n * (m + k):
            rows = g.movedim(-2, 0).reshape((m, g.numel() // m if m else 0))
            return rows @ adjoint(b.movedim(-2, 0).reshape((k, b.numel() // k if k else 0)))
    return g @ adjoint(b)


def _right_grad(g: Any, a: Any, b_shape: Any) -> Any:
    """a^H g; of one matrix that many are multiplied by, as one product over all their rows."""
    if len(b_shape) == 2 < a.ndim == g.ndim and tuple(a.shape[:-1]) == tuple(g.shape[:-1]):
        rows = math.prod(a.shape[:-1])
        return adjoint(a.reshape((rows, a.shape[-1]))) @ g.reshape((rows, g.shape[-1]))
    return adjoint(a) @ g


matmul = primitive(
    "matmul", "a b", infer=_infer_matmul, array="matmul", lower=Gemm(),
    grad=dict(a=lambda g, a_shape, b: _left_grad(g, a_shape, b), b=lambda g, a, b_shape: _right_grad(g, a, b_shape)),
    doc="Matrix product over the last two extents, batched over the rest.",
    gradient="da = g b^H, db = a^H g", source="Giles 2008, matrix derivative results",
)  # fmt: skip


def info_type(x: TensorType, batch: tuple[int, ...]) -> TensorType:
    """The type of LAPACK's status of each matrix: 0, or where it failed."""
    return TensorType(batch, int32, None, x.device)


def _batch(a: TensorType, b: TensorType, name: str) -> tuple[int, ...]:
    try:
        return broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(f"{name}: batch extents do not broadcast: {a} and {b}") from None


def _infer_solve(a: TensorType, b: TensorType, **params: Any) -> TensorType | tuple[TensorType, ...]:
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"linalg.solve: Incompatible shapes of A and B for the equation AX = B ({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]})")
    batch = _batch(a, b, "linalg.solve")
    out = b.with_shape((*batch, *b.shape[-2:]))
    return (out, info_type(a, batch)) if "check" in params else out


def _solve_grad(g: Any, a: Any, outs: Any) -> Any:
    gb = bind(solve, (adjoint(a), g[0]), {"check": False})[0]
    return -(gb @ adjoint(outs[0])), gb


def _triangular_grad(g: Any, a: Any, out: Any, upper: Any, unit: Any) -> Any:
    gb = bind(solve_triangular, (adjoint(a), g), {"upper": not upper, "unit": unit})
    ga = -(gb @ adjoint(out))
    return (ga.triu(int(unit)) if upper else ga.tril(-int(unit))), gb


def inverse(a: Any) -> Any:
    """The inverse as rules need it: nan where there is none."""
    return bind(inv, (a,), {"check": False})[0]


def _det_grad(g: Any, a: Any) -> Any:
    return g[..., None, None] * bind(cofactor, (a,), {})


def _slogdet_grad(g: Any, a: Any, outs: Any) -> Any:
    """log det is holomorphic: its real part is logabsdet, its imaginary part the angle of sign."""
    factor = g.get(1)
    if 0 in g and a.dtype.is_complex:
        angle = -(g[0].conj() * outs[0]).imag
        factor = angle * 1j if factor is None else factor + angle * 1j
    return None if factor is None else factor[..., None, None] * adjoint(inverse(a))


def _cofactor_grad(g: Any, a: Any, out: Any) -> Any:
    z = adjoint(inverse(a))
    return (g.conj() * z).sum((-2, -1), True) * out - out @ adjoint(g) @ z


def _expm_grad(g: Any, a: Any) -> Any:
    ah, n = adjoint(a), a.shape[-1]
    block = cat([cat([ah, g], -1), cat([ah * 0, ah], -1)], -2)
    return bind(matrix_exp, (block,), {})[..., :n, n:]


def _pinv_grad(g: Any, a: Any, out: Any) -> Any:
    """Both terms that leave the range of A, multiplied in the cheaper order (Golub & Pereyra 1973)."""
    ph, gh = adjoint(out), adjoint(g)
    if a.shape[-2] <= a.shape[-1]:
        k = gh @ out
        kp = k @ ph
        return -adjoint(out @ k) + kp - (a @ out) @ kp + (ph @ out) @ (gh - k @ a)
    k = out @ gh
    pk = ph @ k
    return -adjoint(k @ out) + (gh - a @ k) @ out @ ph + pk - (pk @ out) @ a


inv = primitive(
    "inv", "a", params=("check",), multiple=True, array="_inv(np, a, check)", lower=ArrayCall(),
    infer=lambda a, check: (a.with_shape(a.shape), info_type(a, a.shape[:-2])), helpers=lapack.helpers(lapack._inv),
    grad=dict(a=lambda g, outs: -(adjoint(outs[0]) @ g[0] @ adjoint(outs[0]))),
    doc="Inverse of each matrix, and 0 or the place of the zero pivot (an error, if `check`).",
    gradient="da = -x^H g x^H, x the inverse", source="Giles 2008, 2.2.3",
)  # fmt: skip
solve = primitive(
    "solve", "a b", params=("check",), multiple=True, array="_solve(np, a, b, check)", lower=ArrayCall(),
    infer=_infer_solve, helpers=lapack.helpers(lapack._solve), grad={("a", "b"): _solve_grad},
    doc="X with A X = B for each matrix, and 0 or the place of the zero pivot (an error, if `check`).",
    gradient="db = a^-H g, da = -db x^H", source="Giles 2008, 2.3.1",
)  # fmt: skip
solve_triangular = primitive(
    "solve_triangular", "a b", params=("upper", "unit"), array="_triangular(np, a, b, upper, unit)", lower=ArrayCall(),
    infer=_infer_solve, helpers=lapack.helpers(lapack._triangular), grad={("a", "b"): _triangular_grad},
    doc="X with A X = B, where of A only one triangle is read (its diagonal as ones, if `unit`).",
    gradient="db = a^-H g, da = that triangle of -db x^H", source="Giles 2008, 2.3.1",
)  # fmt: skip
det = primitive(
    "det", "a", infer=lambda a: a.with_shape(a.shape[:-2]), array="np.linalg.det(a)", lower=ArrayCall(),
    grad=dict(a=_det_grad),
    doc="Determinant of each matrix.", gradient="da = g times the conjugate cofactors", source="Giles 2008, 2.2.4",
)  # fmt: skip
cofactor = primitive(
    "cofactor", "a", infer=lambda a: a.with_shape(a.shape), array="_cofactor(np, a)", lower=ArrayCall(),
    helpers=lapack.helpers(lapack._cofactor), grad=dict(a=_cofactor_grad),
    doc="Conjugate cofactors of each matrix: conj(det A) A^-H where A has an inverse.",
    gradient="da = tr(g^H z) out - out g^H z, z = a^-H", source="Stewart 1998, On the adjugate matrix",
)  # fmt: skip
slogdet = primitive(
    "slogdet", "a", multiple=True, array="tuple(np.linalg.slogdet(a))", lower=ArrayCall(),
    infer=lambda a: (a.with_shape(a.shape[:-2]), TensorType(a.shape[:-2], a.dtype.to_real(), None, a.device)),
    grad=dict(a=_slogdet_grad),
    doc="Sign (phase, if complex) and logarithm of the absolute value of each determinant.",
    gradient="da = g a^-H, of the logarithm", source="Giles 2008, 2.2.4",
)  # fmt: skip
matrix_exp = primitive(
    "matrix_exp", "a", infer=lambda a: a.with_shape(a.shape), array="_expm(np, a)", lower=ArrayCall(),
    helpers=lapack.helpers(lapack._expm), grad=dict(a=_expm_grad),
    doc="Exponential of each matrix.", gradient="da = the corner of exp of [[a^H, g], [0, a^H]]",
    source="Higham 2005, The scaling and squaring method revisited; Mathias 1996 (derivative)",
)  # fmt: skip
pinv = primitive(
    "pinv", "a atol rtol", params=("hermitian",), array="_pinv(np, a, atol, rtol, hermitian)", lower=ArrayCall(),
    infer=lambda a, atol, rtol, hermitian: a.with_shape((*a.shape[:-2], a.shape[-1], a.shape[-2])),
    helpers=lapack.helpers(lapack._pinv), grad=dict(a=_pinv_grad, atol=None, rtol=None),
    doc="Moore-Penrose inverse of each matrix; singular values up to max(atol, rtol * largest) count as 0.",
    gradient="of the projections on both ranges", source="Golub & Pereyra 1973, 4.12",
)  # fmt: skip
