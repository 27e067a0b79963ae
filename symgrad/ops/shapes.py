"""Shape functions: arguments made definite, then a view primitive."""

from __future__ import annotations

from typing import Any

from symgrad.dtypes import DType
from symgrad.errors import DimError, DTypeError, ShapeError
from symgrad.ops.node_names import Named
from symgrad.ops.public import op
from symgrad.ops.shape import expand as expand_p
from symgrad.ops.shape import permute as permute_p
from symgrad.ops.shape import reshape as reshape_p
from symgrad.ops.shape import slice_ as slice_p
from symgrad.ops.shape import slice_write as slice_write_p
from symgrad.ops.strides import bits as bits_p
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind, ndarray
from symgrad.tensor.views import bind_view, view_on

_SWAP = Named("TBackward0", dims=(1, 0))
_transposed: dict[tuple[int, int, int], Named] = {}
_unsqueezed: dict[tuple[int, int], dict[str, Any]] = {}
WHOLE = slice(None)


def normalize_dim(dim: int, ndim: int) -> int:
    """A dimension counted from the front; DimError if out of range."""
    rank = max(ndim, 1)
    if not -rank <= dim < rank:
        raise DimError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    return dim + rank if dim < 0 else dim


def resolve_shape(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """`shape` with its -1, if any, worked out."""
    if sum(1 for e in shape if e == -1) > 1:
        raise ShapeError("only one dimension can be inferred")
    if any(e < -1 for e in shape):
        raise ShapeError(f"invalid shape dimension {min(shape)}")
    if -1 not in shape:
        return shape
    known = 1
    for e in shape:
        known = known * (1 if e == -1 else e)
    if known == 0 and numel == 0:
        raise ShapeError(f"cannot reshape tensor of 0 elements into shape {list(map(int, shape))} because the "
                         "unspecified dimension size -1 can be any value and is ambiguous")
    if known == 0 or numel % known:
        raise ShapeError(f"shape '{list(map(int, shape))}' is invalid for input of size {numel}")
    return tuple(numel // known if e == -1 else e for e in shape)


def sizes_of(shape: tuple[Any, ...]) -> tuple[int, ...]:
    """A shape given as ints or as one sequence."""
    if len(shape) == 1 and not isinstance(shape[0], int) and not isinstance(shape[0], Tensor):
        shape = tuple(shape[0])
    for e in shape:
        if not isinstance(e, int):
            return tuple([e.__index__() for e in shape])
    return shape


@op(out=False)
def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements in another shape; a view where strides allow, else a copy.

    Shapes: one extent may be -1: what is left
    Raises: RuntimeError where the number of elements differs
    >>> sg.reshape(sg.arange(6), (2, -1))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    data = input._data
    if shape is not None:
        sizes = (shape,)
    if type(data) is ndarray and not state.captures and sizes and type(sizes[0]) in (int, tuple):
        try:
            seen = data.reshape(*sizes)
        except (ValueError, TypeError):
            pass  # what is wrong is told below
        else:
            return view_on(reshape_p, input, {"shape": seen.shape}, seen)
    size = sizes_of(sizes)
    if state.captures or size and min(size) < 0:
        size = resolve_shape(size, input.numel())
    return bind_view(reshape_p, input, {"shape": size})


@op(out=False, top=False)
def view(input: Tensor, *shape: Any) -> Tensor:
    """The same memory in another shape, or read as another dtype; an error where strides do not allow it.

    >>> sg.arange(6).view(3, 2).shape, sg.ones(1).view(sg.int32)
    (torch.Size([3, 2]), tensor([1065353216], dtype=torch.int32))
    """
    if len(shape) == 1 and isinstance(shape[0], DType):
        return view_bits(input, shape[0])
    size = sizes_of(shape)
    if state.captures or size and min(size) < 0:
        size = resolve_shape(size, input.numel())
    if not input.is_contiguous() and reshape_p.lower.layout(  # type: ignore[union-attr]
            tuple(input.shape), input.stride(), 0, shape=size) is None:  # fmt: skip
        raise ShapeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension "
            "spans across two contiguous subspaces). Use .reshape(...) instead.")
    return bind_view(reshape_p, input, {"shape": size})


def view_bits(input: Tensor, dtype: DType) -> Tensor:
    """`input`'s memory read as `dtype`."""
    if dtype is input.dtype:
        return slice_read(input, (slice(None),) * input.ndim)
    if input._rg and state.is_grad_enabled() and not (dtype.is_inexact and input.dtype.is_inexact):
        raise DTypeError(f"view({dtype.name}) of a tensor that requires grad", hint="detach() it first")
    bits_p.infer(input.type_, dtype=dtype)
    return bind_view(bits_p, input, {"dtype": dtype})


@op(out=False)
def permute(input: Tensor, *dims: Any) -> Tensor:
    """Dimensions in another order, as a view.

    Raises: RuntimeError where a dimension is missing or repeated
    >>> sg.zeros(2, 3, 5).permute(2, 0, 1).shape
    torch.Size([5, 2, 3])
    """
    order = sizes_of(dims)
    if len(order) != input.ndim:
        raise ShapeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to len(dims) = {len(order)}")
    order = tuple(normalize_dim(d, input.ndim) for d in order)
    if len(set(order)) != len(order):
        raise ShapeError("permute(): duplicate dims are not allowed.")
    return bind_view(permute_p, input, {"dims": order})


@op(out=False, aliases=("swapaxes", "swapdims"))
def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two dimensions exchanged, as a view.

    >>> sg.zeros(2, 3, 5).transpose(0, -1).shape
    torch.Size([5, 3, 2])
    """
    key = (input.ndim, dim0, dim1)
    params = _transposed.get(key)
    if params is None:
        order = list(range(input.ndim))
        a, b = normalize_dim(dim0, input.ndim), normalize_dim(dim1, input.ndim)
        if order:
            order[a], order[b] = order[b], order[a]
        params = _transposed[key] = Named("TransposeBackward0", dims=tuple(order))
    return bind_view(permute_p, input, params)


@op(out=False)
def t(input: Tensor) -> Tensor:
    """The transpose of a tensor of at most two dimensions, as a view.

    >>> sg.zeros(2, 3).t().shape
    torch.Size([3, 2])
    """
    data = input._data
    if type(data) is ndarray and data.ndim == 2 and not state.captures:
        return view_on(permute_p, input, _SWAP, data.T)
    if input.ndim > 2:
        raise ShapeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return bind_view(permute_p, input, _SWAP) if input.ndim == 2 else permute(input, tuple(range(input.ndim)))


def _repeat(data: Any, shape: tuple[int, ...]) -> Any:
    """`np.broadcast_to` of a 0-d array: every element is the one there is, so none may be written."""
    seen = ndarray(shape, data.dtype, data, 0, (0,) * len(shape))
    seen.flags.writeable = False
    return seen


@op(out=False)
def expand(input: Tensor, *shape: Any) -> Tensor:
    """Extents of 1 repeated without copying; -1 keeps an extent.

    Gradient: summed over the repeated extents
    >>> sg.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    data = input._data
    if type(data) is ndarray and not data.ndim and data.dtype.kind == "f" and len(shape) == 1 and not state.captures \
            and type(shape[0]) is tuple and shape[0] and min(shape[0]) >= 0:  # fmt: skip
        return view_on(expand_p, input, {"shape": shape[0]}, _repeat(data, shape[0]))
    size = sizes_of(shape)
    pad = len(size) - input.ndim
    if pad < 0:
        raise ShapeError(f"expand({list(input.shape)}, size={list(size)}): the number of sizes provided "
                         f"({len(size)}) must be greater or equal to the number of dimensions ({input.ndim})")
    if any(e < -1 or e == -1 and i < pad for i, e in enumerate(size)):
        raise ShapeError(f"The expanded size of the tensor ({min(size)}) isn't allowed in a leading, non-existing "
                         f"dimension {size.index(min(size))}")
    size = tuple(input.shape[i - pad] if e == -1 else e for i, e in enumerate(size))
    if not pad and size == tuple(input.shape):
        return slice_read(input, (slice(None),) * input.ndim)
    return bind_view(expand_p, input, {"shape": size})


@op(out=False)
def unsqueeze(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """A new extent of 1 at `dim`, as a view.

    >>> sg.zeros(3).unsqueeze(1).shape
    torch.Size([3, 1])
    """
    if dim is None:
        dim = axis
    data = input._data
    plain = type(data) is ndarray and not state.captures
    key = (data.ndim if plain else input.ndim, dim)
    params = _unsqueezed.get(key)  # type: ignore[arg-type]
    if params is None:
        if dim is None:
            raise TypeError("unsqueeze() missing 1 required positional arguments: \"dim\"")
        place = normalize_dim(dim, input.ndim + 1)
        index = (slice(None),) * place + (None,) + (slice(None),) * (input.ndim - place)
        params = _unsqueezed[input.ndim, dim] = {"index": index}
    if plain:
        return view_on(slice_p, input, params, data[params["index"]])
    return bind_view(slice_p, input, params)


@op(out=False)
def squeeze(input: Tensor, dim: Any = None) -> Tensor:
    """Extents of 1 removed (all, or those in `dim`), as a view.

    >>> sg.zeros(1, 3, 1).squeeze(0).shape
    torch.Size([3, 1])
    """
    if dim is None:
        index = Named("SqueezeBackward0", index=tuple([0 if e == 1 else WHOLE for e in input.shape]))
        return bind_view(slice_p, input, index)
    dims = [dim] if isinstance(dim, int) else dim
    gone = {normalize_dim(d, input.ndim) for d in dims}
    if len(gone) != len(tuple(dims)):
        raise ShapeError("dim appears multiple times in the list of dims")
    places = tuple([0 if i in gone and e == 1 else WHOLE for i, e in enumerate(input.shape)])
    kind = 1 if isinstance(dim, int) else 2
    return bind_view(slice_p, input, Named(f"SqueezeBackward{kind}", index=places))


@op(out=False)
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dimensions start_dim … end_dim made one.

    >>> sg.zeros(2, 3, 5).flatten(1).shape
    torch.Size([2, 15])
    """
    if input.ndim == 0:
        return reshape(input, (1,))
    start, end = normalize_dim(start_dim, input.ndim), normalize_dim(end_dim, input.ndim)
    if start > end:
        raise ShapeError("flatten() has invalid args: start_dim cannot come after end_dim")
    merged = input.shape[start]
    for extent in input.shape[start + 1 : end + 1]:
        merged = merged * extent
    if start == end:
        return input
    return reshape(input, (*input.shape[:start], merged, *input.shape[end + 1 :]))


def slice_read(input: Tensor, index: tuple[Any, ...]) -> Tensor:
    """Basic indexing by a full tuple of ints, slices and Nones."""
    return bind_view(slice_p, input, {"index": index})


def slice_write(input: Tensor, value: Tensor, index: tuple[Any, ...]) -> Tensor:
    """A copy of `input` whose part at `index` is `value`."""
    return bind(slice_write_p, (input, value), {"index": index})
