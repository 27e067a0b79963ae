"""Inverses, systems, factorizations and norms beside PyTorch: values, gradients, second order.

Vectors of factorizations are compared by what does not depend on their signs or phases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from beside import both, normal, positive, regular
from oracle import agree, make, torch

import symgrad as sg

DTYPES = ("float64", "complex128")
SHAPES = ((3, 3), (2, 3, 3), (1, 1), (0, 0), (2, 0, 0), (0, 3, 3))
RECTANGLES = ((4, 3), (3, 4), (3, 3), (2, 4, 3), (2, 3, 4), (0, 3), (3, 0), (0, 3, 2), (2, 0, 3))


def mH(x: Any) -> Any:  # noqa: N802 - as PyTorch calls it
    return x.mT.conj()


OF_SQUARE = {
    "inv": lambda lib, a: lib.linalg.inv(a), "inverse": lambda lib, a: a.inverse(),
    "inv_ex": lambda lib, a: lib.linalg.inv_ex(a).inverse, "det": lambda lib, a: lib.det(a),
    "linalg.det": lambda lib, a: lib.linalg.det(a), "slogdet": lambda lib, a: lib.slogdet(a).logabsdet,
    "sign": lambda lib, a: lib.linalg.slogdet(a).sign, "logdet": lambda lib, a: lib.logdet(a @ mH(a)),
    "matrix_exp": lambda lib, a: lib.matrix_exp(a * 0.3), "pinv": lambda lib, a: lib.linalg.pinv(a),
    "power 0": lambda lib, a: a.matrix_power(0) * a, "power 1": lambda lib, a: lib.linalg.matrix_power(a, 1),
    "power 3": lambda lib, a: lib.matrix_power(a, 3), "power 6": lambda lib, a: lib.matrix_power(a, 6) * 1e-3,
    "power -2": lambda lib, a: lib.matrix_power(a, -2),
    "eigenvalues": lambda lib, a: _powers(lib.linalg.eigvals(a)),
    "eigenvectors": lambda lib, a: _eigenspaces(lib, *lib.linalg.eig(a)),
    "tensorinv": lambda lib, a: lib.linalg.tensorinv(a.reshape(*a.shape[:-2], a.shape[-2], 1, a.shape[-1]), a.ndim)
    if a.ndim == 2 else a,
    "eigh": lambda lib, a: _spectral(lib, *lib.linalg.eigh(a + mH(a))),
    "eigh upper": lambda lib, a: _spectral(lib, *lib.linalg.eigh(a + mH(a), UPLO="U")),
    "eigvalsh": lambda lib, a: lib.linalg.eigvalsh(a + mH(a)),
    "pinv hermitian": lambda lib, a: lib.linalg.pinv(a + mH(a), hermitian=True),
}  # fmt: skip


def _powers(w: Any) -> Any:
    """Sums of powers, the same in every order."""
    return (w[..., None] ** 2).sum((-2, -1)) + w.exp().sum(-1) * 1e-3 if w.numel() else w


def _eigenspaces(lib: Any, w: Any, v: Any) -> Any:
    """A function of eigenvectors that neither phases nor order change."""
    if not w.numel():
        return w
    return ((v * v.conj()) @ w[..., None]).sum((-2, -1)) + (v.abs() ** 3 * w.real[..., None, :]).sum((-2, -1))


def _spectral(lib: Any, w: Any, v: Any) -> Any:
    """V sin(w) V^H."""
    return (v * w.sin()[..., None, :]) @ mH(v)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_SQUARE)
def test_of_square_matrices(name: str, dtype: str) -> None:
    for shape in SHAPES:
        both(lambda lib, a: OF_SQUARE[name](lib, a), regular(*shape, dtype=dtype), tol=1e-6)


def test_of_transposed_and_strided() -> None:
    a = regular(6, 6)
    for name in ("inv", "det", "matrix_exp", "eigh", "pinv", "eigenvalues"):
        both(lambda lib, a: OF_SQUARE[name](lib, a.mT), a)
        both(lambda lib, a: OF_SQUARE[name](lib, a[::2, ::2]), a)


OF_POSITIVE = {
    "cholesky": lambda lib, a: lib.linalg.cholesky(a), "upper": lambda lib, a: lib.cholesky(a, upper=True),
    "cholesky_ex": lambda lib, a: lib.linalg.cholesky_ex(a).L,
    "cholesky_inverse": lambda lib, a: lib.cholesky_inverse(lib.linalg.cholesky(a)),
    "upper inverse": lambda lib, a: lib.linalg.cholesky(a, upper=True).cholesky_inverse(upper=True),
}  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OF_POSITIVE)
def test_of_positive_matrices(name: str, dtype: str) -> None:
    for shape in SHAPES:
        both(lambda lib, a: OF_POSITIVE[name](lib, a), positive(*shape, dtype=dtype), tol=1e-7)


PAIRS = (((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 4)), ((2, 3, 3), (2, 3)),
         ((0, 0), (0, 2)), ((2, 3, 3), (2, 3, 0)), ((0, 3, 3), (3, 2)))  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("a, b", PAIRS)
def test_systems(a: Any, b: Any, dtype: str) -> None:
    x, y = regular(*a, dtype=dtype), normal(*b, dtype=dtype)
    both(lambda lib, a, b: lib.linalg.solve(a, b), x, y)
    both(lambda lib, a, b: lib.linalg.solve_ex(a, b).result, x, y)
    if len(b) > 1 and b[-2] == a[-1]:
        both(lambda lib, a, b: lib.linalg.solve(a, b.mT, left=False), x, y)
        both(lambda lib, a, b: lib.cholesky_solve(b, a.tril()), x, y)
        both(lambda lib, a, b: b.cholesky_solve(a.triu(), upper=True), x, y)
        for upper in (True, False):
            for unit in (True, False):
                both(lambda lib, a, b: lib.linalg.solve_triangular(a, b, upper=upper, unitriangular=unit), x, y)
                both(lambda lib, a, b: lib.linalg.solve_triangular(a, b.mT, upper=upper, left=False), x, y)
                both(lambda lib, a, b: lib.triangular_solve(b, a, upper, True, unit)[0], x, y)
                both(lambda lib, a, b: b.triangular_solve(a, upper=upper).solution, x, y)


def _qr_of(lib: Any, q: Any, r: Any) -> Any:
    """Q and R with the signs (phases) of R's diagonal made positive."""
    phase = r.diagonal(0, -2, -1)
    phase = phase / phase.abs()
    k = phase.shape[-1]
    return lib.cat([(q[..., :k] * phase[..., None, :]).flatten(), (r[..., :k, :] * phase[..., None].conj()).flatten()])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", RECTANGLES)
def test_qr(shape: Any, dtype: str) -> None:
    a = normal(*shape, dtype=dtype)
    both(lambda lib, a: _qr_of(lib, *lib.linalg.qr(a)), a, tol=1e-6)
    both(lambda lib, a: lib.linalg.qr(a).R.abs(), a, tol=1e-6)
    both(lambda lib, a: lib.linalg.qr(a, mode="complete").R.abs(), a, grad=shape[-2] <= shape[-1], tol=1e-6)
    both(lambda lib, a: lib.linalg.qr(a, mode="r").R.abs(), a, grad=False)
    both(lambda lib, a: lib.qr(a, some=False)[0].abs(), a, grad=shape[-2] <= shape[-1] and 0 not in shape, tol=1e-6)
    agree(lambda lib: lib.linalg.qr(make(lib, a), mode="r")[0])


def _svd_of(lib: Any, u: Any, s: Any, vh: Any) -> Any:
    """A function of singular vectors that their signs do not change, beside the product."""
    k = s.shape[-1]
    u, vh = u[..., :k], vh[..., :k, :]
    return (u * s.sin()[..., None, :]) @ vh


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", RECTANGLES)
def test_svd(shape: Any, dtype: str) -> None:
    a = normal(*shape, dtype=dtype)
    both(lambda lib, a: _svd_of(lib, *lib.linalg.svd(a, full_matrices=False)), a, tol=1e-6)
    both(lambda lib, a: _svd_of(lib, *lib.linalg.svd(a)), a, second=False, tol=1e-6)
    both(lambda lib, a: lib.linalg.svd(a, full_matrices=False).U.abs() ** 2, a, tol=1e-6)
    both(lambda lib, a: lib.linalg.svd(a, full_matrices=False).Vh.abs() ** 2, a, tol=1e-6)
    both(lambda lib, a: lib.linalg.svdvals(a), a, tol=1e-6)
    both(lambda lib, a: (lambda u, s, v: (u * s.exp()[..., None, :]) @ mH(v))(*lib.svd(a)), a, tol=1e-6)
    both(lambda lib, a: a.svd(compute_uv=False).S, a, tol=1e-6)
    for part in (0, 2):
        agree(lambda lib: lib.linalg.svd(make(lib, a))[part].abs() * 0)
        agree(lambda lib: lib.svd(make(lib, a), some=False)[part].abs() * 0)
        agree(lambda lib: lib.svd(make(lib, a), compute_uv=False)[part])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", RECTANGLES)
def test_least_squares(shape: Any, dtype: str) -> None:
    a, b = normal(*shape, dtype=dtype), normal(*shape[:-1], 2, dtype=dtype)
    both(lambda lib, a: lib.linalg.pinv(a), a, tol=1e-5)
    both(lambda lib, a: a.pinverse(), a, tol=1e-5)
    both(lambda lib, a: lib.linalg.pinv(a, atol=0.5, rtol=0.1), a, tol=1e-5)
    both(lambda lib, a, b: lib.linalg.lstsq(a, b).solution, a, b, tol=1e-5)
    for driver in ("gels", "gelsy", "gelsd", "gelss"):
        if driver == "gels" and shape[-1] == 0:
            continue  # PyTorch leaves out the residuals, which are all of b
        agree(lambda lib: tuple(lib.linalg.lstsq(make(lib, a), make(lib, b), driver=driver)), rtol=1e-6, atol=1e-7)
        c = b[..., 0]
        agree(lambda lib: tuple(lib.linalg.lstsq(make(lib, a), make(lib, c), driver=driver)), rtol=1e-6, atol=1e-7)


def test_least_squares_of_lower_rank() -> None:
    a = normal(5, 3)
    a[:, 2] = a[:, 0] + a[:, 1]
    b = normal(5, 2)
    agree(lambda lib: tuple(lib.linalg.lstsq(make(lib, a), make(lib, b), driver="gelsd")), rtol=1e-6, atol=1e-7)
    agree(lambda lib: lib.linalg.matrix_rank(make(lib, a)))
    agree(lambda lib: lib.linalg.matrix_rank(make(lib, a), atol=lib.tensor(100.0, dtype=lib.float64)))
    agree(lambda lib: lib.linalg.matrix_rank(make(lib, a), 2.0))
    agree(lambda lib: lib.linalg.matrix_rank(make(lib, np.stack([a @ a.T, np.eye(5)])), hermitian=True))
    agree(lambda lib: lib.linalg.matrix_rank(make(lib, a[:0])))
    both(lambda lib, a: lib.linalg.pinv(a, rtol=lib.tensor(1e-8, dtype=lib.float64)), a, second=False, tol=1e-6)


NORMS = ("fro", "nuc", 1, -1, 2, -2, float("inf"), float("-inf"))


@pytest.mark.parametrize("order", NORMS)
def test_norms(order: Any) -> None:
    for dtype in DTYPES:
        a = regular(2, 3, 3, dtype=dtype)
        second = order not in ("nuc", 2, -2)
        both(lambda lib, a: lib.linalg.matrix_norm(a, order), a, second=second)
        both(lambda lib, a: lib.linalg.matrix_norm(a, order, dim=(0, -1), keepdim=True), a, second=second)
        both(lambda lib, a: lib.linalg.norm(a, order, (2, 1)), a, second=second)
        both(lambda lib, a: lib.linalg.norm(a[0], order, keepdim=True), a, second=second)
        both(lambda lib, a: lib.linalg.cond(a, order), a, grad=False, tol=1e-6)  # PyTorch's gradient of it fails
    agree(lambda lib: lib.linalg.matrix_norm(make(lib, a.real.astype("f")), order, dtype=lib.float64), rtol=1e-5)
    agree(lambda lib: lib.linalg.norm(make(lib, a[0, 0]), order), rtol=1e-6)


def test_norms_of_vectors_and_default() -> None:
    for dtype in DTYPES:
        a = normal(2, 3, 4, dtype=dtype)
        both(lambda lib, a: lib.linalg.norm(a), a)
        both(lambda lib, a: lib.linalg.norm(a, keepdim=True), a)
        both(lambda lib, a: lib.linalg.norm(a, dim=1), a)
        both(lambda lib, a: lib.linalg.norm(a, 3, dim=1), a)
        both(lambda lib, a: lib.linalg.norm(a, dim=(0, 2)), a)
        both(lambda lib, a: lib.linalg.cond(a[:, :, :3]), a, second=False)
        agree(lambda lib: lib.linalg.cond(make(lib, np.zeros((2, 2))), 1))


def test_other_products() -> None:
    for dtype in DTYPES:
        a, b, c = normal(2, 3, dtype=dtype), normal(3, 5, dtype=dtype), normal(5, 4, dtype=dtype)
        both(lambda lib, a, b, c: lib.linalg.multi_dot([a, b, c]), a, b, c)
        both(lambda lib, a, b, c: lib.chain_matmul(a, b, c), a, b, c)
        both(lambda lib, a, b, c: lib.linalg.multi_dot([a[0], b, c[:, 1]]), a, b, c)
        x, y = normal(2, 3, 4, dtype=dtype), normal(1, 3, 4, dtype=dtype)
        both(lambda lib, x, y: lib.linalg.vecdot(x, y), x, y)
        both(lambda lib, x, y: lib.linalg.vecdot(x, y, dim=1), x, y)
        both(lambda lib, x, y: lib.linalg.cross(x, y, dim=1), x, y)
        both(lambda lib, x: lib.trace(x[0]), x)
        both(lambda lib, a, b: lib.linalg.tensorsolve(a.reshape(2, 3, 6), b), regular(6, 6, dtype=dtype),
             normal(2, 3, dtype=dtype))  # fmt: skip
    agree(lambda lib: lib.trace(lib.arange(12).reshape(3, 4).int()))
    agree(lambda lib: lib.cross(lib.arange(6.0).reshape(2, 3), lib.arange(6.0).reshape(2, 3).flip(0), dim=-1))


def test_singular_determinant_has_a_gradient() -> None:
    """The cofactors; PyTorch gives 0 where the determinant comes out as exactly 0."""
    for a in (np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros((2, 2)), np.diag([1.0, 0, 3]), np.arange(9.0).reshape(3, 3)):
        x = sg.from_numpy(a).requires_grad_(True)
        sg.det(x).backward()
        minors = [[(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(len(a))]
                  for i in range(len(a))]  # fmt: skip
        np.testing.assert_allclose(x.grad.numpy(), minors, atol=1e-12)


def old_eig(a: Any) -> tuple[Any, Any]:
    """What PyTorch 1.8 gave: LAPACK's packed form."""
    w, v = np.linalg.eig(a)
    packed = np.where(np.imag(w) < 0, -np.imag(v), np.real(v))
    return np.stack([np.real(w), np.imag(w)], -1), packed


@pytest.mark.parametrize("dtype", ("float32", "float64"))
def test_old_eig(dtype: str) -> None:
    a = normal(5, 5, dtype=dtype)
    values, vectors = sg.from_numpy(a).eig(eigenvectors=True)
    w, v = old_eig(a)
    np.testing.assert_allclose(values.numpy(), w, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(vectors.numpy(), v, rtol=1e-4, atol=1e-5)
    values, none = sg.from_numpy(a).eig()
    assert values.shape == (5, 2) and none.shape == (0,) and values.dtype is none.dtype
    x = sg.from_numpy(a).requires_grad_(True)
    (sg.eig(x)[0] ** 2).sum().backward()
    y = torch.from_numpy(a.copy()).requires_grad_(True)
    torch.view_as_real(torch.linalg.eigvals(y)).pow(2).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=2e-3, atol=1e-4)


WRONG = (
    *[lambda lib, m, f=f: getattr(lib.linalg, f)(m) for f in (
        "inv", "det", "slogdet", "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "matrix_exp", "inv_ex")],
    *[lambda lib, m, f=f: getattr(lib.linalg, f)(m[0]) for f in (
        "inv", "det", "cholesky", "eig", "svd", "qr", "pinv", "svdvals", "matrix_norm", "matrix_rank", "cond")],
    *[lambda lib, m, f=f: getattr(lib.linalg, f)((m @ m.mT).int()) for f in (
        "inv", "det", "cholesky", "eig", "svd", "qr", "pinv", "matrix_norm", "matrix_rank", "norm")],
    *[lambda lib, m, f=f: getattr(lib.linalg, f)((m @ m.mT).half()) for f in ("inv", "cholesky", "eig", "svd", "qr")],
    lambda lib, m: lib.linalg.solve(m, m), lambda lib, m: lib.linalg.solve(m @ m.mT, m.mT),
    lambda lib, m: lib.linalg.solve(m @ m.mT, m.double()), lambda lib, m: lib.linalg.qr(m, mode="x"),
    lambda lib, m: lib.linalg.eigh(m @ m.mT, UPLO="x"), lambda lib, m: lib.linalg.svd(m, driver="gesvd"),
    lambda lib, m: lib.linalg.lstsq(m, m, driver="x"), lambda lib, m: lib.linalg.lstsq(m, m.double()),
    lambda lib, m: lib.linalg.lstsq(m, m.mT), lambda lib, m: lib.linalg.matrix_norm(m, 3),
    lambda lib, m: lib.linalg.matrix_norm(m, "x"), lambda lib, m: lib.linalg.matrix_norm(m, dim=(0, 0)),
    lambda lib, m: lib.linalg.norm(m[None], 2), lambda lib, m: lib.linalg.norm(m, dim=(0, 1, 1)),
    lambda lib, m: lib.linalg.cond(m, 1), lambda lib, m: lib.linalg.solve_triangular(m, m, upper=True),
    lambda lib, m: lib.trace(m[None]), lambda lib, m: lib.linalg.inv(lib.zeros(2, 2)),
    lambda lib, m: lib.linalg.solve(lib.ones(2, 2), lib.ones(2)), lambda lib, m: lib.linalg.cholesky(-lib.eye(2)),
    lambda lib, m: lib.linalg.svd(lib.full((2, 2), float("nan"))), lambda lib, m: lib.linalg.tensorinv(m, 1),
    lambda lib, m: lib.linalg.eig(lib.full((2, 2), float("inf"))), lambda lib, m: lib.linalg.matrix_power(m, 2),
    lambda lib, m: lib.linalg.tensorsolve(m, m), lambda lib, m: lib.linalg.inv(3), lambda lib, m: lib.matrix_exp(m),
    lambda lib, m: lib.linalg.qr(m.requires_grad_(), mode="r").R.sum().backward(),
    lambda lib, m: lib.linalg.qr(m.mT.clone().requires_grad_(), mode="complete").R.sum().backward(),
    lambda lib, m: lib.linalg.svd((m * 1j).requires_grad_()).U[0, 0].real.backward(),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_errors(number: int) -> None:
    m = normal(3, 4, dtype="float32")
    agree(lambda lib: WRONG[number](lib, make(lib, m)))


def test_a_matrix_without_an_answer_has_a_class_of_its_own() -> None:
    singular = sg.tensor([[[2.0, 0.0], [0.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]])
    with pytest.raises(sg.linalg.LinAlgError, match=r"linalg.inv: \(Batch element 1\): The diagonal element 2 is zero, "
                       "the inversion could not be completed because the input matrix is singular."):  # fmt: skip
        sg.linalg.inv(singular)
    with pytest.raises(sg.linalg.LinAlgError, match="torch.linalg.solve: The solver failed because"):
        sg.linalg.solve(singular[1], sg.ones(2))
    with pytest.raises(sg.linalg.LinAlgError, match=r"linalg.cholesky: The factorization could not be completed "
                       r"because the input is not positive-definite \(the leading minor of order 2 is"):  # fmt: skip
        sg.linalg.cholesky(sg.tensor([[1.0, 2.0], [2.0, 1.0]]))
    assert issubclass(sg.linalg.LinAlgError, RuntimeError)
    assert sg.linalg.inv_ex(singular).info.tolist() == [0, 2]
    assert torch.linalg.inv_ex(torch.tensor(singular.tolist())).info.tolist() == [0, 2]
