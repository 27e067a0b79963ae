"""Tensors from what is there: nested lists and numbers (copied), arrays and buffers (shared)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ops.fills import place
from symgrad.ops.public import op
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.device import Device
from symgrad.tensor.host import HostScalar

PLAIN = {bool, int, float, complex}


@op(method=False, out=False)
def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
           pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A new leaf tensor that copies `data`: nested sequences, numbers, an array, a tensor.

    Dtype: given; else an array's own; of Python numbers bool, int64, the default float or complex dtype
    Raises: ValueError where rows differ in length
    >>> sg.tensor([[1, 2.5], [3, 4]])
    tensor([[1.0000, 2.5000],
            [3.0000, 4.0000]])
    """
    if isinstance(data, Tensor):
        warnings.warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                      "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
                      UserWarning, stacklevel=2)
        return copied(data, dtype, device, requires_grad)
    return place(wrap(array_of(data, dtype)), device, requires_grad)


def copied(data: Tensor, dtype: Any, device: Any, requires_grad: bool = False) -> Tensor:
    """A copy of a tensor outside the graph."""
    out = data.detach().clone()
    out = out if dtype is None else out.to(dtypes.as_dtype(dtype))
    return place(out, data.device if device is None else device, requires_grad)


def array_of(data: Any, dtype: Any = None) -> Any:
    """A fresh row-major array of `data` in the dtype PyTorch gives it."""
    kind = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(data, np.ndarray) or isinstance(data, np.generic) and (kind is None or data.dtype.kind != "f"):
        return np.array(data, (kind or dtypes.from_numpy(data.dtype)).np, order="C")
    if isinstance(data, (str, bytes)):
        raise TypeError(f"new(): invalid data type '{type(data).__name__}'")
    if hasattr(data, "__array__") and not isinstance(data, (list, tuple, np.generic)):
        return np.array(np.asarray(data), None if kind is None else kind.np, order="C")
    try:
        numbers, kinds = numbers_in(data)
    except DTypeError as error:
        if kind is None:
            raise
        raise TypeError(f"must be real number: {error.message}") from error
    found = kind or common(kinds)
    floats = [k for k in kinds if isinstance(k, DType) and k.is_floating_point and k is not dtypes.float64]
    if not found.is_inexact and floats:
        raise TypeError(f"'{floats[0].name}' object cannot be interpreted as an integer")
    try:
        array = np.array(numbers)
    except ValueError as error:
        raise ragged(data) from error
    if array.dtype == object or array.dtype.itemsize == 8 and array.dtype.kind == "u" and not found.is_inexact:
        if found is dtypes.bool_:
            return array.astype(bool)
        raise ValueError("Overflow when unpacking long long")
    if array.dtype.kind == "c" and not found.is_complex and found is not dtypes.bool_:
        raise TypeError("must be real number, not complex")
    if found.category == dtypes.INTEGRAL and array.size and array.dtype.kind in "iuf":
        limits = np.iinfo(found.np)
        if not np.isfinite(array).all() or array.max() > limits.max or array.min() < (limits.min or -limits.max):
            raise DTypeError(f"value cannot be converted to type {found.name} without overflow")
        array = array.astype(np.int64)
    with np.errstate(all="ignore"):
        return np.array(array, found.np, order="C")


def numbers_in(data: Any) -> tuple[Any, set[Any]]:
    """`data` with plain numbers in place of tensors, and the dtypes met (Python's types for plain ones)."""
    if not isinstance(data, (list, tuple)):
        listed = not isinstance(data, (Tensor, np.ndarray, str, bytes, dict))
        if listed and hasattr(data, "__len__") and hasattr(data, "__getitem__"):
            return numbers_in([data[i] for i in range(len(data))])
        return number_of(data)
    types = set(map(type, data))
    if types <= PLAIN:
        return data, types
    items, kinds = [], set()
    for item in data:
        numbers, found = numbers_in(item)
        items.append(numbers)
        kinds |= found
    return items, kinds


def number_of(item: Any) -> tuple[Any, set[Any]]:
    """One element, and its dtype."""
    if type(item) in PLAIN:
        return item, {type(item)}
    if isinstance(item, Tensor):
        if item.ndim and item.numel() != 1:
            if not item.dtype.is_inexact:
                raise TypeError("only integer tensors of a single element can be converted to an index")
            raise ValueError("only one element tensors can be converted to Python scalars")
        return item.item(), {item.dtype}
    if isinstance(item, np.ndarray):
        return item, {dtypes.from_numpy(item.dtype)}
    if isinstance(item, np.generic):
        return item, {dtypes.from_numpy(item.dtype)}
    if type(item) is HostScalar:
        return float(item), {float}
    if isinstance(item, (int, float, complex)):  # of a class of the user's
        kind: Any = next(k for k in (int, float, complex) if isinstance(item, k))
        return kind(item), {kind}
    if isinstance(item, str):
        raise ValueError("too many dimensions 'str'")
    raise DTypeError(f"Could not infer dtype of {type(item).__name__}")


def common(kinds: set[Any]) -> DType:
    """The dtype for all that was met; the default float for nothing."""
    found: DType | None = None
    named = {bool: dtypes.bool_, int: dtypes.int64, float: dtypes.get_default_dtype(),
             complex: dtypes.get_default_dtype().to_complex()}  # fmt: skip
    for kind in kinds:
        dtype = named.get(kind, kind)
        found = dtype if found is None else dtypes.promote_types(found, dtype)
    return found or dtypes.get_default_dtype()


def ragged(data: Any) -> Exception:
    """PyTorch's error for a nested sequence that is no array: where it first leaves its shape."""
    shape = []
    first = data
    while isinstance(first, (list, tuple)):
        shape.append(len(first))
        if not first:
            break
        first = first[0]

    def look(item: Any, dim: int) -> Exception | None:
        nested = isinstance(item, (list, tuple))
        if dim == len(shape):
            return TypeError(f"must be real number, not {type(item).__name__}") if nested else None
        if not nested:
            return TypeError("not a sequence")
        if len(item) != shape[dim]:
            return ValueError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(item)})")
        return next((found for part in item if (found := look(part, dim + 1))), None)

    return look(data, 0) or ValueError("not a rectangular sequence of numbers")


@op(method=False, out=False)
def from_numpy(array: Any) -> Tensor:
    """A tensor on the array's own memory: a change of one is seen in the other.

    >>> a = np.zeros(2)
    >>> t = sg.from_numpy(a)
    >>> t[0] = 1
    >>> a.tolist()
    [1.0, 0.0]
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(array).__name__})")
    if array.dtype not in dtypes.STORED:
        if array.dtype.newbyteorder("=") in dtypes.STORED:
            raise ValueError("given numpy array has byte order different from the native byte order. Conversion "
                             "between byte orders is currently not supported.")
        raise TypeError(f"can't convert np.ndarray of type {array.dtype}. The only supported types are: "
                        f"{', '.join(d.name for d in dtypes.ALL)}.")
    if any(s < 0 for s in array.strides):
        raise ValueError("At least one stride in the given numpy array is negative, and tensors with negative strides "
                         "are not currently supported. (You can probably work around this by making a copy of your "
                         "array with array.copy().)")
    if not array.flags.writeable:
        warnings.warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors.",
                      UserWarning, stacklevel=2)
    return wrap(array.view(np.ndarray) if type(array) is not np.ndarray else array)


@op(method=False, out=False)
def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """`data` as a tensor, sharing memory where it can.

    >>> a = sg.arange(2)
    >>> sg.as_tensor(a) is a
    True
    """
    if isinstance(data, Tensor):
        return data.to(*(() if device is None else (device,)), dtype=dtype)
    if isinstance(data, np.ndarray) and data.dtype in dtypes.STORED:
        kind = dtypes.from_numpy(data.dtype) if dtype is None else dtypes.as_dtype(dtype)
        if kind.np == data.dtype and not any(s < 0 for s in data.strides):
            return place(wrap(data), device, False)
    return tensor(data, dtype=dtype, device=device)


@op(method=False, out=False)
def asarray(obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`obj` as a tensor: shared or copied as `copy` says, shared where it can be if that is None.

    >>> sg.asarray([1, 2])
    tensor([1, 2])
    """
    if isinstance(obj, Tensor):
        out = as_tensor(obj, dtype, device)
        if copy and out is obj:
            out = out.clone()
        elif copy is False and out is not obj:
            raise ValueError("can't alias tensor with dtype or device changed")
        if not requires_grad:
            return out.detach() if out._rg else out
        return out if out._rg else out.detach().requires_grad_(True)
    if copy:
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    if hasattr(obj, "__dlpack__") and not isinstance(obj, np.ndarray):
        out = as_tensor(from_dlpack(obj), dtype, device)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        out = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
    else:
        if copy is False and not isinstance(obj, np.ndarray):
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        out = as_tensor(obj, dtype, device)
        if copy is False and not np.shares_memory(out.detach().numpy(), obj):
            raise ValueError("can't alias: dtype or device differ")
    return out.requires_grad_(True) if requires_grad else out


@op(method=False, out=False)
def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor on the memory of a Python buffer.

    >>> sg.frombuffer(bytearray([1, 0, 2, 0]), dtype=sg.int16)
    tensor([1, 2], dtype=torch.int16)
    """
    kind = dtypes.as_dtype(dtype)
    nbytes = memoryview(buffer).nbytes
    if nbytes <= 0:
        raise ValueError(f"both buffer length ({nbytes}) and count ({count}) must not be 0")
    if not 0 <= offset < nbytes:
        raise ValueError(f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({nbytes} "
                         "bytes) - 1")
    if count == 0 or count < 0 and (nbytes - offset) % kind.itemsize:
        raise ValueError(f"buffer length ({nbytes - offset} bytes) after offset ({offset} bytes) must be a multiple of "
                         f"element size ({kind.itemsize})")
    if offset + count * kind.itemsize > nbytes:
        raise ValueError(f"requested buffer length ({count * kind.itemsize} bytes) after offset ({offset} bytes) must "
                         f"not be greater than actual buffer length ({nbytes} bytes)")
    array = np.frombuffer(buffer, kind.np, count, offset)
    if not array.flags.writeable:
        warnings.warn("The given buffer is not writable, and PyTorch does not support non-writable tensors.",
                      UserWarning, stacklevel=2)
    return place(wrap(array), None, requires_grad)


@op(method=False, out=False)
def from_dlpack(ext_tensor: Any) -> Tensor:
    """A tensor on the memory of an object of another library that speaks DLPack.

    >>> sg.from_dlpack(np.arange(3)).tolist()
    [0, 1, 2]
    """
    if isinstance(ext_tensor, Tensor):
        return ext_tensor.detach()
    array = np.from_dlpack(ext_tensor)
    dtypes.from_numpy(array.dtype)
    return wrap(array)


@op(top=False, out=False)
def new_tensor(input: Tensor, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False,
               layout: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A new leaf that copies `data`, in this tensor's dtype and on its device.

    >>> sg.zeros(1).new_tensor([1, 2])
    tensor([1., 2.])
    """
    kind = input.dtype if dtype is None else dtypes.as_dtype(dtype)
    where = input.device if device is None else Device(device)
    if isinstance(data, Tensor):
        return copied(data, kind, where, requires_grad)
    return tensor(data, dtype=kind, device=where, requires_grad=requires_grad)


@op(top=False, out=False)
def new(input: Tensor, *data: Any) -> Tensor:
    """Old spelling of `new_empty` (sizes) and `new_tensor` (data).

    >>> sg.zeros(1).new(2, 3).shape
    torch.Size([2, 3])
    """
    if len(data) == 1 and not isinstance(data[0], int) and type(data[0]).__name__ != "Size":
        return new_tensor(input, data[0])
    if any(not isinstance(e, int) for e in data) and len(data) > 1:
        raise ShapeError("new() takes sizes or one sequence of data")
    return input.new_empty(*(data or (0,)))  # type: ignore[no-any-return]
