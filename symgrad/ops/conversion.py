"""Tensors as other dtypes, on other devices, in other memory; and what they are to Python and NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError
from symgrad.ir.primitive import Scalar
from symgrad.ops import elementwise as ew
from symgrad.ops.public import op
from symgrad.ops.registry import elementwise, primitive
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap
from symgrad.tensor.device import Device, require_cupy
from symgrad.tensor.dispatch import bind
from symgrad.tensor.memory import memory_under

copy_p = elementwise(
    "clone", "x", scalar="x", array="np.array(x, order='K', copy=True)",
    grad=dict(x=lambda g: g), doc="A copy in memory of its own.", gradient="dx = g",
)
contiguous_p = primitive(
    "contiguous", "x", infer=lambda x: x.with_shape(x.shape),
    array="np.ascontiguousarray(x).reshape(x.shape)", lower=Scalar("x"), grad=dict(x=lambda g: g),
    doc="A row-major copy.", gradient="dx = g",
)  # fmt: skip


class Named:
    """A name that PyTorch has and that needs no meaning here: a memory format or a layout."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return self.name


strided = Named("strided")
contiguous_format = Named("contiguous_format")
preserve_format = Named("preserve_format")
channels_last = Named("channels_last")
channels_last_3d = Named("channels_last_3d")


@op(out=False, top=False)
def to(input: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False,
       non_blocking: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """Conversion to a dtype and/or device, or to those of another tensor; itself when nothing changes.

    Gradient: converted back
    >>> sg.tensor([1.5, -2.5]).to(sg.int64)
    tensor([ 1, -2])
    """
    flags = []
    for arg in args:
        if isinstance(arg, bool):
            flags.append(arg)
        elif isinstance(arg, (DType, dtypes.Absent)) or arg in (float, int, complex) or isinstance(arg, np.dtype):
            dtype = arg
        elif isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, (str, int, Device)):
            device = arg
        elif arg is not None:
            raise TypeError(f"to() received an invalid combination of arguments - got ({type(arg).__name__})")
    if len(flags) > 1:
        copy = flags[1]
    out = input
    if device is not None and Device(device).type != input.device.type:
        out = to_device(out, Device(device))
    if dtype is not None and out.dtype is not dtypes.as_dtype(dtype):
        out = bind(ew.cast, (out,), {"dtype": dtypes.as_dtype(dtype)})
    if copy and out is input:
        out = clone(out)
    return contiguous(out) if memory_format is contiguous_format else out


def to_device(input: Tensor, device: Device) -> Tensor:
    """`input` copied to another device (CuPy holds `cuda` memory)."""
    if device.type == "cpu":
        data = input.array("moving between devices")
        return wrap(data.get())
    return wrap(require_cupy().asarray(input.array("moving between devices")))


@op(out=False)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy in memory of its own, through which gradients flow.

    >>> x = sg.zeros(2)
    >>> y = x.clone().add_(1)
    >>> x
    tensor([0., 0.])
    """
    if memory_format is contiguous_format and not input.is_contiguous():
        return bind(contiguous_p, (input,), {})
    return bind(copy_p, (input,), {})


@op(out=False, top=False)
def contiguous(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor itself if row-major contiguous, else such a copy.

    >>> sg.zeros(2, 3).t().contiguous().stride()
    (2, 1)
    """
    return input if input.is_contiguous() else bind(contiguous_p, (input,), {})


LEGACY = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16", "uint8": "Byte", "int8": "Char",
    "int16": "Short", "int32": "Int", "int64": "Long", "bool": "Bool", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}  # fmt: skip
_BY_LEGACY = {f"{name}Tensor": dtypes.BY_NAME[dtype] for dtype, name in LEGACY.items()}


def named_type(name: str) -> tuple[DType, str]:
    """The dtype and device of `torch.cuda.FloatTensor` and its kind."""
    *where, last = name.split(".")
    if last == "Tensor" and where[:1] == ["torch"]:
        return dtypes.get_default_dtype(), "cuda" if "cuda" in where else "cpu"
    if last not in _BY_LEGACY or where not in (["torch"], ["torch", "cuda"], ["symgrad"]):
        raise ValueError(f"invalid type: '{name}'")
    return _BY_LEGACY[last], "cuda" if "cuda" in where else "cpu"


@op(out=False, top=False, name="type")
def type_(input: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The old name of the tensor's type; or the tensor converted to a type given by name or dtype.

    >>> sg.zeros(1).type(), sg.zeros(1).type("torch.LongTensor")
    ('torch.FloatTensor', tensor([0]))
    """
    if dtype is None:
        where = "" if input.device.type == "cpu" else "cuda."
        return f"torch.{where}{LEGACY[input.dtype.name]}Tensor"
    if isinstance(dtype, str):
        kind, where = named_type(dtype)
        return to(input, where, kind)
    return to(input, dtype=getattr(dtype, "dtype", dtype))


@op(out=False, top=False)
def type_as(input: Tensor, other: Tensor) -> Tensor:
    """The tensor in the dtype of `other`.

    >>> sg.tensor([1]).type_as(sg.zeros(1))
    tensor([1.])
    """
    return to(input, other)


@op(out=False, top=False)
def cpu(input: Tensor, memory_format: Any = None) -> Tensor:
    """The tensor in the computer's own memory.

    >>> sg.zeros(1).cpu().device
    device(type='cpu')
    """
    return to(input, "cpu")


@op(out=False, top=False)
def cuda(input: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
    """The tensor in a GPU's memory; needs CuPy.

    >>> sg.ones(1).cpu().is_cuda
    False
    """
    return to(input, "cuda" if device is None else device)


@op(out=False, top=False)
def tolist(input: Tensor) -> Any:
    """Elements as nested Python lists; of a 0-d tensor its number.

    >>> sg.tensor([[1, 2]]).tolist()
    [[1, 2]]
    """
    data = input.array(".tolist()")
    return (data.astype(np.float32) if input.dtype is dtypes.bfloat16 else data).tolist()


def dlpack(self: Tensor, **options: Any) -> Any:
    """`__dlpack__`: the memory for another library (NumPy's own capsule)."""
    if self._rg:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    data = self.array("__dlpack__()")
    if options.get("stream") is not None and isinstance(data, np.ndarray):
        raise BufferError("stream only means something to a GPU's memory")
    given = {k: v for k, v in options.items() if v is not None}
    return data.__dlpack__(**given)


def array_wrap(self: Tensor, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
    """`__array_wrap__`: what a NumPy function made of a tensor comes back as a tensor (truth values as uint8)."""
    made = np.asarray(array)
    return wrap(made.astype(np.uint8) if made.dtype == np.bool_ else made)


def contains(self: Tensor, element: Any) -> bool:
    """`in`: whether some element is equal."""
    if isinstance(element, (Tensor, int, float, complex)):
        return bool((self == element).any())
    raise DTypeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


def to_complex(self: Tensor) -> complex:
    """`complex(t)`."""
    return complex(self.item())


class Storage:
    """The memory under a tensor, in elements (or bytes): what views of it share."""

    def __init__(self, tensor: Tensor, nbytes_each: int):
        self.memory = memory_under(tensor.array("storage()"))
        self.itemsize = nbytes_each

    def data_ptr(self) -> int:
        """The address of its first byte."""
        return int(self.memory.__array_interface__["data"][0])

    def nbytes(self) -> int:
        """Its size in bytes."""
        return int(self.memory.nbytes)

    def size(self) -> int:
        """Its number of elements."""
        return self.nbytes() // self.itemsize

    __len__ = size

    def tolist(self) -> list[Any]:
        """Its elements."""
        flat = self.memory.reshape(-1)
        return list((flat.view(np.uint8) if self.itemsize == 1 else flat).tolist())

    def __getitem__(self, index: Any) -> Any:
        return self.tolist()[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Storage) and self.data_ptr() == other.data_ptr()

    def __hash__(self) -> int:
        return hash(self.data_ptr())


def converter(name: str, dtype: DType) -> Any:
    """The method `name` that converts to `dtype`."""

    params = {"dtype": dtype}

    def method(self: Tensor, memory_format: Any = None) -> Tensor:
        return self if self.dtype is dtype else bind(ew.cast, (self,), params)

    method.__name__ = name
    method.__doc__ = f"This tensor as {dtype.name}."
    return method


def data_ptr(self: Tensor) -> int:
    """The address of the first element."""
    data = self.array("data_ptr()")
    if not data.size:
        return 0
    return int(data.data.ptr if hasattr(data, "get") else data.__array_interface__["data"][0])


def get_device(self: Tensor) -> int:
    """The GPU's number; -1 for the CPU."""
    return -1 if self.device.type == "cpu" else self.device.index or 0


def no_pinning(self: Tensor, device: Any = None) -> Any:
    """`pin_memory()`: a named error where there is no GPU to pin for."""
    if state.capture() is None and self.device.type == "cpu":
        require_cupy()
    raise DTypeError("pin_memory() is not supported", hint="leave it out: transfers work without")


ATTRIBUTES: dict[str, Any] = {
    "__dlpack__": dlpack, "__dlpack_device__": lambda self: self.array("__dlpack_device__()").__dlpack_device__(),
    "__array_wrap__": array_wrap, "__contains__": contains, "__complex__": to_complex,
    "data_ptr": data_ptr, "get_device": get_device, "pin_memory": no_pinning,
    "is_pinned": lambda self: False, "element_size": lambda self: self.dtype.itemsize,
    "untyped_storage": lambda self: Storage(self, 1), "storage": lambda self: Storage(self, self.dtype.itemsize),
    "is_cuda": property(lambda self: self.device.type == "cuda"), "is_cpu": property(lambda self: not self.is_cuda),
    "itemsize": property(lambda self: self.dtype.itemsize),
    "nbytes": property(lambda self: self.numel() * self.dtype.itemsize),
    "layout": property(lambda self: strided), "is_sparse": property(lambda self: False),
    "is_quantized": property(lambda self: False), "is_meta": property(lambda self: False),
    "ndimension": lambda self: self.ndim,
    **{name: converter(name, dtype) for name, dtype in {
        **dtypes.ALIASES, "bool": dtypes.bool_, "char": dtypes.int8, "byte": dtypes.uint8, "bfloat16": dtypes.bfloat16,
    }.items()},
}  # fmt: skip
"""What Tensor has besides the declared methods."""
