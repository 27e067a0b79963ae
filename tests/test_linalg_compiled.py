"""Linear algebra compiled: what runs eagerly, gradients included; errors at run time leave state alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from beside import normal, positive, regular
from oracle import make

import symgrad as sg


def mH(x: Any) -> Any:  # noqa: N802 - as PyTorch calls it
    return x.mT.conj()


PROGRAMS = {
    "inv": (lambda a: sg.linalg.inv(a) * 2, [regular(2, 3, 3)]),
    "solve": (lambda a, b: sg.linalg.solve(a, b).tanh(), [regular(3, 3), normal(2, 3, 4)]),
    "solve left": (lambda a, b: sg.linalg.solve(a, b, left=False), [regular(3, 3), normal(4, 3)]),
    "triangular": (lambda a, b: sg.linalg.solve_triangular(a, b, upper=False), [regular(3, 3), normal(3, 2)]),
    "det": (lambda a: sg.det(a) + sg.slogdet(a)[1], [regular(2, 3, 3)]),
    "logdet": (lambda a: sg.logdet(a), [positive(3, 3)]),
    "cholesky": (lambda a: sg.linalg.cholesky(a @ a.mT + sg.eye(3, dtype=sg.float64)), [normal(2, 3, 3)]),
    "cholesky_solve": (lambda a, b: sg.cholesky_solve(b, sg.linalg.cholesky(a)), [positive(3, 3), normal(3, 2)]),
    "qr": (lambda a: (lambda q, r: q @ r.sin())(*sg.linalg.qr(a)), [normal(4, 3)]),
    "wide qr": (lambda a: sg.linalg.qr(a).R.abs(), [normal(3, 5)]),
    "svd": (lambda a: (lambda u, s, vh: (u * s.sin()) @ vh)(*sg.linalg.svd(a, full_matrices=False)), [normal(4, 3)]),
    "nuclear": (lambda a: sg.linalg.matrix_norm(a, "nuc") + sg.linalg.norm(a, 2), [normal(4, 3)]),
    "eigh": (lambda a: (lambda w, v: (v * w.sin()) @ v.mT)(*sg.linalg.eigh(a + a.mT)), [normal(4, 4)]),
    "eigvals": (lambda a: (sg.linalg.eigvals(a) ** 2).real.sum(), [regular(4, 4)]),
    "old eig": (lambda a: a.eig(eigenvectors=True)[0].sum(0)[0], [regular(4, 4)]),
    "pinv": (lambda a: sg.linalg.pinv(a), [normal(2, 4, 3)]),
    "lstsq": (lambda a, b: sg.linalg.lstsq(a, b).solution, [normal(4, 3), normal(4, 2)]),
    "lstsq residuals": (lambda a, b: sg.linalg.lstsq(a, b, driver="gels").residuals, [normal(4, 3), normal(4, 2)]),
    "matrix_exp": (lambda a: sg.matrix_exp(a), [normal(3, 3)]),
    "matrix_power": (lambda a: sg.matrix_power(a, 5) + sg.matrix_power(a, -1), [regular(3, 3)]),
    "multi_dot": (lambda a, b, c: sg.linalg.multi_dot([a, b, c]), [normal(2, 3), normal(3, 4), normal(4)]),
    "cross": (lambda a, b: sg.linalg.cross(a, b), [normal(2, 3), normal(1, 3)]),
    "rank": (lambda a: sg.linalg.matrix_rank(a) * a, [normal(3, 4)]),
    "cond": (lambda a: sg.linalg.cond(a, 1) + sg.linalg.cond(a), [regular(3, 3)]),
    "complex solve": (lambda a, b: sg.linalg.solve(a, b),
                      [regular(3, 3, dtype="complex128"), normal(3, 2, dtype="complex128")]),
    "complex svd": (lambda a: sg.linalg.svdvals(a), [normal(4, 3, dtype="complex64")]),
    "complex eigh": (lambda a: (lambda w, v: (v * w.sin()) @ mH(v))(*sg.linalg.eigh(a + mH(a))),
                     [normal(3, 3, dtype="complex128")]),
    "complex inv": (lambda a: sg.linalg.inv(a).abs(), [regular(3, 3, dtype="complex64")]),
    "float32": (lambda a, b: sg.linalg.solve(a, b).sum() * sg.det(a),
                [regular(3, 3, dtype="float32"), normal(3, 2, dtype="float32")]),
}  # fmt: skip


def values(function: Any, arrays: Any) -> list[Any]:
    """The result, and the gradients of a weighted sum of it."""
    xs = [make(sg, a, True) for a in arrays]
    out = function(*xs)
    weight = np.cos(np.arange(out.numel())).reshape(tuple(out.shape)).astype(out.detach().numpy().dtype)
    out.backward(sg.from_numpy(weight))
    return [out.detach().numpy(), *[x.grad.numpy() for x in xs]]


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_is_eager(name: str, backend: str) -> None:
    function, arrays = PROGRAMS[name]
    eager, compiled = values(function, arrays), values(sg.compile(function, backend=backend, fullgraph=True), arrays)
    for a, b in zip(compiled, eager, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        tol = 1e-9 if a.dtype.name in ("float64", "complex128") else 1e-4
        np.testing.assert_allclose(a, b, rtol=tol, atol=tol)


@pytest.mark.parametrize("name", ("inv", "triangular", "qr", "svd", "matrix_exp", "lstsq"))
def test_on_the_emulated_device(name: str) -> None:
    from symgrad.testing import cuda_module

    if reason := cuda_module.available():
        pytest.skip(reason)
    function, arrays = PROGRAMS[name]
    with cuda_module.emulated():
        compiled = values(sg.compile(function, backend="cupy", fullgraph=True), arrays)
    for a, b in zip(compiled, values(function, arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def test_a_whole_step_with_a_singular_matrix_changes_nothing(backend: str) -> None:
    """The error of the forward step comes before the first parameter is written (DECISIONS 6)."""

    def training(compiled: bool) -> Any:
        w = sg.tensor([[2.0, 1.0], [1.0, 3.0]], requires_grad=True)
        opt = sg.optim.SGD([w], lr=0.1, momentum=0.9)

        def step(x: Any) -> Any:
            loss = (sg.linalg.inv(w * x) ** 2).sum() + sg.linalg.cholesky(w @ w.mT * x).sum()
            opt.zero_grad()
            loss.backward()
            opt.step()
            return loss

        return w, opt, sg.compile(step, backend=backend, fullgraph=True) if compiled else step

    good, bad = sg.tensor([[1.0, 1.0], [1.0, 1.0]]), sg.tensor([[1.0, 0.0], [0.0, 0.0]])
    (w, _, eager), (v, opt, step) = training(False), training(True)
    for _ in range(3):
        assert float(eager(good)) == pytest.approx(float(step(good)), rel=1e-5)
    before, slots = v.detach().numpy().copy(), [s.numpy().copy() for s in opt.state[v].values() if hasattr(s, "numpy")]
    for _ in range(2):
        with pytest.raises(sg.linalg.LinAlgError, match="linalg.inv: The diagonal element 2 is zero"):
            step(bad)
        assert np.array_equal(v.detach().numpy(), before)
        assert all(np.array_equal(s.numpy(), b) for s, b in zip(
            [s for s in opt.state[v].values() if hasattr(s, "numpy")], slots))  # fmt: skip
    with pytest.raises(sg.linalg.LinAlgError, match="not positive-definite"):
        step(-good)
    assert np.array_equal(v.detach().numpy(), before)
    for _ in range(2):
        assert float(eager(good)) == pytest.approx(float(step(good)), rel=1e-5)
    np.testing.assert_allclose(v.detach().numpy(), w.detach().numpy(), rtol=1e-5)


def test_unused_errors_do_not_happen() -> None:
    """A result nobody needs is not computed; the status of the `_ex` forms raises nothing."""
    function = sg.compile(lambda a: sg.linalg.inv_ex(a).info + sg.linalg.cholesky_ex(-a).info, backend="numpy")
    assert int(function(sg.tensor([[1.0, 2.0], [2.0, 4.0]]))) == 3
