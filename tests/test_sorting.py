"""Sorts, selections, quantiles, counts and searches: values, indices, dtypes, errors and gradients are PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracle import agree, make
from reducing import ALL, EXACT, FLOATS, arrays, differentiated, everywhere, gradients, ties

import symgrad as sg

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
NAN = float("nan")
DISTINCT = [arrays("float64")[label] for label in ("vector", "matrix", "cube", "transposed", "0-d", "one")]
NANS = np.array([[NAN, 1.0, 2.0, NAN, 2.0], [3.0, 1.0, 2.0, 2.0, 1.0], [NAN] * 5])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_argmax(name: str) -> None:
    for form in ((), (0,), (-1, True), (None, True)):
        everywhere(lambda lib, x: getattr(lib, name)(x, *form), (*ALL, "complex64"))
        agree(lambda lib: getattr(make(lib, ties()), name)(*form))
        agree(lambda lib: getattr(make(lib, NANS), name)(*form))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_sort(dim: int, descending: bool) -> None:
    everywhere(lambda lib, x: lib.sort(x, dim, descending))
    everywhere(lambda lib, x: lib.argsort(x, dim, descending), EXACT)
    everywhere(lambda lib, x: x.sort(stable=True, dim=dim, descending=descending), EXACT)
    agree(lambda lib: make(lib, NANS).sort(dim, descending))
    gradients(lambda lib, x: lib.sort(x, dim, descending), *DISTINCT, ties())


def test_sort_is_stable_and_named() -> None:
    x = np.random.default_rng(0).integers(0, 3, 500)
    for descending in (False, True):
        agree(lambda lib: lib.sort(make(lib, x), stable=True, descending=descending))
    values, indices = found = sg.sort(sg.tensor([2, 1]))
    assert repr(found).startswith("torch.return_types.sort(\nvalues=") and indices.dtype is sg.int64
    agree(lambda lib: lib.sort(make(lib, np.array([1j]))))
    everywhere(lambda lib, x: lib.msort(x))


def chosen(lib: Any, x: Any, found: Any, dim: int, keepdim: bool = True) -> Any:
    """The values, and what lies at the indices: of equal elements any may have been taken."""
    values, indices = found
    index = indices if keepdim or not x.ndim else indices.unsqueeze(dim)
    there = x.gather(dim, index)
    return values, there if keepdim or not x.ndim else there.squeeze(dim)


@pytest.mark.parametrize("k", [0, 1, 2, 3, 9])
def test_topk_and_kthvalue(k: int) -> None:
    numbers = tuple(d for d in ALL if d != "bool")
    for largest in (True, False):
        everywhere(lambda lib, x: chosen(lib, x, lib.topk(x, k, largest=largest), -1), numbers)
        everywhere(lambda lib, x: chosen(lib, x, x.topk(k, 0, largest, True), 0), EXACT[1:])
        gradients(lambda lib, x: lib.topk(x, k, 0, largest), *DISTINCT[:3])
    for keepdim in (False, True):
        everywhere(lambda lib, x: chosen(lib, x, lib.kthvalue(x, k, 0, keepdim), 0, keepdim), numbers)
        gradients(lambda lib, x: x.kthvalue(k, -1, keepdim), *DISTINCT[:2])


def test_topk_of_many() -> None:
    x = np.random.default_rng(1).normal(size=(3, 1000))
    x[0, 5] = NAN
    for largest in (True, False):
        agree(lambda lib: lib.topk(make(lib, x), 10, 1, largest))
        agree(lambda lib: lib.topk(make(lib, x.T.copy()), 10, 0, largest))


@pytest.mark.parametrize("name", ["median", "nanmedian"])
def test_median(name: str) -> None:
    numbers = tuple(d for d in ALL if d != "bool")
    everywhere(lambda lib, x: getattr(lib, name)(x), numbers)
    gradients(lambda lib, x: getattr(lib, name)(x), *DISTINCT, ties(), NANS)
    for keepdim in (False, True):
        everywhere(lambda lib, x: chosen(lib, x, getattr(lib, name)(x, 0, keepdim), 0, keepdim), numbers)
        agree(lambda lib: getattr(lib, name)(make(lib, NANS), 1, keepdim).values)
        gradients(lambda lib, x: getattr(lib, name)(x, -1, keepdim), *DISTINCT)
    agree(lambda lib: lib.median(make(lib, NANS[:2]), 1).indices[0])


def test_mode() -> None:
    for dim in (0, -1):
        everywhere(lambda lib, x: lib.mode(x, dim), ("int64", "float64", "bool"), only=(
            "vector", "matrix", "cube", "0-d", "one", "transposed", "empty", "no columns", "no rows"))  # fmt: skip
        agree(lambda lib: make(lib, ties()).mode(dim, True))
        gradients(lambda lib, x: lib.mode(x, dim), ties())


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantile(name: str, interpolation: str) -> None:
    def call(lib, x, q=0.3, *rest):
        return getattr(lib, name)(x, q, *rest, interpolation=interpolation)

    def several(lib, x, *rest):
        return call(lib, x, lib.tensor([0.0, 0.25, 0.5, 1.0], dtype=x.dtype), *rest)

    everywhere(call)
    everywhere(lambda lib, x: call(lib, x, 0.7, 0, True), FLOATS)
    everywhere(lambda lib, x: several(lib, x, -1), FLOATS)
    everywhere(lambda lib, x: several(lib, x, None, True), FLOATS)
    agree(lambda lib: several(lib, make(lib, NANS), 1))
    gradients(lambda lib, x: call(lib, x, 0.3, -1), *DISTINCT)
    agree(differentiated(lambda lib, x: lib.quantile(x, lib.tensor([0.2, 0.9], dtype=x.dtype), 0), DISTINCT[2]))


def test_quantile_refuses() -> None:
    for call in (lambda lib: lib.quantile(lib.ones(2), 2.0), lambda lib: lib.quantile(lib.tensor([1, 2]), 0.5),
                 lambda lib: lib.quantile(lib.ones(2), lib.tensor([[0.5]])),
                 lambda lib: lib.quantile(lib.ones(2), lib.tensor([0.5], dtype=lib.float64)),
                 lambda lib: lib.quantile(lib.ones(2), 0.5, interpolation="cubic")):  # fmt: skip
        agree(call)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("counts", [False, True])
def test_unique(inverse: bool, counts: bool) -> None:
    finite = ("vector", "matrix", "cube", "0-d", "one", "transposed", "empty", "no columns", "no rows")
    form = {"return_inverse": inverse, "return_counts": counts}
    everywhere(lambda lib, x: lib.unique(x, **form), only=finite)
    everywhere(lambda lib, x: lib.unique_consecutive(x, **form), EXACT)
    for dim in (0, -1):
        everywhere(lambda lib, x: lib.unique(x, dim=dim, **form), EXACT, only=finite[:-2])
        everywhere(lambda lib, x: lib.unique_consecutive(x, dim=dim, **form), EXACT)
    agree(lambda lib: lib.unique(make(lib, np.array([[1, 2], [1, 2], [0, 1]])), dim=0, **form))
    agree(lambda lib: lib.unique(make(lib, np.array([NAN, 1.0, NAN])))[:1])


def test_bincount() -> None:
    everywhere(lambda lib, x: lib.bincount(x))
    everywhere(lambda lib, x: lib.bincount(x * x, minlength=9), ("uint8", "int64"))
    for dtype in ALL:
        agree(lambda lib: lib.bincount(lib.tensor([1, 4, 1]), make(lib, np.array([1, 0, 1]).astype(dtype)), 7))
    for call in (lambda lib: lib.bincount(lib.tensor([-1])), lambda lib: lib.bincount(lib.tensor([1]), minlength=-1),
                 lambda lib: lib.bincount(lib.tensor([1, 2]), lib.tensor([1.0]))):  # fmt: skip
        agree(call)


@pytest.mark.parametrize("bins", [1, 3, 4])
def test_histograms(bins: int) -> None:
    finite = ("vector", "matrix", "cube", "transposed", "one", "0-d", "empty")
    everywhere(lambda lib, x: lib.histc(x, bins), FLOATS, only=finite[:-1])
    everywhere(lambda lib, x: lib.histc(x, bins, -1, 1), FLOATS)
    everywhere(lambda lib, x: lib.histogram(x, bins), FLOATS[1:], only=finite)
    everywhere(lambda lib, x: lib.histogram(x, bins, range=(-1.0, 1.0), density=True), FLOATS[1:], only=finite[:-1])
    everywhere(lambda lib, x: lib.histogram(x, bins, weight=x * 2), FLOATS[1:], only=finite)
    everywhere(lambda lib, x: lib.histogram(x, lib.tensor([-1, 0, 0.5, 1], dtype=x.dtype)), FLOATS)


def test_histograms_refuse() -> None:
    for call in (lambda lib: lib.histc(lib.ones(1), 0), lambda lib: lib.histc(lib.ones(1), 3, 2, 1),
                 lambda lib: lib.histc(lib.tensor([NAN]), 3), lambda lib: lib.histogram(lib.ones(1), 0),
                 lambda lib: lib.histc(lib.tensor([1]), 3), lambda lib: lib.histogram(lib.tensor([1]), 3)):  # fmt: skip
        agree(call)


@pytest.mark.parametrize("right", [False, True])
def test_searches(right: bool) -> None:
    for dtype in ALL[1:]:
        for small in (False, True):
            def edges(lib, x):
                return lib.tensor([0, 1, 1, 2]).to(x.dtype)

            everywhere(lambda lib, x: lib.searchsorted(edges(lib, x), x, right=right, out_int32=small), (dtype,))
            everywhere(lambda lib, x: lib.bucketize(x, edges(lib, x), right=right, out_int32=small), (dtype,))
    rows, wanted = np.array([[1.0, 2, 3], [4, 5, 6]]), np.array([[1.0, 2.5], [9, 0]])
    agree(lambda lib: lib.searchsorted(make(lib, rows), make(lib, wanted), side="right" if right else "left"))
    agree(lambda lib: lib.searchsorted(lib.tensor([3.0, 1, 2]), lib.tensor([1.5]), sorter=lib.tensor([1, 2, 0])))
    for value in (1.5, 2):
        agree(lambda lib: lib.searchsorted(lib.tensor([1, 2.0]), value, right=right))
        agree(lambda lib: lib.bucketize(value, lib.tensor([1, 2.0]), right=right))


def test_searches_refuse() -> None:
    one = lambda lib: (lib.tensor([1.0, 2.0]), lib.tensor([1.0]))  # noqa: E731
    for call in (lambda lib: lib.searchsorted(*one(lib), right=True, side="left"),
                 lambda lib: lib.searchsorted(*one(lib), side="middle"),
                 lambda lib: lib.searchsorted(lib.tensor(1.0), lib.tensor([1.0])),
                 lambda lib: lib.searchsorted(lib.ones(1, 2), lib.ones(2, 1)),
                 lambda lib: lib.bucketize(lib.ones(1), lib.ones(1, 2))):  # fmt: skip
        agree(call)


def test_isin() -> None:
    for call in (lambda lib: lib.isin(lib.tensor([1, 2]), 2), lambda lib: lib.isin(2, lib.tensor([1, 2])),
                 lambda lib: lib.isin(lib.tensor([1, NAN]), lib.tensor([NAN]), invert=True),
                 lambda lib: lib.isin(lib.tensor([[1, 2], [3, 4]]), lib.tensor([2.0, 3])),
                 lambda lib: lib.isin(2, 3)):  # fmt: skip
        agree(call)


def test_trapezoids() -> None:
    for name in ("trapezoid", "cumulative_trapezoid"):
        for x in DISTINCT[:4]:
            agree(lambda lib: getattr(lib, name)(make(lib, x)))
            agree(lambda lib: getattr(lib, name)(make(lib, x), dx=0.5, dim=0))
            agree(lambda lib: getattr(lib, name)(make(lib, x), make(lib, x * x), dim=0))


def test_what_depends_on_data_is_no_trace() -> None:
    for call in (lambda x: sg.unique(x), lambda x: sg.unique_consecutive(x), lambda x: sg.bincount(x)):
        with pytest.raises(sg.errors.TraceError, match="depends on the data"):
            sg.compile(call, fullgraph=True)(sg.tensor([1, 2, 1]))


@pytest.mark.parametrize("name", ("max", "min"))
def test_extremes_of_bools_compile(name):
    x = sg.tensor([[True, False], [False, False]])
    eager = getattr(x, name)(1)
    compiled = sg.compile(lambda x: getattr(x, name)(1), backend="numpy", fullgraph=True)(x)
    assert compiled.values.tolist() == eager.values.tolist() and compiled.indices.tolist() == eager.indices.tolist()
