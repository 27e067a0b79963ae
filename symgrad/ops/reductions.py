"""Folds as PyTorch spells them: dims and keepdim in front of a primitive over axes.

`sum`, `mean`, `max` and `min` of a floating tensor go straight to the primitive; they take NumPy's `axis` and
`keepdims` themselves, so that nothing wraps them.
"""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops import order, reduce, returns
from symgrad.ops.pointwise import not_a_tensor
from symgrad.ops.public import op
from symgrad.ops.reduce import mean_ as mean_p
from symgrad.ops.reduce import sum_ as sum_p
from symgrad.ops.reduce import total
from symgrad.ops.shapes import normalize_dim, reshape
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, bind1, made, made1, ndarray

_ALL = [{"axis": tuple(range(ndim))} for ndim in range(65)]
_ONE = [[{"axis": (axis,)} for axis in range(ndim)] for ndim in range(9)]


def _plain_axes(input: Tensor, dim: Any) -> dict[str, Any] | None:
    """The parameters of a fold of a floating array over all or one of its few dimensions; None in other cases."""
    data = input._data
    if type(data) is not ndarray or data.dtype.kind != "f":
        return None
    ndim = data.ndim
    if dim is None:
        return _ALL[ndim]
    return _ONE[ndim][dim] if type(dim) is int and -ndim <= dim < ndim <= 8 else None


def axes_of(input: Tensor, dim: Any) -> tuple[int, ...]:
    """Dimensions to reduce, sorted; all when `dim` is None or empty."""
    if type(dim) is int and -input.ndim <= dim < input.ndim:
        return (dim % input.ndim,)
    if dim is None or (isinstance(dim, (tuple, list)) and not dim):
        return tuple(range(input.ndim))
    dims = [dim] if isinstance(dim, int) else list(dim)
    axes = [normalize_dim(d, input.ndim) for d in dims]
    if len(set(axes)) != len(axes):
        again = next(a for i, a in enumerate(axes) if a in axes[:i])
        raise ShapeError(f"dim {again} appears multiple times in the list of dims")
    return tuple(sorted(axes)) if input.ndim else ()


def keep_dims(out: Tensor, shape: tuple[int, ...], axes: tuple[int, ...], keepdim: bool) -> Tensor:
    """`out` with the reduced extents put back as 1, if wanted."""
    if not keepdim or not shape:
        return out
    return reshape(out, tuple(1 if i in axes else e for i, e in enumerate(shape)))


def fold(prim: Any, input: Tensor, dim: Any, keepdim: bool, **params: Any) -> Any:
    """A primitive over the axes that `dim` names."""
    axes = axes_of(input, dim)
    out = bind(prim, (input,), {"axis": axes, **params})
    return keep_dims(out, tuple(input.shape), axes, True) if keepdim else out


def summable(input: Tensor, dtype: Any) -> Tensor:
    """The operand of a sum or product: of `dtype` if given, bools and integers as int64."""
    if dtype is not None:
        return input.to(dtypes.as_dtype(dtype))  # type: ignore[no-any-return]
    if input.dtype.category < dtypes.FLOATING and input.dtype is not dtypes.int64:
        return input.to(dtypes.int64)  # type: ignore[no-any-return]
    return input


@op
def sum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None,
        keepdims: bool = False) -> Tensor:  # fmt: skip
    """Sum over `dim` (an int, a tuple, all by default).

    Dtype: bools and integers give int64, unless `dtype` says otherwise.

    >>> sg.sum(sg.tensor([[1, 2], [3, 4]]), dim=0)
    tensor([4, 6])
    """
    data = input._data
    if dim is None and not keepdim and dtype is None and axis is None and not keepdims \
            and type(data) is ndarray and data.dtype.char in "fd" and not state.captures:  # fmt: skip
        return made1(sum_p, input, _ALL[data.ndim], total(data))
    if not keepdim and dtype is None and axis is None and not keepdims \
            and (params := _plain_axes(input, dim)) is not None:  # fmt: skip
        return bind1(sum_p, input, params)
    dim = axis if dim is None else dim
    return fold(sum_p, summable(input, dtype), dim, keepdim or keepdims)


@op
def mean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, axis: Any = None,
         keepdims: bool = False) -> Tensor:  # fmt: skip
    """Arithmetic mean over `dim` (an int, a tuple, all by default); nan of nothing.

    Raises: DTypeError for bools and integers, unless `dtype` is given.

    >>> sg.mean(sg.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1, keepdim=True)
    tensor([[1.5000],
            [3.5000]])
    """
    if not keepdim and dtype is None and axis is None and not keepdims \
            and (params := _plain_axes(input, dim)) is not None:  # fmt: skip
        return bind1(mean_p, input, params)
    if dtype is not None:
        input = input.to(dtypes.as_dtype(dtype))
    refuse_whole("mean", input)
    return fold(mean_p, input, axis if dim is None else dim, keepdim or keepdims)


def refuse_whole(name: str, input: Tensor) -> None:
    """Bools and integers have no mean of their own dtype."""
    if not input.dtype.is_inexact:
        given = "Bool" if input.dtype is dtypes.bool_ else input.dtype.name
        raise DTypeError(f"{name}(): could not infer output dtype. Input dtype must be either a floating "
                         f"point or complex dtype. Got: {given}", hint="convert with .float(), or give dtype=")


@op
def nansum(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Sum over `dim` of what is not nan.

    Gradient: zero at nans.

    >>> sg.nansum(sg.tensor([1.0, float("nan"), 2.0]))
    tensor(3.)
    """
    if input.dtype.is_complex:
        raise DTypeError("nansum does not support complex inputs")
    return sum(without_nan(summable(input, dtype)), dim, keepdim)


def without_nan(input: Tensor) -> Tensor:
    """`input` with 0 where it is nan."""
    if not input.dtype.is_floating_point:
        return input
    from symgrad.ops.functional import where

    return where(input != input, 0, input)


@op
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Mean over `dim` of what is not nan; nan where nothing is left.

    >>> sg.nanmean(sg.tensor([1.0, float("nan"), 2.0]))
    tensor(1.5000)
    """
    if not input.dtype.is_inexact:
        raise DTypeError("nanmean(): expected input to have floating point or complex dtype but got "
                         f"{input.dtype.name}", hint="convert with .float()")  # fmt: skip
    count = sum(input == input, dim, keepdim)
    return nansum(input, dim, keepdim, dtype=dtype) / count


@op
def prod(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """Product over `dim` (all by default); 1 of nothing.

    Dtype: bools and integers give int64, unless `dtype` says otherwise.
    Gradient: the product of the others, found without dividing, so zeros are no exception.

    >>> sg.prod(sg.tensor([2.0, 3.0, 4.0]))
    tensor(24.)
    """
    return fold(reduce.prod_, summable(input, dtype), dim, keepdim)


@op
def amax(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Largest over `dim` (all by default); nan if any is.

    Gradient: equal maxima share it.

    >>> sg.amax(sg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1)
    tensor([5., 7.])
    """
    return _extreme_over(reduce.amax, input, dim, keepdim)


@op
def amin(input: Tensor, dim: Any = (), keepdim: bool = False) -> Tensor:
    """Smallest over `dim` (all by default); nan if any is.

    Gradient: equal minima share it.

    >>> sg.amin(sg.tensor([[1.0, 5.0], [7.0, 2.0]]), 0)
    tensor([1., 2.])
    """
    return _extreme_over(reduce.amin, input, dim, keepdim)


def _extreme_over(prim: Any, input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    axes = axes_of(input, dim)
    if dim is not None and dim != ():
        for axis in axes:
            order.needs_elements(prim.name, input, axis)
    return fold(prim, input, axes or (), keepdim)  # type: ignore[no-any-return]


@op
def aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> Any:
    """Smallest and largest, over `dim` or over all, as a named tuple (min, max).

    >>> low, high = sg.aminmax(sg.tensor([3.0, 1.0, 2.0])); low.item(), high.item()
    (1.0, 3.0)
    """
    return returns.aminmax(amin(input, dim, keepdim), amax(input, dim, keepdim))


@op
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, axis: Any = None,
        keepdims: bool = False) -> Any:  # fmt: skip
    """Largest of all; with a dim, the named tuple (values, indices) along it; of two tensors, elementwise.

    Gradient: of all, shared equally by equal maxima; along a dim, to the element at the index (the first
    of equal ones); of two, half each where they are equal.

    >>> sg.max(sg.tensor([[1.0, 5.0], [7.0, 2.0]]), 1).indices
    tensor([1, 0])
    """
    if not keepdim and other is None and axis is None and not keepdims \
            and (found := _plain_extreme("max", input, dim)) is not None:  # fmt: skip
        return found
    return _extreme("max", input, axis if dim is None else dim, keepdim or keepdims, other)


@op
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, axis: Any = None,
        keepdims: bool = False) -> Any:  # fmt: skip
    """Smallest of all; with a dim, the named tuple (values, indices) along it; of two tensors, elementwise.

    Gradient: as that of `max`.

    >>> sg.min(sg.tensor([3.0, 1.0, 2.0]))
    tensor(1.)
    """
    if not keepdim and other is None and axis is None and not keepdims \
            and (found := _plain_extreme("min", input, dim)) is not None:  # fmt: skip
        return found
    return _extreme("min", input, axis if dim is None else dim, keepdim or keepdims, other)


def _extreme(name: str, input: Tensor, dim: Any, keepdim: bool, other: Any) -> Any:
    if not isinstance(input, Tensor):
        raise not_a_tensor(name, input)
    other = dim if isinstance(dim, Tensor) else other
    if other is not None:
        from symgrad.ops.functional import maximum, minimum

        return (maximum if name == "max" else minimum)(input, other)
    if dim is None:
        return bind1(reduce.max_ if name == "max" else reduce.min_, input, _ALL[input.ndim])
    axis = normalize_dim(dim, input.ndim)
    prim, kind = _ALONG[name]
    found = bind(prim, (input,), {"axis": axis})
    if keepdim:
        shape = tuple(input.shape)
        found = [keep_dims(x, shape, (axis,), keepdim) for x in found]
    return kind(*found)


def _plain_extreme(name: str, input: Any, dim: Any) -> Any:
    """Largest or smallest along a dimension of an array of floats, outside of traces; None in other cases."""
    data = getattr(input, "_data", None)
    if type(data) is not ndarray or data.dtype.kind != "f" or type(dim) is not int or state.captures \
            or not -data.ndim <= dim < data.ndim or not data.shape[dim]:  # fmt: skip
        return None
    prim, kind = _ALONG[name]
    axis = dim % data.ndim
    return tuple.__new__(kind, made(prim, (input,), {"axis": axis}, prim.evaluate(data, axis)))


_ALONG = {"max": (order.max_dim, returns.max), "min": (order.min_dim, returns.min)}


@op
def any(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether some element over `dim` (all by default) is not zero; False of nothing.

    Dtype: bool, of uint8 uint8.

    >>> sg.any(sg.tensor([[False, True], [False, False]]), 1)
    tensor([ True, False])
    """
    return _truth(reduce.any_, input, dim, keepdim)


@op
def all(input: Tensor, dim: Any = None, keepdim: bool = False) -> Tensor:
    """Whether no element over `dim` (all by default) is zero; True of nothing.

    Dtype: bool, of uint8 uint8.

    >>> sg.all(sg.tensor([[True, True], [False, True]]), 1)
    tensor([ True, False])
    """
    return _truth(reduce.all_, input, dim, keepdim)


def _truth(prim: Any, input: Tensor, dim: Any, keepdim: bool) -> Tensor:
    bools = input if input.dtype is dtypes.bool_ else input.to(dtypes.bool_)
    if isinstance(dim, (tuple, list)) and not dim:  # PyTorch folds nothing here, where sum folds all
        out = bools
    else:
        out = fold(prim, bools, dim, keepdim)
    return out.to(dtypes.uint8) if input.dtype is dtypes.uint8 else out  # type: ignore[no-any-return]


@op(out=False)
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements over `dim` (all by default) are not zero.

    >>> sg.count_nonzero(sg.tensor([[1, 0], [2, 3]]), dim=0)
    tensor([2, 1])
    """
    return sum(input if input.dtype is dtypes.bool_ else input != 0, dim)


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`x` summed over the extents that broadcasting `shape` to it had repeated."""
    if not shape:
        return sum(x)
    pad = x.ndim - len(shape)
    axes = tuple(i for i in range(x.ndim) if i < pad or (shape[i - pad] == 1 and x.shape[i] != 1))
    if axes:
        x = bind(sum_p, (x,), {"axis": axes})
    return x if tuple(x.shape) == tuple(shape) else reshape(x, tuple(shape))
