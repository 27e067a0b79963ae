"""Cholesky, QR, singular values and eigenvalues under PyTorch's names, old and new."""

from __future__ import annotations

from typing import Any

from symgrad.errors import ShapeError
from symgrad.ops import factors
from symgrad.ops.joining import stack
from symgrad.ops.linalg import adjoint
from symgrad.ops.matrices import matrices, square_matrices
from symgrad.ops.public import op
from symgrad.ops.returns import returns
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

_cholesky_ex = returns("linalg_cholesky_ex", "L info")
_linalg_qr, _qr = returns("linalg_qr", "Q R"), returns("qr", "Q R")
_linalg_svd, _svd = returns("linalg_svd", "U S Vh"), returns("svd", "U S V")
_linalg_eig, _linalg_eigh, _eig = (
    returns(name, "eigenvalues eigenvectors") for name in ("linalg_eig", "linalg_eigh", "eig"))  # fmt: skip


@op(namespace="linalg", method=False)
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Lower triangular L with A = L L^H (`upper`: U with A = U^H U), of which only that triangle is read.

    Gradient: da = l^-H (x + strict(x)^H) l^-1 / 2, x the lower triangle of l^H g.
    Raises: LinAlgError where A is not positive-definite, eagerly and compiled.
    Cost: n^3 / 3 flops.
    Source: Murray 2016; Giles 2008, 2.2.5.

    >>> sg.linalg.cholesky(sg.tensor([[4., 2.], [2., 2.]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    return _cholesky(A, upper, True)[0]


@op(name="cholesky")
def top_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """The Cholesky factor of each matrix; see `linalg.cholesky`.

    >>> sg.cholesky(sg.tensor([[4., 2.], [2., 2.]]))
    tensor([[2., 0.],
            [1., 1.]])
    """
    return _cholesky(input, upper, True)[0]


@op(namespace="linalg", method=False)
def cholesky_ex(A: Tensor, *, upper: bool = False, check_errors: bool = False) -> Any:
    """The Cholesky factor (nan where there is none) and a status: 0, or the order of the minor that is not positive.

    >>> sg.linalg.cholesky_ex(sg.tensor([[1., 2.], [2., 1.]])).info
    tensor(2, dtype=torch.int32)
    """
    return _cholesky_ex(*_cholesky(A, upper, bool(check_errors)))


def _cholesky(A: Tensor, upper: bool, check: bool) -> tuple[Tensor, Tensor]:
    square_matrices("linalg.cholesky", A)
    return bind(factors.cholesky, (A,), {"upper": bool(upper), "check": check})  # type: ignore[no-any-return]


@op(namespace="linalg", method=False)
def qr(A: Tensor, mode: str = "reduced") -> Any:
    """A = Q R, with orthonormal columns in Q and R upper triangular.

    `mode`: "reduced"; "complete", with a square Q; "r", without Q.
    Gradient: of "reduced", and of "complete" with no more rows than columns.
    Source: Seeger et al. 2017; Roberts & Roberts 2020.
    >>> sg.linalg.qr(sg.tensor([[3.], [4.]])).R.abs()
    tensor([[5.]])
    """
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
                         "'complete'")
    matrices("linalg.qr", A)
    return _linalg_qr(*bind(factors.qr, (A,), {"mode": mode}))


@op(name="qr")
def top_qr(input: Tensor, some: bool = True) -> Any:
    """A = Q R; `some=False` gives a square Q: the older form of `linalg.qr`.

    >>> sg.qr(sg.ones(3, 2), some=False).Q.shape
    torch.Size([3, 3])
    """
    return _qr(*qr(input, "reduced" if some else "complete"))


@op(namespace="linalg", method=False)
def svd(A: Tensor, full_matrices: bool = True, *, driver: Any = None) -> Any:
    """A = U diag(S) Vh, singular values from the largest down.

    Gradient: defined for cotangents that do not depend on the signs (phases) of the vectors, and distinct
        singular values; with `full_matrices` the vectors beyond min(m, n) count for nothing.
    Source: Townsend 2016.

    >>> sg.linalg.svd(sg.tensor([[3., 0.], [0., 4.]])).S
    tensor([4., 3.])
    """
    if driver is not None:
        raise ShapeError("linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
                         "backend.")
    matrices("linalg.svd", A)
    return _linalg_svd(*bind(factors.svd, (A,), {"full": bool(full_matrices)}))


@op(name="svd")
def top_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """input = U diag(S) V^H, with V itself (not V^H): the older form of `linalg.svd`.

    `some=False` gives square U and V; `compute_uv=False` gives zeros in their places.

    >>> U, S, V = sg.tensor([[3., 0.], [0., 4.]]).svd()
    >>> S
    tensor([4., 3.])
    """
    if not compute_uv:
        from symgrad.ops.creation import zeros

        *batch, m, n = input.shape
        u, v = (zeros((*batch, e, e), dtype=input.dtype) for e in (m, n))
        return _svd(u, svdvals(input), v)
    u, s, vh = svd(input, not some)
    return _svd(u, s, adjoint(vh))


@op(namespace="linalg", method=False)
def svdvals(A: Tensor, *, driver: Any = None) -> Tensor:
    """Singular values of each matrix, from the largest down.

    Gradient: da = u diag(g) vh.
    >>> sg.linalg.svdvals(sg.tensor([[3., 0.], [0., -4.]]))
    tensor([4., 3.])
    """
    return svd(A, False, driver=driver)[1]  # type: ignore[no-any-return]


@op(namespace="linalg", method=False)
def eigh(A: Tensor, UPLO: str = "L") -> Any:
    """Eigenvalues, from the smallest up, and eigenvectors of Hermitian matrices, of which one triangle is read.

    Gradient: da = v (diag(gw) + skew(v^H gv) / (w_j - w_i)) v^H; equal eigenvalues give nan.
    Source: Giles 2008, 3.1.

    >>> sg.linalg.eigh(sg.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    square_matrices("linalg.eigh", A)
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise ShapeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return _linalg_eigh(*bind(factors.eigh, (A,), {"uplo": UPLO.upper()}))


@op(namespace="linalg", method=False)
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of Hermitian matrices, from the smallest up.

    >>> sg.linalg.eigvalsh(sg.tensor([[2., 1.], [1., 2.]]))
    tensor([1., 3.])
    """
    return eigh(A, UPLO)[0]  # type: ignore[no-any-return]


@op(namespace="linalg", method=False)
def eig(A: Tensor) -> Any:
    """Eigenvalues, in no order, and eigenvectors of unit length; complex whatever A is.

    Gradient: defined for cotangents that do not depend on the phases of the vectors, and distinct eigenvalues.
    Raises: LinAlgError for inf or nan.
    Note: CuPy has it from version 14 on.
    Source: Boeddeker et al. 2017.
    >>> sg.linalg.eig(sg.tensor([[2., 0.], [0., 3.]])).eigenvalues
    tensor([2.+0.j, 3.+0.j])
    """
    square_matrices("linalg.eig", A)
    return _linalg_eig(*bind(factors.eig, (A,), {}))


@op(namespace="linalg", method=False)
def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues of each matrix, complex, in no order.

    >>> sg.linalg.eigvals(sg.tensor([[0., -1.], [1., 0.]])).abs()
    tensor([1., 1.])
    """
    return eig(A)[0]  # type: ignore[no-any-return]


@op(name="eig", out=False)
def top_eig(input: Tensor, eigenvectors: bool = False) -> Any:
    """Eigenvalues of a real matrix as rows (real, imaginary), and eigenvectors if wanted (else empty).

    The form PyTorch had up to 1.8: of a pair of conjugate eigenvalues j and j + 1, columns j and j + 1 are the
    real and the imaginary part of the first's eigenvector.
    Gradient: that of `linalg.eig`.

    >>> sg.tensor([[2., 0.], [0., 3.]]).eig()[0]
    tensor([[2., 0.],
            [3., 0.]])
    """
    from symgrad.ops.creation import zeros
    from symgrad.ops.functional import where

    if input.ndim != 2:
        raise ShapeError(f"input should be 2 dimensional, but has {input.ndim} dimensions")
    square_matrices("eig", input)
    w, v = bind(factors.eig, (input,), {})
    if input.dtype.is_complex:
        return _eig(w, v if eigenvectors else zeros(0, dtype=v.dtype))
    values = stack([w.real, w.imag], -1)
    if not eigenvectors:
        return _eig(values, zeros(0, dtype=input.dtype))
    second = (w.imag < 0).unsqueeze(0)  # of a pair the second has the conjugate vector
    return _eig(values, where(second, -v.imag, v.real))
