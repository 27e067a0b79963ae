"""Sums, products, extremes, moments, norms and scans: values, dtypes, errors and gradients are PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
from oracle import agree, make
from reducing import ALL, EXACT, FLOATS, arrays, everywhere, gradients, ties

import symgrad as sg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
INF, NAN = float("inf"), float("nan")
FOLDS = ("sum", "mean", "prod", "nansum", "nanmean", "amax", "amin", "any", "all")
SMOOTH = ("sum", "mean", "nansum", "nanmean", "amax", "amin")
USUAL = ("vector", "matrix", "cube", "transposed", "one", "0-d")
ZEROS = np.array([[1.5, 0.0, -2.0], [0.0, 3.0, 0.0], [0.5, 1.0, 2.0]])


@pytest.mark.parametrize("name", FOLDS)
def test_fold_of_everything(name: str) -> None:
    everywhere(lambda lib, x: getattr(lib, name)(x), rtol=1e-5)


@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("dim", [0, -1, 1, (0, 1), (), (0, 0), 7, None, (1,), [0]], ids=str)
@pytest.mark.parametrize("name", FOLDS)
def test_fold_over_dims(name: str, dim, keepdim: bool) -> None:
    if name == "prod" and not isinstance(dim, int):
        dim = 0
    if name in ("amax", "amin") and dim == (0, 0):
        return  # which of two errors comes first
    everywhere(lambda lib, x: getattr(x, name)(dim, keepdim), EXACT, rtol=1e-9)


@pytest.mark.parametrize("name", [*SMOOTH, "prod"])
def test_gradient_of_fold(name: str) -> None:
    gradients(lambda lib, x: getattr(lib, name)(x))
    gradients(lambda lib, x: getattr(lib, name)(x, 0), ties(), ZEROS, arrays("float64")["cube"])
    gradients(lambda lib, x: getattr(lib, name)(x, -1, keepdim=True), ties(), ZEROS, arrays("float64")["transposed"])


def test_product_of_several_zeros_has_its_second_derivative() -> None:
    for zeros in ([0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]):
        gradients(lambda lib, x: x.prod(), np.array(zeros))

    def hessian(lib):
        x = make(lib, np.array([0.0, 0.0, 3.0]), requires_grad=True)
        (g,) = lib.autograd.grad(x.prod(), [x], create_graph=True)
        return lib.autograd.grad(g[0], [x])

    agree(hessian)
    assert hessian(sg)[0].tolist() == [0.0, 3.0, 0.0]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_dtype_argument(dtype: str) -> None:
    for name in ("sum", "mean", "prod", "nansum", "cumsum", "cumprod"):
        everywhere(lambda lib, x: getattr(lib, name)(x, 0, dtype=getattr(lib, dtype)), ("float32", "int8", "bool"),
                   only=("matrix", "empty", "0-d"))  # fmt: skip


def test_axis_is_dim() -> None:
    for name in ("sum", "mean", "amax", "std", "logsumexp", "prod", "argmax"):
        agree(lambda lib: getattr(lib, name)(make(lib, arrays("float64")["matrix"]), axis=1, keepdims=True))


def test_nan_and_infinity() -> None:
    everywhere(lambda lib, x: lib.max(x), FLOATS, only=("nan and inf",))
    everywhere(lambda lib, x: lib.min(x, 1), FLOATS, only=("nan and inf",))
    for values in ([NAN, 1.0, NAN], [INF, INF, 1.0], [-INF, -INF]):
        for name in ("max", "min", "amax", "amin"):
            gradients(lambda lib, x: getattr(lib, name)(x), np.array(values))


@pytest.mark.parametrize("name", ["max", "min"])
def test_max_min(name: str) -> None:
    everywhere(lambda lib, x: getattr(lib, name)(x))
    for dim in (0, -1):
        for keepdim in (False, True):
            everywhere(lambda lib, x: getattr(x, name)(dim, keepdim))
    everywhere(lambda lib, x: getattr(lib, name)(x, x * 2 - 1), FLOATS)
    everywhere(lambda lib, x: getattr(lib, name)(x, other=x * 2 - 1), ("int64",))
    gradients(lambda lib, x: getattr(lib, name)(x), ties(), arrays("float64")["cube"])
    gradients(lambda lib, x: getattr(lib, name)(x, 1), ties(), arrays("float64")["cube"])
    gradients(lambda lib, x: getattr(lib, name)(x, ties() if lib is None else x.detach().flip(0)), ties())


@pytest.mark.parametrize("name", ["max", "min"])
@pytest.mark.parametrize("rows", [2, 3, 16, 17])
@pytest.mark.parametrize("nan", [False, True])
def test_extreme_of_long_columns(name: str, rows: int, nan: bool) -> None:
    """The first of equal elements and the first nan, also where the matrix is wide and flat."""
    x = np.random.default_rng(rows).integers(0, 4, (rows, 150)).astype("f4")
    if nan:
        x[rows // 2 :, ::7] = np.nan
    agree(lambda lib: tuple(getattr(make(lib, x), name)(0)))


def test_named_results() -> None:
    found = sg.max(sg.tensor([[1.0, 2.0]]), 1)
    assert repr(found) == "torch.return_types.max(\nvalues=tensor([2.]),\nindices=tensor([1]))"
    values, indices = found
    assert values is found.values and indices is found[1] and type(found).__name__ == "max"
    held = sg.tensor([0.0]), sg.tensor([0])
    written = sg.max(sg.tensor([[1.0, 2.0]]), 1, out=held)
    assert written.values is held[0] and held[0].item() == 2 and held[1].item() == 1


def test_aminmax_and_counting() -> None:
    everywhere(lambda lib, x: lib.aminmax(x))
    everywhere(lambda lib, x: lib.aminmax(x, dim=-1, keepdim=True))
    everywhere(lambda lib, x: lib.count_nonzero(x))
    everywhere(lambda lib, x: lib.count_nonzero(x, 0))


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("name", ["std", "var", "std_mean", "var_mean"])
def test_moments(name: str) -> None:
    forms = [
        {}, {"dim": 0}, {"dim": (0, 1), "correction": 0}, {"dim": -1, "correction": 2.5, "keepdim": True},
        {"dim": 1, "unbiased": False}, {"unbiased": False}, {"dim": None, "correction": 7},
    ]  # fmt: skip
    for form in forms:
        usual = None if "mean" not in name else USUAL  # of infinities PyTorch's own mean and that here differ
        dtypes = ("float64", "int64") if form else FLOATS
        everywhere(lambda lib, x: getattr(lib, name)(x, **form), dtypes, only=usual)
        gradients(lambda lib, x: getattr(lib, name)(x, **form), arrays("float64")["matrix"])
    everywhere(lambda lib, x: getattr(lib, name)(x, 0, False, True), ("float64",))
    everywhere(lambda lib, x: getattr(lib, name)(x, False), ("float64",))
    gradients(lambda lib, x: getattr(lib, name)(x, 0), np.ones((3, 2)))


def test_variance_warns_and_refuses() -> None:
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        sg.tensor([1.0]).var()
    with pytest.raises(RuntimeError, match="only support floating point"):
        sg.tensor([1, 2]).std()
    with pytest.raises(RuntimeError, match="Got: Long|could not infer"):
        sg.tensor([1, 2]).mean()


def test_accuracy_of_float32() -> None:
    rng = np.random.default_rng(0)
    big = (rng.random(1_000_000, dtype="f") + 100).astype("f")
    wide = big.astype("d")
    x = sg.from_numpy(big)
    assert x.sum().item() == pytest.approx(wide.sum(), rel=2e-7)
    assert x.var().item() == pytest.approx(wide.var(ddof=1), rel=1e-5)
    tall = x.reshape(-1, 4)
    for dim in (0, 1):
        np.testing.assert_allclose(tall.sum(dim).numpy(), wide.reshape(-1, 4).sum(dim), rtol=3e-7)
        exact = wide.reshape(-1, 4).var(dim, ddof=1)
        np.testing.assert_allclose(tall.var(dim).numpy(), exact, rtol=1e-5, atol=1e-5 * exact.max())
    np.testing.assert_allclose(x.cumsum(0).numpy(), wide.cumsum(), rtol=2e-7)
    half = sg.full((4096,), 0.1, dtype=sg.float16)
    assert half.mean().item() == pytest.approx(0.1, rel=1e-3)


@pytest.mark.parametrize("dim", [0, 1, (0, 1), -1])
def test_logsumexp(dim) -> None:
    everywhere(lambda lib, x: lib.logsumexp(x, dim), ALL, rtol=1e-5)
    gradients(lambda lib, x: lib.logsumexp(x, dim, True), arrays("float64")["matrix"])


def test_exponentials_meet_infinity() -> None:
    rows = np.array([[-INF, -INF], [-INF, 1.0], [INF, 1.0], [INF, INF], [NAN, 1.0], [1000.0, 1000.0], [-1000.0, 0.0]])
    for call in (lambda x: x.logsumexp(1), lambda x: x.softmax(1), lambda x: x.log_softmax(1),
                 lambda x: x.logcumsumexp(1)):  # fmt: skip
        for row in rows:
            gradients(lambda lib, x: call(x), row[None], order=1)
            agree(lambda lib: call(make(lib, row[None])))


def test_softmax() -> None:
    for name in ("softmax", "log_softmax"):
        everywhere(lambda lib, x: getattr(lib, name)(x, -1), FLOATS, rtol=1e-5)
        everywhere(lambda lib, x: getattr(lib, name)(x, 0, dtype=lib.float64), ("int64", "float32"))
        gradients(lambda lib, x: getattr(lib, name)(x, 0))


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "logcumsumexp"])
def test_scans(name: str) -> None:
    for dim in (0, -1):
        everywhere(lambda lib, x: getattr(lib, name)(x, dim), ALL, rtol=1e-5)
        gradients(lambda lib, x: getattr(lib, name)(x, dim), ZEROS, *arrays("float64", nans=False).values())
    if name != "logcumsumexp":
        agree(lambda lib: getattr(make(lib, ZEROS), f"{name}_")(1))


@pytest.mark.parametrize("name", ["cummax", "cummin"])
def test_running_extremes(name: str) -> None:
    for dim in (0, -1):
        everywhere(lambda lib, x: getattr(lib, name)(x, dim))
        agree(lambda lib: getattr(lib, name)(make(lib, ties()), dim))
        gradients(lambda lib, x: getattr(lib, name)(x, dim), ties(), arrays("float64")["cube"])


def test_diff() -> None:
    for n in (0, 1, 2, 9):
        everywhere(lambda lib, x: lib.diff(x, n), EXACT)
    agree(lambda lib: lib.diff(make(lib, ties()), 1, 0, make(lib, ties()), make(lib, ties()[:1])))
    gradients(lambda lib, x: lib.diff(x, 2, prepend=x * 2), ties())


@pytest.mark.parametrize("p", [2, 1, 0, INF, -INF, 3, 1.5, 0.5, -1, "fro", None])
def test_norm(p) -> None:
    for dim in (None, 0, (0, 1)):
        everywhere(lambda lib, x: lib.norm(x, p, dim), ("float64", "float32"), only=(*USUAL[:5], "no rows"))
        if p not in (0, 2, "fro", None):  # at 0 PyTorch has no gradient; its second derivative of 2 is nan there
            gradients(lambda lib, x: lib.norm(x, p, dim), ties(), arrays("float64")["matrix"])
    gradients(lambda lib, x: x.norm(2, 1), arrays("float64")["matrix"])


def test_norm_refuses() -> None:
    for call in (lambda lib: lib.norm(lib.tensor([1, 2])), lambda lib: lib.norm(lib.tensor([1.0]), "what"),
                 lambda lib: lib.norm(lib.zeros(0), INF), lambda lib: lib.norm(lib.zeros(2, 0), -1, 1)):  # fmt: skip
        agree(call)


def test_distances() -> None:
    x = arrays("float64")["matrix"]
    gradients(lambda lib, x: lib.dist(x, x.detach() * 0 + 1, 3), x)
    agree(lambda lib: lib.cdist(make(lib, x), make(lib, x[:2] + 1), 1.5))
    agree(lambda lib: lib.renorm(make(lib, x), 2, 0, 1.0), rtol=1e-5)


def test_covariance() -> None:
    x = arrays("float64")["matrix"]
    whole, part = np.array([1, 2, 3, 1, 2]), np.array([0.5, 1.0, 0.25, 2.0, 1.0])
    for form in ({}, {"correction": 0}, {"fweights": whole}, {"aweights": part}, {"fweights": whole, "aweights": part},
                 {"correction": 0, "aweights": part}):  # fmt: skip
        def call(lib, x, form=form):
            return lib.cov(x, **{k: v if isinstance(v, int) else make(lib, v) for k, v in form.items()})

        agree(lambda lib: call(lib, make(lib, x)))
        gradients(call, x)
    agree(lambda lib: lib.corrcoef(make(lib, x)))
    gradients(lambda lib, x: lib.corrcoef(x), x)
    for wrong in (lambda lib: lib.cov(lib.ones(2, 2, 2)), lambda lib: lib.cov(lib.ones(2), fweights=lib.ones(2)),
                  lambda lib: lib.cov(lib.ones(2), aweights=-lib.ones(2))):  # fmt: skip
        agree(wrong)
