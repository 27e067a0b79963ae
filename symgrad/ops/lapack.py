"""Array helpers of linear algebra: what NumPy's LAPACK calls lack, in text that also runs on CuPy.

They are printed into emitted modules, which stand alone: so a matrix without an answer is NumPy's
LinAlgError here, with PyTorch's words, and this package's class by the time a user sees it. CuPy reports
such matrices only when asked (`_strict`).
"""

from __future__ import annotations

import inspect
from typing import Any


def _strict(np: Any) -> Any:
    import contextlib

    if np.linalg.__name__ != "cupy.linalg":
        return contextlib.nullcontext()
    import cupyx

    return cupyx.errstate(linalg="raise")


def _refuse(np: Any, name: str, reason: str, info: Any = None) -> None:
    """Raise: for the first matrix of the batch whose `info` is not 0, if that is known."""
    where = ""
    if info is not None:
        flat = info.reshape(-1)
        place = int(np.argmax(flat != 0))
        where = f"(Batch element {place}): " if info.ndim else ""
        reason = reason.format(int(flat[place]))
    raise np.linalg.LinAlgError(f"{name}: {where}{reason}")


def _pivots(np: Any, a: Any) -> Any:
    """For each matrix the place (from 1) of the first zero on the diagonal of U in P A = L U, else 0."""
    n = a.shape[-1]
    info = np.zeros(a.shape[:-2], np.int32)
    for index in np.ndindex(info.shape):
        m = a[index].copy()
        for k in range(n):
            best = k + int(np.argmax(np.abs(m[k:, k])))
            if m[best, k] == 0:
                info[index] = k + 1
                break
            m[[k, best]] = m[[best, k]]
            m[k + 1 :, k:] -= np.outer(m[k + 1 :, k] / m[k, k], m[k, k:])
        else:
            try:
                with _strict(np):
                    np.linalg.inv(a[index])
            except np.linalg.LinAlgError:  # LAPACK rounds to a zero where this elimination does not
                info[index] = n
    return info


def _inv(np: Any, a: Any, check: Any) -> Any:
    info = np.zeros(a.shape[:-2], np.int32)
    try:
        with _strict(np):
            return np.linalg.inv(a), info
    except np.linalg.LinAlgError:
        info = _pivots(np, a)
    if check:
        _refuse(np, "linalg.inv", "The diagonal element {} is zero, the inversion could not be completed "
                                  "because the input matrix is singular.", info)
    good = np.asarray(info == 0)[..., None, None]
    out = np.linalg.inv(np.where(good, a, np.eye(a.shape[-1], dtype=a.dtype)))
    return np.where(good, out, np.full_like(out, np.nan)), info


def _solve(np: Any, a: Any, b: Any, check: Any) -> Any:
    info = np.zeros(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), np.int32)
    try:
        with _strict(np):
            return np.linalg.solve(a, b), info
    except np.linalg.LinAlgError:
        info = np.array(np.broadcast_to(_pivots(np, a), info.shape))
    if check:
        _refuse(np, "torch.linalg.solve", "The solver failed because the input matrix is singular.", info)
    good = np.asarray(info == 0)[..., None, None]
    out = np.linalg.solve(np.where(good, a, np.eye(a.shape[-1], dtype=a.dtype)), b)
    return np.where(good, out, np.full_like(out, np.nan)), info


def _triangular(np: Any, a: Any, b: Any, upper: Any, unit: Any) -> Any:
    """X with A X = B, of A one triangle alone: LU of an upper triangle is itself, so LAPACK substitutes back."""
    n = a.shape[-1]
    a = np.triu(a) if upper else np.tril(a)
    if unit:
        a = np.where(np.eye(n, dtype=bool), np.ones_like(a), a)
    if not upper:
        a, b = a[..., ::-1, ::-1], b[..., ::-1, :]
    try:
        x = np.linalg.solve(a, b)
    except np.linalg.LinAlgError:  # a zero on the diagonal gives inf or nan, no error
        x = np.zeros((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype)
        for i in range(n - 1, -1, -1):
            known = (a[..., i : i + 1, i + 1 :] @ x[..., i + 1 :, :])[..., 0, :]
            x[..., i, :] = (b[..., i, :] - known) / a[..., i, i][..., None]
    return x if upper else np.ascontiguousarray(x[..., ::-1, :])


def _cofactor(np: Any, a: Any) -> Any:
    """conj(det A) A^-H, which exists for every A; by singular values where A has no inverse."""
    try:
        with _strict(np):
            out = np.conj(np.linalg.det(a))[..., None, None] * np.swapaxes(np.linalg.inv(a), -1, -2).conj()
        if np.isfinite(out).all():
            return np.ascontiguousarray(out)
    except np.linalg.LinAlgError:
        pass
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    phase = np.conj(np.linalg.det(u) * np.linalg.det(vh))
    n = a.shape[-1]
    others = np.where(np.eye(n, dtype=bool), np.ones_like(s)[..., None], s[..., None, :]).prod(axis=-1)
    return phase[..., None, None] * ((u * others[..., None, :]) @ vh)


def _cholesky(np: Any, a: Any, upper: Any, check: Any) -> Any:
    if upper:
        factor, info = _cholesky(np, np.swapaxes(a, -1, -2).conj(), False, check)
        return np.ascontiguousarray(np.swapaxes(factor, -1, -2).conj()), info
    info = np.zeros(a.shape[:-2], np.int32)
    try:
        with _strict(np):
            return np.linalg.cholesky(a), info
    except np.linalg.LinAlgError:
        pass
    out = np.full_like(a, np.nan)
    for index in np.ndindex(info.shape):
        good, bad = 0, a.shape[-1] + 1  # orders of leading minors that are positive-definite, and are not
        while bad - good > 1:
            order = (good + bad) // 2
            try:
                with _strict(np):
                    out[index][:order, :order] = np.linalg.cholesky(a[index][:order, :order])
                good = order
            except np.linalg.LinAlgError:
                bad = order
        info[index] = bad if bad <= a.shape[-1] else 0
    if check:
        _refuse(np, "linalg.cholesky", "The factorization could not be completed because the input is not "
                "positive-definite (the leading minor of order {} is not positive-definite).", info)
    return np.ascontiguousarray(np.tril(out)), info


def _qr(np: Any, a: Any, mode: Any) -> Any:
    if mode == "r":
        return np.zeros((0,), a.dtype), np.linalg.qr(a, mode="r")
    q, r = np.linalg.qr(a, mode=mode)
    return q, r


def _svd(np: Any, a: Any, full: Any) -> Any:
    try:
        u, s, vh = np.linalg.svd(a, full_matrices=full)
    except np.linalg.LinAlgError:
        _refuse(np, "linalg.svd", "The algorithm failed to converge because the input matrix " + (
            "is ill-conditioned or has too many repeated singular values." if np.isfinite(a).all()
            else "contained non-finite values."))
    return u, s, vh


def _eigh(np: Any, a: Any, uplo: Any) -> Any:
    try:
        w, v = np.linalg.eigh(a, uplo)
    except np.linalg.LinAlgError:
        _refuse(np, "linalg.eigh", "The algorithm failed to converge because the input matrix is "
                "ill-conditioned or has too many repeated eigenvalues.")
    return w, v


def _eig(np: Any, a: Any) -> Any:
    if not np.isfinite(a).all():
        _refuse(np, "torch.linalg.eig", "input tensor should not contain infs or NaNs.")
    w, v = np.linalg.eig(a)
    kind = np.result_type(a.dtype, np.complex64)
    return w.astype(kind), v.astype(kind)


def _pinv(np: Any, a: Any, atol: Any, rtol: Any, hermitian: Any) -> Any:
    """By singular values (eigenvalues of Hermitian matrices); those up to max(atol, rtol * largest) count as 0."""
    if 0 in a.shape:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    if hermitian:
        s, u = np.linalg.eigh(a)
        vh = np.swapaxes(u, -1, -2).conj()
    else:
        u, s, vh = np.linalg.svd(a, full_matrices=False)
    size = np.abs(s)
    largest = size.max(axis=-1, keepdims=True)
    keep = size > np.maximum(np.asarray(atol)[..., None], np.asarray(rtol)[..., None] * largest)
    inverse = np.where(keep, 1 / np.where(keep, s, np.ones_like(s)), np.zeros_like(s))
    return (np.swapaxes(vh, -1, -2).conj() * inverse[..., None, :]) @ np.swapaxes(u, -1, -2).conj()


def _expm(np: Any, a: Any) -> Any:
    """Scaling and squaring with the Padé approximant of degree 13, in double precision (Higham 2005)."""
    if 0 in a.shape:
        return np.zeros_like(a)
    x = a.astype(np.result_type(a.dtype, np.float64))
    norm = np.abs(x).sum(axis=-2).max(axis=-1)
    finite = np.where(np.isfinite(norm), norm, 0)
    times = np.ceil(np.log2(np.maximum(finite / 5.371920351148152, 1))).astype(int)
    x = x / (2.0 ** times)[..., None, None]
    b = (64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0, 129060195264000.0,
         10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0, 960960.0, 16380.0, 182.0, 1.0)
    one = np.broadcast_to(np.eye(x.shape[-1], dtype=x.dtype), x.shape)
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x4 @ x2
    u = x @ (x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * one)
    v = x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * one
    out = np.linalg.solve(v - u, v + u)
    for i in range(int(times.max())):
        out = np.where((times > i)[..., None, None], out @ out, out)
    return out.astype(a.dtype)


def helpers(*functions: Any) -> dict[str, Any]:
    """The helpers of a declaration, with those they call."""
    found: dict[str, Any] = {}
    waiting = list(functions)
    while waiting:
        function = waiting.pop()
        found[function.__name__] = function
        called = [globals().get(name) for name in function.__code__.co_names]
        waiting += [c for c in called if inspect.isfunction(c) and c.__name__ not in found]
    return found
