"""Factorizations as primitives: Cholesky, QR, singular values, eigenvalues; their gradients.

Each factorization fixes its factors only up to signs or phases, so a cotangent that depends on those has
no gradient; PyTorch's formulas give something then, and these give the same. Equal singular values or
eigenvalues divide by zero, as they should: their vectors are no functions of the matrix.
"""

from __future__ import annotations

from typing import Any

from symgrad.errors import GradError
from symgrad.ir.primitive import ArrayCall
from symgrad.ir.types import TensorType
from symgrad.ops import lapack
from symgrad.ops.joining import cat
from symgrad.ops.linalg import adjoint, info_type, solve_triangular
from symgrad.ops.linalg import solve as solve_p
from symgrad.ops.registry import primitive
from symgrad.tensor import state
from symgrad.tensor.dispatch import bind


def _real(x: TensorType, *shape: int) -> TensorType:
    return TensorType(shape, x.dtype.to_real(), None, x.device)


def identity(x: Any) -> Any:
    """The bool matrix that is true on the diagonal, of x's last extent."""
    from symgrad.ops.creation import arange

    place = arange(x.shape[-1])
    return place.reshape((x.shape[-1], 1)) == place


def on_diagonal(x: Any, values: Any) -> Any:
    """`x` with its diagonals replaced (`values` broadcasts over matrices)."""
    from symgrad.ops.functional import where

    return where(identity(x), values, x)


def _gap(s: Any) -> Any:
    """s_j - s_i, and 1 on the diagonal, where nothing is divided."""
    return on_diagonal(s[..., None, :] - s[..., :, None], 1.0)


# -- Cholesky -----------------------------------------------------------------------------------


def _cholesky_grad(g: Any, outs: Any, upper: Any) -> Any:
    """L^-H (X + strict(X)^H) L^-1 / 2, where X is the lower triangle of L^H g."""
    lh = outs[0] if upper else adjoint(outs[0])
    x = (lh @ (adjoint(g[0]) if upper else g[0])).tril()
    both = x + adjoint(x.tril(-1))
    left = bind(solve_triangular, (lh, both), {"upper": True, "unit": False})
    right = bind(solve_triangular, (lh, adjoint(left)), {"upper": True, "unit": False})
    return adjoint(right) * 0.5


cholesky = primitive(
    "cholesky", "a", params=("upper", "check"), multiple=True, array="_cholesky(np, a, upper, check)",
    lower=ArrayCall(), infer=lambda a, upper, check: (a.with_shape(a.shape), info_type(a, a.shape[:-2])),
    helpers=lapack.helpers(lapack._cholesky), grad=dict(a=_cholesky_grad),
    doc="L with A = L L^H (`upper`: L^H), and 0 or the order of the minor that is not positive (`check`: an error).",
    gradient="da = l^-H (x + strict(x)^H) l^-1 / 2, x the lower triangle of l^H g",
    source="Murray 2016; Giles 2008, 2.2.5",
)  # fmt: skip


# -- QR -----------------------------------------------------------------------------------------


def _infer_qr(a: TensorType, mode: str) -> tuple[TensorType, ...]:
    *batch, m, n = a.shape
    k = m if mode == "complete" else min(m, n)
    q = a.with_shape((0,)) if mode == "r" else a.with_shape((*batch, m, k))
    return q, a.with_shape((*batch, k, n))


def _qr_grad(g: Any, outs: Any, mode: Any) -> Any:
    if mode == "r":
        raise GradError("The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
                        "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr.")
    q, r = outs
    gq, gr = g.get(0), g.get(1)
    m, n = q.shape[-2], r.shape[-1]
    if mode == "complete" and m > n:
        raise GradError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    if m >= n:
        return _square_qr_grad(q, r, gq, gr)
    # A = [X Y]: X = Q R1 is square and Y = Q R2, so R2 = Q^H Y passes its cotangent to Q and to Y.
    r1, r2 = r[..., :m], r[..., m:]
    if gr is None:
        return cat([_square_qr_grad(q, r1, gq, None), r2 * 0], -1)
    through = q @ (r2 @ adjoint(gr[..., m:]))
    return cat([_square_qr_grad(q, r1, through if gq is None else gq + through, gr[..., :m]), q @ gr[..., m:]], -1)


def _square_qr_grad(q: Any, r: Any, gq: Any, gr: Any) -> Any:
    """(gq + Q sym(gr R^H - Q^H gq)) R^-H; sym reflects the upper triangle, the diagonal real."""
    inner: Any = gr @ adjoint(r) if gr is not None else 0
    inner = (inner if gq is None else inner - adjoint(q) @ gq).triu()
    inner = inner + adjoint(inner)
    inner = q @ on_diagonal(inner, inner * 0.5)
    inner = inner if gq is None else inner + gq
    return adjoint(bind(solve_triangular, (r, adjoint(inner)), {"upper": True, "unit": False}))


qr = primitive(
    "qr", "a", params=("mode",), multiple=True, array="_qr(np, a, mode)", lower=ArrayCall(),
    infer=_infer_qr, helpers=lapack.helpers(lapack._qr), grad=dict(a=_qr_grad),
    doc="A = Q R, with orthonormal columns in Q and R upper triangular.",
    gradient="da = (gq + q sym(gr r^H - q^H gq)) r^-H",
    source="Seeger et al. 2017; Roberts & Roberts 2020 (more columns than rows)",
)  # fmt: skip


# -- singular values ----------------------------------------------------------------------------


def _infer_svd(a: TensorType, full: bool) -> tuple[TensorType, ...]:
    *batch, m, n = a.shape
    k = min(m, n)
    u, vh = (*batch, m, m if full else k), (*batch, n if full else k, n)
    return a.with_shape(u), _real(a, *batch, k), a.with_shape(vh)


def _skew(x: Any) -> Any:
    return x - adjoint(x)


def _svd_grad(g: Any, outs: Any) -> Any:
    u, s, vh = outs
    k, m, n = s.shape[-1], u.shape[-2], vh.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    gu, gs, gvh = g.get(0), g.get(1), g.get(2)
    if gu is None and gvh is None:
        return (u * gs[..., None, :]) @ vh
    e = _gap(s * s)
    inner: Any = 0
    if gu is not None:
        gu = gu[..., :k]
        of_u = _skew(adjoint(u) @ gu)
        inner = of_u / e * s[..., None, :]
    if gvh is not None:
        gvh = gvh[..., :k, :]
        of_v = _skew(vh @ adjoint(gvh))
        inner = inner + s[..., :, None] * (of_v / e)
    if u.dtype.is_complex:
        if gu is not None and gvh is not None:
            check_phase(of_u + of_v, "svd_backward: The singular vectors")
            inner = on_diagonal(inner, of_u / (2 * s[..., None, :]))
        else:
            check_phase(of_u if gu is not None else of_v, "svd_backward: The singular vectors")
            inner = on_diagonal(inner, 0.0)
    if gs is not None:
        inner = on_diagonal(inner, inner + gs[..., None, :])
    if m > k and gu is not None:
        scaled = gu / s[..., None, :]
        return (u @ inner + scaled - u @ (adjoint(u) @ scaled)) @ vh
    if n > k and gvh is not None:
        scaled = gvh / s[..., :, None]
        return u @ (inner @ vh + scaled - (scaled @ adjoint(vh)) @ vh)
    return u @ inner @ vh


def check_phase(x: Any, what: str) -> None:
    """Refuse a cotangent that depends on the phase of complex vectors, where values are known."""
    if state.capture() is not None or state.is_grad_enabled():
        return
    off = x.diagonal(0, -2, -1).imag.abs()
    if off.numel() and float(off.amax()) > 1e-2:
        raise GradError(
            f"{what} in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss "
            "function depends on this quantity, so it is ill-defined.")


svd = primitive(
    "svd", "a", params=("full",), multiple=True, array="_svd(np, a, full)", lower=ArrayCall(),
    infer=_infer_svd, helpers=lapack.helpers(lapack._svd), grad=dict(a=_svd_grad),
    doc="A = U diag(S) Vh, singular values from the largest down.",
    gradient="da = u ((skew(u^H gu) s + s skew(v^H gv)) / (s_j^2 - s_i^2) + diag(gs)) vh",
    source="Townsend 2016, Differentiating the singular value decomposition",
)  # fmt: skip


# -- eigenvalues --------------------------------------------------------------------------------


def _eigh_grad(g: Any, outs: Any) -> Any:
    w, v = outs
    gw, gv = g.get(0), g.get(1)
    vh = adjoint(v)
    if gv is None:
        return (v * gw[..., None, :]) @ vh
    inner = vh @ gv
    if v.dtype.is_complex:
        check_phase(inner, "linalg_eigh_backward: The eigenvectors")
    inner = on_diagonal(_skew(inner) * 0.5 / _gap(w), 0.0 if gw is None else gw[..., None, :])
    return v @ inner @ vh


eigh = primitive(
    "eigh", "a", params=("uplo",), multiple=True, array="_eigh(np, a, uplo)", lower=ArrayCall(),
    infer=lambda a, uplo: (_real(a, *a.shape[:-1]), a.with_shape(a.shape)),
    helpers=lapack.helpers(lapack._eigh), grad=dict(a=_eigh_grad),
    doc="Eigenvalues, from the smallest up, and eigenvectors of Hermitian matrices, of which one triangle is read.",
    gradient="da = v (diag(gw) + skew(v^H gv) / (w_j - w_i)) v^H", source="Giles 2008, 3.1; PyTorch FunctionsManual",
)  # fmt: skip


def _infer_eig(a: TensorType) -> tuple[TensorType, ...]:
    kind = a.dtype.to_complex()
    return TensorType(a.shape[:-1], kind, None, a.device), TensorType(a.shape, kind, None, a.device)


def _eig_grad(g: Any, outs: Any) -> Any:
    w, v = outs
    gw, gv = g.get(0), g.get(1)
    vh = adjoint(v)
    if gv is None:
        inner = gw[..., :, None] * vh
    else:
        along = vh @ gv
        check_phase(along, "linalg_eig_backward: The eigenvectors")
        length = along.diagonal(0, -2, -1).real  # vectors have unit length: what changes it counts for nothing
        inner = (along - vh @ (v * length[..., None, :])) / _gap(w.conj())
        inner = on_diagonal(inner, 0.0 if gw is None else gw[..., None, :]) @ vh
    return bind(solve_p, (vh, inner), {"check": False})[0]


eig = primitive(
    "eig", "a", multiple=True, array="_eig(np, a)", lower=ArrayCall(), infer=_infer_eig,
    helpers=lapack.helpers(lapack._eig), grad=dict(a=_eig_grad),
    doc="Eigenvalues and eigenvectors of unit length, complex whatever A is.",
    gradient="da = v^-H (diag(gw) + (v^H gv - v^H v re diag(v^H gv)) / conj(w_j - w_i)) v^H",
    source="Boeddeker et al. 2017, 4.77; Giles 2008, 3.1",
)  # fmt: skip
