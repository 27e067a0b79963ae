"""Spread and dependence: variance and its kin, softmax, covariance, quantiles."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import composed
from symgrad.ops.complex import complex
from symgrad.ops.public import op
from symgrad.ops.reductions import axes_of, fold, keep_dims, mean
from symgrad.ops.shapes import normalize_dim
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, bind1, ndarray


def _moments(name: str, input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    """The dims, the correction and keepdim of a variance, old positional forms and new."""
    if isinstance(dim, bool):  # var(input, unbiased)
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{name}() takes either unbiased or correction, not both")
        correction = int(unbiased)
    correction = 1 if correction is None else correction
    if not input.dtype.is_inexact:
        raise DTypeError("std and var only support floating point and complex dtypes", hint="convert with .float()")
    axes = axes_of(input, dim)
    if composed.freedom(input.shape, axes, correction) <= 0:
        warnings.warn(f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction "
                      "factor (input numel divided by output numel).", stacklevel=4)  # fmt: skip
    return {"axis": axes, "correction": correction}, bool(keepdim)


def _moment(name: str, input: Tensor, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Tensor:
    params, keep = _moments(name, input, dim, unbiased, keepdim, correction)
    prim = composed.var if name.startswith("var") else composed.std
    return keep_dims(bind(prim, (input,), params), tuple(input.shape), params["axis"], keep)


@op
def var(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: Any = None) -> Tensor:  # fmt: skip
    """Variance over `dim` (all by default): squared deviations summed, over count - correction (1 by default).

    The old form `var(x, dim, unbiased, keepdim)` means correction 1 or 0.

    >>> sg.var(sg.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    tensor(1.2500)
    """
    return _moment("var", input, dim, unbiased, keepdim, correction)


@op
def std(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
        correction: Any = None) -> Tensor:  # fmt: skip
    """Root of the variance; see `var`.

    Gradient: zero where it is zero.

    >>> sg.std(sg.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor(1.2910)
    """
    return _moment("std", input, dim, unbiased, keepdim, correction)


@op(method=False, out=False)
def var_mean(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: Any = None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Variance and mean over `dim`.

    >>> sg.var_mean(sg.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    first = _moment("var_mean", input, dim, unbiased, keepdim, correction)
    return first, mean(input, None if isinstance(dim, bool) else dim, keepdim)


@op(method=False, out=False)
def std_mean(input: Tensor, dim: Any = None, unbiased: bool | None = None, keepdim: bool = False, *,
             correction: Any = None) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Standard deviation and mean over `dim`.

    >>> sg.std_mean(sg.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    first = _moment("std_mean", input, dim, unbiased, keepdim, correction)
    return first, mean(input, None if isinstance(dim, bool) else dim, keepdim)


@op
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow; minus infinity of nothing.

    >>> sg.logsumexp(sg.tensor([100.0, 100.0]), 0)
    tensor(100.6931)
    """
    if not input.dtype.is_inexact:
        input = input.to(dtypes.get_default_dtype())
    return fold(composed.logsumexp, input, dim, keepdim)  # type: ignore[no-any-return]


def _exponential(prim: Any, input: Tensor, dim: Any, dtype: Any) -> Tensor:
    data = input._data
    if dtype is None and type(data) is ndarray and data.dtype.char in "fd" and type(dim) is int \
            and -data.ndim <= dim < data.ndim:  # fmt: skip
        return bind1(prim, input, {"axis": dim % data.ndim})  # type: ignore[no-any-return]
    if dtype is not None:
        input = input.to(dtypes.as_dtype(dtype))
    if not input.dtype.is_floating_point:
        raise DTypeError(f"{prim.name} is not implemented for {input.dtype.name}", hint="convert, or give dtype=")
    return bind(prim, (input,), {"axis": normalize_dim(dim, input.ndim)})


@op
def softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """exp(input) divided by its sum along `dim`.

    >>> sg.softmax(sg.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    return _exponential(composed.softmax, input, dim, dtype)


@op
def log_softmax(input: Tensor, dim: int, dtype: Any = None) -> Tensor:
    """log(softmax(input, dim)), without losing small probabilities.

    >>> sg.log_softmax(sg.tensor([0.0, -1000.0]), 0)
    tensor([    0., -1000.])
    """
    return _exponential(composed.log_softmax, input, dim, dtype)


@op(out=False)
def cov(input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """Covariance matrix of variables in rows, observations in columns.

    `fweights` say how often each observation was made, `aweights` how much it counts.

    >>> sg.cov(sg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ShapeError("cov(): expected input to have two or fewer dimensions but got an input with "
                         f"{input.ndim} dimensions")
    if input.dtype is dtypes.bool_:
        raise DTypeError("cov(): bool dtype is not supported for input")
    rows = input.reshape(1, -1) if input.ndim < 2 else input
    weights: Any = None
    for name, given in (("fweights", fweights), ("aweights", aweights)):
        if given is not None:
            _check_weights(name, given, rows.shape[1])
            weights = given if weights is None else weights * given
    weighted = rows if weights is None else rows * weights
    count = rows.shape[1] if weights is None else weights.sum()
    average = weighted.sum(1, keepdim=True) / count
    norm = count - correction
    if aweights is not None and correction:
        norm = count - correction * (weights * aweights).sum() / count
    if weights is None:
        norm = norm if norm > 0 else 0
    elif state.capture() is None and float(norm) <= 0:
        norm = norm * 0
    if isinstance(norm, int) and not norm:
        warnings.warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of "
                      "observations.", stacklevel=3)  # fmt: skip
    centred = rows - average
    scaled = centred if weights is None else centred * weights
    return (centred @ scaled.t().conj() / norm).squeeze()  # type: ignore[no-any-return]


def _check_weights(name: str, weights: Tensor, count: int) -> None:
    if weights.ndim > 1 or weights.numel() != count:
        raise ShapeError(f"cov(): expected {name} to have the same numel as there are observations in the input but "
                         f"got {weights.numel()} != {count}")
    if name == "fweights" and weights.dtype.is_inexact:
        raise DTypeError("cov(): expected fweights to have integral dtype but got fweights with "
                         f"{weights.dtype.name} dtype")
    if name == "aweights" and not weights.dtype.is_floating_point:
        raise DTypeError("cov(): expected aweights to have floating point dtype but got aweights with "
                         f"{weights.dtype.name} dtype")
    if state.capture() is None and weights.numel() and bool((weights < 0).any()):
        raise ShapeError(f"cov(): {name} cannot be negative")


@op(out=False)
def corrcoef(input: Tensor) -> Tensor:
    """Correlation coefficients of variables in rows, observations in columns.

    >>> sg.corrcoef(sg.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise ShapeError("corrcoef(): expected input to have two or fewer dimensions but got an input with "
                         f"{input.ndim} dimensions")
    c = cov(input)
    if c.ndim == 0:
        return c / c  # type: ignore[no-any-return]
    scale = c.diagonal().sqrt()  # type: ignore[attr-defined]
    c = c / scale.reshape(-1, 1) / scale.reshape(1, -1)
    if c.dtype.is_complex:
        return complex(c.real.clamp(-1, 1), c.imag.clamp(-1, 1))  # type: ignore[no-any-return]
    return c.clamp(-1, 1)  # type: ignore[no-any-return]


for _name, _function in (("logsumexp", logsumexp), ("softmax", softmax), ("log_softmax", log_softmax)):
    op(name=_name, namespace="special", method=False)(_function)
