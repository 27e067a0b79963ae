"""Systems of equations and inverses, checked as PyTorch checks and brought to the primitives of `linalg`."""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import DType, int64
from symgrad.errors import DTypeError, ShapeError, TraceError
from symgrad.ops import linalg as prims
from symgrad.ops.linalg import adjoint
from symgrad.ops.matrices import matrices, pair_of, square_matrices, tolerance
from symgrad.ops.products import matmul, tensor_operands, volume
from symgrad.ops.public import op
from symgrad.ops.reductions import sum
from symgrad.ops.returns import returns
from symgrad.ops.shapes import expand, normalize_dim, permute, reshape, squeeze, unsqueeze
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind

linalg_inv_ex = returns("linalg_inv_ex", "inverse info")
linalg_solve_ex = returns("linalg_solve_ex", "result info")
linalg_lstsq = returns("linalg_lstsq", "solution residuals rank singular_values")
_triangular_solve = returns("triangular_solve", "solution cloned_coefficient")


@op(namespace="linalg", method=False)
def inv(A: Tensor) -> Tensor:
    """Inverse of each matrix.

    Gradient: da = -x^H g x^H, x the inverse.
    Raises: LinAlgError for a singular matrix, eagerly and compiled.
    Cost: 2 n^3 flops.
    Source: Giles 2008, 2.2.3.

    >>> sg.linalg.inv(sg.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    square_matrices("linalg.inv", A)
    return bind(prims.inv, (A,), {"check": True})[0]  # type: ignore[no-any-return]


@op
def inverse(input: Tensor) -> Tensor:
    """Inverse of each matrix; see `linalg.inv`.

    >>> sg.inverse(sg.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return inv(input)


@op(namespace="linalg", method=False)
def inv_ex(A: Tensor, *, check_errors: bool = False) -> Any:
    """Inverse of each matrix (nan where there is none) and a status: 0, or the place of the zero pivot.

    >>> sg.linalg.inv_ex(sg.tensor([[1., 2.], [2., 4.]])).info
    tensor(2, dtype=torch.int32)
    """
    square_matrices("linalg.inv", A)
    return linalg_inv_ex(*bind(prims.inv, (A,), {"check": bool(check_errors)}))


@op(namespace="linalg", method=False)
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """X with A X = B, or X A = B if not `left`.

    Shapes: A [..., n, n], B [..., n, k] or [..., n] -> as B; leading extents broadcast.
    Gradient: db = a^-H g, da = -db x^H.
    Raises: LinAlgError for a singular matrix, eagerly and compiled.
    Cost: 2/3 n^3 + 2 n^2 k flops.
    Source: Giles 2008, 2.3.1.

    >>> sg.linalg.solve(sg.tensor([[2., 0.], [0., 4.]]), sg.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    return _solve(A, B, left, True)[0]


@op(namespace="linalg", method=False)
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> Any:
    """X with A X = B (nan where there is none) and a status: 0, or the place of the zero pivot.

    >>> sg.linalg.solve_ex(sg.tensor([[2., 0.], [0., 4.]]), sg.tensor([2., 4.])).result
    tensor([1., 1.])
    """
    return linalg_solve_ex(*_solve(A, B, left, bool(check_errors)))


def _solve(A: Tensor, B: Tensor, left: bool, check: bool) -> tuple[Tensor, Tensor]:
    pair_of("linalg.solve", A, B)
    square_matrices("linalg.solve", A)
    vector = B.ndim == 1 or A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1])
    b = unsqueeze(B, -1) if vector else B
    if b.ndim < 2:
        raise ShapeError("linalg.solve: B must have at least 1 dimension")
    if not left:
        if vector:
            raise ShapeError("linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. "
                             "In this case linalg.solve is equivalent to B / A.squeeze(-1)")
        A, b = A.mT, b.mT  # type: ignore[attr-defined]
    if A.shape[-1] != b.shape[-2]:
        raise ShapeError(f"linalg.solve: Incompatible shapes of A and B for the equation {'AX' if left else 'XA'} = B "
                         f"({int(A.shape[-2])}x{int(A.shape[-1])} and {int(B.shape[-2] if B.ndim > 1 else len(B))}x"
                         f"{int(B.shape[-1])})")
    x, info = bind(prims.solve, (A, b), {"check": check})
    if vector:
        return squeeze(x, -1), info
    return (x if left else x.mT), info


@op(namespace="linalg", method=False)
def solve_triangular(A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X with A X = B (or X A = B), where only the upper or lower triangle of A is read.

    A zero on the diagonal gives inf or nan, not an error; `unitriangular` reads the diagonal as ones.
    Gradient: db = a^-H g, da = the triangle of -db x^H.
    >>> sg.linalg.solve_triangular(sg.tensor([[2., 0.], [1., 1.]]), sg.tensor([[2.], [3.]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    pair_of("linalg.solve_triangular", A, B)
    square_matrices("linalg.solve_triangular", A)
    matrices("linalg.solve_triangular", B)
    if not left:
        A, B, upper = A.mT, B.mT, not upper  # type: ignore[attr-defined]
    if A.shape[-1] != B.shape[-2]:
        raise ShapeError("linalg.solve_triangular: Incompatible shapes of A and B for the equation "
                         f"{'AX' if left else 'XA'} = B ({int(A.shape[-2])}x{int(A.shape[-1])} and "
                         f"{int(B.shape[-2])}x{int(B.shape[-1])})")
    x = bind(prims.solve_triangular, (A, B), {"upper": bool(upper), "unit": bool(unitriangular)})
    return x if left else x.mT  # type: ignore[no-any-return]


@op
def triangular_solve(
    input: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """X with A X = input for a triangular A (its transpose, if `transpose`), and a copy of A: the older form.

    >>> sg.triangular_solve(sg.tensor([[3.], [2.]]), sg.tensor([[1., 1.], [0., 2.]])).solution
    tensor([[2.],
            [1.]])
    """
    tensor_operands("triangular_solve", input=input, A=A)
    for name, x in (("b", input), ("A", A)):
        if x.ndim < 2:
            raise ShapeError(f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it has "
                             f"{x.ndim} dimensions instead")
    of = A.mT if transpose else A  # type: ignore[attr-defined]
    x = solve_triangular(of, input, upper=upper != transpose, unitriangular=unitriangular)
    return _triangular_solve(x, A.clone())  # type: ignore[attr-defined]


@op
def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """X with A X = input, where A = L L^H (or U^H U, if `upper`): two triangular systems.

    >>> sg.cholesky_solve(sg.tensor([[4.], [9.]]), sg.tensor([[2., 0.], [0., 3.]]))
    tensor([[1.],
            [1.]])
    """
    pair_of("cholesky_solve", L, input)
    for name, x in (("b", input), ("u", L)):
        if x.ndim < 2:
            raise ShapeError(f"{name} should have at least 2 dimensions, but has {x.ndim} dimensions instead")
    first, second = (adjoint(L), L) if upper else (L, adjoint(L))
    return solve_triangular(second, solve_triangular(first, input, upper=False), upper=True)


@op
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """Inverse of A = L L^H (or U^H U, if `upper`), from its factor.

    >>> sg.cholesky_inverse(sg.tensor([[2., 0.], [0., 1.]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    from symgrad.ops.creation import eye

    square_matrices("cholesky_inverse", L)
    one = eye(L.shape[-1], dtype=L.dtype)
    return cholesky_solve(expand(one, tuple(L.shape)), L, upper)


@op(namespace="linalg", method=False)
def pinv(A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """Moore-Penrose inverse of each matrix; singular values up to max(atol, rtol * largest) count as 0.

    By default rtol is max(m, n) times the spacing of the dtype (0 where atol is given).
    Gradient: of both projections; right while the rank does not change.
    Source: Golub & Pereyra 1973.

    >>> sg.linalg.pinv(sg.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    matrices("linalg.pinv", A)
    if hermitian:
        square_matrices("linalg.pinv", A)
    a, r = tolerance(A, atol, rcond if rcond is not None else rtol)
    return bind(prims.pinv, (A, a, r), {"hermitian": bool(hermitian)})  # type: ignore[no-any-return]


@op
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Moore-Penrose inverse of each matrix; see `linalg.pinv`.

    >>> sg.pinverse(sg.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    return pinv(input, rcond)


_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


@op(namespace="linalg", method=False)
def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: Any = None) -> Any:
    """X that makes |A X - B| smallest (and is itself smallest): (solution, residuals, rank, singular_values).

    As in PyTorch, what the LAPACK driver of that name does not give is empty: residuals where m <= n, for "gelsy"
    (the default), and for "gelsd" and "gelss" where a rank is below n; rank for "gels"; singular values but for
    "gelsd" and "gelss". Compiled, "gelsd" and "gelss" with m > n are refused: the shape depends on the rank.
    Gradient: that of pinv(A) @ B.
    >>> sg.linalg.lstsq(sg.tensor([[1., 0.], [1., 1.], [1., 2.]]), sg.tensor([[1.], [3.], [5.]])).solution
    tensor([[1.0000],
            [2.0000]])
    """
    name = "torch.linalg.lstsq"
    tensor_operands("linalg_lstsq", A=A, B=B)
    driver = driver or "gelsy"
    if driver not in _DRIVERS:
        raise ShapeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    if A.ndim < 2 or B.ndim < 1:
        raise ShapeError(f"{name}: input must have at least 2 dimensions.")
    matrices(name, A)
    if not 0 <= A.ndim - B.ndim <= 1:
        raise ShapeError(f"{name}: input.dim() must be greater or equal to other.dim() and "
                         "(input.dim() - other.dim()) <= 1")
    if A.dtype is not B.dtype:
        raise DTypeError(f"{name}: Expected input and other to have the same dtype, but got {A.dtype.name} and "
                         f"{B.dtype.name} instead")
    m = A.shape[-2]
    vector = A.ndim - 1 == B.ndim and tuple(A.shape[:-1]) == tuple(B.shape)
    b = unsqueeze(B, -1) if vector else B
    if m != b.shape[-2]:
        raise ShapeError(f"{name}: input.size(-2) should match other.size({-1 if vector else -2})")
    solution = matmul(pinv(A, rtol=rcond), b)
    values = _values(A)
    rank = _rank(A, values, rcond)
    residuals = _residuals(A, b, solution, rank, driver)
    none = _empty(A.dtype.to_real())
    return linalg_lstsq(
        squeeze(solution, -1) if vector else solution, residuals, _empty(int64) if driver == "gels" else rank,
        values if driver in ("gelsd", "gelss") else none)  # fmt: skip


def _values(A: Tensor) -> Tensor:
    from symgrad.ops.factorizations import svdvals

    return svdvals(A.detach())  # type: ignore[attr-defined]


def _rank(A: Tensor, values: Tensor, rcond: Any) -> Tensor:
    if 0 in values.shape:
        return sum(values, -1).to(int64)  # type: ignore[attr-defined, no-any-return]
    least, relative = tolerance(A, None, rcond)
    largest = values.amax(-1, True)  # type: ignore[attr-defined]
    return sum(values > relative[..., None] * largest, -1)


def _residuals(A: Tensor, b: Tensor, x: Tensor, rank: Tensor, driver: str) -> Tensor:
    m, n = A.shape[-2], A.shape[-1]
    if m <= n or driver == "gelsy":
        return _squares(reshape(A, (A.numel(),))[:0] * reshape(b, (b.numel(),))[:0])
    if driver != "gels":
        if state.capture() is not None:
            raise TraceError("the residuals of lstsq are empty where a matrix has not full rank",
                             hint='pass driver="gels", which assumes full rank')
        if not bool((rank == n).all()):  # type: ignore[attr-defined]
            return _squares(reshape(A, (A.numel(),))[:0])
    return sum(_squares(matmul(A, x) - b), -2)


def _squares(x: Any) -> Tensor:
    return (x * x.conj()).real if x.dtype.is_complex else x * x  # type: ignore[no-any-return]


def _empty(dtype: DType) -> Tensor:
    from symgrad.ops.creation import zeros

    return zeros(0, dtype=dtype)


@op(namespace="linalg", method=False)
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """X with tensordot(A, X, X.ndim) = B, the dimensions of A that X has moved to its end by `dims`.

    >>> sg.linalg.tensorsolve(sg.eye(4).reshape(2, 2, 2, 2), sg.tensor([[1., 2.], [3., 4.]]))
    tensor([[1., 2.],
            [3., 4.]])
    """
    tensor_operands("linalg_tensorsolve", A=A, B=B)
    if dims is not None:
        moved = [normalize_dim(d, A.ndim) for d in dims]
        A = permute(A, (*[d for d in range(A.ndim) if d not in moved], *moved))
    shape = tuple(A.shape[B.ndim :])
    rows, columns = volume(A, range(B.ndim)), volume(A, range(B.ndim, A.ndim))
    if rows != B.numel() or rows != columns:
        raise ShapeError("Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
                         f"prod(self.shape[:other.ndim]), but got {int(columns)} != {int(rows)}")
    return reshape(solve(reshape(A, (rows, columns)), reshape(B, (rows,))), shape)


@op(namespace="linalg", method=False)
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of tensordot by A over its last A.ndim - ind dimensions.

    >>> sg.linalg.tensorinv(sg.eye(4).reshape(4, 2, 2), ind=1).shape
    torch.Size([2, 2, 4])
    """
    tensor_operands("linalg_tensorinv", A=A)
    if ind <= 0:
        raise ShapeError("Expected a strictly positive integer for 'ind'")
    rows, columns = volume(A, range(min(ind, A.ndim))), volume(A, range(min(ind, A.ndim), A.ndim))
    if rows != columns:
        raise ShapeError("Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), "
                         f"but got {int(columns)} != {int(rows)}")
    return reshape(inv(reshape(A, (rows, columns))), (*A.shape[ind:], *A.shape[:ind]))
