"""The one Tensor: its payload is an array (NumPy, CuPy) or, inside a trace, an `ir.Value`.

Operators and methods are attached by `symgrad.ops` from the declarations; this file holds what a
tensor *is*: payload, autograd state, view and version bookkeeping. Memory belongs to a base tensor;
views and `detach` share it and, with it, the date of the last in-place change.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import ConcretizationError, GradError, LeakedSymbolError
from symgrad.ir.graph import Value
from symgrad.ir.types import TensorType, contiguous_strides
from symgrad.tensor import state
from symgrad.tensor.device import Device
from symgrad.tensor.differentiable import Differentiable


class Size(tuple[int, ...]):
    """A shape; prints as PyTorch's."""

    def __repr__(self) -> str:
        return f"torch.Size([{', '.join(map(str, map(int, self)))}])"

    def numel(self) -> int:
        """Number of elements of a tensor of this shape."""
        total = 1
        for extent in self:
            total = total * extent
        return total


class ViewOf:
    """How a tensor indexes its base: primitives to replay, and when they were last replayed."""

    __slots__ = ("_base", "steps", "version")

    def __init__(self, base: "Tensor", steps: tuple[tuple[Any, dict[str, Any]], ...], version: int):
        self._base = base
        self.steps = steps
        self.version = version

    @property
    def base(self) -> "Tensor":
        """The tensor whose elements are indexed; behind a base that was transposed in place, what it was."""
        base = self._base
        if base._view is not None:
            base = self._base = base._view.base
        return base


class Tensor(Differentiable):
    """An n-dimensional array that autograd can follow.

    `_data` array or Value; `_rg` requires_grad; `_node` the tape node that made it (None: a leaf);
    `_base` the tensor that owns the memory (None: itself); `_view` how it indexes that base;
    `_version` counts in-place changes of an owner and `_modified` dates the last one; `_views` are weak
    references to its views, which must require grad as soon as it does.
    """

    __slots__ = ("_data", "_rg", "_node", "_grad", "_base", "_view", "_version", "_modified",
                 "_type", "_hooks", "_views", "__dict__", "__weakref__")  # fmt: skip
    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, *data: Any):
        """From data (`Tensor([1, 2])`) or from sizes (`Tensor(2, 3)`: zeros), in the default dtype."""
        kind = dtypes.get_default_dtype().np
        if len(data) == 1 and isinstance(data[0], Size):
            data = data[0]
        if len(data) == 1 and not isinstance(data[0], int):
            given = data[0].array("Tensor()") if isinstance(data[0], Tensor) else data[0]
            self._init(np.array(given, dtype=kind, order="C"))
        else:
            self._init(np.zeros(data or (0,), kind))

    def _init(self, data: Any) -> None:
        self._data = data
        self._rg = False
        self._node: Any = None
        self._grad: Any = None
        self._base: Tensor | None = None
        self._view: ViewOf | None = None
        self._version = 0
        self._modified = 0
        self._type: TensorType | None = None
        self._hooks: Any = None
        self._views: Any = None
        if state.inferences and state.local.inference:
            self._version = state.INFERENCE

    # -- type ---------------------------------------------------------------------------------

    @property
    def dtype(self) -> DType:
        data = self._data
        if type(data) is Value:
            return data.type.dtype
        return _dtypes.get(data.dtype) or dtypes.from_numpy(data.dtype)

    @property
    def shape(self) -> Size:
        data = self._data
        if type(data) is Value:
            return Size(data.type.shape)
        if state.captures and (active := state.capture()) is not None:
            return Size(active.shape_of(self))
        return Size(data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the extent of dimension `dim`."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def ndim(self) -> int:
        data = self._data
        return data.type.ndim if type(data) is Value else data.ndim

    def dim(self) -> int:
        """Number of dimensions."""
        return self.ndim

    def numel(self) -> int:
        """Number of elements."""
        return self.shape.numel()

    nelement = numel

    @property
    def device(self) -> Device:
        data = self._data
        if type(data) is Value:
            return Device(data.type.device)
        return Device("cpu" if isinstance(data, np.ndarray) else "cuda")

    def stride(self, dim: int | None = None) -> Any:
        """Element strides, as eager execution has them (also inside a trace)."""
        data = self._data
        if type(data) is Value:
            strides = data.type.strides or contiguous_strides(data.type.shape)
        else:
            strides = tuple(s // data.itemsize for s in data.strides) if data.size else contiguous_strides(data.shape)
        return strides if dim is None else strides[dim]

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether elements lie row-major without gaps."""
        data = self._data
        return data.type.strides is None if type(data) is Value else data.flags.c_contiguous

    @property
    def type_(self) -> TensorType:
        """The TensorType of this tensor, interned so that types compare by identity."""
        found = self._type
        if found is None:
            data = self._data
            found = data.type if type(data) is Value else array_type(data)
            self._type = found = _interned.setdefault(_type_key(found), found)
        return found

    @property
    def data(self) -> "Tensor":
        """The same memory outside the graph."""
        return self.detach()

    @data.setter
    def data(self, value: "Tensor") -> None:
        if value._data is self._data or state.captures and value.owner is self.owner \
                and value._view is self._view is None:  # fmt: skip
            return  # p.data -= …: the memory it has already
        if (active := state.capture()) is not None:
            active.refuse("assigning to .data rebinds a tensor's memory")
        self._data = value._data
        self._base = value._base if value._base is not None else value
        self._view = None
        self._type = None
        state.bump_epoch()

    @property
    def owner(self) -> "Tensor":
        """The tensor whose version counter this one shares."""
        return self if self._base is None else self._base

    # -- leaving the world of tensors ---------------------------------------------------------

    def array(self, what: str = "this operation") -> Any:
        """The concrete array; inside a trace or on a symbol, the named error."""
        if (active := state.capture()) is not None:
            active.concretize(self, what)
        if type(self._data) is Value:
            raise leaked(self)
        return self._data

    def item(self) -> Any:
        """The single element as a Python number."""
        if state.captures and (active := state.capture()) is not None:
            return active.item(self)
        try:
            value = self._data.item()
        except (AttributeError, ValueError):
            if type(self._data) is Value:
                raise leaked(self) from None
            raise GradError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar") from None
        return float(value) if isinstance(value, np.generic) else value  # NumPy's own for bfloat16

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The array itself (shared memory); with `force` also of what requires grad or is on a GPU."""
        data = self.array(".numpy()")
        if force:
            return data if isinstance(data, np.ndarray) else data.get()  # type: ignore[no-any-return]
        if self._rg:
            raise GradError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if not isinstance(data, np.ndarray):
            raise TypeError("can't convert a cuda tensor to numpy; use tensor.cpu() first")
        return data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        data = self.numpy()
        if dtype is not None and data.dtype != dtype:
            return data.astype(dtype)
        return data.copy() if copy else data

    def __bool__(self) -> bool:
        if (size := self.numel()) != 1:
            many = "more than one value" if size else "no values"
            raise GradError(f"Boolean value of Tensor with {many} is ambiguous")
        active = state.capture()
        return bool(self.item()) if active is None else active.decide(self)

    def __float__(self) -> float:
        return float(self._real("double"))

    def __int__(self) -> int:
        return int(self._real("int64"))

    def _real(self, kind: str) -> Any:
        """The single element, which must be real."""
        if self.numel() != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        value = self.item()
        if isinstance(value, complex):
            if value.imag:
                raise GradError(f"value cannot be converted to type {kind} without overflow")
            return value.real
        return value

    def __index__(self) -> int:
        if self.dtype.category >= dtypes.FLOATING:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self)

    def __format__(self, spec: str) -> str:
        if self.ndim == 0 and type(self) is Tensor and (type(self._data) is not Value or state.captures):
            return format(self.item(), spec)
        if spec:
            raise TypeError(f"unsupported format string passed to {type(self).__name__}.__format__")
        return repr(self)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator["Tensor"]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        if (active := state.capture()) is not None:
            active.concretize(self, "printing")
        from symgrad.tensor.printing import tensor_repr

        return tensor_repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Tensor":
        if id(self) in memo:
            return memo[id(self)]  # type: ignore[no-any-return]
        if self._node is not None:
            raise GradError("Only Tensors created explicitly by the user support the deepcopy protocol at the moment")
        from symgrad.tensor.memory import deep_copied

        copy = wrap(deep_copied(self.array("deepcopy"), memo), type(self))
        memo[id(self)] = copy
        copy._rg = self._rg
        if self.grad is not None and type(self) is Tensor:  # a Parameter's copy starts without, as in PyTorch
            copy._grad = self.grad.__deepcopy__(memo)
        copy.__dict__.update(self.__dict__)
        return copy

    def __copy__(self) -> "Tensor":
        if self._node is not None:
            raise GradError("Only Tensors created explicitly by the user support the copy protocol at the moment")
        copy = wrap(self.array("copy"), type(self))
        copy._base, copy._rg = self.owner, self._rg
        copy.__dict__.update({k: v for k, v in self.__dict__.items() if k != "_views"})
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        from symgrad.tensor.memory import rebuilt, whereabouts

        kept = {k: v for k, v in self.__dict__.items() if k != "_views"}
        return (rebuilt, (type(self), *whereabouts(self.array("pickling")), self._rg, kept))


_new = Tensor.__new__
_dtypes = dtypes.BY_NUMPY
_interned: dict[Any, TensorType] = {}


def wrap(data: Any, cls: type[Tensor] = Tensor) -> Tensor:
    """A leaf tensor on `data` (an array or a Value), nothing recorded."""
    out = _new(cls)
    out._data = data
    out._rg = False
    out._node = None
    out._grad = None
    out._base = None
    out._view = None
    out._version = 0
    out._modified = 0
    out._type = None
    out._hooks = None
    out._views = None
    if state.inferences and state.local.inference:
        out._version = state.INFERENCE
    return out


def array_type(data: Any) -> TensorType:
    """The type of a concrete array."""
    strides = None
    if not data.flags.c_contiguous:
        strides = tuple(s // data.itemsize for s in data.strides)
    device = "cpu" if isinstance(data, np.ndarray) else "cuda"
    return TensorType(data.shape, dtypes.from_numpy(data.dtype), strides, device)


def _type_key(found: TensorType) -> tuple[Any, ...]:
    return (found.shape, found.dtype, found.strides, found.device)


def leaked(tensor: Tensor) -> LeakedSymbolError:
    """The error for a symbol used outside the trace that made it."""
    return LeakedSymbolError(
        f"a tensor made inside a traced function ({tensor._data!r}) is used after the trace ended",
        hint="return it from the compiled function instead of storing it",
    )


def concretization(what: str, loc: Any = None) -> ConcretizationError:
    """The error for asking a symbol's value."""
    return ConcretizationError(
        f"{what} needs a tensor's value, which is not known while tracing", loc=loc,
        hint="return the tensor from the compiled function and read it outside, or use where()")  # fmt: skip


def fresh_node(tensor: Tensor) -> Any:
    """The tape node of `tensor`, replayed onto its base where the base was changed in place since."""
    view = tensor._view
    if view is not None and view.version != view.base.owner._version:
        replay_view(tensor)
    return tensor._node


def replay_view(tensor: Tensor) -> None:
    """Recompute a view's history from its base's current one. Set by `symgrad.tensor.views`."""
    from symgrad.tensor.views import replay

    replay(tensor)
