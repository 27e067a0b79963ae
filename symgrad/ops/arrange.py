"""Where elements stand: dimensions moved, orders reversed and rotated, views by strides."""

from __future__ import annotations

import warnings
from typing import Any

from symgrad.errors import DimError, ShapeError, TraceError
from symgrad.ops.public import op
from symgrad.ops.shapes import flatten, normalize_dim, permute, reshape, slice_read, transpose, view
from symgrad.ops.strides import diagonal as diagonal_p
from symgrad.ops.strides import flip as flip_p
from symgrad.ops.strides import restride
from symgrad.ops.windows import unfold as unfold_p
from symgrad.tensor import state
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind
from symgrad.tensor.memory import start_of
from symgrad.tensor.views import bind_view


def dims_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """One dimension or several, counted from the front, none twice."""
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    found = tuple(normalize_dim(d, ndim) for d in given)
    if len(set(found)) != len(found):
        raise ShapeError(f"dim {found[0]} appears multiple times in the list of dims")
    return found


@op(out=False, top=False)
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`view` in the shape of `other`.

    >>> sg.arange(4).view_as(sg.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return view(input, tuple(other.shape))


@op(out=False, top=False)
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`reshape` to the shape of `other`.

    >>> sg.arange(4).reshape_as(sg.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    return reshape(input, tuple(other.shape))


@op(out=False)
def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension; a view of contiguous memory, else a copy.

    >>> sg.ravel(sg.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(input, (-1,)) if input.numel() else reshape(input, (0,))


@op(out=False)
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """One dimension made several; one of `sizes` may be -1.

    >>> sg.zeros(2, 6).unflatten(1, (3, -1)).shape
    torch.Size([2, 3, 2])
    """
    place, shape = normalize_dim(dim, input.ndim), list(sizes)
    if not shape:
        raise ShapeError("unflatten: sizes must be non-empty")
    if not input.ndim:
        raise DimError(f"Dimension specified as {dim} but tensor has no dimensions")
    extent, known = input.shape[place], 1
    for e in shape:
        known = known * (1 if e == -1 else e)
    if shape.count(-1) > 1:
        raise ShapeError("only one dimension can be inferred")
    if -1 in shape and known and extent % known == 0:
        shape[shape.index(-1)] = extent // known
        known = extent
    if known != extent or -1 in shape:
        raise ShapeError(f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {place} "
                         f"({int(extent)}) in the input tensor")
    return view(input, (*input.shape[:place], *shape, *input.shape[place + 1 :]))


@op(out=False, aliases=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """Dimensions moved to new places, the others in order, as a view.

    >>> sg.zeros(2, 3, 5).movedim(0, -1).shape
    torch.Size([3, 5, 2])
    """
    one = isinstance(source, int), isinstance(destination, int)
    sources, targets = ((source,) if one[0] else tuple(source)), ((destination,) if one[1] else tuple(destination))
    if len(sources) != len(targets):
        raise ShapeError(
            f"movedim: Invalid source or destination dims: source ({list(sources)} dims) should contain the same "
            f"number of dims as destination ({list(targets)} dims)")
    sources = tuple(normalize_dim(d, input.ndim) for d in sources)
    targets = tuple(normalize_dim(d, input.ndim) for d in targets)
    for name, found in (("source", sources), ("destination", targets)):
        if len(set(found)) != len(found):
            raise ShapeError(f"movedim: repeated dim in `{name}` ({list(found)})")
    rest = iter([d for d in range(input.ndim) if d not in sources])
    placed = dict(zip(targets, sources))
    return permute(input, tuple(placed[d] if d in placed else next(rest) for d in range(input.ndim)))


@op(out=False)
def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged, complex numbers conjugated.

    >>> sg.adjoint(sg.tensor([[1, 2]])).shape
    torch.Size([2, 1])
    """
    if input.ndim == 1:
        raise ShapeError("tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    turned = transpose(input, -2, -1) if input.ndim else input
    return turned.conj() if input.dtype.is_complex else turned


def reverse_dims(input: Tensor) -> Tensor:
    """`x.T`: all dimensions in the opposite order, as a view."""
    if input.ndim not in (0, 2):
        warnings.warn("The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated; "
                      "use x.mT for batches of matrices or x.permute", UserWarning, stacklevel=2)
    return permute(input, tuple(reversed(range(input.ndim))))


def matrix_transpose(input: Tensor) -> Tensor:
    """`x.mT`: the last two dimensions exchanged, as a view."""
    if input.ndim == 1:
        raise ShapeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return transpose(input, -2, -1) if input.ndim else input


def hermitian(input: Tensor) -> Tensor:
    """`x.H`: a matrix transposed and conjugated."""
    if input.ndim not in (0, 2):
        raise ShapeError(f"tensor.H is only supported on matrices (2-D tensors). Got {input.ndim}-D tensor.")
    return adjoint(input)


@op(out=False)
def flip(input: Tensor, *axes: Any, dims: Any = None) -> Tensor:
    """The order of elements reversed along `dims`, as a copy.

    Gradient: flipped back
    >>> sg.flip(sg.tensor([[1, 2], [3, 4]]), (0, 1))
    tensor([[4, 3],
            [2, 1]])
    """
    given = dims if dims is not None else axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    found = dims_of(given, input.ndim)
    return bind(flip_p, (input,), {"dims": found if input.ndim else ()})


@op(out=False)
def fliplr(input: Tensor) -> Tensor:
    """Columns in the opposite order.

    >>> sg.fliplr(sg.tensor([[1, 2]]))
    tensor([[2, 1]])
    """
    if input.ndim < 2:
        raise ShapeError("Input must be >= 2-d.")
    return flip(input, 1)


@op(out=False)
def flipud(input: Tensor) -> Tensor:
    """Rows in the opposite order.

    >>> sg.flipud(sg.tensor([1, 2]))
    tensor([2, 1])
    """
    if input.ndim < 1:
        raise ShapeError("Input must be >= 1-d.")
    return flip(input, 0)


@op(out=False)
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Elements moved along `dims` and, past the end, to the front; without dims over the flat tensor.

    Gradient: rolled back
    >>> sg.roll(sg.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """
    steps = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    axes = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    if not steps:
        raise ShapeError("`shifts` required")
    if not axes and len(steps) == 1:
        return roll(flatten(input), steps, (0,)).reshape(tuple(input.shape))
    if len(axes) != len(steps):
        raise ShapeError(f"shifts and dimensions must align. shifts: {len(steps)}, dims:{len(axes)}")
    if not input.ndim:
        raise DimError(f"Dimension specified as {axes[0]} but tensor has no dimensions")
    from symgrad.ops.joining import cat

    out = input
    for step, axis in zip(steps, axes):
        d = normalize_dim(axis, input.ndim)
        extent = input.shape[d] if input.ndim else 1
        cut = int(step) % int(extent) if extent else 0
        if cut:
            at = (slice(None),) * d
            cut = int(extent) - cut
            rest = (slice(None),) * (input.ndim - d - 1)
            out = cat((slice_read(out, (*at, slice(cut, None), *rest)),
                       slice_read(out, (*at, slice(0, cut), *rest))), d)  # fmt: skip
    return out.clone() if out is input else out


@op(out=False)
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Rotated by k quarter turns in the plane of two dimensions, from the first to the second.

    >>> sg.rot90(sg.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise ShapeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if input.ndim < 2:
        raise ShapeError(f"expected total dims >= 2, but got total dims = {input.ndim}")
    for d in dims:
        if not -input.ndim <= d < input.ndim:
            raise ShapeError(f"Rotation dim {d} out of range")
    a, b = (normalize_dim(d, input.ndim) for d in dims)
    if a == b:
        raise ShapeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    turns = k % 4
    if turns == 1:
        return transpose(flip(input, b), a, b)
    if turns == 3:
        return transpose(flip(input, a), a, b)
    return flip(input, a, b) if turns else input.clone()


@op(out=False)
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The elements x[i, i + offset] of two dimensions, as the last dimension of a view.

    Gradient: written on the diagonal of zeros
    >>> sg.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    a, b = normalize_dim(dim1, input.ndim), normalize_dim(dim2, input.ndim)
    if a == b:
        raise ShapeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return bind_view(diagonal_p, input, {"offset": offset, "dim1": a, "dim2": b})


@op(out=False, top=False)
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Windows of `size` elements along a dimension, `step` apart, as the last dimension of a view.

    Gradient: added up where windows overlap
    >>> sg.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    d = normalize_dim(dimension, input.ndim)
    extent = input.shape[d] if input.ndim else 1
    if size < 0:
        raise ShapeError(f"size is {size} but must be >= 0")
    if size > extent:
        raise ShapeError(f"maximum size for tensor at dimension {dimension} is {int(extent)} but size is {size}")
    if step <= 0:
        raise ShapeError(f"step is {step} but must be > 0")
    return bind_view(unfold_p, input, {"dim": d, "size": size, "step": step, "dilation": 1})


@op(out=False)
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: int | None = None) -> Tensor:
    """The memory under `input` seen with any size, strides and offset (in elements).

    Gradient: added up where elements are seen more than once
    Raises: RuntimeError where it would reach beyond the memory
    >>> sg.arange(4).as_strided((2, 2), (1, 2))
    tensor([[0, 2],
            [1, 3]])
    """
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise ShapeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise ShapeError("as_strided: Negative strides are not supported at the moment, got strides: "
                         f"{list(stride)}")
    base = input._view.base if input._view is not None else input
    offset = storage_offset if storage_offset is not None else offset_in(input, base)
    if not base.is_contiguous():
        order = tuple(sorted(range(base.ndim), key=lambda d: -base.stride(d)))
        base = permute(base, order)
        if not base.is_contiguous():
            raise ShapeError("as_strided() of memory with gaps", hint="use .contiguous() first")
    last = offset + sum((e - 1) * s for e, s in zip(size, stride))
    if 0 not in size and last >= base.numel() or offset < 0:
        item = base.dtype.itemsize
        raise ShapeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and itemsize {item} "
            f"requiring a storage size of {item * (last + 1)} are out of bounds for storage of size "
            f"{item * base.numel()}")
    flat = view(base, (base.numel(),))
    return bind_view(restride, flat, {"size": size, "stride": stride, "offset": offset})


def offset_in(input: Tensor, base: Tensor) -> int:
    """How many elements into `base`'s memory `input` starts."""
    if input._view is None:
        return 0
    shape, strides = tuple(base.shape), base.stride()
    found: Any = (shape, strides, 0)
    for prim, params in input._view.steps:
        layout = getattr(prim.lower, "layout", None)
        found = layout(*found, **params) if layout is not None else None
        if found is None:
            raise TraceError("the place of this view in its memory is not known", hint="give storage_offset")
    return int(found[2])


@op(out=False, top=False)
def storage_offset(input: Tensor) -> int:
    """How many elements into its memory the tensor starts.

    >>> sg.arange(4)[1:].storage_offset()
    1
    """
    if state.capture() is not None or not hasattr(input._data, "__array_interface__"):
        return offset_in(input, input.owner)
    return start_of(input._data) // input._data.itemsize
