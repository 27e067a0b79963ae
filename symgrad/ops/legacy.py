"""Names from before `torch.tensor`: FloatTensor(2, 3), FloatTensor([0.1]), isinstance(x, FloatTensor)."""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.ops.fills import place, zeros
from symgrad.ops.from_data import array_of
from symgrad.tensor.core import Size, Tensor, wrap


class TypedTensor(type):
    """A type whose instances are the tensors of one dtype; calling it makes one."""

    dtype: dtypes.DType

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is cls.dtype

    def __call__(cls, *args: Any, device: Any = None) -> Tensor:
        if len(args) == 1 and not isinstance(args[0], (int, Size)):
            given = args[0]
            if isinstance(given, Tensor):
                return place(given.detach().to(cls.dtype).clone(), device, False)
            return place(wrap(array_of(given, cls.dtype)), device, False)
        return zeros(*(args or (0,)), dtype=cls.dtype, device=device)


def typed(name: str, dtype: dtypes.DType) -> TypedTensor:
    """The legacy constructor `name` for tensors of `dtype`."""
    doc = f"Make a {dtype.name} tensor from sizes (zeros) or from data."
    return TypedTensor(name, (), {"dtype": dtype, "__doc__": doc})


FloatTensor = typed("FloatTensor", dtypes.float32)
DoubleTensor = typed("DoubleTensor", dtypes.float64)
HalfTensor = typed("HalfTensor", dtypes.float16)
LongTensor = typed("LongTensor", dtypes.int64)
IntTensor = typed("IntTensor", dtypes.int32)
ShortTensor = typed("ShortTensor", dtypes.int16)
CharTensor = typed("CharTensor", dtypes.int8)
ByteTensor = typed("ByteTensor", dtypes.uint8)
BoolTensor = typed("BoolTensor", dtypes.bool_)
BFloat16Tensor = typed("BFloat16Tensor", dtypes.bfloat16)
