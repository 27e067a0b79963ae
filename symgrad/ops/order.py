"""Where things are: indices of the largest, of sorted order, of the middle, of the place to insert.

No gradient flows through an index; the values are taken by `gather`, whose gradient is the selection's.
nan is larger than every number, and of equal elements the first comes first.
"""

from __future__ import annotations

from typing import Any

from numpy import maximum, minimum

from symgrad.dtypes import bool_, int32, int64
from symgrad.errors import DimError, DTypeError, ShapeError
from symgrad.ir.primitive import ArrayCall, Choice, Composite, Primitive
from symgrad.ir.types import TensorType, contiguous_strides, same_layout
from symgrad.ops.reduce import _product, even_grad
from symgrad.ops.registry import primitive
from symgrad.tensor.dispatch import bind


def _gone(x: TensorType, axis: int) -> tuple[int, ...]:
    return tuple(e for i, e in enumerate(x.shape) if i != axis)


def needs_elements(name: str, x: Any, axis: int) -> None:
    """PyTorch's error where an axis has nothing to choose from."""
    if x.ndim and x.shape[axis] == 0:
        raise DimError(f"{name}(): Expected reduction dim {axis} to have non-zero size.")


def _infer_choice(name: str) -> Any:
    def infer(x: TensorType, axis: int, **params: Any) -> TensorType:
        if x.dtype.is_complex:
            raise DTypeError(f"{name}(): does not support complex input")
        needs_elements(name, x, axis)
        return TensorType(_gone(x, axis), int64, None, x.device)

    return infer


def _infer_order(x: TensorType, axis: int, **params: Any) -> TensorType:
    if x.dtype.is_complex:
        raise DTypeError("Sort does not support complex dtypes on CPU")
    shape = list(x.shape)
    if "k" in params and shape:
        if not 0 <= params["k"] <= shape[axis]:
            raise ShapeError("selected index k out of range")
        shape[axis] = params["k"]
    return TensorType(tuple(shape), int64, None, x.device)


def _infer_extreme_dim(name: str) -> Any:
    def infer(x: TensorType, axis: int) -> tuple[TensorType, TensorType]:
        index = _infer_choice(name)(x, axis)
        return x.with_shape(index.shape), index

    return infer


FEW = 32
"""Extents up to which the elements along an axis are compared one after the other, in whole arrays."""


def _with_index(np: Any, largest: bool, x: Any, axis: Any) -> Any:
    """The largest (smallest) along an axis, and where it is."""
    if x.ndim == 0:
        return np.array(x), np.zeros((), "int64")
    if 2 <= x.shape[axis] <= 32 and x.size > 100 * x.shape[axis]:
        return _with_row(np, np.maximum if largest else np.minimum, np.moveaxis(x, axis, 0) if axis else x)
    found, index = (x.max(axis), x.argmax(axis)) if largest else (x.min(axis), x.argmin(axis))
    return np.asarray(found, order="C"), np.asarray(index)


def _with_row(np: Any, extreme: Any, rows: Any) -> Any:
    """The extreme of few long rows, and the first row that has it.

    NumPy's argmax along such an axis transposes a copy and looks at one place after the other.
    """
    if rows.flags.c_contiguous:
        found = extreme.reduce(rows, axis=0)
    else:
        found = np.array(rows[0], order="C")
        for row in rows[1:]:
            extreme(found, row, out=found)
    nans = found.dtype.kind == "f" and np.isnan(np.add.reduce(found, axis=None))
    missed = (rows[0] != found) & (rows[0] == rows[0]) if nans else rows[0] != found
    index = missed.astype("int8")
    for row in rows[1:-1]:
        missed &= (row != found) & (row == row) if nans else row != found
        index += missed.view("int8")
    return found, index.astype("int64")


def _quick_with_index(largest: bool) -> Any:
    """`_with_index` of float matrices and vectors, by the ufunc itself."""
    fold = maximum.reduce if largest else minimum.reduce

    def making(slow: Any) -> Any:
        def quick(x: Any, axis: Any) -> Any:
            if not 0 < x.ndim < 3 or x.dtype.char not in "fd" or x.size > 100 * x.shape[axis] and x.shape[axis] <= 32:
                return slow(x, axis=axis)
            return fold(x, axis), x.argmax(axis) if largest else x.argmin(axis)

        return quick

    return making


def _argsort(np: Any, x: Any, axis: Any, descending: Any) -> Any:
    """A stable order, nan last; descending, nan first and equal elements still in their own order."""
    if x.ndim == 0:
        return np.zeros((), "int64")
    if not descending:
        return np.argsort(x, axis=axis, kind="stable")
    order = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return np.asarray(x.shape[axis] - 1 - np.flip(order, axis), order="C")


def _argtopk(np: Any, x: Any, axis: Any, k: Any, largest: Any) -> Any:
    """Indices of the k largest (smallest) in order, found by partition before they are sorted."""
    if x.ndim == 0:
        return np.zeros((), "int64")
    extent = x.shape[axis]
    if k > 0 and 8 * k < extent:
        parts = np.argpartition(x, extent - k if largest else k - 1, axis=axis)
        found = np.take(parts, np.arange(extent - k, extent) if largest else np.arange(k), axis=axis)
        found = np.sort(found, axis=axis)
        order = _argsort(np, np.take_along_axis(x, found, axis), axis, largest)
        return np.asarray(np.take_along_axis(found, order, axis), order="C")
    return np.asarray(np.take(_argsort(np, x, axis, largest), np.arange(k), axis=axis), order="C")


def _argkth(np: Any, x: Any, axis: Any, k: Any) -> Any:
    if x.ndim == 0:
        return np.zeros((), "int64")
    return np.asarray(np.take(np.argpartition(x, k - 1, axis=axis), k - 1, axis=axis), order="C")


def _argmedian(np: Any, x: Any, axis: Any, skip_nan: Any) -> Any:
    """Where the lower median is; the first nan, if nans count and there is one."""
    if x.ndim == 0:
        return np.zeros((), "int64")
    nans = x != x
    if not skip_nan:
        place = (x.shape[axis] - 1) // 2
        found = np.take(np.argpartition(x, place, axis=axis), place, axis=axis)
        return np.asarray(np.where(np.any(nans, axis=axis), np.argmax(nans, axis=axis), found), order="C")
    place = np.maximum((x.shape[axis] - np.sum(nans, axis=axis, keepdims=True) - 1) // 2, 0)
    found = np.take_along_axis(np.argsort(x, axis=axis, kind="stable"), place, axis)
    return np.asarray(np.squeeze(found, axis), order="C")


def _median(np: Any, x: Any, skip_nan: Any) -> Any:
    """The lower median of all elements; nan of none."""
    flat = x.reshape(-1)
    nans = int(np.sum(flat != flat))
    if flat.size == 0 or (nans and not skip_nan):
        return np.full((), np.nan, x.dtype)
    place = max((flat.size - nans - 1) // 2, 0)
    return np.asarray(np.partition(flat, place)[place])


def _argmode(np: Any, x: Any, axis: Any) -> Any:
    """The last place of the most frequent element, of the smallest such."""
    if x.ndim == 0:
        return np.zeros((), "int64")
    rows = np.moveaxis(x, axis, -1)
    order = np.argsort(rows, axis=-1, kind="stable")
    ranked = np.take_along_axis(rows, order, -1)
    places = np.broadcast_to(np.arange(rows.shape[-1]), rows.shape)
    ends = np.ones(rows.shape, "bool")
    ends[..., :-1] = ranked[..., 1:] != ranked[..., :-1]
    last = np.where(ends, places, -1)
    before = np.full(rows.shape, -1)
    step = 1
    run = np.concatenate((before[..., :1], last[..., :-1]), -1)
    while step < rows.shape[-1]:
        run = np.concatenate((run[..., :step], np.maximum(run[..., step:], run[..., :-step])), -1)
        step = 2 * step
    length = np.where(ends, places - run, 0)
    best = np.argmax(length, axis=-1)[..., None]
    return np.asarray(np.take_along_axis(order, best, -1)[..., 0], order="C")


def _searchsorted(np: Any, boundaries: Any, x: Any, right: Any, small: Any) -> Any:
    """Where each element would be inserted into its sorted row."""
    side = "right" if right else "left"
    if boundaries.ndim == 1:
        found = np.searchsorted(boundaries, x.reshape(-1), side).reshape(x.shape)
    else:
        count = _product(x.shape, range(x.ndim - 1))
        rows, wanted = boundaries.reshape(count, boundaries.shape[-1]), x.reshape(count, x.shape[-1])
        found = np.zeros(wanted.shape, "int64")
        for row in range(count):
            found[row] = np.searchsorted(rows[row], wanted[row], side)
        found = found.reshape(x.shape)
    return found.astype("int32" if small else "int64")


def _infer_search(boundaries: TensorType, x: TensorType, right: bool, small: bool) -> TensorType:
    if boundaries.ndim != 1 and boundaries.shape[:-1] != x.shape[:-1]:
        raise ShapeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            "tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(map(int, boundaries.shape))} and input value tensor {list(map(int, x.shape))}")
    return TensorType(x.shape, int32 if small else int64, None, x.device)


argmax = primitive(
    "argmax", "x", params=("axis",), infer=_infer_choice("argmax"),
    array="np.asarray(x.argmax(axis), order='C') if x.ndim else np.zeros((), 'int64')", lower=ArrayCall(),
    grad=dict(x=None),
    doc="Index along axis of the largest element, of the first nan if there is one.",
)
argmin = primitive(
    "argmin", "x", params=("axis",), infer=_infer_choice("argmin"),
    array="np.asarray(x.argmin(axis), order='C') if x.ndim else np.zeros((), 'int64')", lower=ArrayCall(),
    grad=dict(x=None),
    doc="Index along axis of the smallest element, of the first nan if there is one.",
)


def _selected(g: Any, out1: Any, x_shape: Any, axis: int) -> Any:
    """g at the elements chosen, zero elsewhere."""
    from symgrad.ops.creation import zeros
    from symgrad.ops.index import put

    if not x_shape:
        return g[0]
    if x_shape[axis] <= FEW:
        return bind(put_along, (g[0], out1), {"axis": axis, "size": x_shape[axis]})
    room = zeros((), dtype=g[0].dtype, device=g[0].device).expand(x_shape)
    return put(room, g[0].unsqueeze(axis), (out1.unsqueeze(axis),), (axis,), aligned=True)


def _infer_put_along(x: TensorType, index: TensorType, axis: int, size: int) -> TensorType:
    rows = (size, *x.shape)
    order = (*range(1, axis + 1), 0, *range(axis + 1, len(rows)))
    shape, strides = (tuple(of[d] for d in order) for of in (rows, contiguous_strides(rows)))
    return x.with_shape(shape, None if same_layout(shape, strides) else strides)


def _put_along(np: Any, x: Any, index: Any, axis: Any, size: Any) -> Any:
    """One long row for each place."""
    rows = np.zeros((size, *x.shape), x.dtype)
    for place in range(size):
        np.copyto(rows[place, ...], x, where=index == place)
    return np.moveaxis(rows, 0, axis)


def _put_along_formula(x: Any, index: Any, axis: int, size: int) -> Any:
    from symgrad.ops.fills import coordinate
    from symgrad.ops.functional import where

    if size == 1:
        return x.unsqueeze(axis)
    shape = (*x.shape[:axis], size, *x.shape[axis:])
    place = bind(coordinate, (), {"shape": shape, "axis": axis, "dtype": index.dtype, "device": x._data.type.device})
    return where(place == index.unsqueeze(axis), x.unsqueeze(axis), 0)


def _put_along_grad(g: Any, index: Any, axis: int) -> Any:
    from symgrad.ops.index import read

    return read(g, (index.unsqueeze(axis),), (axis,), aligned=True).squeeze(axis)


put_along = primitive(
    "put_along", "x index", params=("axis", "size"), infer=_infer_put_along,
    array="_put_along(np, x, index, axis, size)", helpers={"_put_along": _put_along},
    lower=Composite(_put_along_formula), grad=dict(x=_put_along_grad, index=None),
    doc="Zeros along a new axis of `size`, with x at the index.", gradient="dx = g at the index",
)  # fmt: skip


def _one_by_one(name: str, x: Any, axis: int) -> tuple[Any, Any]:
    """The extreme of few elements and the index of the first such, in elementwise steps."""
    from symgrad.ops.creation import zeros

    rows = x.movedim(axis, 0).unbind(0)
    found = rows[0]
    for row in rows[1:]:
        found = getattr(found, name)(row)
    index, before = zeros(found.shape, dtype=int64, device=x.device), None
    for row in rows[:-1]:
        missed = (row != found) & (row == row)
        before = missed if before is None else before & missed
        index = index + before
    return found, index


def _both(name: str, arg: Primitive) -> Any:
    def formula(x: Any, axis: int) -> Any:
        if x.ndim > 1 and x.shape[axis] <= FEW:
            return _one_by_one("maximum" if name == "amax" else "minimum", x, axis)
        return getattr(x, name)(axis if x.ndim else ()), bind(arg, (x,), {"axis": axis})

    return formula


def _extreme_dim(name: str, arg: Primitive, adjective: str) -> Primitive:
    largest = name == "max"
    return primitive(
        f"{name}_dim", "x", params=("axis",), infer=_infer_extreme_dim(name), multiple=True,
        array=f"_with_index(np, {largest}, x, axis)", quick=_quick_with_index(largest),
        helpers={"_with_index": _with_index, "_with_row": _with_row},
        lower=Choice(_both(f"a{name}", arg)), grad=dict(x=_selected),
        doc=f"{adjective} along axis (nan if any is), and the index of the first such.",
        gradient="g at the index, zero elsewhere",
    )  # fmt: skip


max_dim = _extreme_dim("max", argmax, "Largest")
min_dim = _extreme_dim("min", argmin, "Smallest")
argsort = primitive(
    "argsort", "x", params=("axis", "descending"), infer=_infer_order, array="_argsort(np, x, axis, descending)",
    helpers={"_argsort": _argsort}, lower=ArrayCall(), grad=dict(x=None),
    doc="The indices that sort x along axis, stably.",
)
argtopk = primitive(
    "argtopk", "x", params=("axis", "k", "largest"), infer=_infer_order, array="_argtopk(np, x, axis, k, largest)",
    helpers={"_argtopk": _argtopk, "_argsort": _argsort}, lower=ArrayCall(), grad=dict(x=None),
    doc="Indices of the k largest (or smallest) along axis, in order.", source="Hoare 1961, Algorithm 65: Find",
)
argkth = primitive(
    "argkth", "x", params=("axis", "k"), infer=_infer_choice("kthvalue"), array="_argkth(np, x, axis, k)",
    helpers={"_argkth": _argkth}, lower=ArrayCall(), grad=dict(x=None),
    doc="Index of the k-th smallest along axis, counted from 1.",
)
argmedian = primitive(
    "argmedian", "x", params=("axis", "skip_nan"), infer=_infer_choice("median"),
    array="_argmedian(np, x, axis, skip_nan)", helpers={"_argmedian": _argmedian}, lower=ArrayCall(), grad=dict(x=None),
    doc="Index of the lower median along axis (of the first nan, unless nans are skipped).",
)
median = primitive(
    "median", "x", params=("skip_nan",), infer=lambda x, skip_nan: x.with_shape(()),
    array="_median(np, x, skip_nan)", helpers={"_median": _median}, lower=ArrayCall(),
    grad=dict(x=lambda g, x, out: even_grad(g, x, out, tuple(range(x.ndim)))),
    doc="The lower median of all elements; nan if one is, unless nans are skipped.",
    gradient="shared equally among the elements equal to it",
)
argmode = primitive(
    "argmode", "x", params=("axis",), infer=_infer_choice("mode"), array="_argmode(np, x, axis)",
    helpers={"_argmode": _argmode}, lower=ArrayCall(), grad=dict(x=None),
    doc="Last index along axis of the most frequent element, of the smallest such.",
)
searchsorted = primitive(
    "searchsorted", "boundaries x", params=("right", "small"), infer=_infer_search,
    array="_searchsorted(np, boundaries, x, right, small)",
    helpers={"_searchsorted": _searchsorted, "_product": _product}, lower=ArrayCall(),
    grad=dict(boundaries=None, x=None),
    doc="Where each element of x would be inserted into sorted boundaries (a row for each row of x, or one).",
    source="Knuth, TAOCP 6.2.1 (binary search)",
)
isin = primitive(
    "isin", "x tests", infer=lambda x, tests: TensorType(x.shape, bool_, None, x.device), array="np.isin(x, tests)",
    lower=ArrayCall(), grad=dict(x=None, tests=None), doc="Whether each element of x is one of tests.",
)
