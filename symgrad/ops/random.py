"""Random tensors: the same bits eagerly and compiled.

Only three samplers draw (uniform, normal, randint); everything else is arithmetic on what they give,
in operations of the language, so a compiled program repeats it. What needs a logarithm or a tangent is
computed in float64 and rounded once, so that backends, which spell those differently, agree in float32.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symgrad import dtypes
from symgrad.dtypes import DType
from symgrad.errors import DTypeError, GradError
from symgrad.ops.complex import view_as_complex
from symgrad.ops.draws import SAMPLERS
from symgrad.ops.fills import place, shape_of, sizes_in
from symgrad.ops.generators import Generator, default_generator
from symgrad.ops.promotion import convert
from symgrad.ops.public import op
from symgrad.runtime.philox import counters_for, words_per
from symgrad.tensor import state
from symgrad.tensor.core import Tensor, wrap

HALF_STEPS = {dtypes.float16: 2.0**11, dtypes.bfloat16: 2.0**8}
"""How many equal steps [0, 1) has in 16-bit floats, so that rounding never gives 1."""


def draw(kind: str, shape: tuple[int, ...], dtype: DType, generator: Generator | None, **args: Any) -> Tensor:
    """Numbers of one sampler (uniform in [0, 1), normal, randint low high), eager or recorded."""
    source = default_generator if generator is None else generator
    if dtype.is_half:
        wide = draw(kind, shape, dtypes.float32, source, **args)
        if kind == "uniform":
            wide = (wide * HALF_STEPS[dtype]).floor() / HALF_STEPS[dtype]
        return convert(wide, dtype)  # type: ignore[no-any-return]
    if dtype.is_complex:
        pair = draw(kind, (*shape, 2), dtype.to_real(), source, **args)
        return view_as_complex(pair * 0.5**0.5 if kind == "normal" else pair)
    count = math.prod(shape)  # keeps the names of extents
    if (active := state.capture()) is not None:
        counters = counters_for(count * words_per(kind, dtype.np))
        return active.draw(  # type: ignore[no-any-return]
            SAMPLERS[kind], source.stream, counters, dict(shape=shape, dtype=dtype, **args))
    if kind == "randint":
        data = source.stream.randint(count, args["low"], args["high"])
    elif kind == "uniform":
        data = source.stream.uniform(count, dtype.np)
    else:
        data = source.stream.normal(count, dtype.np)
    return wrap(data.reshape(shape))


def floating(dtype: Any, what: str) -> DType:
    """The inexact dtype asked for, the default float if none was."""
    kind = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    if not kind.is_inexact:
        raise DTypeError(f'"{what}" not implemented for {kind.name}', hint="ask for a floating dtype")
    return kind


@op(method=False)
def rand(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, layout: Any = None,
         pin_memory: bool = False, requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """Numbers uniform in [0, 1); of complex dtypes both parts.

    >>> bool((sg.rand(100) < 1).all())
    True
    """
    kind = floating(dtype, "uniform")
    return place(draw("uniform", shape_of(*sizes_in(size, named)), kind, generator), device, requires_grad)


@op(method=False)
def randn(*size: Any, generator: Generator | None = None, dtype: Any = None, device: Any = None, layout: Any = None,
          pin_memory: bool = False, requires_grad: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """Numbers from the standard normal distribution; of complex dtypes parts of variance 1/2.

    >>> sg.randn(2, 3).shape
    torch.Size([2, 3])
    """
    kind = floating(dtype, "normal")
    return place(draw("normal", shape_of(*sizes_in(size, named)), kind, generator), device, requires_grad)


@op(method=False, out=False)
def rand_like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
              layout: Any = None, requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """`rand` of `input`'s shape, dtype and device.

    >>> sg.rand_like(sg.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return rand(input.shape, generator=generator, dtype=dtype or input.dtype, device=device or input.device,
                requires_grad=requires_grad)  # fmt: skip


@op(method=False, out=False)
def randn_like(input: Tensor, *, generator: Generator | None = None, dtype: Any = None, device: Any = None,
               layout: Any = None, requires_grad: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """`randn` of `input`'s shape, dtype and device.

    >>> sg.randn_like(sg.zeros(2, 3)).shape
    torch.Size([2, 3])
    """
    return randn(input.shape, generator=generator, dtype=dtype or input.dtype, device=device or input.device,
                 requires_grad=requires_grad)  # fmt: skip


@op(method=False)
def randint(*args: Any, low: Any = None, high: Any = None, size: Any = None, generator: Generator | None = None,
            dtype: Any = None, device: Any = None, layout: Any = None, pin_memory: bool = False,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Whole numbers in [low, high); `randint(high, size)` starts at 0.

    Dtype: int64, unless given
    Raises: RuntimeError where low >= high
    >>> sg.randint(3, 4, (2,))
    tensor([3, 3])
    """
    rest = list(args)
    if size is None:
        if not rest:
            raise TypeError("randint() missing 1 required positional argument: 'size'")
        size = rest.pop()
    if high is None:
        if not rest:
            raise TypeError("randint() missing 1 required positional argument: 'high'")
        high = rest.pop()
    if low is None:
        low = rest.pop() if rest else 0
    if rest:
        raise TypeError("randint() received an invalid combination of arguments")
    low, high = int(low), int(high)
    if low >= high:
        raise GradError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    if kind.category == dtypes.INTEGRAL:
        limits = np.iinfo(kind.np)
        if low < limits.min or high - 1 > limits.max:
            raise GradError(f"{'from' if low < limits.min else 'to - 1'} is out of bounds for {kind.name}")
    out = draw("randint", shape_of(size), dtypes.int64, generator, low=low, high=high)
    return place(convert(out, kind), device, requires_grad)


@op(method=False, out=False)
def randint_like(input: Tensor, *args: Any, low: Any = None, high: Any = None, generator: Generator | None = None,
                 dtype: Any = None, device: Any = None, layout: Any = None, requires_grad: bool = False,
                 memory_format: Any = None) -> Tensor:  # fmt: skip
    """`randint` of `input`'s shape, dtype and device.

    >>> sg.randint_like(sg.zeros(2), 1)
    tensor([0., 0.])
    """
    return randint(*args, low=low, high=high, size=tuple(input.shape), generator=generator,
                   dtype=dtype or input.dtype, device=device or input.device, requires_grad=requires_grad)  # fmt: skip


@op(method=False)
def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None, layout: Any = None,
             pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """The numbers 0 … n - 1 in random order: the order of n random keys of 63 bits.

    >>> sorted(sg.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    if n < 0:
        raise GradError(f"n must be non-negative, got {n}")
    kind = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype)
    keys = draw("randint", (n,), dtypes.int64, generator, low=0, high=2**63 - 1)
    order = keys.argsort(stable=True) if state.capture() is not None else wrap(np.argsort(keys._data, kind="stable"))
    return place(convert(order, kind), device, requires_grad)


@op(method=False)
def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None,
           dtype: Any = None, device: Any = None, layout: Any = None, pin_memory: bool = False,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Normal numbers; mean and std are numbers with a `size`, or tensors that give the shape.

    Gradient: zeros
    Raises: RuntimeError where std < 0
    >>> sg.normal(2.0, 0.0, (2,))
    tensor([2., 2.])
    """
    if not isinstance(std, Tensor) and std < 0:
        raise GradError(f"normal expects std >= 0.0, but found std {std}")
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        given = [v for v in (mean, std) if isinstance(v, Tensor)]
        mean, std = (v.detach() if isinstance(v, Tensor) else v for v in (mean, std))
        kind = next(v.dtype for v in (mean, std) if isinstance(v, Tensor))
        if isinstance(std, Tensor) and state.capture() is None and std.numel() and bool((std < 0).any()):
            raise GradError("normal expects all elements of std >= 0.0")
        shape = tuple((mean + std).shape)
        drawn = convert(draw("normal", shape, kind, generator) * std + mean, kind)
        return place(without_gradient(drawn, *given), device, requires_grad)
    if size is None:
        raise TypeError("normal() needs a size where mean and std are numbers")
    kind = floating(dtype, "normal")
    return place(scaled(draw("normal", shape_of(size), kind, generator), mean, std), device, requires_grad)


def without_gradient(drawn: Tensor, *inputs: Tensor) -> Tensor:
    """`drawn`, which depends on `inputs` with gradient zero, as PyTorch has it."""
    for x in inputs:
        if x._rg and state.is_grad_enabled():
            whole = x.expand(tuple(drawn.shape))
            drawn = whole.to(drawn.dtype).slice_write(drawn, (slice(None),) * drawn.ndim)
    return drawn


def scaled(x: Tensor, shift: Any, factor: Any) -> Tensor:
    """factor * x + shift."""
    return x * factor + shift
