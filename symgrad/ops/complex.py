"""Complex numbers: their parts, made of parts, conjugates, angles; and questions about dtypes.

`real`, `imag` and `view_as_real` share memory with the complex tensor, as PyTorch's do; the conjugate is
computed at once (PyTorch may put that off, which no program can tell).
"""

from __future__ import annotations

from typing import Any

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, ShapeError
from symgrad.ir.primitive import ArrayCall
from symgrad.ir.types import TensorType, contiguous_strides
from symgrad.ops.elementwise import no_gradient, where_
from symgrad.ops.pointwise import declare
from symgrad.ops.promotion import convert
from symgrad.ops.public import op
from symgrad.ops.registry import primitive
from symgrad.tensor.core import Tensor
from symgrad.tensor.dispatch import bind
from symgrad.tensor.views import bind_view, writes_through


def _complex(np: Any, real: Any, imag: Any) -> Any:
    real, imag = np.broadcast_arrays(real, imag)
    out = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    out.real, out.imag = real, imag
    return out


def _doubled(x: TensorType, dtype: DType) -> tuple[int, ...]:
    return tuple(2 * s for s in x.strides or contiguous_strides(x.shape))


def _part_type(x: TensorType) -> TensorType:
    return TensorType(x.shape, x.dtype.to_real(), _doubled(x, x.dtype), x.device)


def _pairs_type(x: TensorType) -> TensorType:
    return TensorType((*x.shape, 2), x.dtype.to_real(), (*_doubled(x, x.dtype), 1), x.device)


def _joined_type(x: TensorType) -> TensorType:
    strides = x.strides or contiguous_strides(x.shape)
    return TensorType(x.shape[:-1], x.dtype.to_complex(), tuple(s // 2 for s in strides[:-1]), x.device)


def _joined(pairs: Any) -> Any:
    return view_as_complex(pairs.contiguous())


def _pairs(x: Any) -> Any:
    return view_as_real(x)


complex_p = declare(
    "complex", "real imag", array="_complex(np, real, imag)", kinds="f", result=DType.to_complex,
    helpers={"_complex": _complex}, grad=dict(real=lambda g: g.real, imag=lambda g: g.imag),
    doc="Complex numbers from their parts, elementwise.", gradient="dreal = Re g, dimag = Im g",
)
conj_p = declare(
    "conj", "x", array="conjugate", kinds="c", grad=lambda g: g.conj(),
    doc="Complex conjugate, elementwise.", gradient="dx = conj(g)",
)
angle_p = declare(
    "angle", "x", array="np.arctan2(x.imag, x.real)", kinds="c", result=DType.to_real,
    grad=lambda g, x: where_(x == 0, 0, 1j * x.sgn() * (g / x.abs())),
    doc="The angle of complex numbers in radians, elementwise.", gradient="dx = i g x / |x|^2, 0 at 0",
)
real_angle = declare(
    "real_angle", "x", scalar="3.141592653589793 if x < 0 else (x if x != x else 0)", kinds="f",
    array="np.where(x < 0, x.dtype.type(np.pi), np.where(x != x, x, x.dtype.type(0)))",
    grad=lambda g: no_gradient(g), gradient="zero",
    doc="The angle of real numbers: pi where x < 0, else 0, elementwise; nan stays nan.",
)
real_p = primitive(
    "real", "x", infer=_part_type, array="x.real", lower=ArrayCall(), grad=dict(x=lambda g: g),
    doc="The real parts, in the same memory.", gradient="dx = g",
)  # fmt: skip
imag_p = primitive(
    "imag", "x", infer=_part_type, array="x.imag", lower=ArrayCall(), grad=dict(x=lambda g: g * 1j),
    doc="The imaginary parts, in the same memory.", gradient="dx = i g",
)  # fmt: skip
view_as_real_p = primitive(
    "view_as_real", "x", infer=_pairs_type, array="x[..., None].view(x.real.dtype)", lower=ArrayCall(),
    grad=dict(x=lambda g: _joined(g)),
    doc="Complex numbers as pairs of real ones, in the same memory.", gradient="dx = g as complex numbers",
)  # fmt: skip
view_as_complex_p = primitive(
    "view_as_complex", "x", infer=_joined_type, lower=ArrayCall(),
    array="x.view(np.result_type(x.dtype, np.complex64))[..., 0]",
    grad=dict(x=lambda g: _pairs(g)),
    doc="Pairs of real numbers as complex ones, in the same memory.", gradient="dx = g as pairs",
)  # fmt: skip


@op(method=False)
def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers from real and imaginary parts.

    Shapes: operands broadcast.
    Gradient: dreal = Re g, dimag = Im g
    >>> sg.complex(sg.tensor([1.]), sg.tensor([2.])).tolist()
    [(1+2j)]
    """
    for x in (real, imag):
        if x.dtype not in (dtypes.float16, dtypes.float32, dtypes.float64):
            raise DTypeError("Expected both inputs to be Half, Float or Double tensors but got "
                             f"{real.dtype.name} and {imag.dtype.name}")
    if real.dtype is not imag.dtype:
        raise DTypeError(f"Expected object of scalar type {real.dtype.name} but got scalar type "
                         f"{imag.dtype.name} for second argument")
    return bind(complex_p, (real, imag), {})


@op(method=False)
def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers from modulus and angle: abs (cos(angle) + i sin(angle)).

    >>> sg.polar(sg.tensor([2.]), sg.tensor([0.])).tolist()
    [(2+0j)]
    """
    return complex(abs * angle.cos(), abs * angle.sin())


@op(out=False, method=False)
def real(input: Tensor) -> Tensor:
    """The real parts: of complex tensors a view, real tensors themselves.

    >>> sg.real(sg.tensor([1 + 2j])).tolist()
    [1.0]
    """
    return bind_view(real_p, input, {}) if input.dtype.is_complex else input


@op(out=False, method=False)
def imag(input: Tensor) -> Tensor:
    """The imaginary parts, a view.

    >>> sg.imag(sg.tensor([1 + 2j])).tolist()
    [2.0]
    """
    if not input.dtype.is_complex:
        raise DTypeError("imag is not implemented for tensors with non-complex dtypes.")
    return bind_view(imag_p, input, {})


def set_real(input: Tensor, value: Any) -> None:
    """`x.real = value`."""
    real(input).copy_(value)


def set_imag(input: Tensor, value: Any) -> None:
    """`x.imag = value`."""
    imag(input).copy_(value)


@op(out=False, method=False)
def view_as_real(input: Tensor) -> Tensor:
    """Complex numbers as pairs of real ones in a last dimension, a view.

    >>> sg.view_as_real(sg.tensor([1 + 2j])).tolist()
    [[1.0, 2.0]]
    """
    if not input.dtype.is_complex:
        raise DTypeError("view_as_real is only supported for complex tensors")
    return bind_view(view_as_real_p, input, {})


@op(out=False, method=False)
def view_as_complex(input: Tensor) -> Tensor:
    """Pairs in the last dimension as complex numbers, a view.

    >>> sg.view_as_complex(sg.tensor([[1., 2.]])).tolist()
    [(1+2j)]
    """
    if not input.dtype.is_floating_point or input.dtype.is_half:
        raise DTypeError("view_as_complex is only supported for half, float and double tensors, but got a tensor "
                         f"of scalar type: {input.dtype.name}")
    if input.ndim == 0 or input.shape[-1] != 2:
        raise ShapeError("Tensor must have a last dimension of size 2")
    strides = input.stride()
    if strides[-1] != 1 or any(s % 2 for s in strides[:-1]):
        raise ShapeError("Tensor must have a last dimension with stride 1", hint="call .contiguous() first")
    return bind_view(view_as_complex_p, input, {})


@op(out=False)
def conj(input: Tensor) -> Tensor:
    """The complex conjugate, elementwise; real tensors themselves.

    Gradient: dx = conj(g)
    >>> sg.conj(sg.tensor([1 + 2j])).tolist()
    [(1-2j)]
    """
    return bind(conj_p, (input,), {}) if input.dtype.is_complex else input


@op(inplace=True)
def conj_physical(input: Tensor) -> Tensor:
    """The complex conjugate, elementwise, in memory of its own if the tensor is complex.

    >>> sg.conj_physical(sg.tensor([1 + 2j])).tolist()
    [(1-2j)]
    """
    return conj(input)


@op(out=False)
def resolve_conj(input: Tensor) -> Tensor:
    """input itself: a conjugate is never put off here.

    >>> sg.resolve_conj(sg.tensor([1 - 2j])).tolist()
    [(1-2j)]
    """
    return input


@op(out=False)
def resolve_neg(input: Tensor) -> Tensor:
    """input itself: a negation is never put off here.

    >>> sg.resolve_neg(sg.tensor([1.]))
    tensor([1.])
    """
    return input


@op
def angle(input: Tensor) -> Tensor:
    """The angle in radians, elementwise: of negative numbers pi.

    Gradient: dx = i g x / |x|^2; 0 for real tensors and at 0.
    >>> sg.angle(sg.tensor([1., -1.]))
    tensor([0.0000, 3.1416])
    """
    if input.dtype.is_complex:
        return bind(angle_p, (input,), {})
    if not input.dtype.is_inexact:
        input = convert(input, dtypes.get_default_dtype())
    return bind(real_angle, (input,), {})


@op(out=False)
def is_complex(input: Tensor) -> bool:
    """Whether the dtype is complex.

    >>> sg.is_complex(sg.tensor([1j]))
    True
    """
    return input.dtype.is_complex


@op(out=False)
def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is a floating one (complex is not).

    >>> sg.is_floating_point(sg.tensor([1.]))
    True
    """
    return input.dtype.is_floating_point


@op(out=False)
def is_signed(input: Tensor) -> bool:
    """Whether the dtype has negative numbers.

    >>> sg.is_signed(sg.tensor([1], dtype=sg.uint8))
    False
    """
    return input.dtype.is_signed


@op(out=False)
def is_conj(input: Tensor) -> bool:
    """Whether a conjugation is put off: never here.

    >>> sg.is_conj(sg.tensor([1j]).conj())
    False
    """
    return False


@op(out=False)
def is_nonzero(input: Tensor) -> bool:
    """Whether the single element is not zero: a Python bool.

    >>> sg.is_nonzero(sg.tensor([0.5]))
    True
    """
    return bool(input)


@op(out=False, method=False)
def can_cast(from_: DType, to: DType) -> bool:
    """Whether PyTorch's rules allow a result of one dtype to be stored in another.

    >>> sg.can_cast(sg.float32, sg.int64), sg.can_cast(sg.int64, sg.float16)
    (False, True)
    """
    return to.category >= from_.category


writes_through(real_p, lambda base, value, params: complex(value, imag(base)))
writes_through(imag_p, lambda base, value, params: complex(real(base), value))
writes_through(view_as_real_p, lambda base, value, params: _joined(value))
writes_through(view_as_complex_p, lambda base, value, params: _pairs(value))
